package decomp

import (
	"math"
	"math/cmplx"
	"strings"
	"testing"

	"fbpinn-mpi/kernels"
)

// omega is ω_j at a complex point near the real x, from the formula over all boxes of the level around x, without using that
// it is a product.
func omega(l *Level, j int, x []float64, z []complex128) complex128 {
	var own, sum complex128
	for k := 0; k < l.Len(); k++ {
		w, inside := complex(1, 0), true
		for a := range l.axes {
			iv := l.interval(k, a)
			centre := iv.centre
			if p := l.axes[a].Length(); l.axes[a].Periodic {
				centre += p * math.Round((x[a]-centre)/p)
			}
			r := (x[a] - centre) / iv.half
			if math.Abs(r) > 1 {
				inside = false
				break
			}
			w *= complexWindow(l.window, (z[a]-complex(centre, 0))/complex(iv.half, 0), math.Copysign(1, r))
		}
		if inside {
			sum += w
			if k == j {
				own = w
			}
		}
	}
	return own / sum
}

// partial differentiates omega by nested trapezoidal rules on circles of radius r[a].
func partial(l *Level, j int, x, r []float64, m kernels.MultiIndex) float64 {
	z := make([]complex128, len(x))
	var over func(a int) complex128
	over = func(a int) complex128 {
		if a == len(x) {
			return omega(l, j, x, z)
		}
		if m[a] == 0 {
			z[a] = complex(x[a], 0)
			return over(a + 1)
		}
		const nodes = 48
		sum, factor := complex(0, 0), 1.0
		for k := 0; k < nodes; k++ {
			e := cmplx.Rect(1, 2*math.Pi*float64(k)/nodes)
			z[a] = complex(x[a], 0) + complex(r[a], 0)*e
			sum += over(a+1) / cmplx.Pow(e, complex(float64(m[a]), 0))
		}
		for k := 1; k <= int(m[a]); k++ {
			factor *= float64(k) / r[a]
		}
		return sum * complex(factor/nodes, 0)
	}
	return real(over(0))
}

// jetRounding: rounding 2e-15 of the reference times 4!/(r/σ)⁴ with r = 0.1 σ, relative to σ⁻ⁿ.
const jetRounding = 5e-10

func TestJets(t *testing.T) {
	axes := []Axis{{Name: "x", Lo: -1, Hi: 1}, {Name: "y", Lo: 0, Hi: 3, Periodic: true}, {Name: "t", Lo: 0, Hi: 1}}
	for d := 1; d <= 3; d++ {
		set := all(d, 4-d/3) // third order in 3-D, for time
		for _, w := range []Window{Cosine, Gaussian, Wendland} {
			spec := LevelSpec{Counts: []int{4, 5, 3}[:d], Overlap: []float64{2.3}, Window: w}
			tensor := must(t, axes[:d], spec).Levels[0]
			free := must(t, axes[:d], LevelSpec{Free: boxesOf(tensor), Window: w}).Levels[0]
			x := []float64{-0.05, 2.85, 0.13}[:d] // y: two of the boxes around it wrap
			h := tensor.Half(0)
			r := make([]float64, d)
			for a := range r {
				r[a] = 0.1 * h[a] // the nearest zero of a sum of Gaussians is 0.23 σ away
			}
			out, other := make([]float64, set.N()), make([]float64, set.N())
			seen := 0
			for j := 0; j < tensor.Len(); j++ {
				if err := tensor.Jets(j, x, set, out); err != nil {
					t.Fatal(err)
				}
				if err := free.Jets(j, x, set, other); err != nil {
					t.Fatal(err)
				}
				if out[0] == 0 {
					continue
				}
				seen++
				for c, m := range set.Index {
					scale := 1.0
					for a := range r {
						scale *= math.Pow(h[a], -float64(m[a]))
					}
					if e := math.Abs(out[c] - other[c]); !(e <= 1e-12*scale*100) { // rounding of two orders of summation
						t.Errorf("%v d=%d j=%d %v: tensor %g, free %g", w, d, j, m, out[c], other[c])
					}
					if d == 3 && seen > 1 { // the reference is slow
						continue
					}
					want := partial(tensor, j, x, r, m)
					if e := math.Abs(out[c] - want); !(e <= jetRounding*scale) {
						t.Errorf("%v d=%d j=%d %v: %g, want %g", w, d, j, m, out[c], want)
					}
				}
			}
			if seen < 2 {
				t.Fatalf("%v d=%d: only %d windows reach %v", w, d, seen, x)
			}
		}
	}
}

func TestFill(t *testing.T) {
	axes := []Axis{{Name: "x", Lo: -1, Hi: 1, Periodic: true}, {Name: "y", Lo: 0, Hi: 3}}
	set := all(2, 2)
	for _, spec := range []LevelSpec{
		{Counts: []int{4, 3}, Overlap: []float64{1.9}},
		{Counts: []int{1, 3}, Overlap: []float64{1.9}},
		{Counts: []int{1, 1}, Overlap: []float64{1.9}},
		{Counts: []int{4, 3}, Overlap: []float64{1.3}, Window: Core2023},
		{Free: []Box{{Centre: []float64{0, 1.5}, Width: []float64{3, 4}}, {Centre: []float64{0.8, 1}, Width: []float64{1, 4.2}}}},
	} {
		l := must(t, axes, spec).Levels[0]
		points := grid(axes, 23, 17)
		pairs := l.Pairs(points)
		f, single := NewFiller[float64](l, set, 0.25), NewFiller[float32](l, set, 0.25)
		out := make([]float64, set.N())
		for j := 0; j < l.Len(); j++ {
			index := pairs.Of(j)
			pad := kernels.Pad(len(index) + 1)
			xhat, w := make([]float64, 2*pad), make([]float64, set.N()*pad)
			xhat32, w32 := make([]float32, 2*pad), make([]float32, set.N()*pad)
			for k := range w {
				w[k] = math.NaN()
			}
			if err := f.Fill(j, points, index, xhat, w, pad); err != nil {
				t.Fatal(err)
			}
			if err := single.Fill(j, points, index, xhat32, w32, pad); err != nil {
				t.Fatal(err)
			}
			mu, sigma := l.Centre(j), l.Half(j)
			for k, i := range index {
				x := []float64{points[0][i], points[1][i]}
				if err := l.Jets(j, x, set, out); err != nil {
					t.Fatal(err)
				}
				for c, v := range out {
					if got := w[c*pad+k]; got != 0.25*v || w32[c*pad+k] != float32(got) {
						t.Fatalf("j=%d point %v component %d: %g, want %g", j, x, c, got, 0.25*v)
					}
				}
				for a := range x {
					z := (x[a] - mu[a]) / sigma[a]
					if p := axes[a].Length() / sigma[a]; axes[a].Periodic && math.Abs(z) > p/2 {
						z -= p * math.Round(z/p)
					}
					got := xhat[a*pad+k]
					if math.Abs(got-z) > 1e-14 && math.Abs(math.Abs(got-z)*sigma[a]-axes[a].Length()) > 1e-14 {
						t.Fatalf("j=%d point %v: x̂_%d is %g, want %g", j, x, a, got, z)
					}
				}
			}
			for k := len(index); k < pad; k++ {
				for c := 0; c < set.N(); c++ {
					if w[c*pad+k] != 0 || xhat[c%2*pad+k] != 0 {
						t.Fatal("padded lanes are not zero")
					}
				}
			}
		}
	}
}

// seam: rounding of a coordinate shifted by the period, 1e-15 σ, times the steepness of the window, some digits to spare.
const seam = 2e-13

// TestPeriodic: on a periodic axis both ends are one place, for values and all derivatives.
func TestPeriodic(t *testing.T) {
	axes := []Axis{{Name: "x", Lo: 0.3, Hi: 2.4, Periodic: true}}
	set := all(1, 4)
	for _, w := range append([]Window{Core2023}, quotientWindows...) {
		for _, n := range []int{1, 2, 3, 7} {
			l := must(t, axes, LevelSpec{Counts: []int{n}, Overlap: []float64{1.7}, Window: w}).Levels[0]
			if l.Embedded(0) != (n == 1) {
				t.Errorf("%d subdomains: embedded %v", n, l.Embedded(0))
			}
			reached := 0
			for j := 0; j < n; j++ {
				lo, hi, beyond := make([]float64, 5), make([]float64, 5), make([]float64, 5)
				for _, e := range []error{l.Jets(j, []float64{0.3}, set, lo), l.Jets(j, []float64{2.4}, set, hi), l.Jets(j, []float64{4.5}, set, beyond)} {
					if e != nil {
						t.Fatal(e)
					}
				}
				if lo[0] > 0 {
					reached++
				}
				for c := range lo {
					scale := math.Pow(steepness(w)/l.Half(j)[0], float64(c))
					if !(math.Abs(lo[c]-hi[c]) <= seam*scale) || !(math.Abs(lo[c]-beyond[c]) <= seam*scale) {
						t.Errorf("%v %d/%d derivative %d: %g at one end, %g at the other, %g a period later", w, j, n, c, lo[c], hi[c], beyond[c])
					}
				}
			}
			if reached < min(n, 2) {
				t.Errorf("%v: only %d of %d windows reach the seam", w, reached, n)
			}
		}
	}
	l := must(t, axes, LevelSpec{Counts: []int{1}, Overlap: []float64{1.7}}).Levels[0]
	f := NewFiller[float64](l, set, 1)
	xhat, out := make([]float64, 2), make([]float64, 10)
	if err := f.Fill(0, [][]float64{{0.3, 2.4}}, []int32{0, 1}, xhat, out, 2); err != nil {
		t.Fatal(err)
	}
	if xhat[0] != -1 || math.Abs(xhat[1]-1) > 1e-15 || out[0] != 1 || out[2] != 0 {
		t.Errorf("embedded axis: x̂ = %v, want -1 and 1; ω = %g", xhat, out[0])
	}
}

func TestOneSubdomain(t *testing.T) {
	axes := []Axis{{Name: "x", Lo: -1, Hi: 3}}
	l := must(t, axes, LevelSpec{Counts: []int{1}, Overlap: []float64{1.9}, Window: Bump}).Levels[0]
	set := all(1, 2)
	f := NewFiller[float64](l, set, 1)
	xhat, w := make([]float64, 2), make([]float64, 6)
	if err := f.Fill(0, [][]float64{{-1, 3}}, []int32{0, 1}, xhat, w, 2); err != nil {
		t.Fatal(err)
	}
	if math.Abs(xhat[0]+1/1.9) > 1e-15 || math.Abs(xhat[1]-1/1.9) > 1e-15 {
		t.Errorf("x̂ = %v at the ends, want ±1/δ", xhat)
	}
	if want := []float64{1, 1, 0, 0, 0, 0}; !equalFloats(w, want) {
		t.Errorf("window %v, want %v", w, want)
	}
}

func equalFloats(a, b []float64) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// TestUncovered: two boxes overlap so little that their bump windows are both nothing in between.
func TestUncovered(t *testing.T) {
	axes := unitBox(2)
	l := must(t, axes, LevelSpec{Counts: []int{2, 2}, Overlap: []float64{1.0001}, Window: Bump}).Levels[0]
	point := [][]float64{{0.2, 0.5}, {0.25, 0.25}}
	j := int(0)
	index := l.Pairs(point).Of(j)
	err := NewFiller[float64](l, all(2, 1), 1).Fill(j, point, index, make([]float64, 32), make([]float64, 48), 16)
	if err == nil || !strings.Contains(err.Error(), "(x, y) = (0.5, 0.25)") || !strings.Contains(err.Error(), "level 1") {
		t.Errorf("error %v, want one that names level and point", err)
	}
}

// BenchmarkFill is the cost per pair of window jets with u, u_x, u_y, u_xx, u_yy.
func BenchmarkFill(b *testing.B) {
	dec := must(b, unitBox(2), LevelSpec{Counts: []int{64, 64}, Overlap: []float64{1.9}})
	l := dec.Levels[0]
	set := kernels.NewJets(2, kernels.MultiIndex{2, 0}, kernels.MultiIndex{0, 2})
	for _, c := range []struct {
		name   string
		points [][]float64
	}{{"grid", grid(dec.Axes, 320, 320)}, {"scattered", scatter(dec.Axes, 320*320, 1)}} {
		b.Run(c.name, func(b *testing.B) {
			pairs := l.Pairs(c.points)
			f := NewFiller[float64](l, set, 1)
			xhat, w := make([]float64, 4096), make([]float64, 4096)
			for b.Loop() {
				for j := 0; j < l.Len(); j++ {
					if err := f.Fill(j, c.points, pairs.Of(j), xhat, w, 256); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(pairs.Len()), "ns/pair")
		})
	}
}
