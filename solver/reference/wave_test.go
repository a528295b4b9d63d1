package reference

import (
	"math"
	"testing"
	"time"
)

// Golden values of the published test grid, and its time: the exact solution is evaluated at every start of a job.
func TestWaveSpread(t *testing.T) {
	p := build(t, wave("0.2"))
	began := time.Now()
	u, err := p.Exact(p.TestGrid([]int{32, 32, 10}))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("32 x 32 x 10 points in %v", time.Since(began))
	mean := 0.0
	for _, v := range u[0] {
		mean += math.Abs(v) / float64(len(u[0]))
	}
	// Half a unit of the last digit known.
	if std := deviation(u[0]); math.Abs(std-.114593) > 0.51e-6 || math.Abs(mean/std-.569) > 0.51e-3 {
		t.Errorf("std %.8g, nL1 of zero %.5g; want .114593 and .569", std, mean/std)
	}
}

// The series starts from the pulse, at rest, keeps the walls at 0 and satisfies the equation.
func TestWaveSeries(t *testing.T) {
	for _, c := range []struct {
		sigma float64
		tail  float64 // of the series: waveModes of p⁻³
	}{{0.1, 1e-12}, {0.2, 1e-8}, {0.4, 1e-5}} {
		w := NewWaveSeries(c.sigma)
		g := func(x float64) float64 {
			return math.Exp(-x*x/(2*c.sigma*c.sigma)) * math.Tanh(2.5*(1+x)/c.sigma) * math.Tanh(2.5*(1-x)/c.sigma)
		}
		for _, q := range [][2]float64{{0, 0}, {0.3, -0.2}, {-0.71, 0.4}, {0.05, 0.93}} {
			x, y := q[0], q[1]
			if got, want := w.At(x, y, 0), g(x)*g(y); math.Abs(got-want) > c.tail {
				t.Errorf("σ = %g: u(%g, %g, 0) = %g, want %g", c.sigma, x, y, got, want)
			}
			const h = 1e-3
			for _, at := range []float64{0.11, 0.37} {
				second := func(f func(float64) float64) float64 {
					return (16*(f(h)+f(-h)) - f(2*h) - f(-2*h) - 30*f(0)) / (12 * h * h)
				}
				r := second(func(d float64) float64 { return w.At(x, y, at+d) }) - second(func(d float64) float64 { return w.At(x+d, y, at) }) -
					second(func(d float64) float64 { return w.At(x, y+d, at) })
				// Every mode satisfies the equation; what is left is h⁴/90·u⁽⁶⁾ with u⁽⁶⁾ about 15/σ⁶, three times, and rounding/h².
				if tolerance := 3*15*math.Pow(h, 4)/90/math.Pow(c.sigma, 6) + 1e-8; math.Abs(r) > tolerance {
					t.Errorf("σ = %g: residual %g at %v, t = %g", c.sigma, r, q, at)
				}
				if v := w.At(1, y, at); math.Abs(v) > 1e-12 {
					t.Errorf("σ = %g: %g on the wall", c.sigma, v)
				}
			}
			if a, b := w.At(x, y, 0.2), w.At(x, y, -0.2); math.Abs(a-b) > 1e-15 {
				t.Errorf("σ = %g: not at rest at t = 0", c.sigma)
			}
		}
	}
}

// An independent method: the distance of differences of second order from the series falls by four when their step is halved,
// once the walls, a tenth wide, are resolved.
func TestWaveSeriesAgainstLeapfrog(t *testing.T) {
	p := build(t, wave("0.4"))
	var e [2]float64
	for k, n := range []int{61, 121} {
		r, err := Solve(p, "leapfrog", nil, []int{n, n, 3})
		if err != nil {
			t.Fatal(err)
		}
		exact, err := p.Exact(r.Points())
		if err != nil {
			t.Fatal(err)
		}
		e[k] = normalisedL1(r.U[0], exact[0])
	}
	const slack = 0.2 // not yet asymptotic
	if order := math.Log2(e[0] / e[1]); math.Abs(order-2) > slack || e[1] > 1e-3 {
		t.Errorf("errors %g, %g: order %.3f", e[0], e[1], order)
	}
}
