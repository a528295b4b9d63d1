// Package timeline takes the times of the phases of a run on one rank: their sums always, and when each began and ended where a
// trace was asked for. Taking a time costs two readings of the clock and an addition; nothing is allocated after Keep, and nothing
// is locked. One thread, that of the solver, does it all.
package timeline

import "time"

// Rows that packages share. Phases of one row follow each other or lie inside each other, but for those in flight.
const (
	Step    = "step"    // tasks of a step of first order
	Solver  = "solver"  // phases of a solver of second order
	Flight  = "flight"  // from sending messages to having all of them, while other work goes on
	Exposed = "exposed" // waiting for messages, inside other phases
	Between = "between" // between steps: reports, tests, files
)

// Phase is the number of a phase in its Recorder.
type Phase int

// Event is one time that a phase took, from its beginning to its end, both since the recorder was made.
type Event struct {
	Phase    Phase
	From, To time.Duration
}

// name says what a phase is, and which row of a trace shows it: phases of one row follow each other or lie inside each other.
type name struct{ row, name string }

// Recorder takes times. The nil Recorder takes none.
type Recorder struct {
	began  time.Time
	names  []name
	sums   []time.Duration // by phase
	events []Event         // a ring: the last ones; empty: only sums
	next   int             // of all events that came, kept or not
}

// New makes a recorder that keeps sums only.
func New() *Recorder { return &Recorder{began: time.Now()} }

// Keep lets the recorder keep the last n events from now on.
func (r *Recorder) Keep(n int) { r.events, r.next = make([]Event, n), 0 }

// Phase gives a phase its number. All ranks number theirs in the same order; the same row and name get the same number.
func (r *Recorder) Phase(row, of string) Phase {
	if r == nil {
		return 0
	}
	for p, n := range r.names {
		if n == (name{row, of}) {
			return Phase(p)
		}
	}
	r.names, r.sums = append(r.names, name{row, of}), append(r.sums, 0)
	return Phase(len(r.names) - 1)
}

// Now is the time since the recorder was made.
func (r *Recorder) Now() time.Duration {
	if r == nil {
		return 0
	}
	return time.Since(r.began)
}

// Add books the time since from on a phase, and returns now.
func (r *Recorder) Add(p Phase, from time.Duration) time.Duration {
	if r == nil {
		return 0
	}
	now := time.Since(r.began)
	r.sums[p] += now - from
	if len(r.events) > 0 {
		r.events[r.next%len(r.events)] = Event{p, from, now}
		r.next++
	}
	return now
}

// Move books time of one phase on another: of two that take turns too fast to be told apart by the clock.
func (r *Recorder) Move(from, to Phase, d time.Duration) {
	if r != nil {
		r.sums[from] -= d
		r.sums[to] += d
	}
}

// Reset starts the sums anew. Events stay.
func (r *Recorder) Reset() { clear(r.sums) }

// Phases is the number of phases.
func (r *Recorder) Phases() int { return len(r.names) }

// Name is the row and the name of a phase.
func (r *Recorder) Name(p Phase) (row, of string) { return r.names[p].row, r.names[p].name }

// Sum is the time that a phase took since Reset.
func (r *Recorder) Sum(p Phase) time.Duration { return r.sums[p] }

// Events are those that were kept, in the order in which they ended, and how many came before them.
func (r *Recorder) Events() (events []Event, lost int) {
	n := len(r.events)
	if r.next <= n {
		return r.events[:r.next], 0
	}
	at := r.next % n
	return append(append(make([]Event, 0, n), r.events[at:]...), r.events[:at]...), r.next - n
}
