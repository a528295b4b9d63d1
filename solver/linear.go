package solver

import (
	"math"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/problem"
	"fbpinn-mpi/solver/schwarz"
)

// linear is a linearisation with the solver of its least-squares problem.
type linear struct {
	*linearisation
	solver linearSolver
	system *schwarz.System
	b      []float64   // right-hand side: minus the rows
	d      [][]float64 // solution, by share
}

func newLinear(r *Run[float64], p *problem.Problem, columns kernels.Columns) (n *linear, err error) {
	n = &linear{}
	if n.linearisation, err = newLinearisation(r, p, columns); err != nil {
		return nil, err
	}
	n.b, n.system = make([]float64, len(n.rows)), n.describe()
	for _, t := range n.system.Touch {
		n.d = append(n.d, make([]float64, n.system.Columns[t.Block]))
	}
	if n.solver, err = n.solve(n.system); err != nil {
		n.linearisation.close()
		return nil, err
	}
	return n, nil
}

func (n *linear) close() {
	n.solver.Close()
	n.linearisation.close()
}

// at evaluates the rows at other parameters and puts these in place.
func (n *linear) at(theta []float64) (loss float64, err error) {
	if err := n.r.backend.Write(n.r.Cloud.Theta, theta); err != nil {
		return 0, err
	}
	return n.evaluate()
}

// residual takes the rows in hand for the right-hand side.
func (n *linear) residual() {
	for i, x := range n.rows {
		n.b[i] = -x
	}
}

// outputs is the problem of the output layers alone, which gauss-newton solves after every step of all parameters. Hidden parameters so
// move on ‖r‖² as it is with the best output weights for them (variable projection, Golub & Pereyra 1973; with undamped output weights
// in the step its hidden part is that of Kaufman 1975, see Ruhe & Wedin 1980), which is free of the steep valleys that large output
// weights make. Where the rows are not affine in output weights, it is a Gauss-Newton step in them.
type outputs struct {
	*linear
	before []float64 // parameters
}

func newOutputs(r *Run[float64], p *problem.Problem) (*outputs, error) {
	l, err := newLinear(r, p, kernels.OutputColumns)
	if err != nil {
		return nil, err
	}
	return &outputs{linear: l, before: make([]float64, len(r.Cloud.Theta))}, nil
}

// project changes the output weights in theta to the best ones, if they lower the loss, and puts theta in place. Rows of the descent are
// those at theta on return.
func (n *descent) project(theta []float64) (loss float64, err error) {
	o := n.outputs
	before, err := o.at(theta)
	if err != nil {
		return 0, err
	}
	copy(o.before, theta)
	if !math.IsNaN(before) && !math.IsInf(before, 0) {
		o.derive()
		o.residual()
		if err := o.failed(o.solver.Factor(o.system, 0)); err != nil {
			return 0, err
		}
		if _, err := o.solver.Solve(o.b, o.d); err != nil {
			return 0, err
		}
		o.move(theta, 1, o.d)
	}
	if loss, err = n.at(theta); err != nil || loss <= before {
		return loss, err
	}
	copy(theta, o.before)
	return n.at(theta)
}

// try evaluates the trial.
func (n *descent) try() (loss float64, err error) {
	if n.outputs != nil {
		return n.project(n.trial)
	}
	return n.at(n.trial)
}
