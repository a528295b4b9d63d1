package runlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"
)

// Value is a named number of a report, in the order of the job.
type Value struct {
	Name  string
	Value float64
}

// Report is what a run says about itself every so many steps.
type Report struct {
	Step    int64
	Seconds float64 // of training since the first step, over all resumed parts
	Rate    float64 // steps per second since the last report
	Loss    float64
	Terms   []Value // loss terms
	Errors  []Value // normalised L1 error of each unknown, where there is something to compare with and it was tested
	Linear  []Value // of solvers of second order: what the linear problem of the step was like

	Learning     float64 // learning rate; 0 with solvers that have none
	Window       int     // from 1
	Stage        int     // from 1, in each window
	Solver       string  // of the stage
	Continuation []Value // the parameter and the value in hand; empty without a continuation
	Left         int64   // steps that may still come; only adam is sure to make all of its own
	Time         time.Time
}

// encode writes one JSON line with keys in a fixed order: scripts that measure take step and seconds by their places. JSON has no NaN and no infinity: they become null. Floats carry all
// their digits, so equal numbers give equal bytes.
func (r Report) encode() []byte {
	b := append([]byte(nil), `{"step":`...)
	b = strconv.AppendInt(b, r.Step, 10)
	b = number(append(b, `,"seconds":`...), r.Seconds)
	b = number(append(b, `,"rate":`...), r.Rate)
	b = number(append(b, `,"loss":`...), r.Loss)
	b = values(append(b, `,"terms":`...), r.Terms)
	b = values(append(b, `,"errors":`...), r.Errors)
	if len(r.Linear) > 0 {
		b = values(append(b, `,"linear":`...), r.Linear)
	}
	b = number(append(b, `,"learning_rate":`...), r.Learning)
	b = strconv.AppendInt(append(b, `,"window":`...), int64(r.Window), 10)
	b = strconv.AppendInt(append(b, `,"stage":`...), int64(r.Stage), 10)
	b = text(append(b, `,"solver":`...), r.Solver)
	if len(r.Continuation) > 0 {
		b = values(append(b, `,"continuation":`...), r.Continuation)
	}
	b = strconv.AppendInt(append(b, `,"steps_left":`...), r.Left, 10)
	b = text(append(b, `,"time":`...), r.Time.UTC().Format(stampLayout))
	return append(b, "}\n"...)
}

// stampLayout is that of RFC 3339 with milliseconds.
const stampLayout = "2006-01-02T15:04:05.000Z07:00"

func number(b []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, x, 'g', -1, 64)
}

func values(b []byte, list []Value) []byte {
	b = append(b, '{')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = number(append(text(b, v.Name), ':'), v.Value)
	}
	return append(b, '}')
}

func text(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("runlog: a text does not encode")
	}
	return append(b, quoted...)
}

// Log is log.jsonl: one line a report, in ascending order of steps.
type Log struct{ f *os.File }

// OpenLog opens the log for a run that goes on after step resumed (-1 for a new run). Lines of later steps, and whatever
// follows a line that a killed process left half written, are cut off: the run will write them again.
func OpenLog(path string, resumed int64) (*Log, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	end, err := lastKept(f, resumed)
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("log: %s: %w", path, err)
	}
	return &Log{f}, nil
}

// lastKept is the number of bytes of whole lines of steps up to resumed.
func lastKept(f *os.File, resumed int64) (int64, error) {
	var end int64
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return end, nil // a line without its end is half written
		}
		if err != nil {
			return 0, err
		}
		var head struct {
			Step *int64 `json:"step"`
		}
		if json.Unmarshal(bytes.TrimSpace(line), &head) != nil || head.Step == nil || *head.Step > resumed {
			return end, nil
		}
		end += int64(len(line))
	}
}

// Write appends one report. It reaches the system at once, so a kill loses at most a line.
func (l *Log) Write(r Report) error {
	if _, err := l.f.Write(r.encode()); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	return nil
}

// Close syncs and closes the log.
func (l *Log) Close() error {
	err := l.f.Sync()
	if cerr := l.f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	return nil
}
