package runlog

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// What happens to a run.
const (
	Started      = "start"      // the program started; Event.Launch says how
	WindowBegun  = "window"     // a window begins, the only one too; Event.Layout says what its ranks do
	Warned       = "warning"    // Event.Text
	Checkpointed = "checkpoint" // a checkpoint of the step is on the disk
	Stopped      = "stop"       // on request: --resume goes on
	Failed       = "failure"    // Event.Text; Event.Code is the exit code
	Ended        = "end"        // the solution is written; Event.Text says how training ended
)

// Event is a line of events.jsonl. Unlike the log, which a resumed run cuts back to where it goes on, events are only added: they tell all
// that befell a run.
type Event struct {
	Time    time.Time `json:"time"`
	What    string    `json:"event"`
	Step    int64     `json:"step"`
	Text    string    `json:"text,omitempty"`
	Code    int       `json:"code,omitempty"`
	Seconds float64   `json:"seconds,omitempty"` // that it took: a checkpoint, or the whole program until its end
	Bytes   int64     `json:"bytes,omitempty"`   // of the checkpoint
	Launch  *Launch   `json:"launch,omitempty"`
	Layout  *Layout   `json:"layout,omitempty"`
	Tasks   []Task    `json:"tasks,omitempty"` // at the end: where the time of rank 0 went
}

// Launch is one start of the program, the first one of a run or one that resumes it.
type Launch struct {
	Title     string `json:"title,omitempty"`
	Version   string `json:"version"`
	Command   string `json:"command"`
	Host      string `json:"host"` // of rank 0
	PID       int    `json:"pid"`  // of rank 0
	Ranks     int    `json:"ranks"`
	Slurm     string `json:"slurm_job,omitempty"`
	JobSHA256 string `json:"job_sha256"`
	Plan
}

// Plan is what a run has before it.
type Plan struct {
	Windows int     `json:"windows"`
	Stages  []Stage `json:"stages"` // of each window
}

// Stage is one solver of a sequence, and its steps at most.
type Stage struct {
	Solver string `json:"solver"`
	Steps  int64  `json:"steps"`
}

// certain tells whether a run makes all steps that it may: only adam never ends earlier.
func (p Plan) certain() bool {
	for _, s := range p.Stages {
		if s.Solver != "adam" {
			return false
		}
	}
	return true
}

// Layout is the work of a step and what it makes ranks exchange.
type Layout struct {
	Window     int    `json:"window"`
	Backend    string `json:"backend"`
	Subdomains int    `json:"subdomains"`
	Levels     int    `json:"levels"`
	Points     int    `json:"points"`
	Pairs      int    `json:"pairs"`         // of a subdomain and a point in it, all ranks
	PairsRank  int    `json:"pairs_rank"`    // rank with the most
	Exchange   string `json:"exchange"`      // what neighbours send
	Neighbours int    `json:"neighbours"`    // rank with the most
	Bytes      int64  `json:"bytes"`         // sent a step, all ranks
	Minimum    int64  `json:"minimum_bytes"` // the same if every pair of neighbours chose for itself
	Reduced    int    `json:"reduced"`       // values that are all-reduced
}

// Task is a part of a step.
type Task struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Steps   int     `json:"steps"`
}

// Events is events.jsonl, to which a run adds.
type Events struct{ f *os.File }

// OpenEvents opens the file; what it holds stays.
func OpenEvents(path string) (*Events, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	// A line that a killed process left half written must not spoil the next one.
	if st, err := f.Stat(); err == nil && st.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, st.Size()-1); err == nil && last[0] != '\n' {
			f.Write([]byte{'\n'})
		}
	}
	return &Events{f}, nil
}

// Add writes an event, stamped with the time.
func (e *Events) Add(v Event) error {
	v.Time = time.Now().UTC().Truncate(time.Millisecond)
	line, err := json.Marshal(v)
	if err == nil {
		_, err = e.f.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	return nil
}

// Close syncs and closes the file.
func (e *Events) Close() error {
	err := e.f.Sync()
	if cerr := e.f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	return nil
}

// ReadEvents lists the events of a run, in order; nothing where there is no file. Lines that are none, half written ones say, are left out.
func ReadEvents(path string) (list []Event, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var v Event
		if json.Unmarshal(lines.Bytes(), &v) == nil && v.What != "" {
			list = append(list, v)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("events: %s: %w", path, err)
	}
	return list, nil
}
