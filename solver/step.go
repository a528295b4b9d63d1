package solver

import (
	"time"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/model"
)

// Tasks of a step, in order. Their names label the timers.
const (
	startForward = iota
	forwardInner
	finishForward
	residual
	startAdjoint
	adjointInner
	finishAdjoint
	updateOwned
	updateReplicated
	tasks
)

// TaskNames are the tasks of a step as reports print them.
var TaskNames = [tasks]string{"start forward", "forward inner", "finish forward", "residual", "start adjoint", "adjoint inner",
	"finish adjoint", "update owned", "update replicated"}

// step is one evaluation of loss and gradient, and one update. One rank is a communicator of size one: there is no other recipe.
type step[T kernels.Real] struct {
	cloud *model.Cloud[T]
	stage *stage[T]
	// repeat runs the tasks of a gradient; nil: to be made. On one rank a backend may have recorded them: nothing in them waits.
	repeat kernels.Recording
	record func(f func() error) (kernels.Recording, error)
	time   [tasks]time.Duration // summed over steps; on a card, of starting the work
	count  int
}

// gradient leaves ∂loss/∂θ in cloud.Grad for the subdomains of this rank and the local sums of squares in the stage. The
// replicated part is complete only after cloud.FinishReplicated.
func (s *step[T]) gradient() (err error) {
	if s.repeat == nil {
		if s.repeat, err = s.record(s.tasks); err != nil {
			return err
		}
	}
	s.count++
	return s.repeat.Play()
}

// forget makes the next gradient record its tasks anew.
func (s *step[T]) forget() {
	if s.repeat != nil {
		s.repeat.Close()
		s.repeat = nil
	}
}

func (s *step[T]) tasks() error {
	c, at := s.cloud, time.Now()
	// Rim tiles and the forward message leave first (jets), or the parameters do (parameters).
	if err := c.StartForward(); err != nil {
		return err
	}
	at = s.lap(startForward, at)
	// All networks whose inputs are here, while messages travel.
	c.ForwardInner()
	at = s.lap(forwardInner, at)
	// After this U is complete at this rank's points.
	if err := c.FinishForward(); err != nil {
		return err
	}
	at = s.lap(finishForward, at)
	// Constraint, residuals and their adjoint Ū: no rank needs another here.
	s.stage.run()
	at = s.lap(residual, at)
	// The transposed message leaves.
	if err := c.StartAdjoint(); err != nil {
		return err
	}
	at = s.lap(startAdjoint, at)
	// Weight gradients of replicated levels, their all-reduce started, then the inner ones.
	if err := c.AdjointInner(); err != nil {
		return err
	}
	at = s.lap(adjointInner, at)
	// After this Grad is complete for the owned subdomains.
	if err := c.FinishAdjoint(); err != nil {
		return err
	}
	s.lap(finishAdjoint, at)
	return nil
}

// adam is one step of Adam: gradient, then the update of owned and of replicated parameters, the same on every rank.
func (s *step[T]) adam(o *adam[T]) error {
	if err := s.gradient(); err != nil {
		return err
	}
	at := time.Now()
	o.Begin()
	o.update(false)
	at = s.lap(updateOwned, at)
	if err := s.cloud.FinishReplicated(); err != nil {
		return err
	}
	o.update(true)
	s.lap(updateReplicated, at)
	return nil
}

// lap books the time since at on a task and returns now.
func (s *step[T]) lap(task int, at time.Time) time.Time {
	now := time.Now()
	s.time[task] += now.Sub(at)
	return now
}
