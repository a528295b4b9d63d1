package optim

import (
	"math"

	"fbpinn-mpi/kernels"
)

// Objective is a function of distributed parameters.
type Objective[T kernels.Real] interface {
	// Evaluate returns the loss, the same bits on every rank, and the gradient with respect to the local parameters, which the
	// objective owns and may overwrite at the next call. Replicated parameters have the same gradient on every rank.
	Evaluate(theta []T) (loss float64, grad []T, err error)
}

// Status is the outcome of an iteration; all ranks agree on it.
type Status int

const (
	Running          Status = iota
	Converged               // gradient, or change of the loss, below its tolerance
	LineSearchFailed        // no decrease, not even along the steepest descent: usually the limit of rounding
	StepLimit
	NotFinite // loss or gradient at θ is NaN or infinite
)

func (s Status) String() string {
	return [...]string{"running", "converged", "line search failed", "step limit", "not finite"}[s]
}

// Settings of LBFGS; zero values mean the defaults named.
type Settings struct {
	Memory       int     // pairs (s, y) kept: 10
	GradientTol  float64 // stop when ‖g‖₂ <= GradientTol: 0 = never
	LossTol      float64 // stop when the loss falls by less than LossTol·|loss| in an iteration: 0 = never
	SufficientC1 float64 // strong Wolfe c1: 1e-4
	CurvatureC2  float64 // strong Wolfe c2: 0.9
	Trials       int     // evaluations of one line search at most: 20
}

func (s Settings) filled() Settings {
	if s.Memory == 0 {
		s.Memory = 10
	}
	if s.SufficientC1 == 0 {
		s.SufficientC1 = 1e-4
	}
	if s.CurvatureC2 == 0 {
		s.CurvatureC2 = 0.9
	}
	if s.Trials == 0 {
		s.Trials = 20
	}
	if s.Memory < 0 || s.Trials < 1 || !(0 < s.SufficientC1 && s.SufficientC1 < s.CurvatureC2 && s.CurvatureC2 < 1) {
		panic("optim: settings of L-BFGS out of range")
	}
	return s
}

// LBFGS is the limited-memory quasi-Newton method (Nocedal & Wright 2006, Algorithm 7.4) on distributed parameters.
//
// The two-loop recursion needs its scalar products one after the other. Here all products among the basis vectors
// s_1..s_m, y_1..y_m, g are kept in a Gram matrix, the recursion runs on coefficients (Chen, Wang & Zhou, "Large-scale L-BFGS
// using MapReduce", 2014), and the direction is one linear combination. An iteration costs one reduction for the new rows of
// the matrix and one number a trial of the line search.
type LBFGS[T kernels.Real] struct {
	set   Settings
	dot   inner[T]
	s, y  [][]T // ring of pairs, [Memory][n]
	pairs int   // pairs in use
	head  int   // place of the next pair

	theta0, d, g []T // start of the line search, direction, gradient at theta0
	gram         gram
	loss         float64
	slope        [1]float64
	coefficients []float64
	ready        bool // g, loss and gram belong to the current θ

	Evaluations int     // of the objective, so far
	GradNorm    float64 // ‖g‖₂ at the current θ
}

// NewLBFGS prepares the method for n local parameters. counted are those that this rank contributes to scalar products
// (Whole(n) unless some are replicated).
func NewLBFGS[T kernels.Real](n int, counted []Range, sum Reducer, set Settings) *LBFGS[T] {
	set = set.filled()
	l := &LBFGS[T]{set: set, dot: newInner[T](n, counted, sum)}
	for i := 0; i < set.Memory; i++ {
		l.s = append(l.s, kernels.Make[T](n)[:n])
		l.y = append(l.y, kernels.Make[T](n)[:n])
	}
	l.theta0, l.d, l.g = kernels.Make[T](n)[:n], kernels.Make[T](n)[:n], kernels.Make[T](n)[:n]
	l.gram = newGram(set.Memory)
	l.coefficients = make([]float64, 2*set.Memory+1)
	return l
}

// Loss is the loss at the current θ, after a Step.
func (l *LBFGS[T]) Loss() float64 { return l.loss }

// Forget drops all pairs and what is known about θ: after a change of the objective (new points) or of θ from outside.
func (l *LBFGS[T]) Forget() { l.pairs, l.head, l.ready = 0, 0, false }

// Minimise does up to steps iterations.
func (l *LBFGS[T]) Minimise(f Objective[T], theta []T, steps int) (Status, error) {
	for k := 0; k < steps; k++ {
		if st, err := l.Step(f, theta); st != Running || err != nil {
			return st, err
		}
	}
	return StepLimit, nil
}

// Step does one iteration: it moves θ in place to a point that satisfies the strong Wolfe conditions. On any outcome θ is the
// best point accepted so far; the objective may have been evaluated elsewhere last.
func (l *LBFGS[T]) Step(f Objective[T], theta []T) (Status, error) {
	if len(theta) != l.dot.n {
		panic("optim: parameters of another length than prepared")
	}
	if !l.ready {
		if st, err := l.start(f, theta); st != Running || err != nil {
			return st, err
		}
	}
	if l.GradNorm <= l.set.GradientTol {
		return Converged, nil
	}
	before := l.loss
	st, err := l.search(f, theta)
	if err != nil {
		return st, err
	}
	if st == LineSearchFailed && l.pairs > 0 {
		// Old pairs may no longer describe the loss: once more from the steepest descent.
		l.pairs, l.head = 0, 0
		if st, err = l.search(f, theta); err != nil {
			return st, err
		}
	}
	if st != Running {
		return st, nil
	}
	if before-l.loss <= l.set.LossTol*math.Abs(before) && l.set.LossTol > 0 || l.GradNorm <= l.set.GradientTol {
		return Converged, nil
	}
	return Running, nil
}

// start evaluates θ for the first time.
func (l *LBFGS[T]) start(f Objective[T], theta []T) (Status, error) {
	loss, grad, err := l.evaluate(f, theta)
	if err != nil {
		return Running, err
	}
	copy(l.g, grad)
	l.loss = loss
	if err := l.refill(); err != nil {
		return Running, err
	}
	if err := l.update(false); err != nil {
		return Running, err
	}
	if !finite(loss) || !finite(l.GradNorm) {
		return NotFinite, nil
	}
	l.ready = true
	return Running, nil
}

func (l *LBFGS[T]) evaluate(f Objective[T], theta []T) (float64, []T, error) {
	l.Evaluations++
	loss, grad, err := f.Evaluate(theta)
	if err == nil && len(grad) != l.dot.n {
		panic("optim: gradient of another length than the parameters")
	}
	return loss, grad, err
}

// search goes along the quasi-Newton direction.
func (l *LBFGS[T]) search(f Objective[T], theta []T) (Status, error) {
	slope := l.direction()
	if !(slope < 0) {
		return LineSearchFailed, nil
	}
	t := 1.0
	if l.pairs == 0 {
		// Without curvature any length is a guess; one that moves θ by at most 1 keeps networks out of saturation.
		t = math.Min(1, 1/l.GradNorm)
	}
	copy(l.theta0, theta)
	ls := newLineSearch(l.set.SufficientC1, l.set.CurvatureC2, point{0, l.loss, slope}, l.set.Trials)
	for {
		for i := range theta {
			theta[i] = l.theta0[i] + T(t)*l.d[i]
		}
		loss, grad, err := l.evaluate(f, theta)
		if err != nil {
			copy(theta, l.theta0)
			return Running, err
		}
		l.slope[0] = l.dot.local(grad, l.d)
		if err := l.dot.sum.Sum(l.slope[:]); err != nil {
			copy(theta, l.theta0)
			return Running, err
		}
		next, v := ls.next(point{t, loss, l.slope[0]})
		switch v {
		case accept:
			return Running, l.advance(theta, loss, grad)
		case giveUp:
			copy(theta, l.theta0)
			return LineSearchFailed, nil
		}
		t = next
	}
}

// advance stores the pair of an accepted point and makes its gradient the current one.
func (l *LBFGS[T]) advance(theta []T, loss float64, grad []T) error {
	l.loss = loss
	s, y := l.s[l.head], l.y[l.head]
	for i := range theta {
		s[i] = theta[i] - l.theta0[i]
		y[i] = grad[i] - l.g[i]
	}
	copy(l.g, grad)
	return l.update(true)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Close frees all vectors.
func (l *LBFGS[T]) Close() {
	for i := range l.s {
		kernels.Free(l.s[i])
		kernels.Free(l.y[i])
	}
	kernels.Free(l.theta0)
	kernels.Free(l.d)
	kernels.Free(l.g)
	l.s, l.y = nil, nil
}
