package problem

import (
	"math"
	"strings"
	"testing"

	"fbpinn-mpi/solver/region"
)

// lShape is the unit square without x, y > 1/2, with conditions on two of its faces.
func lShape(interior, face PointSpec) Spec {
	return Spec{
		Axes:      []Axis{{"x", 0, 1, false}, {"y", 0, 1, false}},
		Removed:   []region.Box{{Lo: []float64{0.5, 0.5}, Hi: []float64{1, 1}}},
		Unknowns:  []string{"u"},
		Equations: []string{"u_xx + u_yy + 1/max(1 - x, 1 - y) = 0"}, // not finite in the corner that is cut off
		Interior:  interior,
		Cells:     [][]float64{{0, 0.3, 0.5 * (1 + 1e-15), 1}, {0, 0.4, 0.8, 1}},
		Conditions: []ConditionSpec{
			{On: "x = 1", Residual: []string{"u"}, Weight: 1, Points: face},
			{On: "y = 1", Residual: []string{"u - 1"}, Weight: 1, Points: face}, // contradicts the first one in that corner only
			{On: "x = 0.5, y = [0.5, 1]", Residual: []string{"u - 1"}, Weight: 1, Points: face},
		},
	}
}

// Points of all samplers stay out of the part that is removed, and on its faces.
func TestRemoved(t *testing.T) {
	for _, interior := range []PointSpec{grid2(21, 21), {Sampler: "sobol", Count: 400}, {Sampler: "cells", Shape: []int{3, 4}}} {
		p := build(t, lShape(interior, PointSpec{Sampler: "grid", Shape: []int{11}}))
		points := p.Terms[0].Sample(5)
		for i, x := range points[0] {
			if y := points[1][i]; x > 0.5*(1+1e-12) && y > 0.5*(1+1e-12) {
				t.Fatalf("%s: point (%v, %v)", interior.Sampler, x, y)
			}
		}
		if interior.Sampler == "grid" && len(points[0]) != 21*21-100 {
			t.Errorf("%d points of the grid are left", len(points[0]))
		}
		for k, want := range []int{6, 6, 11} {
			if got := len(p.Terms[k+1].Sample(5)[0]); got != want {
				t.Errorf("%s: condition %d has %d points, want %d", interior.Sampler, k, got, want)
			}
		}
		for _, w := range p.Warnings {
			t.Errorf("warning: %s", w)
		}
		test, numbers := p.Remaining(p.TestGrid([]int{96, 96}))
		if len(test[0]) != 6912 || len(numbers) != 6912 { // anchors of the published job
			t.Errorf("%d points of the test grid are left", len(test[0]))
		}
	}
}

// Quadrature is exact on what remains: no cell lies across a side of the removed part, though the cells of the domain do.
func TestCellsOfRemaining(t *testing.T) {
	p := build(t, lShape(PointSpec{Sampler: "cells", Shape: []int{3, 3}}, PointSpec{Sampler: "cells", Shape: []int{3}}))
	power := func(r Range, n int) float64 { return meanPower(r, n) * (r.Hi - r.Lo) }
	whole, half := Range{0, 1}, Range{0.5, 1}
	for m := range 6 {
		for n := range 6 {
			want := (power(whole, m)*power(whole, n) - power(half, m)*power(half, n)) / 0.75
			if got := weighted(p.Terms[0], m, n); math.Abs(got-want) > quadratureRounding {
				t.Errorf("mean of x^%d y^%d is %v, want %v", m, n, got, want)
			}
			if got, want := weighted(p.Terms[1], m, n), meanPower(Range{0, 0.5}, n); math.Abs(got-want) > quadratureRounding {
				t.Errorf("x = 1: mean of y^%d is %v, want %v", n, got, want)
			}
			if got, want := weighted(p.Terms[3], m, n), math.Pow(0.5, float64(m))*meanPower(half, n); math.Abs(got-want) > quadratureRounding {
				t.Errorf("inner face: mean of x^%d y^%d is %v, want %v", m, n, got, want)
			}
		}
	}
}

// weighted is the mean of x^m y^n over the points of a term.
func weighted(t *Term, m, n int) float64 {
	points, sum := t.Sample(0), 0.0
	for i, w := range t.Quadrature(all(points), 0) {
		sum += w * math.Pow(points[0][i], float64(m)) * math.Pow(points[1][i], float64(n))
	}
	return sum
}

// Conditions that contradict each other at a corner are reported where it remains.
func TestRemovedCorners(t *testing.T) {
	s := lShape(grid2(5, 5), grid1(5))
	s.Removed[0].Lo = []float64{0.5, 0.75}
	s.Removed[0].Hi = []float64{0.75, 1}
	s.Equations = []string{"u_xx + u_yy = 0"}
	s.Conditions = s.Conditions[:2]
	p := build(t, s)
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "x = 1, y = 1") {
		t.Errorf("warnings %v", p.Warnings)
	}
}
