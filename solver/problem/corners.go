package problem

import (
	"fmt"
	"math"

	"fbpinn-mpi/solver/expr"
)

// clash is the difference, relative to the values, above which two conditions contradict each other at a common point; jobs
// round their numbers to six digits or so.
const clash = 1e-5

// corners warns of conditions that prescribe different values of an unknown at a point that they share, such as initial and
// boundary values that do not meet.
func (p *Problem) corners() {
	for i, s := range p.Terms[1:] {
		for _, t := range p.Terms[i+2:] {
			points := shared(s.Box, t.Box)
			if points == nil {
				continue
			}
			for k, u := range p.Unknowns {
				a, b := p.prescribed(s, k, points), p.prescribed(t, k, points)
				for j := range min(len(a), len(b)) {
					if math.Abs(a[j]-b[j]) > clash*(1+math.Max(math.Abs(a[j]), math.Abs(b[j]))) {
						p.Warnings = append(p.Warnings, fmt.Sprintf("conditions %q and %q contradict each other at %s: they want %s = %.6g and %s = %.6g",
							s.Name, t.Name, p.place(points, j), u, a[j], u, b[j]))
						break
					}
				}
			}
		}
	}
}

// shared lists the corners of the intersection of two boxes, [d][n]; nil if they do not meet.
func shared(a, b []Range) [][]float64 {
	points := make([][]float64, len(a))
	n := 1 << len(a)
	for c := range a {
		lo, hi := math.Max(a[c].Lo, b[c].Lo), math.Min(a[c].Hi, b[c].Hi)
		if lo > hi {
			return nil
		}
		for i := range n {
			points[c] = append(points[c], []float64{lo, hi}[i>>c&1])
		}
	}
	return points
}

// prescribed is the value of unknown k that a term demands at points, nil if no residual of it gives a value: one that is
// affine in the value of this unknown and contains nothing else.
func (p *Problem) prescribed(t *Term, k int, points [][]float64) []float64 {
	n := len(points[0])
	for _, r := range t.Constrained {
		jets := p.Graph.Jets(r)
		if len(jets) != 1 || jets[0].Unknown != k || jets[0].Index.Order() > 0 {
			continue
		}
		at := func(v float64) []float64 {
			plane := make([]float64, n)
			for i := range plane {
				plane[i] = v
			}
			return expr.Eval([]*expr.Node{r}, points, func(*expr.Node) []float64 { return plane }, n)[0]
		}
		r0, r1, r2 := at(0), at(1), at(2)
		u := make([]float64, n)
		for i := range u {
			slope := r1[i] - r0[i]
			if !(math.Abs(r2[i]-r1[i]-slope) <= clash*math.Abs(slope)) || slope == 0 {
				return nil
			}
			u[i] = -r0[i] / slope
		}
		return u
	}
	return nil
}
