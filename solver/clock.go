package solver

import (
	"time"

	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/timeline"
)

// timing says what training took since its warm-up.
type timing struct {
	began   time.Time
	traffic mpi.Counts // until then
	done    int        // steps until then
	read    Timed
}

// Timed is what the steps after the warm-up took on this rank, up to the last report.
type Timed struct {
	Steps   int
	Seconds float64 // reports, tests and files among them included
	Traffic mpi.Counts
}

// Timed is collective in the sense that all ranks began at the same moment.
func (r *Run[T]) Timed() Timed { return r.timing.read }

// Timeline is the recorder of the run's phases; its sums begin after the warm-up.
func (r *Run[T]) Timeline() *timeline.Recorder { return r.Settings.Timeline }

// Times are the seconds spent in each task of TaskNames on this rank since the warm-up, and how often they were done.
func (r *Run[T]) Times() (seconds [len(TaskNames)]float64, gradients int) {
	for t, p := range r.step.phase {
		seconds[t] = r.Settings.Timeline.Sum(p).Seconds()
	}
	return seconds, r.step.count
}

// observe lets the parts of the run take their times.
func (r *Run[T]) observe() {
	r.Cloud.Observe(r.Settings.Timeline)
	r.Settings.Newton.Linear.Timeline = r.Settings.Timeline
}

// startClock forgets all times so far. It waits for all ranks, and for a card.
func (r *Run[T]) startClock() error {
	if err := r.backend.Sync(); err != nil {
		return err
	}
	r.comm.Barrier()
	r.Settings.Timeline.Reset()
	r.step.count = 0
	r.timing = timing{began: time.Now(), traffic: r.comm.Counts(), done: r.done}
	return nil
}

// readClock notes the times at a report, for which a card has finished its work.
func (r *Run[T]) readClock() {
	c := &r.timing
	c.read = Timed{r.done - c.done, time.Since(c.began).Seconds(), r.comm.Counts().Minus(c.traffic)}
}

// stepped counts a step.
func (r *Run[T]) stepped() error {
	r.done++
	if r.done == r.Settings.WarmUp {
		return r.startClock()
	}
	return nil
}

// during takes the time of a phase until its result is called.
func (r *Run[T]) during(row, what string) func() {
	t := r.Settings.Timeline
	p, at := t.Phase(row, what), t.Now()
	return func() { t.Add(p, at) }
}
