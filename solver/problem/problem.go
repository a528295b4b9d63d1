package problem

import (
	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/expr"
)

// Problem is a Spec that has been understood: everything that training needs to know about the mathematics.
type Problem struct {
	Spec
	Graph  *expr.Graph
	Params map[string]float64 // values of the parameters
	Terms  []*Term            // Terms[0] is "equations": all interior equations; then one term per condition

	// Jets are the derivatives of the raw unknowns that some term needs, downward-closed: what networks must deliver.
	Jets kernels.Jets

	Ansatz   []*expr.Node // [n_u] C[U] in raw unknowns and coordinates; nil: u = U
	Solution *Solution    // constrained unknowns from raw ones
	Warnings []string     // what is allowed and probably not meant

	exact []*expr.Node // [n_u], nil where none is given
}

// Term is one sum of the loss: residuals that share their points.
type Term struct {
	Name        string
	Key         string       // key of the job file
	Echo        []string     // per residual: as understood
	Constrained []*expr.Node // residuals in the constrained unknowns u = C[U], as the job writes them
	Raw         []*expr.Node // the same in raw unknowns U
	Program     *expr.Residual
	Weights     []float64 // λ per residual
	Box         []Range   // [d] where the points lie
	Points      PointSpec // Shape has one number per free axis

	coords   []string
	periodic []bool // [d] and not narrowed: a grid leaves the upper end out
	stream   uint64 // of random numbers
}

// Range is an interval of one coordinate; Lo == Hi where the coordinate is fixed.
type Range struct{ Lo, Hi float64 }

// Fixed tells whether the coordinate is fixed.
func (r Range) Fixed() bool { return r.Lo == r.Hi }

// Solution is the program that computes the constrained unknowns u = C[U] at points. Its inputs are the value planes of the
// raw unknowns, in their order, then the Columns; its outputs the constrained unknowns.
type Solution struct {
	Columns []*expr.Node
	Program kernels.Program
}
