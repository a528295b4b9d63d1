package solver

import (
	"errors"
	"fmt"
	"math"
	"time"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/dense"
	"fbpinn-mpi/solver/problem"
	"fbpinn-mpi/solver/schwarz"
)

// Newton says how the solvers of second order work: "least-squares" solves for the output weights while hidden layers stay as they
// were drawn, "gauss-newton" for all parameters, with the output layer eliminated (variable projection). Both take damped Gauss-Newton
// steps; a problem that is linear in what they solve for is done after the first (docs/theory.md, section 19).
type Newton struct {
	Library *dense.Library
	Linear  schwarz.Settings
	Damping float64            // first λ, see descent.nu; 0: none in least-squares, 1 in gauss-newton
	Path    []*problem.Problem // continuation: problems on the way to the one to solve, easiest first
	Matrix  string             // "blocks", "free", or "auto" and "": blocks where they fit, see Need
	Memory  float64            // bytes a rank that these may take; 0: four fifths of the machine's memory over its ranks

	needs []*Need // see Run.Needs
}

// Linear is what the linear problem of a step was like. All numbers are float64, so that they can be columns of a history.
type Linear struct {
	Iterations float64
	Gradient   float64 // at the end over that at the start, in the norm of the preconditioner
	Condition  float64 // of the preconditioned problem, estimated; 0: not known
	Unknowns   float64 // kept by the filter, of all ranks
	Fresh      float64 // 1 if filter and factor are of this step, 0 if of an earlier one
	Damping    float64 // λ
	Length     float64 // of the step taken: 1 = whole, 0 = none
	Gain       float64 // decrease of the loss over what the linear model promised
	Predicted  float64 // share of the loss that the linear model promised to take away

	Gradients []float64      // before each iteration
	Report    schwarz.Report // of rank 0
}

func (s Stage) secondOrder() bool { return s.Method == "least-squares" || s.Method == "gauss-newton" }

func (s Stage) columns() kernels.Columns {
	if s.Method == "gauss-newton" {
		return kernels.AllColumns
	}
	return kernels.OutputColumns
}

func (r *Run[T]) trainNewton() (Status, error) {
	d, ok := any(r).(*Run[float64])
	if !ok {
		return 0, errors.New("solver: solvers of second order need float64")
	}
	return newton(d)
}

// newton solves the problems of the continuation in turn, then the one in hand.
func newton(r *Run[float64]) (status Status, err error) {
	stage, path := r.step.stage, r.Settings.Newton.Path
	defer func() { r.step.stage = stage; r.step.forget() }()
	at := r.stage
	for {
		p := r.Problem
		r.step.stage = stage
		if r.value < len(path) {
			p = path[r.value]
			if r.step.stage, err = newStage(p, r.backend, r.Cloud.U, r.Cloud.UBar, r.first, r.Cloud.Points, r.points); err != nil {
				return 0, fmt.Errorf("continuation, problem %d: %w", r.value+1, err)
			}
		}
		status, err = descend(r, p)
		if r.step.stage != stage {
			r.step.stage.close()
		}
		if status == StepLimit || status == Stopped {
			if r.reached = r.value; r.done == r.entered { // no step was left for it
				r.reached--
			}
		}
		switch {
		case err != nil || status == Stopped || status.Failed():
			return status, err
		case status == StepLimit: // the state of the last step has been saved
			r.advance()
			return status, nil
		case r.stage != at:
			return status, nil
		}
	}
}

// settle goes on after a problem: to the next of the continuation, or to the next stage.
func (r *Run[T]) settle(status Status) {
	if r.value < len(r.Settings.Newton.Path) {
		r.value++
		r.entered, r.pairs = r.done, nil
		return
	}
	r.advance()
	r.status = status
}

// descent is a sequence of damped Gauss-Newton steps on one problem.
type descent struct {
	*linear
	outputs *outputs // gauss-newton; nil with least-squares
	loss    float64
	theta   []float64 // accepted parameters, with the layout of Cloud.Theta
	trial   []float64 // parameters under trial
	old     []float64 // parameters of the filter and factor in hand
}

// Constants of the descent. Gains are those usual with trust regions (Nocedal & Wright 2006, chapter 4); none of the others decides
// where the descent ends, only how much work it takes.
const (
	poorGain    = 0.25 // below: filter and factor are renewed
	leastGain   = 1e-4 // below: the step is not taken
	settled     = 1e-6 // share of the loss: a smaller promised decrease is none
	nearby      = 1e-4 // share of the loss: below, a whole step that finds no decrease has met rounding, not curvature
	honest      = 1e-4 // share of the loss by which a step may miss what the linear model promised and still be the last
	another     = 0.5  // share of the loss: a further pass over a linear problem that takes away less is the last
	mostPasses  = 10   // over a linear problem: what is left then stays
	shortest    = 0.25 // length of a step before damping is tried instead
	leastDamp   = 1e-9 // below, least-squares does not damp
	firstDamp   = 1e-4
	mostDamp    = 1e4
	refreshing  = 0.05 // share of the loss: below, the matrix hardly changes any more, and the old factor serves the next step too
	refreshable = 30   // iterations with an old factor beyond which a new one is cheaper
	forcing     = 1e-4 // accuracy of the linear solve with an old factor, relative to its gradient: it is inexact anyway
)

// descend makes steps on problem p until nothing is left to gain.
func descend(r *Run[float64], p *problem.Problem) (status Status, err error) {
	set := r.Settings.Newton
	n := &descent{theta: make([]float64, len(r.Cloud.Theta)), trial: make([]float64, len(r.Cloud.Theta))}
	if n.linear, err = newLinear(r, p, r.Settings.Stages[r.stage].columns()); err != nil {
		return 0, err
	}
	defer n.close()
	n.solver = &watched{linearSolver: n.solver, r: r}
	if n.columns == kernels.AllColumns {
		if n.outputs, err = newOutputs(r, p); err != nil {
			return 0, err
		}
		defer n.outputs.close()
		if r.damping == 0 {
			r.damping = 1
		}
	}
	if err := r.backend.Read(n.theta, r.Cloud.Theta); err != nil {
		return 0, err
	}
	// A run that goes on from a file makes again the old factor that its next step would have used.
	fresh := len(r.pairs) != 1
	if !fresh {
		n.old = r.pairs[0]
		if _, err := n.at(n.old); err != nil {
			return 0, err
		}
		n.derive()
		if err := n.failed(n.solver.Factor(n.system, n.nu())); err != nil {
			return 0, err
		}
	}
	if n.outputs != nil && r.done == r.entered {
		n.loss, err = n.project(n.theta)
	} else {
		n.loss, err = n.at(n.theta)
	}
	if err != nil {
		return 0, err
	}
	if math.IsNaN(n.loss) || math.IsInf(n.loss, 0) {
		r.blame = n.blame()
		return r.end(NotFinite)
	}
	n.derive()
	for r.done < r.last() {
		began := time.Now()
		report := &Linear{}
		if fresh {
			report.Fresh = 1
		}
		if fresh {
			err = n.factor()
		} else if !n.affine {
			err = n.failed(n.solver.Refresh())
		}
		if err != nil {
			return 0, err
		}
		if status, err = n.step(report); err != nil {
			return 0, err
		}
		if err := r.stepped(); err != nil {
			return 0, err
		}
		r.seconds += time.Since(began).Seconds()
		done := status != StepLimit
		r.ended = done && (r.value == len(set.Path))
		report.Report = n.solver.Report()
		report.Unknowns = float64(report.Report.Unknowns)
		if err := r.startReport(n.losses(), 0, report); err != nil {
			return 0, err
		}
		stop, err := r.finishReport()
		if err != nil {
			return 0, err
		}
		saved := r.saves()
		fresh = n.outputs != nil || r.damping != report.Damping ||
			!n.affine && (report.Length < 1 || report.Gain < poorGain || report.Predicted > refreshing || report.Iterations > refreshable)
		// What a state holds from here on goes on with the next step, or after this problem.
		if r.pairs = nil; !fresh {
			r.pairs = [][]float64{n.old}
		}
		if done {
			r.settle(status)
		}
		if stop != nil {
			return r.end(*stop)
		}
		if saved {
			if err := r.checkpoint(); err != nil {
				return 0, err
			}
		}
		if done {
			return status, nil
		}
		if !n.affine {
			n.derive()
		}
	}
	return StepLimit, nil
}

// factor filters and factors the blocks at theta.
func (n *descent) factor() error {
	n.old = append(n.old[:0:0], n.theta...)
	return n.failed(n.solver.Factor(n.system, n.nu()))
}

// nu is the damping ν of the linear problem min ‖r + J d‖² + ν‖d‖². Least-squares takes ‖d‖ in units of columns of unit length (Marquardt),
// and ν = λ. Gauss-newton takes the hidden parameters as they are (Levenberg), since a saturated neuron has a column of hardly any
// length, but none of its steps may be the longer for it; and ν = λ‖r‖²/S with S subdomains, so that no step is longer than 1/√λ in the
// root mean square over subdomains, and λ means the same for few of them and for many.
func (n *descent) nu() float64 {
	if n.outputs != nil {
		return n.r.damping * n.loss / float64(n.first[len(n.first)-1])
	}
	return n.r.damping
}

// undamped tells a linear problem of least-squares without damping. Its model is exact: where a pass misses what that promised, rounding
// has met it, which damping does not help.
func (n *descent) undamped() bool { return n.affine && n.outputs == nil && n.r.damping == 0 }

// step solves the linear problem at theta and goes along its solution as far as the residuals follow it, damping where they do not.
// On return theta, rows and loss belong together. StepLimit means that there is more to gain.
func (n *descent) step(report *Linear) (status Status, err error) {
	r := n.r
	growth := 2.0
	n.residual()
	for {
		tolerance := 0.0 // as far as rounding lets it
		if report.Fresh == 0 && !n.affine {
			tolerance = forcing
		}
		n.solver.Tolerate(tolerance)
		out, err := n.solver.Solve(n.b, n.d)
		if err != nil {
			return 0, err
		}
		if out.Status == schwarz.Singular {
			return Singular, nil
		}
		report.Iterations, report.Gradients, report.Condition, report.Damping = float64(out.Iterations), out.Gradient, out.Condition, r.damping
		if k := len(out.Gradient); k > 0 && out.Gradient[0] > 0 {
			report.Gradient = out.Gradient[k-1] / out.Gradient[0]
		}
		promised := n.loss - out.After
		if n.loss > 0 {
			report.Predicted = promised / n.loss
		}
		for length := 1.0; length >= shortest; length /= 2 {
			copy(n.trial, n.theta)
			n.move(n.trial, length, n.d)
			loss, err := n.try()
			if err != nil {
				return 0, err
			}
			report.Length, report.Gain = length, (n.loss-loss)/((2-length)*length*promised)
			if loss < n.loss && report.Gain > leastGain {
				return n.accept(loss, out, report), nil
			}
			if n.affine || report.Predicted < nearby {
				break // rounding decides here, and shorter steps do not change that
			}
		}
		switch {
		case report.Predicted < nearby && (n.affine || report.Fresh == 1), n.undamped() && r.done > r.entered:
			status = Converged
		case report.Fresh == 0: // the old factor may be at fault
			report.Fresh = 1
			if _, err = n.at(n.theta); err != nil {
				return 0, err
			}
			n.derive()
			if err = n.factor(); err != nil {
				return 0, err
			}
			continue
		case r.damping < mostDamp:
			r.damping = min(max(firstDamp, growth*r.damping), mostDamp)
			growth *= 2
			if err = n.solver.Damp(n.nu()); err != nil {
				return 0, err
			}
			continue
		case n.outputs != nil && n.outputs.affine: // the loss is smooth: what keeps even short steps from lowering it is rounding
			status = Converged
		default:
			status = Stagnated
		}
		report.Length = 0
		_, err = n.at(n.theta)
		return status, err
	}
}

// accept takes the trial, where the linear model promised a loss of out.After, and adapts the damping.
func (n *descent) accept(loss float64, out schwarz.Outcome, report *Linear) Status {
	r, model := n.r, out.After
	n.theta, n.trial = n.trial, n.theta
	n.loss = loss
	switch {
	case report.Length == 1: // Nielsen's rule (Madsen, Nielsen & Tingleff 2004, section 3.2)
		r.damping *= max(1./3, 1-math.Pow(2*report.Gain-1, 3))
	case n.outputs != nil: // a trial costs a solve of the output layer; and shortened steps go on being shortened
		r.damping = min(2*r.damping, mostDamp)
	}
	switch {
	case n.undamped():
	case n.outputs != nil:
		r.damping = max(r.damping, leastDamp)
	case report.Gain < poorGain:
		r.damping = max(firstDamp, r.damping)
	case r.damping < leastDamp:
		r.damping = 0
	}
	passes := r.done + 1 - r.entered // all of them accepted
	kept := report.Length == 1 && report.Damping == 0 && (report.Fresh == 1 || n.affine) && out.Status == schwarz.Converged &&
		loss-model <= honest*model
	last := n.affine && passes > 1 && (report.Predicted < another || passes >= mostPasses)
	// A few iterations promise little where many would promise more; a gradient that stagnated has met rounding, as a rule.
	nothing := report.Predicted < settled
	switch {
	case kept || nothing && out.Status != schwarz.OutOfIterations || last && out.Status == schwarz.Converged:
		return Converged
	case nothing || last:
		return Unsolved
	}
	return StepLimit
}
