package decomp

import (
	"fmt"
	"math"
	"math/cmplx"
	"testing"

	"fbpinn-mpi/kernels"
)

// complexWindow is g of docs/theory.md, section 4, as printed there, continued to complex z. side is the sign of the real z,
// for Wendland's absolute value. Logistic factors of the sigmoid are those of a box with overlaps of half its width.
func complexWindow(w Window, z complex128, side float64) complex128 {
	switch w {
	case Cosine:
		g := (1 + cmplx.Cos(math.Pi*z)) / 2
		return g * g
	case Bump:
		return cmplx.Exp(3/(z*z-1.001) + 3)
	case Wendland:
		rho := z * complex(side, 0)
		return cmplx.Pow(1-rho, 4) * (4*rho + 1)
	case Gaussian:
		return cmplx.Exp(-8 * z * z)
	case Sigmoid: // half width 1, p = q = 1
		t := complex(math.Log((1-1e-8)/1e-8), 0)
		s := func(y complex128) complex128 { return 1 / (1 + cmplx.Exp(-y)) }
		return s((z+0.5)*2*t) * s((0.5-z)*2*t)
	}
	if w == Core2023 { // the same box; the floor of 1e-10 does not bite at the points of the tests
		s := func(y complex128) complex128 { return 1 / (1 + cmplx.Exp(-y)) }
		return s((z+0.5)/0.05) * s((0.5-z)/0.05)
	}
	panic("decomp: no complex form")
}

// cauchy differentiates an analytic function n times by the trapezoidal rule on a circle, exact to rounding·n!/rⁿ.
func cauchy(f func(complex128) complex128, x, r float64, n int) float64 {
	const nodes = 256 // (0.06/0.085)²⁵⁶, the distance of the sigmoid's nearest pole, is nothing
	sum, factorial := complex(0, 0), 1.0
	for k := 0; k < nodes; k++ {
		e := cmplx.Rect(1, 2*math.Pi*float64(k)/nodes)
		sum += f(complex(x, 0)+complex(r, 0)*e) / cmplx.Pow(e, complex(float64(n), 0))
	}
	for k := 2; k <= n; k++ {
		factorial *= float64(k)
	}
	return real(sum) / nodes * factorial / math.Pow(r, float64(n))
}

// Rounding of the function, 1e-15, is amplified by n!/rⁿ in cauchy; the fourth derivative is the worst.
const cauchyRounding = 1e-14

var quotientWindows = []Window{Cosine, Bump, Wendland, Gaussian, Sigmoid}

func TestWindowDerivatives(t *testing.T) {
	factorial := []float64{1, 1, 2, 6, 24}
	for _, w := range append([]Window{Core2023}, quotientWindows...) {
		for _, half := range []float64{1, 0.125} {
			iv := newInterval(2, 2*half)
			iv.left, iv.right = half, half
			for _, z := range []float64{-0.8, -0.31, 0.12, 0.5, 0.77} {
				r := 0.06 // inside the nearest singularity of bump and sigmoid, and on one side of Wendland's kink
				var got jet
				w.eval(&iv, 2+z*half, &got)
				f := func(s complex128) complex128 { return complexWindow(w, s, math.Copysign(1, z)) }
				size := 0.0
				for k := 0; k < 64; k++ {
					size = math.Max(size, cmplx.Abs(f(complex(z, 0)+cmplx.Rect(r, float64(k)/10))))
				}
				for n := range got {
					want := cauchy(f, z, r, n)
					tolerance := cauchyRounding*size*factorial[n]/math.Pow(r, float64(n)) + 1e-13*math.Abs(want)
					if e := math.Abs(got[n]*math.Pow(half, float64(n)) - want); !(e <= tolerance) {
						t.Errorf("%v half=%g z=%g derivative %d: %g, want %g", w, half, z, n, got[n]*math.Pow(half, float64(n)), want)
					}
				}
			}
		}
	}
}

// all is the set of all derivatives up to the order.
func all(d, order int) kernels.Jets {
	var needs []kernels.MultiIndex
	var add func(m kernels.MultiIndex, a, left int)
	add = func(m kernels.MultiIndex, a, left int) {
		if a == d {
			needs = append(needs, m)
			return
		}
		for k := 0; k <= left; k++ {
			m[a] = uint8(k)
			add(m, a+1, left-k)
		}
	}
	add(kernels.MultiIndex{}, 0, order)
	return kernels.NewJets(d, needs...)
}

// Values of ω add up to 1 to rounding; derivatives add up to 0 relative to the sum of their absolute values plus (s/σ)ⁿ, the
// size of the terms that cancel in the quotient rule where one window is alone, s = steepness of the window.
const (
	unityValue      = 1e-14
	unityDerivative = 1e-13
	coreTail        = 1e-4 // Core2023 is not divided by its sum; tails of 4.5e-5 on either side of a core edge
)

// steepness is the length scale of a window's derivatives, as a fraction of σ, inverted: 2t/p·σ of the logistic functions.
func steepness(w Window) float64 {
	if w == Sigmoid || w == Core2023 {
		return 50
	}
	return 10
}

func TestPartitionOfUnity(t *testing.T) {
	for d := 1; d <= MaxD; d++ {
		set := all(d, 4)
		axes := unitBox(d)
		axes[d-1] = Axis{Name: "p", Lo: -2, Hi: 5, Periodic: true}
		counts := []int{5, 2, 3, 4}[:d]
		points := scatter(axes, 60/d, uint64(d))
		for _, w := range append([]Window{Core2023}, quotientWindows...) {
			specs := []LevelSpec{{Counts: counts, Overlap: []float64{1.4}, Window: w}, {Counts: repeat(1, d), Overlap: []float64{1.4}, Window: w}}
			if w != Core2023 {
				specs = append(specs, LevelSpec{Free: boxesOf(must(t, axes, specs[0]).Levels[0]), Window: w})
			}
			for k, l := range must(t, axes, specs...).Levels {
				checkUnity(t, fmt.Sprintf("%v d=%d level %d", w, d, k+1), l, set, points)
			}
		}
	}
}

func checkUnity(t *testing.T, name string, l *Level, set kernels.Jets, points [][]float64) {
	t.Helper()
	out := make([]float64, set.N())
	for i := range points[0] {
		x := make([]float64, len(points))
		for a := range x {
			x[a] = points[a][i]
		}
		sum, size := make([]float64, set.N()), make([]float64, set.N())
		for j := 0; j < l.Len(); j++ {
			if err := l.Jets(j, x, set, out); err != nil {
				t.Fatal(err)
			}
			for c, v := range out {
				sum[c] += v
				size[c] += math.Abs(v)
			}
		}
		natural := make([]float64, set.N())
		for c := range natural {
			natural[c] = 1
		}
		tolerance := unityValue
		if l.window == Core2023 {
			tolerance = coreTail * float64(l.D())
		}
		if e := math.Abs(sum[0] - 1); !(e <= tolerance) {
			t.Fatalf("%s at %v: sum is 1%+g", name, x, sum[0]-1)
		}
		for c := 1; c < set.N() && l.window != Core2023; c++ {
			for a, h := range l.Half(0) {
				if a < l.D() {
					natural[c] *= math.Pow(steepness(l.window)/h, float64(set.Index[c][a]))
				}
			}
			if !(math.Abs(sum[c]) <= unityDerivative*(size[c]+natural[c])) {
				t.Fatalf("%s at %v: derivatives %v add up to %g of %g", name, x, set.Index[c], sum[c], size[c])
			}
		}
	}
}

// boxesOf gives the boxes of a tensor level as free ones.
func boxesOf(l *Level) []Box {
	var boxes []Box
	for j := 0; j < l.Len(); j++ {
		b := Box{}
		for a := range l.axes {
			iv := l.interval(j, a)
			b.Centre = append(b.Centre, iv.centre)
			b.Width = append(b.Width, 2*iv.half)
		}
		boxes = append(boxes, b)
	}
	return boxes
}

func TestParseWindow(t *testing.T) {
	for w := Cosine; w <= Core2023; w++ {
		got, err := ParseWindow(w.String())
		if err != nil || got != w {
			t.Errorf("%v parses as %v, %v", w, got, err)
		}
	}
	if _, err := ParseWindow("cosin"); err == nil {
		t.Error("a misspelt window parsed")
	}
}
