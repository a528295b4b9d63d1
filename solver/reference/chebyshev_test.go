package reference

import (
	"math"
	"strings"
	"testing"

	"fbpinn-mpi/solver/problem"
)

// Errors of smooth problems fall to rounding, amplified by the condition of the second derivatives, with few points.
func TestChebyshevConverges(t *testing.T) {
	helmholtz := square(-1, 1, "u_xx + u_yy + u = (1 - 17*pi^2)*sin(pi*x)*sin(4*pi*y)", "(1-x^2)*(1-y^2)*u", "sin(pi*x)*sin(4*pi*y)")
	three := one("x", 0, 1, "u_xx + 2*u_yy + u_zz = -4*pi^2*sin(pi*x)*sin(pi*y)*sin(pi*z)", "x*(1-x)*y*(1-y)*z*(1-z)*u", "sin(pi*x)*sin(pi*y)*sin(pi*z)")
	three.Axes = append(three.Axes, problem.Axis{Name: "y", Lo: 0, Hi: 1}, problem.Axis{Name: "z", Lo: 0, Hi: 1})
	for _, c := range []struct {
		name string
		spec problem.Spec
		n    int
		most float64
	}{
		{"(1, 4)", helmholtz, 20, 2e-4}, {"(1, 4)", helmholtz, 40, 1e-12}, {"B n=2", multiscale("2"), 36, 1e-10},
		{"parabola", one("x", 0, 1, "u_xx + 8 = 0", "x*(1-x)*u", "4*x*(1-x)"), 9, 1e-13}, {"three axes", three, 20, 1e-12},
	} {
		p := build(t, c.spec)
		r, err := Solve(p, "chebyshev", map[string]float64{"n": float64(c.n)}, make([]int, len(p.Axes)))
		if err != nil {
			t.Fatal(err)
		}
		exact, err := p.Exact(r.Points())
		if err != nil {
			t.Fatal(err)
		}
		e := normalisedL1(r.U[0], exact[0])
		t.Logf("%s, %d points an axis: %.2g", c.name, c.n, e)
		if !(e <= c.most) || math.IsNaN(e) {
			t.Errorf("%s, %d points an axis: error %g", c.name, c.n, e)
		}
	}
}

func TestSpectralSolversRefuse(t *testing.T) {
	for _, c := range []struct {
		solver string
		change func() problem.Spec
		shape  []int
		want   string
	}{
		{"chebyshev", func() problem.Spec { return square(0, 1, "u_xx + u_x = 1", wall2, "x") }, []int{9, 9}, "second derivatives only"},
		{"chebyshev", func() problem.Spec { return square(0, 1, "u_xx + u_yy = 1", "x*u", "x") }, []int{9, 9}, "0 at both ends of x"},
		{"exponential", func() problem.Spec { return burgersSpec("0.1") }, []int{9, 9}, "periodic"},
		{"exponential", func() problem.Spec { s := periodicBurgers("0.1"); s.Equations[0] = "u_tt = u_xx"; return s }, []int{9, 9}, "first order in t"},
		{"exponential", func() problem.Spec { s := periodicBurgers("0.1"); s.Equations[0] = "u_t + t*u = 0"; return s }, []int{9, 9}, "t does not occur"},
		{"leapfrog", func() problem.Spec { s := wave("0.4"); s.Equations[0] = "u_tt + u_t = u_xx"; return s }, []int{9, 9, 5}, "takes u_tt ="},
		{"leapfrog", func() problem.Spec { s := wave("0.4"); s.Equations[0] = "u_tt = u_xx + u_yy + 1"; return s }, []int{9, 9, 5}, "without a source"},
		{"leapfrog", func() problem.Spec {
			s := wave("0.4")
			s.Ansatz[0].Text = "wall(x)*wall(y)*(exp(-(x^2+y^2)/(2*s^2)) + t*u)"
			return s
		}, []int{9, 9, 5}, "starts from rest"},
	} {
		p := build(t, c.change())
		if _, err := Solve(p, c.solver, nil, c.shape); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.solver, err, c.want)
		}
	}
}
