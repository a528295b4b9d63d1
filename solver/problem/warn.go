package problem

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"fbpinn-mpi/solver/expr"
)

// clash is the difference, relative to the values, above which two conditions contradict each other at a common point; jobs
// round their numbers to six digits or so.
const clash = 1e-5

// corners warns of conditions that prescribe different values of an unknown at a point that they share, such as initial and
// boundary values that do not meet.
func (p *Problem) corners() error {
	for i, s := range p.Terms[1:] {
		for _, t := range p.Terms[i+2:] {
			points := shared(s.Box, t.Box)
			if points == nil {
				continue
			}
			if points, _ = p.region.Keep(points); len(points[0]) == 0 {
				continue
			}
			for k, u := range p.Unknowns {
				a, err := p.prescribed(s, k, points)
				if err != nil {
					return err
				}
				b, err := p.prescribed(t, k, points)
				if err != nil {
					return err
				}
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
	return nil
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
func (p *Problem) prescribed(t *Term, k int, points [][]float64) ([]float64, error) {
	n := len(points[0])
	for _, r := range t.Constrained {
		jets := p.Graph.Jets(r)
		if len(jets) != 1 || jets[0].Unknown != k || jets[0].Index.Order() > 0 {
			continue
		}
		var at [3][]float64 // the residual with the unknown 0, 1 and 2
		for v := range at {
			plane := slices.Repeat([]float64{float64(v)}, n)
			r, err := expr.Eval([]*expr.Node{r}, points, func(*expr.Node) []float64 { return plane }, n)
			if err != nil {
				return nil, err
			}
			at[v] = r[0]
		}
		r0, r1, r2 := at[0], at[1], at[2]
		u := make([]float64, n)
		for i := range u {
			slope := r1[i] - r0[i]
			if !(math.Abs(r2[i]-r1[i]-slope) <= clash*math.Abs(slope)) || slope == 0 {
				return nil, nil
			}
			u[i] = -r0[i] / slope
		}
		return u, nil
	}
	return nil, nil
}

// decided is the change of a residual, relative to its size, below which no network can be said to influence it: some
// roundings.
const decided = 1e-12

// influence warns of conditions that the ansatz already decides, fulfilled or not: nothing that is learnt changes them.
func (p *Problem) influence() error {
	for _, t := range p.Terms[1:] {
		points := t.probePoints()
		n := len(points[0])
		for e, r := range t.Raw {
			stream := uint64(0)
			leaf := func(*expr.Node) []float64 { // jets of size 1, other ones with each call
				stream++
				plane := make([]float64, n)
				for i := range plane {
					plane[i] = 0.5 + Draw(0, stream, uint64(i))
				}
				return plane
			}
			var values [2][]float64
			for k := range values {
				v, err := expr.Eval([]*expr.Node{r}, points, leaf, n)
				if err != nil {
					return err
				}
				values[k] = v[0]
			}
			a, b := values[0], values[1]
			moved, size := false, 0.0
			for i := range a {
				size = math.Max(size, math.Abs(a[i]))
				moved = moved || math.Abs(a[i]-b[i]) > decided*(1+math.Abs(a[i]))
			}
			if !moved {
				p.Warnings = append(p.Warnings, fmt.Sprintf("condition %q is decided by the ansatz alone: its residual is at most %.3g whatever is learnt", t.Labels[e], size))
			}
		}
	}
	return nil
}

// unfulfilled is the residual, relative to the size of its terms, above which an exact solution is reported as none: series
// that are cut off and numbers that are rounded stay below.
const unfulfilled = 1e-4

// consistency warns of exact solutions that do not solve the problem: a wrong sign in either is a common slip. Solutions
// without derivatives (external functions) are taken on trust.
func (p *Problem) consistency() error {
	for _, t := range p.Terms {
		for e, r := range t.Constrained {
			if n, scale, ok := p.inserted(r); ok {
				points := t.probePoints()
				v, err := expr.Eval([]*expr.Node{n, scale}, points, nil, len(points[0]))
				if err != nil {
					return err
				}
				worst, size := 0, 0.0
				for i := range v[0] {
					if math.Abs(v[0][i]) > math.Abs(v[0][worst]) {
						worst = i
					}
					size = math.Max(size, v[1][i])
				}
				if math.Abs(v[0][worst]) > unfulfilled*size {
					p.Warnings = append(p.Warnings, fmt.Sprintf("the exact solution does not fulfil %q: its residual is %.3g at %s", t.Labels[e], v[0][worst], p.place(points, worst)))
				}
			}
		}
	}
	return nil
}

// inserted puts the exact solutions into a residual; scale is the sum of the sizes of what each derivative contributes.
func (p *Problem) inserted(r *expr.Node) (n, scale *expr.Node, ok bool) {
	g := p.Graph
	values := map[*expr.Node]*expr.Node{}
	for _, j := range g.Jets(r) {
		if p.exact[j.Unknown] == nil {
			return nil, nil, false
		}
		v, err := g.Derivative(p.exact[j.Unknown], j.Index)
		if err != nil {
			return nil, nil, false
		}
		values[j] = v
	}
	put := func(n *expr.Node) (*expr.Node, error) {
		return g.Substitute(n, func(j *expr.Node) *expr.Node { return values[j] })
	}
	n, err := put(r)
	if err != nil {
		return nil, nil, false
	}
	terms := []*expr.Node{g.Const(0)}
	for _, j := range slices.SortedFunc(maps.Keys(values), func(a, b *expr.Node) int { return strings.Compare(a.String(), b.String()) }) {
		c, err := put(g.Partial(r, j))
		if err != nil {
			return nil, nil, false
		}
		size, err := g.Call("abs", g.Mul(c, values[j]))
		if err != nil {
			return nil, nil, false
		}
		terms = append(terms, size)
	}
	return n, g.Add(terms...), true
}
