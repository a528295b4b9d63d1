package problem

import (
	"fmt"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/expr"
	"fbpinn-mpi/solver/region"
)

// Problem is a Spec that has been understood: everything that training needs to know about the mathematics.
type Problem struct {
	Spec
	Graph  *expr.Graph
	Params map[string]float64 // values of the parameters, and the ends of a slab
	Terms  []*Term            // Terms[0] is "equations": all interior equations; then one term per condition

	// Jets are the derivatives of the raw unknowns that some term or the solution needs, downward-closed: what networks
	// must deliver.
	Jets kernels.Jets

	Ansatz   []*expr.Node // [n_u] C[U] in raw unknowns and coordinates; nil: u = U
	Solution *Solution    // constrained unknowns from raw ones
	Warnings []string     // what is allowed and probably not meant

	States []State // at the start of a slab

	exact  []*expr.Node   // [n_u], nil where none is given
	whole  Axis           // the marching axis of a slab before it was narrowed
	region *region.Region // nil: all of the box
}

// Term is one sum of the loss: residuals that share their points.
type Term struct {
	Name        string
	Key         string         // path of the job's key
	Labels      []string       // per residual: name in reports
	Echo        []string       // per residual: as understood, with numbers for parameters
	Needs       []string       // per residual: the derivatives of raw unknowns in it, "u, u_x, u_xx"
	Constrained []*expr.Node   // residuals in the constrained unknowns u = C[U], as the job writes them
	Raw         []*expr.Node   // the same in raw unknowns U
	Program     *expr.Residual // of √λ r
	Weights     []float64      // λ per residual
	Box         []Range        // [d] where the points lie
	Points      PointSpec      // Shape has one number per free axis

	keys     []string // per residual: path of the job's key
	coords   []string
	periodic []bool // [d] and not narrowed: a grid leaves the upper end out
	cells    [][]float64
	region   *region.Region
	stream   uint64 // of random numbers
}

// Range is an interval of one coordinate; Lo == Hi where the coordinate is fixed.
type Range struct{ Lo, Hi float64 }

// Fixed tells whether the coordinate is fixed.
func (r Range) Fixed() bool { return r.Lo == r.Hi }

// Solution is a program that computes the constrained unknowns u = C[U], or derivatives of them, at points. Its inputs are the
// planes of the Jets of the raw unknowns, then the Columns; its outputs the constrained unknowns, or what Derivatives was
// asked for.
type Solution struct {
	Jets    []*expr.Node
	Columns []*expr.Node
	Program kernels.Program
}

// Columns evaluates columns (of a Term's Program or of the Solution) at points [d][n]. Values that are not finite are an
// error that names the expression and the point: an exact 1/x at x = 0, say.
func (p *Problem) Columns(columns []*expr.Node, points [][]float64) ([][]float64, error) {
	planes, i, c, err := p.evaluate(columns, points)
	if err != nil {
		return nil, fmt.Errorf("problem: %w", err)
	}
	if c >= 0 {
		return nil, fmt.Errorf("problem: %s is %v at %s", columns[c], planes[c][i], p.place(points, i))
	}
	return planes, nil
}

// evaluate computes expressions of the coordinates; i and c are point and expression of the first value that is not finite,
// c = -1 if there is none. Only fields of a slab can fail.
func (p *Problem) evaluate(ns []*expr.Node, points [][]float64) (planes [][]float64, i, c int, err error) {
	if planes, err = expr.Eval(ns, points, nil, len(points[0])); err != nil {
		return nil, 0, -1, err
	}
	for c, v := range planes {
		for i, x := range v {
			if x-x != 0 {
				return planes, i, c, nil
			}
		}
	}
	return planes, 0, -1, nil
}

// place writes point i as "x = 0, t = 1".
func (p *Problem) place(points [][]float64, i int) string {
	s := ""
	for a, x := range p.Axes {
		if a > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%s = %.6g", x.Name, points[a][i])
	}
	return s
}

// Remaining returns those of points [d][n] that belong to the domain, and their numbers; nil numbers mean all of them, where
// nothing is removed.
func (p *Problem) Remaining(points [][]float64) (remaining [][]float64, numbers []int) {
	return p.region.Keep(points)
}

// HasExact tells for which unknowns an exact solution is given.
func (p *Problem) HasExact() []bool {
	has := make([]bool, len(p.Unknowns))
	for k, n := range p.exact {
		has[k] = n != nil
	}
	return has
}

// Exact evaluates the exact solutions at points [d][n]: one plane per unknown, nil where none is given.
func (p *Problem) Exact(points [][]float64) ([][]float64, error) {
	out := make([][]float64, len(p.exact))
	for k, e := range p.exact {
		if e == nil {
			continue
		}
		v, i, c, err := p.evaluate([]*expr.Node{e}, points)
		if err != nil {
			return nil, fmt.Errorf("problem: %w", err)
		}
		if c >= 0 {
			return nil, &Error{Key: "problem.exact." + p.Unknowns[k], Msg: fmt.Sprintf("the exact solution is %v at %s", v[0][i], p.place(points, i)),
				Hint: "give its limit there, or move the domain's end"}
		}
		out[k] = v[0]
	}
	return out, nil
}
