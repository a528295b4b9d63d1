package runlog

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// State is what the files of a run say about it.
type State int

const (
	Unknown  State = iota // events.jsonl does not tell
	Running               // it reports
	Silent                // it should have reported, but has not
	Killed                // its process is gone without a last word
	Halted                // stopped on request: --resume goes on
	Broken                // ended by a failure
	Finished              // the solution is written
)

func (s State) String() string {
	return [...]string{"unknown", "running", "stale", "killed", "stopped", "failed", "finished"}[s]
}

// Over tells that no process of the run works any more, as far as this machine can know.
func (s State) Over() bool { return s >= Killed }

// Patience: a run that has not written for so long is called silent, unless its reports are further apart.
const (
	patience = time.Minute
	overdue  = 5 // times the longest pause between two reports
)

// Judgement is a State with its reason.
type Judgement struct {
	State State
	Age   time.Duration // since the run last wrote
	Last  Event         // the event that decides
	Start Event         // of the last launch
}

// Judge says what state a run is in, now, on this machine. wrote is when it last wrote a file, longest the longest pause that it made between
// two reports.
func Judge(events []Event, wrote time.Time, longest time.Duration, now time.Time) Judgement {
	j := Judgement{Age: max(0, now.Sub(wrote))}
	for _, e := range events {
		switch e.What {
		case Started:
			j.Start, j.Last = e, e
		case Stopped, Failed, Ended:
			j.Last = e
		}
	}
	switch j.Last.What {
	case Ended:
		j.State = Finished
	case Failed:
		j.State = Broken
	case Stopped:
		j.State = Halted
	case Started:
		j.State = Running
		if l := j.Start.Launch; l != nil && gone(l.Host, l.PID) {
			j.State = Killed
		} else if j.Age > max(patience, overdue*longest) {
			j.State = Silent
		}
	}
	return j
}

// gone tells that a process of this machine is no more; of other machines nothing is known.
func gone(host string, pid int) bool {
	here, err := os.Hostname()
	return err == nil && here == host && pid > 0 && syscall.Kill(pid, 0) == syscall.ESRCH
}

// Ago writes how long ago something was.
func Ago(d time.Duration) string { return fmt.Sprintf("%s ago", left(d.Seconds())) }
