package problem

import (
	"math"
	"reflect"
	"testing"

	"fbpinn-mpi/solver/region"
)

// quadratureRounding bounds the error of sums of weights and powers of numbers below 1: some hundred terms of size 1/N each.
const quadratureRounding = 1e-14

// The rule of n points integrates all polynomials up to degree 2n-1, and not the next one.
func TestGauss(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 8, 13, 32, 64} {
		z, w := gauss(n)
		for degree := range 2*n + 1 {
			got := 0.0
			for i := range z {
				got += w[i] * math.Pow(z[i], float64(degree))
			}
			want := 0.0
			if degree%2 == 0 {
				want = 2 / float64(degree+1)
			}
			off := math.Abs(got - want)
			if degree < 2*n && off > quadratureRounding {
				t.Errorf("%d points: ∫z^%d is %v, want %v", n, degree, got, want)
			}
			// Error of the rule for z^2n: 2^(2n+1) (n!)^4/((2n+1) (2n)!²), far above rounding for small n.
			if degree == 2*n && n <= 8 && off < 1e-6 {
				t.Errorf("%d points: ∫z^%d cannot be exact", n, degree)
			}
		}
		for i := range z {
			if z[i] != -z[n-1-i] || i > 0 && z[i] <= z[i-1] || math.Abs(z[i]) >= 1 {
				t.Fatalf("%d points: nodes %v", n, z)
			}
		}
	}
}

// cellular is a term on [0, 2] x [-1, 1] with uneven cells.
func cellular(box []Range, shape ...int) *Term {
	return &Term{Box: box, coords: []string{"x", "y"}, periodic: make([]bool, len(box)), Points: PointSpec{Sampler: "cells", Shape: shape},
		cells: [][]float64{{0, 0.1, 0.4, 2}, {-1, 0.5, 1}}}
}

// Means over the domain, a part of it that cuts cells, and a face are integrals: exact for polynomials, wherever the cells end.
func TestCells(t *testing.T) {
	for _, c := range []struct {
		box   []Range
		shape []int
		cells []int
	}{
		{[]Range{{0, 2}, {-1, 1}}, []int{4, 3}, []int{3, 2}},
		{[]Range{{0.25, 1}, {-1, 1}}, []int{4, 3}, []int{2, 2}},
		{[]Range{{2, 2}, {-1, 0.75}}, []int{3}, []int{1, 2}},
		{[]Range{{0.4, 2}, {0.5, 0.5}}, []int{4}, []int{1, 1}},
		{[]Range{{0.3, 0.3}, {0, 0}}, nil, []int{1, 1}},
	} {
		term := cellular(c.box, c.shape...)
		if len(c.shape) == 0 {
			term.Points.Count = 1
		}
		points := term.Sample(3)
		w := term.Quadrature(all(points), 0)
		if !reflect.DeepEqual(term.Cells(), c.cells) || len(points[0]) != term.N() || len(w) != term.N() {
			t.Fatalf("%v: cells %v, %d points, %d weights, N = %d", c.box, term.Cells(), len(points[0]), len(w), term.N())
		}
		for p := range 8 { // x^p y^q up to the degrees 7 and 5 of 4 and 3 points
			for q := range 6 {
				got := 0.0
				for i := range w {
					got += w[i] * math.Pow(points[0][i], float64(p)) * math.Pow(points[1][i], float64(q))
				}
				want := meanPower(c.box[0], p) * meanPower(c.box[1], q)
				if math.Abs(got-want) > quadratureRounding*math.Pow(2, float64(p)) {
					t.Errorf("%v: mean of x^%d y^%d is %v, want %v", c.box, p, q, got, want)
				}
			}
		}
		for i := 1; i < len(w); i++ { // "ij" order
			if points[0][i] < points[0][i-1] || points[0][i] == points[0][i-1] && points[1][i] <= points[1][i-1] {
				t.Fatalf("%v: point %d is out of order", c.box, i)
			}
		}
	}
}

// meanPower is the mean of x^p over a range.
func meanPower(r Range, p int) float64 {
	if r.Fixed() {
		return math.Pow(r.Lo, float64(p))
	}
	n := float64(p + 1)
	return (math.Pow(r.Hi, n) - math.Pow(r.Lo, n)) / n / (r.Hi - r.Lo)
}

// Ends of cells that differ from an end of the term by rounding make no cell of their own.
func TestCellsOfRounding(t *testing.T) {
	term := cellular([]Range{{0.1 * (1 + 1e-15), 2 * (1 - 1e-15)}, {-1, 1}}, 2, 2)
	if got := term.Cells(); !reflect.DeepEqual(got, []int{2, 2}) {
		t.Errorf("cells %v along x", term.edges(0))
	}
}

// Other samplers have no weights, and many cells are not all probed.
func TestCellsOfABuiltProblem(t *testing.T) {
	even := make([]float64, 201)
	for i := range even {
		even[i] = float64(i) / 200
	}
	p := build(t, Spec{
		Axes: []Axis{{"x", 0, 1, false}, {"t", 0, 1, true}}, Unknowns: []string{"u"}, Equations: []string{"u_t = u_xx/x"},
		Interior: PointSpec{Sampler: "cells", Shape: []int{1, 2}}, Cells: [][]float64{even, even},
		Conditions: []ConditionSpec{{On: "x = 1", Residual: []string{"u"}, Weight: 1, Points: PointSpec{Sampler: "cells", Count: 3}},
			{On: "x = 0", Residual: []string{"u"}, Weight: 1, Points: grid1(7)}},
	})
	if n := p.Terms[0].N(); n != 200*200*2 || len(p.Terms[0].probePoints()[0]) > probe {
		t.Errorf("%d points, %d of them probed", n, len(p.Terms[0].probePoints()[0]))
	}
	if p.Terms[1].N() != 600 || p.Terms[2].Quadrature([]int{0}, 0) != nil {
		t.Errorf("conditions have %d points, weights %v", p.Terms[1].N(), p.Terms[2].Quadrature([]int{0}, 0))
	}
}

// all numbers of points.
func all(points [][]float64) []int {
	n := make([]int, len(points[0]))
	for i := range n {
		n[i] = i
	}
	return n
}

// Weights of a few points are those that they have among all, in several blocks and with parts removed.
func TestQuadratureOfSome(t *testing.T) {
	hole := region.New([]float64{2, -1}, []float64{3, 1}, []bool{false, false}, []region.Box{{Lo: []float64{2.5, 0}, Hi: []float64{3, 1}}})
	for _, r := range []*region.Region{nil, hole} {
		term := plane(2, 3, -1, 1, PointSpec{Sampler: "cells", Shape: []int{7, 5}})
		term.region = r
		term.cells = [][]float64{line(Range{2, 3}, false, 24), line(Range{-1, 1}, false, 23)}
		numbers := all(term.Sample(0))
		whole, sum := term.Quadrature(numbers, 0), 0.0
		for _, w := range whole {
			sum += w
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("weights add up to %v", sum)
		}
		var some []int
		for i := 5; i < len(numbers); i += 1 + i/3 {
			some = append(some, i)
		}
		shifted := make([]int, len(some)) // as numbers among the points of all terms
		for k, i := range some {
			shifted[k] = i + 1000
		}
		got := term.Quadrature(shifted, 1000)
		if len(numbers) <= block/2 || len(got) != len(some) {
			t.Fatalf("%d of %d points, %d weights", len(some), len(numbers), len(got))
		}
		for k, i := range some {
			if got[k] != whole[i] {
				t.Errorf("point %d: %v, among all %v", i, got[k], whole[i])
			}
		}
	}
}
