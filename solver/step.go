package solver

import (
	"time"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/timeline"
)

// Tasks of a step, in order. Their names label the timers and the rows of a trace.
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
	clock  *timeline.Recorder // on a card its times are of starting the work
	phase  [tasks]timeline.Phase
	count  int // of gradients since the clock was reset
}

// newStep prepares a step. On more than one rank messages are waited for, so that nothing can be recorded.
func newStep[T kernels.Real](backend kernels.Backend[T], c *model.Cloud[T], st *stage[T], ranks int, clock *timeline.Recorder) step[T] {
	s := step[T]{cloud: c, stage: st, record: backend.Record, clock: clock}
	if ranks > 1 {
		s.record = func(f func() error) (kernels.Recording, error) { return kernels.Direct(f), nil }
	}
	for task, name := range TaskNames {
		s.phase[task] = clock.Phase(timeline.Step, name)
	}
	return s
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
	c, at := s.cloud, s.clock.Now()
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
	at := s.clock.Now()
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
func (s *step[T]) lap(task int, at time.Duration) time.Duration {
	return s.clock.Add(s.phase[task], at)
}
