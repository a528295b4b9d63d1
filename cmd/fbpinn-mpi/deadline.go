package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// deadline tells when a run has to end: on SIGUSR1, or early enough that its last checkpoint is on the disk when --max-time is over.
type deadline struct {
	signals chan os.Signal
	limit   time.Duration // 0: none
	began   time.Time
	stopped bool

	leaving time.Duration // what a run needs to end, beside its checkpoint
	asked   time.Time     // when over was called last
	between time.Duration // the longest from one call to the next
	writing time.Duration // the longest that a checkpoint took
}

// newDeadline belongs at the start of main, on every rank: mpirun forwards the signal to all, and a rank that does not catch it dies of it.
func newDeadline(limit time.Duration) *deadline {
	d := &deadline{signals: make(chan os.Signal, 1), limit: limit, began: time.Now()}
	signal.Notify(d.signals, syscall.SIGUSR1)
	return d
}

// arrived notes that MPI has started: to leave takes no longer than to come, on a machine however busy.
func (d *deadline) arrived() { d.leaving = leastLeaving + time.Since(d.began) }

// leastLeaving is for launchers, which look for ranks that have ended only so often.
const leastLeaving = 500 * time.Millisecond

// requested tells whether the signal has come.
func (d *deadline) requested() bool {
	select {
	case <-d.signals:
		d.stopped = true
	default:
	}
	return d.stopped
}

// over is asked at each report. A yes takes effect a step later, and after a no there is no other chance until the next report; the last
// checkpoint may take twice as long as any before.
func (d *deadline) over() bool {
	now := time.Now()
	if !d.asked.IsZero() {
		d.between = max(d.between, now.Sub(d.asked))
	}
	d.asked = now
	return d.requested() || d.limit > 0 && now.Sub(d.began)+2*d.between+2*d.writing+d.leaving > d.limit
}

// wrote notes how long a checkpoint took.
func (d *deadline) wrote(t time.Duration) { d.writing = max(d.writing, t) }
