package reference

import (
	"math"
	"strings"
	"testing"

	"fbpinn-mpi/solver/problem"
)

func build(t *testing.T, s problem.Spec) *problem.Problem {
	t.Helper()
	s.External = External()
	if s.Interior.Sampler == "" {
		s.Interior = problem.PointSpec{Sampler: "grid", Shape: []int{8, 8, 8}[:len(s.Axes)]}
	}
	p, err := problem.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func deviation(u []float64) float64 {
	n, sum, squares := float64(len(u)), 0.0, 0.0
	for _, v := range u {
		sum += v
	}
	for _, v := range u {
		squares += (v - sum/n) * (v - sum/n)
	}
	return math.Sqrt(squares / n)
}

func normalisedL1(u, exact []float64) float64 {
	sum := 0.0
	for i := range u {
		sum += math.Abs(u[i] - exact[i])
	}
	return sum / float64(len(u)) / deviation(exact)
}

// one is a problem in one coordinate t or x on the given range.
func one(name string, lo, hi float64, equation, ansatz, exact string, parameters ...problem.Named) problem.Spec {
	s := problem.Spec{Axes: []problem.Axis{{Name: name, Lo: lo, Hi: hi}}, Parameters: parameters, Unknowns: []string{"u"},
		Equations: []string{equation}, Exact: []problem.Named{{Name: "u", Text: exact}}}
	if ansatz != "" {
		s.Ansatz = []problem.Named{{Name: "u", Text: ansatz}}
	}
	return s
}

func square(lo, hi float64, equation, ansatz, exact string, parameters ...problem.Named) problem.Spec {
	s := one("x", lo, hi, equation, ansatz, exact, parameters...)
	s.Axes = append(s.Axes, problem.Axis{Name: "y", Lo: lo, Hi: hi})
	return s
}

const wall2 = "x*(1-x)*y*(1-y)*u"

func multiscale(n string) problem.Spec {
	return square(0, 1, "u_xx + u_yy + (2/n)*sum(i=1..n, (2^i*pi)^2*sin(2^i*pi*x)*sin(2^i*pi*y)) = 0", wall2,
		"(1/n)*sum(i=1..n, sin(2^i*pi*x)*sin(2^i*pi*y))", problem.Named{Name: "n", Text: n})
}

func oscillator() problem.Spec {
	return one("t", 0, 1, "u_tt + 2*delta*u_t + w0^2*u = 0", "", "exp(-delta*t)*cos(w*t + phi)/cos(phi)",
		problem.Named{Name: "delta", Text: "2"}, problem.Named{Name: "w0", Text: "80"},
		problem.Named{Name: "w", Text: "sqrt(w0^2-delta^2)"}, problem.Named{Name: "phi", Text: "-atan(delta/w)"})
}

func burgersSpec(nu string) problem.Spec {
	return problem.Spec{Axes: []problem.Axis{{Name: "x", Lo: -1, Hi: 1}, {Name: "t", Lo: 0, Hi: 1}},
		Parameters: []problem.Named{{Name: "nu", Text: nu}}, Unknowns: []string{"u"},
		Equations: []string{"u_t + u*u_x - nu*u_xx = 0"},
		Ansatz:    []problem.Named{{Name: "u", Text: "tanh(x+1)*tanh(1-x)*tanh(t)*u - sin(pi*x)"}},
		Exact:     []problem.Named{{Name: "u", Text: "cole_hopf(x, t, nu)"}}}
}

// periodicBurgers is the same solution, which is odd about both ends, on a periodic line.
func periodicBurgers(nu string) problem.Spec {
	s := burgersSpec(nu)
	s.Axes[0].Periodic = true
	s.Ansatz[0].Text = "tanh(t)*u - sin(pi*x)"
	return s
}

// wave is the problem of van Beek, Dolean & Moseley 2025, section 5.3.
func wave(sigma string) problem.Spec {
	return problem.Spec{Axes: []problem.Axis{{Name: "x", Lo: -1, Hi: 1}, {Name: "y", Lo: -1, Hi: 1}, {Name: "t", Lo: 0, Hi: 0.5}},
		Parameters: []problem.Named{{Name: "s", Text: sigma}},
		Functions:  []problem.Function{{Name: "wall", Args: []string{"z"}, Body: "tanh(2.5*(1+z)/s)*tanh(2.5*(1-z)/s)"}},
		Unknowns:   []string{"u"}, Equations: []string{"u_tt = u_xx + u_yy"},
		Ansatz: []problem.Named{{Name: "u", Text: "wall(x)*wall(y)*(exp(-(1.5*t/s)^2/2)*exp(-(x^2+y^2)/(2*s^2)) + tanh(2.5*t/s)^2*u)"}},
		Exact:  []problem.Named{{Name: "u", Text: "wave_series(x, y, t, s)"}}}
}

// drum is the lowest mode of a square membrane with unequal speeds, from rest.
func drum() problem.Spec {
	s := square(0, 1, "u_tt = 4*u_xx + u_yy", "sin(pi*x)*sin(pi*y) + t^2*x*(1-x)*y*(1-y)*u", "sin(pi*x)*sin(pi*y)*cos(sqrt(5)*pi*t)")
	s.Axes = append(s.Axes, problem.Axis{Name: "t", Lo: 0, Hi: 1})
	return s
}

// Halving the grid step divides the error by 2^order. The measured order of a method in its asymptotic range lies within
// orderSlack of it; both grids of each case do.
const orderSlack = 0.1

func TestOrderOfConvergence(t *testing.T) {
	for _, c := range []struct {
		name, solver string
		spec         problem.Spec
		options      map[string]float64
		n            int // intervals of the coarser grid
		order        float64
		most         float64 // normalised L1 error on the finer grid
	}{
		{"B n=2", "finite-difference", multiscale("2"), nil, 40, 2, 5e-3},
		{"B n=4", "finite-difference", multiscale("4"), nil, 160, 2, 5e-3},
		{"cosine", "trapezoid", one("x", -2*math.Pi, 2*math.Pi, "u_x = cos(3*x)", "", "sin(3*x)/3"), nil, 200, 2, 1e-3},
		{"from the end", "trapezoid", one("x", 0, 1, "2*u_x - exp(x) = 0", "", "exp(x)/2"), map[string]float64{"at": 1, "u": math.E / 2}, 50, 2, 1e-4},
		{"oscillator", "runge-kutta", oscillator(), map[string]float64{"u": 1, "u_t": 0}, 800, 4, 1e-4},
		{"first order", "runge-kutta", one("t", 0, 2, "u_t = -t*u^2", "", "2/(2+t^2)"), map[string]float64{"u": 1}, 40, 4, 1e-6},
		{"plane", "characteristics", square(-math.Pi, math.Pi, "u_x + u_y = cos(2*x) + cos(2*y)", "tanh(x)*u + sin(2*y)/2", "(sin(2*x) + sin(2*y))/2"), nil, 100, 2, 1e-3},
		{"odd and periodic", "exponential", periodicBurgers("0.1"), map[string]float64{"steps": 0}, 60, 4, 1e-7},
		{"drum", "leapfrog", drum(), nil, 20, 2, 1e-2},
		{"smooth front", "burgers", burgersSpec("0.1"), nil, 100, 2, 1e-3},
	} {
		t.Run(c.solver+"/"+c.name, func(t *testing.T) {
			p := build(t, c.spec)
			var e [2]float64
			for k, n := range []int{c.n + 1, 2*c.n + 1} {
				shape := make([]int, len(p.Axes))
				for a := range shape {
					shape[a] = n
				}
				r, err := Solve(p, c.solver, c.options, shape)
				if err != nil {
					t.Fatal(err)
				}
				points := r.Points()
				if len(points[0]) != len(r.U[0]) || len(r.Axes[0]) != n {
					t.Fatalf("%d values on %d points, %d along the first axis", len(r.U[0]), len(points[0]), len(r.Axes[0]))
				}
				exact, err := p.Exact(points)
				if err != nil {
					t.Fatal(err)
				}
				e[k] = normalisedL1(r.U[0], exact[0])
			}
			order := math.Log2(e[0] / e[1])
			t.Logf("errors %.3g, %.3g: order %.3f", e[0], e[1], order)
			if math.Abs(order-c.order) > orderSlack || !(e[1] <= c.most) {
				t.Errorf("errors %g, %g: order %.3f, want %g and at most %g", e[0], e[1], order, c.order, c.most)
			}
		})
	}
}

// Central differences are exact for polynomials of second degree in each coordinate: problems A1 and A2.
func TestFiniteDifferenceExactForParabolas(t *testing.T) {
	const tolerance = 1e-13 // rounding of a sine transform of some hundred numbers
	for _, s := range []problem.Spec{
		one("x", 0, 1, "u_xx + 8 = 0", "x*(1-x)*u", "4*x*(1-x)"),
		square(0, 1, "u_xx + u_yy + 32*(x*(1-x) + y*(1-y)) = 0", wall2, "16*x*(1-x)*y*(1-y)"),
	} {
		p := build(t, s)
		r, err := Solve(p, "finite-difference", nil, []int{80, 80}[:len(p.Axes)])
		if err != nil {
			t.Fatal(err)
		}
		exact, err := p.Exact(r.Points())
		if err != nil {
			t.Fatal(err)
		}
		if e := normalisedL1(r.U[0], exact[0]); e > tolerance {
			t.Errorf("%s: error %g", s.Equations[0], e)
		}
		if d := deviation(r.U[0]); d < 0.1 {
			t.Errorf("%s: deviation %g: nothing was solved", s.Equations[0], d)
		}
	}
}

// At ν = 0.01/π the front is 0.01 wide: the grid must resolve it before the order shows.
func TestBurgersShock(t *testing.T) {
	p := build(t, burgersSpec("0.01/pi"))
	last := math.Inf(1)
	for _, n := range []int{201, 401, 801} {
		r, err := Solve(p, "burgers", nil, []int{n, 201})
		if err != nil {
			t.Fatal(err)
		}
		exact, err := p.Exact([][]float64{r.Axes[0], repeat(1, n)}) // at t = 1
		if err != nil {
			t.Fatal(err)
		}
		end := make([]float64, n)
		for i := range end {
			end[i] = r.U[0][i*201+200]
		}
		e := normalisedL1(end, exact[0])
		t.Logf("%d points in x: %.3g", n, e)
		if e > last/2 {
			t.Errorf("%d points: error %g after %g: does not converge", n, e, last)
		}
		last = e
	}
	if last > 1e-3 {
		t.Errorf("error %g on 801 points", last)
	}
}

func repeat(v float64, n int) []float64 {
	u := make([]float64, n)
	for i := range u {
		u[i] = v
	}
	return u
}

func TestUnsuitableProblems(t *testing.T) {
	cosine := one("x", 0, 1, "u_x = cos(x)", "", "sin(x)")
	laplace := square(0, 1, "u_xx + u_yy + 1 = 0", wall2, "x")
	for _, c := range []struct {
		name, solver string
		spec         problem.Spec
		options      map[string]float64
		shape        []int
		want         string
	}{
		{"no such solver", "magic", cosine, nil, []int{9}, `no classical solver "magic"; there are burgers, characteristics`},
		{"unknown option", "trapezoid", cosine, map[string]float64{"from": 1}, []int{9}, `has no option "from"`},
		{"two points", "trapezoid", cosine, nil, []int{2}, "at least 3 points along x"},
		{"two coordinates", "trapezoid", laplace, nil, []int{9, 9}, "takes one coordinate"},
		{"not only u_x", "trapezoid", one("x", 0, 1, "u_x + u = 0", "", "x"), nil, []int{9}, "c*u_x + f(x) = 0"},
		{"varying coefficient", "trapezoid", one("x", 1, 2, "x*u_x = 1", "", "x"), nil, []int{9}, "constant coefficients"},
		{"first derivative", "finite-difference", square(0, 1, "u_xx + u_x = 1", wall2, "x"), nil, []int{9, 9}, "second derivatives only"},
		{"mixed", "finite-difference", square(0, 1, "u_xx + u_yy + u_xy = 1", wall2, "x"), nil, []int{9, 9}, "mixed"},
		{"nonlinear", "finite-difference", square(0, 1, "u_xx + u_yy + u^2 = 1", wall2, "x"), nil, []int{9, 9}, "constant coefficients"},
		{"not zero outside", "finite-difference", square(0, 1, "u_xx + u_yy = 1", "x*u", "x"), nil, []int{9, 9}, "0 at both ends of x"},
		{"third order", "runge-kutta", one("t", 0, 1, "u_ttt = 1", "", "t"), nil, []int{9}, "second order"},
		{"squared", "runge-kutta", one("t", 0, 1, "u_t^2 = 1 + t", "", "t"), nil, []int{9}, "linear in their highest"},
		{"blows up", "runge-kutta", one("t", 0, 2, "u_t = exp(u)*1e3", "", "t"), nil, []int{9}, "the solution is"},
		{"other velocity", "characteristics", square(-1, 1, "u_x + 2*u_y = 0", "tanh(x)*u", "x"), nil, []int{9, 9}, "u_x + u_y = f(x, y) only"},
		{"off centre", "characteristics", square(0, 1, "u_x + u_y = 0", "tanh(x)*u", "x"), nil, []int{9, 9}, "centre at 0"},
		{"no start", "characteristics", square(-1, 1, "u_x + u_y = 0", "tanh(y)*u", "x"), nil, []int{9, 9}, "needs an ansatz that fixes"},
		{"not Burgers", "burgers", laplace, nil, []int{9, 9}, "parameter nu"},
		{"nearly Burgers", "burgers", func() problem.Spec {
			s := burgersSpec("0.1")
			s.Equations = []string{"u_t + 2*u*u_x - nu*u_xx = 0"}
			return s
		}(), nil, []int{9, 9}, "u_t + u*u_x - nu*u_xx = 0 only"},
		{"two unknowns", "finite-difference", func() problem.Spec {
			s := square(0, 1, "u_xx + v_yy = 1", "", "x")
			s.Unknowns = []string{"u", "v"}
			return s
		}(), nil, []int{9, 9}, "one equation for one unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Solve(build(t, c.spec), c.solver, c.options, c.shape)
			if err == nil {
				t.Fatalf("no error, want one with %q", c.want)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want one with %q", err, c.want)
			}
		})
	}
}
