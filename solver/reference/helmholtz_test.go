package reference

import (
	"fmt"
	"math"
	"testing"

	"fbpinn-mpi/solver/problem"
)

// helmholtz is the problem of Dolean et al. 2024, section 4.4.
func helmholtz(t *testing.T, k, s string) *problem.Problem {
	return build(t, problem.Spec{
		Axes:       []problem.Axis{{Name: "x", Lo: 0, Hi: 1}, {Name: "y", Lo: 0, Hi: 1}},
		Parameters: []problem.Named{{Name: "k", Text: k}, {Name: "s", Text: s}},
		Unknowns:   []string{"u"},
		Equations:  []string{"u_xx + u_yy + k^2*u = exp(-((x-1/2)^2 + (y-1/2)^2)/(2*s^2))/(2*pi*s^2)"},
		Ansatz:     []problem.Named{{Name: "u", Text: "tanh(k*x)*tanh(k*(1-x))*tanh(k*y)*tanh(k*(1-y))*u"}},
		Exact:      []problem.Named{{Name: "u", Text: "helmholtz_series(x, y, k, s)"}},
	})
}

// Standard deviations and the distance of the five-point solution, on 320 x 320 points with both ends: computed independently,
// with as many digits as given. Errors of the five-point solution have two.
func TestHelmholtzLadder(t *testing.T) {
	for _, c := range []struct {
		level                  int
		k, s                   string
		exact, grid            float64
		exactDigit, errorDigit float64 // half a unit of the last digit
		error                  float64
	}{
		{2, "2^2*pi/1.6", "0.8/2^2", 1.58813e-2, 1.58811e-2, 5e-8, 0.05e-5, 9.7e-5},
		{3, "2^3*pi/1.6", "0.8/2^3", 8.02358e-2, 8.06166e-2, 5e-8, 0.05e-3, 4.1e-3},
		{4, "2^4*pi/1.6", "0.8/2^4", 3.58977e-2, 3.54487e-2, 5e-8, 0.05e-2, 1.3e-2},
		{5, "2^5*pi/1.6", "0.8/2^5", 2.08890e-2, 2.05408e-2, 5e-8, 0.05e-2, 7.1e-2},
		{6, "2^6*pi/1.6", "0.8/2^6", 4.54318e-2, 1.70396e-2, 5e-8, 0.005, .86},
	} {
		t.Run(fmt.Sprint("L", c.level), func(t *testing.T) {
			p := helmholtz(t, c.k, c.s)
			r, err := Solve(p, "finite-difference", map[string]float64{"n": 320}, []int{10, 10})
			if err != nil {
				t.Fatal(err)
			}
			exact, err := p.Exact(r.Points())
			if err != nil {
				t.Fatal(err)
			}
			// The golden values round; one unit more for the order of summation near a rounding boundary.
			if got := deviation(exact[0]); math.Abs(got-c.exact) > 1.1*c.exactDigit {
				t.Errorf("std of the series %.7g, want %.6g", got, c.exact)
			}
			if got := deviation(r.U[0]); math.Abs(got-c.grid) > 1.1*c.exactDigit {
				t.Errorf("std of the five-point solution %.7g, want %.6g", got, c.grid)
			}
			if got := normalisedL1(r.U[0], exact[0]); math.Abs(got-c.error) > 1.1*c.errorDigit {
				t.Errorf("normalised L1 of the five-point solution %.4g, want %.2g", got, c.error)
			}
		})
	}
}

// The ladder reaches k = 251, where the series needs 440 modes; the shifted one, k² + π²/2, has a unique solution at every level.
func TestHelmholtzSpread(t *testing.T) {
	for _, c := range []struct {
		level       int
		shift, want float64
		digit       float64
	}{
		{7, 0, 1.479384e-2, 1e-8}, {3, 1, 1.561152e-1, 1e-7}, {4, 1, 3.134172e-2, 1e-8}, {5, 1, 2.043400e-2, 1e-8}, {6, 1, 5.807590e-2, 1e-8},
		{7, 1, 1.531538e-2, 1e-8},
	} {
		k := math.Pow(2, float64(c.level)) * math.Pi / 1.6
		u := NewHelmholtzSeries(math.Sqrt(k*k+c.shift*math.Pi*math.Pi/2), 0.8/math.Pow(2, float64(c.level)))
		const n = 320
		values := make([]float64, n*n)
		for i := range values {
			values[i] = u.At(float64(i/n)/(n-1), float64(i%n)/(n-1))
		}
		// Half a unit of the last digit known, and a little for the order of summation.
		if got := deviation(values); math.Abs(got-c.want) > 0.51*c.digit {
			t.Errorf("L = %d, shift %g: std %.9g, want %.7g", c.level, c.shift, got, c.want)
		}
	}
}

// The series satisfies equation and boundary condition; the residual by differences of fourth order.
func TestHelmholtzSeriesSolvesHelmholtz(t *testing.T) {
	k, s := 10*math.Pi, 0.05
	u := NewHelmholtzSeries(k, s)
	for _, p := range [][2]float64{{0.5, 0.5}, {0.3, 0.6}, {0.11, 0.83}, {0.47, 0.42}} {
		const h = 1e-3
		x, y := p[0], p[1]
		second := func(f func(float64) float64) float64 {
			return (16*(f(h)+f(-h)) - f(2*h) - f(-2*h) - 30*f(0)) / (12 * h * h)
		}
		laplace := second(func(d float64) float64 { return u.At(x+d, y) }) + second(func(d float64) float64 { return u.At(x, y+d) })
		f := math.Exp(-((x-.5)*(x-.5)+(y-.5)*(y-.5))/(2*s*s)) / (2 * math.Pi * s * s)
		// Truncation h⁴/90·u⁽⁶⁾, where u⁽⁶⁾ is like the fourth derivative of the source, 3·64/s⁴ = 3e7 at its centre: 4e-7 per axis.
		// The source is 64 there, so that a wrong sign, factor or wave number shows.
		const tolerance = 2e-6
		if r := laplace + k*k*u.At(x, y) - f; math.Abs(r) > tolerance {
			t.Errorf("residual %g at %v (source %g)", r, p, f)
		}
		if a, b := u.At(x, y), u.At(y, x); math.Abs(a-b) > 1e-13 {
			t.Errorf("not symmetric at %v: %g, %g", p, a, b)
		}
		for _, edge := range []float64{0, 1} {
			if v := u.At(edge, y); math.Abs(v) > 1e-13 {
				t.Errorf("u(%g, %g) = %g on the boundary", edge, y, v)
			}
		}
	}
}

// Where the source reaches the boundary, the plain double series is slow: it needs p, q up to 3000 to agree.
func TestHelmholtzSeriesWideSource(t *testing.T) {
	k, s := 2.5*math.Pi, 0.2
	u := NewHelmholtzSeries(k, s)
	const modes = 1500
	g := make([]float64, modes)
	for p := range g {
		g[p] = sineCoefficient(2*p+1, s)
	}
	for _, at := range [][2]float64{{0.5, 0.5}, {0.31, 0.17}, {0.5, 0.02}, {0.96, 0.03}, {1, 0.4}} {
		x, y := at[0], at[1]
		want := 0.0
		for p := range g {
			for q := range g {
				m, n := float64(2*p+1), float64(2*q+1)
				want += g[p] * g[q] * math.Sin(m*math.Pi*x) * math.Sin(n*math.Pi*y) / (k*k - math.Pi*math.Pi*(m*m+n*n))
			}
		}
		// The tail of the double sum: g_p/(π²p³)·G oscillates with a period of 2/x; .028/P³/(2 sin(π·.02)) = 8e-12 nearest to an edge.
		if got := u.At(x, y); math.Abs(got-want) > 2e-11 {
			t.Errorf("u(%g, %g) = %.13g, by brute force %.13g", x, y, got, want)
		}
	}
}
