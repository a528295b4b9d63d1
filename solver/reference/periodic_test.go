package reference

import (
	"math"
	"testing"

	"fbpinn-mpi/solver/problem"
)

// distance is the largest difference of two evolutions at time t.
func distance(a, b *evolution, t float64) float64 {
	d := 0.0
	for i := range 200 {
		x := -1 + float64(i)/100
		d = math.Max(d, math.Abs(a.u(x, t)-b.u(x, t)))
	}
	return d
}

// The accuracy that reference.go states: half the step and twice the modes.
func TestAllenCahnConverged(t *testing.T) {
	const stated = 2e-11
	coarse, fine := allenCahn(phaseModes, phaseStep), allenCahn(2*phaseModes-1, phaseStep/2)
	for _, at := range []float64{0.013, 0.1, 1} { // the first lies between steps, where the kink still shows
		if d := distance(coarse, fine, at); d > stated {
			t.Errorf("t = %g: changes by %g", at, d)
		}
	}
}

func TestKdVConverged(t *testing.T) {
	const stated = 7e-11
	fine := kortewegDeVries(2*solitonModes-1, solitonStep)
	half := kortewegDeVries(solitonModes, 2*solitonStep)
	quarter := kortewegDeVries(solitonModes, 4*solitonStep)
	// At fourth order, which the coarsest has just reached, the error of the finest is a fifteenth of its distance from the next.
	const reached = 0.3
	d, e := distance(half, fine, 1), distance(quarter, half, 1)
	if order := math.Log2(e / d); math.Abs(order-4) > reached || d/15 > stated {
		t.Errorf("changes by %g and %g: order %.3f", e, d, order)
	}
	// Mass and energy are constants of the motion, whatever the method: 0 and ½ ∫ cos² πx.
	const n = 2000
	mass, energy := 0.0, 0.0
	for i := range n {
		u := fine.u(-1+2*float64(i)/n, 1)
		mass += u / n
		energy += u * u / n
	}
	if math.Abs(mass) > stated || math.Abs(energy-0.5) > stated {
		t.Errorf("mean %g, mean square %.15g at t = 1, want 0 and 0.5", mass, energy)
	}
}

// The start, the period, and the equations themselves, by differences of the fourth order of what is returned.
func TestEvolutionEquations(t *testing.T) {
	for _, c := range []struct {
		name      string
		e         *evolution
		start     func(x float64) float64
		residual  func(u, ut, ux, uxx, uxxx float64) float64
		times     []float64
		tolerance float64
	}{
		{"Allen-Cahn", allenCahn(2049, phaseStep), func(x float64) float64 { return x * x * math.Cos(math.Pi*x) },
			func(u, ut, _, uxx, _ float64) float64 { return ut - 1e-4*uxx + 5*u*u*u - 5*u }, []float64{0.2, 0.3333},
			// Differences err by h⁴/30 times fifth derivatives: 1e-13·1e5 in t; u_xx by h⁴/90 times sixth ones, 1e-12·1e7, times 1e-4.
			1e-7},
		{"KdV", kortewegDeVries(solitonModes, 2e-4), func(x float64) float64 { return math.Cos(math.Pi * x) },
			func(u, ut, ux, _, uxxx float64) float64 { return ut + u*ux + 0.022*0.022*uxxx }, []float64{0.2, 0.3333},
			// Before the solitons separate derivatives grow by 30 an order at most: h⁴·30⁷/7 ≈ 1e-12·3e9 for u_xxx, times 5e-4.
			1e-5},
	} {
		for i := range 20 {
			x := -0.97 + float64(i)/10.3
			// Sums of the series of kinks lack a tail of 2·4/(π²·2048).
			if got, want := c.e.u(x, 1e-12), c.start(x); math.Abs(got-want) > 4e-4 || c.e.u(x, 0) != want {
				t.Errorf("%s: u(%g, 0) = %g, at once %g, want %g", c.name, x, c.e.u(x, 0), got, want)
			}
			for _, at := range c.times {
				const h = 1e-3
				dt := h / 2
				u := func(dx, s float64) float64 { return c.e.u(x+dx, at+s) }
				slope := func(f func(s float64) float64, h float64) float64 {
					return (8*(f(h)-f(-h)) - f(2*h) + f(-2*h)) / (12 * h)
				}
				second := (16*(u(h, 0)+u(-h, 0)) - u(2*h, 0) - u(-2*h, 0) - 30*u(0, 0)) / (12 * h * h)
				third := (-13*(u(h, 0)-u(-h, 0)) + 8*(u(2*h, 0)-u(-2*h, 0)) - (u(3*h, 0) - u(-3*h, 0))) / (8 * h * h * h)
				ut := slope(func(s float64) float64 { return u(0, s) }, dt)
				ux := slope(func(s float64) float64 { return u(s, 0) }, h)
				if r := c.residual(u(0, 0), ut, ux, second, third); math.Abs(r) > c.tolerance*(1+math.Abs(ut)) {
					t.Errorf("%s: residual %g at x = %g, t = %g (u_t = %g)", c.name, r, x, at, ut)
				}
				if a, b := c.e.u(x, at), c.e.u(x+2, at); math.Abs(a-b) > 1e-12 {
					t.Errorf("%s: not periodic: %g, %g", c.name, a, b)
				}
			}
		}
		for _, bad := range []float64{-1, math.NaN(), math.Inf(1), 1e6} {
			if v := c.e.u(0, bad); !math.IsNaN(v) {
				t.Errorf("%s: u(0, %g) = %g", c.name, bad, v)
			}
		}
	}
}

// A classical solver takes the start of a job with windows in time like any other.
func TestExponentialWithWindows(t *testing.T) {
	spec := periodicBurgers("0.1")
	var u [2][]float64
	for k := range u {
		r, err := Solve(build(t, spec), "exponential", nil, []int{65, 33})
		if err != nil {
			t.Fatal(err)
		}
		u[k] = r.U[0]
		spec.Ansatz = []problem.Named{{Name: "u", Text: "(t - t_start)*u + start_u"}}
		spec.Slab = &problem.Slab{Axis: "t", Lo: 0, Hi: 1, Start: []problem.Named{{Name: "u", Text: "-sin(pi*x)"}}}
	}
	for i := range u[0] {
		if u[0][i] != u[1][i] {
			t.Fatalf("point %d: %g and %g", i, u[0][i], u[1][i])
		}
	}
}

// The classical solver reads the equation from the job; the references have it written in. At equal resolution they differ by the
// aliasing of the start only.
func TestExponentialAgainstReferences(t *testing.T) {
	line := func(equation, start, exact string, end float64) problem.Spec {
		return problem.Spec{Axes: []problem.Axis{{Name: "x", Lo: -1, Hi: 1, Periodic: true}, {Name: "t", Lo: 0, Hi: end}}, Unknowns: []string{"u"},
			Equations: []string{equation}, Ansatz: []problem.Named{{Name: "u", Text: "t*u + " + start}}, Exact: []problem.Named{{Name: "u", Text: exact}}}
	}
	for _, c := range []struct {
		name  string
		spec  problem.Spec
		shape []int
		most  float64 // normalised L1
	}{
		{"KdV", line("u_t + u*u_x + 0.022^2*u_xxx = 0", "cos(pi*x)", "kdv(x, t)", 0.5), []int{257, 251}, 4e-6},                    // h⁴ of 250 steps
		{"Allen-Cahn", line("2*u_t - 2e-4*u_xx + 10*u^3 = 10*u", "x^2*cos(pi*x)", "allen_cahn(x, t)", 0.2), []int{513, 41}, 3e-5}, // kink on 512 points
	} {
		p := build(t, c.spec)
		r, err := Solve(p, "exponential", nil, c.shape)
		if err != nil {
			t.Fatal(err)
		}
		exact, err := p.Exact(r.Points())
		if err != nil {
			t.Fatal(err)
		}
		if e := normalisedL1(r.U[0], exact[0]); !(e <= c.most) {
			t.Errorf("%s: error %g", c.name, e)
		} else {
			t.Logf("%s: error %.2g", c.name, e)
		}
	}
}
