package decomp

import (
	"math"
	"strings"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/region"
)

// corner is the part that an L-shape lacks of the unit square.
var corner = region.Box{Lo: []float64{0.5, 0.5}, Hi: []float64{1, 1}}

func ell(t testing.TB, specs ...LevelSpec) *Decomposition {
	t.Helper()
	dec, err := New(unitBox(2), specs, corner)
	if err != nil {
		t.Fatal(err)
	}
	return dec
}

// The published L-shape: 16² subdomains less the 8² whose centres are cut off, in the order of the others; a level of one, or
// with centres on the cut, keeps them.
func TestThinnedNumbers(t *testing.T) {
	dec := ell(t, LevelSpec{Counts: []int{1, 1}, Overlap: []float64{1.9}}, LevelSpec{Counts: []int{3, 3}, Overlap: []float64{1.9}},
		LevelSpec{Counts: []int{16, 16}, Overlap: []float64{2.9}})
	for k, want := range []int{1, 8, 192} {
		if got := dec.Levels[k].Len(); got != want {
			t.Errorf("level %d has %d subdomains, want %d", k+1, got, want)
		}
	}
	if dec.Subdomains() != 201 || dec.Levels[2].Dropped() != 64 || dec.Levels[0].Dropped() != 0 {
		t.Errorf("%d subdomains, %d dropped", dec.Subdomains(), dec.Levels[2].Dropped())
	}
	for k, l := range dec.Levels[1:] {
		last := [MaxD]float64{-1}
		for j := range l.Len() {
			mu := l.Centre(j)
			if dec.Region.Lacks(mu[:2]) || mu[0] < last[0] || mu[0] == last[0] && mu[1] <= last[1] {
				t.Fatalf("level %d: subdomain %d at %v, after %v", k+2, j, mu, last)
			}
			last = mu
		}
	}
	kept, _ := dec.Region.Keep(grid(dec.Axes, 41, 41))
	for _, l := range dec.Levels {
		comparePairs(t, "L-shape", l, kept)
	}
	if err := dec.Covers(kept); err != nil {
		t.Error(err)
	}
}

// The windows of what is left are those of the same boxes placed freely, derivative by derivative, and add up to 1 everywhere.
func TestThinnedWindows(t *testing.T) {
	set := kernels.NewJets(2, kernels.MultiIndex{2, 0}, kernels.MultiIndex{0, 2}, kernels.MultiIndex{1, 1})
	for _, window := range []Window{Cosine, Wendland, Gaussian} {
		dec := ell(t, LevelSpec{Counts: []int{5, 6}, Overlap: []float64{2.3}, Window: window})
		l := dec.Levels[0]
		var boxes []Box
		for j := range l.Len() {
			mu, half := l.Centre(j), l.Half(j)
			boxes = append(boxes, Box{Centre: []float64{mu[0], mu[1]}, Width: []float64{2 * half[0], 2 * half[1]}})
		}
		free := ell(t, LevelSpec{Free: boxes, Window: window}).Levels[0]
		points, _ := dec.Region.Keep(scatter(dec.Axes, 300, 8))
		a, b := make([]float64, set.N()), make([]float64, set.N())
		near := 0
		for i := range points[0] {
			x := []float64{points[0][i], points[1][i]}
			sum, scale := make([]float64, set.N()), make([]float64, set.N())
			for j := range l.Len() {
				if err := l.Jets(j, x, set, a); err != nil {
					t.Fatal(err)
				}
				if err := free.Jets(j, x, set, b); err != nil {
					t.Fatal(err)
				}
				for c := range a {
					sum[c] += a[c]
					scale[c] += math.Abs(a[c])
					// Two orders of some tens of operations; sums of windows as small as 1e-3 divide the roundings.
					const roundings = 1e-10
					if math.Abs(a[c]-b[c]) > roundings*(1+math.Abs(b[c])) {
						t.Fatalf("%v: component %d of subdomain %d at %v is %g, freely placed %g", window, c, j, x, a[c], b[c])
					}
				}
			}
			sum[0]--
			for c, v := range sum {
				const roundings = 1e-10 // as above
				if math.Abs(v) > roundings*(1+scale[c]) {
					t.Fatalf("%v: component %d of the sum at %v is off by %g of %g", window, c, x, v, scale[c])
				}
			}
			if x[0] > 0.3 && x[1] > 0.3 {
				near++
			}
		}
		if near < 20 {
			t.Errorf("only %d points are near the cut", near)
		}
	}
}

func TestRemovedErrors(t *testing.T) {
	large := region.Box{Lo: []float64{0.3, 0.3}, Hi: []float64{1, 1}}
	narrow := LevelSpec{Counts: []int{3, 3}, Overlap: []float64{1.1}}
	dec, err := New(unitBox(2), []LevelSpec{narrow}, large)
	if err != nil {
		t.Fatal(err)
	}
	err = dec.Covers([][]float64{{0.1, 0.29}, {0.1, 0.29}})
	if err == nil || !strings.Contains(err.Error(), "level 1: no subdomain holds point 1, (x, y) = (0.29, 0.29)") {
		t.Errorf("error %v", err)
	}
	narrow.Window = Core2023
	for _, c := range []struct {
		spec LevelSpec
		want string
	}{
		{narrow, "window2023 needs all neighbours, and 4 of 9"},
		{LevelSpec{Counts: []int{1, 1}, Centres: [][]float64{{0.6, 0.9}, {0.6}}, Overlap: []float64{1.5}}, "all its 2 subdomains"},
		{LevelSpec{Free: []Box{{[]float64{0.2, 0.5}, []float64{0.2, 2}}, {[]float64{0.5, 0}, []float64{2, 1}}}}, "do not cover x in [0, 0.1], y in"},
	} {
		if _, err := New(unitBox(2), []LevelSpec{c.spec}, large); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one with %q", c.spec, err, c.want)
		}
	}
	// Free subdomains need not cover what is removed, but all of the rest.
	legs := LevelSpec{Free: []Box{{[]float64{0.2, 0.5}, []float64{0.55, 2}}, {[]float64{0.5, 0.2}, []float64{2, 0.55}}}}
	if _, err := New(unitBox(2), []LevelSpec{legs}, large); err != nil {
		t.Error(err)
	}
	if _, err := New(unitBox(2), []LevelSpec{legs}, corner); err == nil || !strings.Contains(err.Error(), "do not cover x in") {
		t.Errorf("a strip along the cut is bare: error %v", err)
	}
}
