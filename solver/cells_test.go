package solver

import (
	"math"
	"testing"

	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/problem"
)

// cellular is laplace with points in cells of different sizes, where residuals of the zero network are polynomials.
func cellular() small {
	s := laplace()
	s.spec.Cells = [][]float64{{0, 0.1, 0.4, 1}, {0, 0.7, 1}}
	s.spec.Equations = []string{"u_xx + u_yy + x^3*y + x*y^2 = 0"}
	s.spec.Ansatz, s.spec.Exact = nil, nil
	s.spec.Interior = problem.PointSpec{Sampler: "cells", Shape: []int{4, 4}}
	s.spec.Conditions = []problem.ConditionSpec{
		{Name: "low", On: "y = 0, x = [0.2, 1]", Residual: []string{"u - x^2"}, Weight: 3, Points: problem.PointSpec{Sampler: "cells", Shape: []int{3}}},
		{Name: "high", On: "y = 1", Residual: []string{"u"}, Weight: 1, Points: problem.PointSpec{Sampler: "grid", Shape: []int{7}}},
	}
	return s
}

// integralTolerance: a hundred terms of size 1/N, weights with some roundings each.
const integralTolerance = 1e-13

// TestCells_n1 and its siblings: with points in cells the terms of the loss are integrals, on any number of ranks; and weighted
// means over the trained points while a front passes.
func TestCells_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { integrals(t, c) }) }
func TestCells_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { integrals(t, c) }) }
func TestCells_n3(t *testing.T) { world.Run(t, 3, func(c mpi.Comm) { integrals(t, c) }) }

func integrals(t *testing.T, c mpi.Comm) {
	s := cellular()
	r := s.build(t, c, Settings{Stages: []Stage{{Steps: 1}}, Choice: model.Choice{Replicate: 1}}, nil)
	// ∫∫ (x³y + xy²)² = 1/21 + 2/20 + 1/15; the raw solution of zero parameters is the shift 0.1:
	// 3·∫(0.1 - x²)² over [0.2, 1] divided by 0.8; 0.1².
	f := func(x float64) float64 { return 0.01*x - 0.2*math.Pow(x, 3)/3 + math.Pow(x, 5)/5 }
	want := []float64{1./21 + 2./20 + 1./15, 3 * (f(1) - f(0.2)) / 0.8, 0.01}
	got := zeroLoss(t, c, r)
	for k := range want {
		if math.Abs(got[k]-want[k]) > integralTolerance {
			t.Errorf("term %s is %.16g, the integral %.16g", r.TermNames()[k], got[k], want[k])
		}
	}

	s.levels = s.levels[2:] // a lone subdomain would be active everywhere
	s.active = &decomp.ScheduleSpec{Kind: "line", Point: []float64{0, 0}, Free: []string{"y"}, Steps: 20}
	r = s.build(t, c, Settings{Stages: []Stage{{Steps: 1}}, Choice: model.Choice{Replicate: 1}}, nil)
	if err := r.activate(0); err != nil {
		t.Fatal(err)
	}
	got = zeroLoss(t, c, r)
	term := r.Problem.Terms[0]
	points := term.Sample(0)
	numbers := make([]int, len(points[0]))
	for i := range numbers {
		numbers[i] = i
	}
	w := term.Quadrature(numbers, 0)
	sum, mass := 0.0, 0.0
	for i, in := range r.Settings.Active.Trained(0, points) {
		if x, y := points[0][i], points[1][i]; in {
			mass += w[i]
			sum += w[i] * math.Pow(x*x*x*y+x*y*y, 2)
		}
	}
	if mass > 0.9 {
		t.Fatalf("the front leaves out only %g of the domain", 1-mass)
	}
	if math.Abs(got[0]-sum/mass) > integralTolerance {
		t.Errorf("behind the front the mean is %.16g, want %.16g", got[0], sum/mass)
	}
}

// zeroLoss is the loss, term by term, of a network whose parameters are all zero.
func zeroLoss(t *testing.T, c mpi.Comm, r *Run[float64]) []float64 {
	t.Helper()
	clear(r.Cloud.Theta)
	if err := r.step.gradient(); err != nil {
		t.Fatal(err)
	}
	if err := r.Cloud.FinishReplicated(); err != nil {
		t.Fatal(err)
	}
	sums, err := r.step.stage.losses()
	if err != nil {
		t.Fatal(err)
	}
	total := append([]float64(nil), sums...)
	if err := mpi.Allreduce(c, total, mpi.Sum); err != nil {
		t.Fatal(err)
	}
	return total
}
