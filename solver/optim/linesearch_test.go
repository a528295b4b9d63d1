package optim

import (
	"math"
	"testing"
)

// Moré & Thuente, "Line search algorithms with guaranteed sufficient decrease", ACM TOMS 20 (1994), test functions (5.1) with β = 2,
// (5.2) with β = 0.004, and two of our own: a quadratic and a logarithm that does not exist from t = 0.3 on.
func TestLineSearch(t *testing.T) {
	for name, f := range map[string]func(t float64) (float64, float64){
		"5.1": func(t float64) (float64, float64) { return -t / (t*t + 2), (t*t - 2) / ((t*t + 2) * (t*t + 2)) },
		"5.2": func(t float64) (float64, float64) {
			u := t + 0.004
			return math.Pow(u, 5) - 2*math.Pow(u, 4), 5*math.Pow(u, 4) - 8*math.Pow(u, 3)
		},
		"quadratic": func(t float64) (float64, float64) { return (t - 3) * (t - 3), 2 * (t - 3) },
		"barrier":   func(t float64) (float64, float64) { return -10*t - math.Log(0.3-t), -10 + 1/(0.3-t) },
	} {
		for _, c := range []struct{ c1, c2 float64 }{{1e-4, 0.9}, {1e-4, 0.1}} {
			for _, first := range []float64{1e-3, 1e-1, 10, 1e3} {
				f0, g0 := f(0)
				s := newLineSearch(c.c1, c.c2, point{0, f0, g0}, 40)
				at, v := first, tryNext
				for v == tryNext {
					value, slope := f(at)
					var next float64
					next, v = s.next(point{at, value, slope})
					if v == tryNext {
						if !(next > 0) || math.IsInf(next, 0) {
							t.Fatalf("%s from %v: next trial at %v", name, first, next)
						}
						at = next
					}
				}
				value, slope := f(at)
				if v != accept || s.settling || !(value <= f0+c.c1*at*g0) || !(math.Abs(slope) <= -c.c2*g0) {
					t.Errorf("%s from %v, c2 = %v: verdict %d at t = %v after %d trials: value %v, slope %v", name, first, c.c2, v, at, s.trials, value, slope)
				}
			}
		}
	}
}

func TestCubic(t *testing.T) {
	const tolerance = 1e-14 // a few roundings of numbers of order 1
	// t³ − 3t has its minimum at 1.
	at := func(t float64) point { return point{t, t*t*t - 3*t, 3*t*t - 3} }
	for _, ends := range [][2]float64{{0, 2}, {2, 0}, {0.5, 3}} {
		if got := cubic(at(ends[0]), at(ends[1])); math.Abs(got-1) > tolerance {
			t.Errorf("minimum between %v: %v", ends, got)
		}
	}
	if got := cubic(point{0, 0, -1}, point{1, math.Inf(1), math.NaN()}); !math.IsNaN(got) {
		t.Errorf("an infinite end gave %v", got)
	}
}
