package kernels

import (
	"math"
	"reflect"
	"testing"
)

func TestProducts(t *testing.T) {
	j := NewJets(2, MultiIndex{2, 0}, MultiIndex{1, 1}) // u, u_x, u_y, u_xx, u_xy
	want := []Product{
		{0, 0, 0, 1},
		{1, 0, 1, 1}, {1, 1, 0, 1},
		{2, 0, 2, 1}, {2, 2, 0, 1},
		{3, 0, 3, 1}, {3, 1, 1, 2}, {3, 3, 0, 1},
		{4, 0, 4, 1}, {4, 1, 2, 1}, {4, 2, 1, 1}, {4, 4, 0, 1},
	}
	if got := j.Products(); !reflect.DeepEqual(got, want) {
		t.Errorf("products of %v:\n got %v\nwant %v", j, got, want)
	}
}

// The formulas of docs/theory.md, section 6, term by term.
func TestCompositions(t *testing.T) {
	line := NewJets(1, MultiIndex{4}) // u, 1, 2, 3, 4
	want := []Composition{
		{C: 0, Order: 0, Coef: 1},
		{1, 1, 1, [4]int32{1}},
		{2, 1, 1, [4]int32{2}}, {2, 2, 1, [4]int32{1, 1}},
		{3, 1, 1, [4]int32{3}}, {3, 2, 3, [4]int32{1, 2}}, {3, 3, 1, [4]int32{1, 1, 1}},
		{4, 1, 1, [4]int32{4}}, {4, 2, 4, [4]int32{1, 3}}, {4, 2, 3, [4]int32{2, 2}}, {4, 3, 6, [4]int32{1, 1, 2}},
		{4, 4, 1, [4]int32{1, 1, 1, 1}},
	}
	if got := line.Compositions(); !reflect.DeepEqual(got, want) {
		t.Errorf("one direction to fourth order:\n got %v\nwant %v", got, want)
	}

	// y_abc = φ' z_abc + φ''(z_a z_bc + z_b z_ac + z_c z_ab) + φ''' z_a z_b z_c
	cube := NewJets(3, MultiIndex{1, 1, 1})
	c := func(m MultiIndex) int32 { return int32(cube.Find(m)) }
	a, b, g := c(MultiIndex{1}), c(MultiIndex{0, 1}), c(MultiIndex{0, 0, 1})
	ab, ag, bg := c(MultiIndex{1, 1}), c(MultiIndex{1, 0, 1}), c(MultiIndex{0, 1, 1})
	abc := c(MultiIndex{1, 1, 1})
	want = []Composition{
		{abc, 1, 1, [4]int32{abc}},
		{abc, 2, 1, [4]int32{a, bg}}, {abc, 2, 1, [4]int32{b, ag}}, {abc, 2, 1, [4]int32{g, ab}},
		{abc, 3, 1, [4]int32{a, b, g}},
	}
	got := cube.Compositions()
	if got = got[len(got)-len(want):]; !reflect.DeepEqual(got, want) {
		t.Errorf("third order mixed:\n got %v\nwant %v", got, want)
	}
}

// The functions of exponentials have jets in closed form: with z = exp(k·x), y = z² has y_m = Π (2k_a)^m_a z², by φ = z², by
// z·z, and by φ = exp of the jet of 2k·x.
func TestTablesOnExponentials(t *testing.T) {
	const roundingOfDoubles = 1e-13 // a few dozen additions of positive terms
	k := []float64{0.7, 1.3, 0.4, 1.1}
	j := NewJets(4, MultiIndex{4}, MultiIndex{2, 2}, MultiIndex{1, 1, 1, 1}, MultiIndex{0, 1, 3, 0}, MultiIndex{0, 0, 0, 4})
	power := func(scale float64, m MultiIndex) float64 {
		p := 1.0
		for a, n := range m {
			p *= math.Pow(scale*k[a], float64(n))
		}
		return p
	}
	z, exponent := make([]float64, j.N()), make([]float64, j.N())
	z[0] = 1.7
	for c, m := range j.Index {
		z[c] = power(1, m) * z[0]
		if m.Order() == 1 {
			exponent[c] = power(2, m)
		}
	}
	square := [MaxOrder + 1]float64{z[0] * z[0], 2 * z[0], 2, 0, 0}
	product, composed, exped := make([]float64, j.N()), make([]float64, j.N()), make([]float64, j.N())
	for _, p := range j.Products() {
		product[p.C] += p.Coef * z[p.A] * z[p.B]
	}
	for _, s := range j.Compositions() {
		a, b := s.Coef*square[s.Order], s.Coef*z[0]*z[0]
		for _, f := range s.Factors() {
			a *= z[f]
			b *= exponent[f]
		}
		composed[s.C] += a
		exped[s.C] += b
	}
	for c, m := range j.Index {
		want := power(2, m) * z[0] * z[0]
		for name, got := range map[string]float64{"product": product[c], "square": composed[c], "exp": exped[c]} {
			if math.Abs(got-want) > roundingOfDoubles*want {
				t.Errorf("%s, component %v: got %v, want %v", name, m, got, want)
			}
		}
	}
}
