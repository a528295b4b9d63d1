package runlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"time"
)

// nullable reads null as NaN.
type nullable float64

func (x *nullable) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*x = nullable(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(x))
}

// ordered reads an object of numbers and keeps the order of its keys.
type ordered []Value

func (list *ordered) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return errors.New("no object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var x nullable
		if err := d.Decode(&x); err != nil {
			return err
		}
		*list = append(*list, Value{Name: name.(string), Value: float64(x)})
	}
	return nil
}

// decode is the inverse of encode. A line without a step is none of ours.
func decode(line []byte) (Report, error) {
	var v struct {
		Step                 *int64
		Seconds, Rate, Loss  nullable
		Terms, Errors        ordered
		Linear, Continuation ordered
		Learning             nullable `json:"learning_rate"`
		Window, Stage        int
		Solver               string
		Left                 int64 `json:"steps_left"`
		Time                 time.Time
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return Report{}, err
	}
	if v.Step == nil {
		return Report{}, errors.New("no step")
	}
	return Report{Step: *v.Step, Seconds: float64(v.Seconds), Rate: float64(v.Rate), Loss: float64(v.Loss), Terms: v.Terms, Errors: v.Errors, Linear: v.Linear,
		Learning: float64(v.Learning), Window: v.Window, Stage: v.Stage, Solver: v.Solver, Continuation: v.Continuation, Left: v.Left, Time: v.Time}, nil
}

// Follower reads a log while a run, maybe on another node, writes it. It takes no lock and keeps no file open between calls: network
// file systems show what others wrote to those who open a file anew.
type Follower struct {
	path string
	at   int64  // bytes read
	last []byte // the line that ends there: if it is not there any more, the log was cut or replaced
	Bad  int    // whole lines that are no reports
}

// Follow starts at the beginning of a log, which need not be there yet.
func Follow(path string) *Follower { return &Follower{path: path} }

// Next returns the reports that were completed since the last call; a last line without its end is left for later. anew says that the log
// was cut or replaced meanwhile, by a run that goes on from further back, say: then the reports are all that it holds.
func (f *Follower) Next() (list []Report, anew bool, err error) {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		anew = f.at > 0
		f.at, f.last, f.Bad = 0, nil, 0
		return nil, anew, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("log: %w", err)
	}
	defer file.Close()
	if len(f.last) > 0 {
		there := make([]byte, len(f.last))
		if _, err := file.ReadAt(there, f.at-int64(len(there))); err != nil && !errors.Is(err, io.EOF) {
			return nil, false, fmt.Errorf("log: %w", err)
		}
		if !bytes.Equal(there, f.last) {
			anew = true
			f.at, f.last, f.Bad = 0, nil, 0
		}
	}
	if _, err := file.Seek(f.at, io.SeekStart); err != nil {
		return nil, anew, fmt.Errorf("log: %w", err)
	}
	rest, err := io.ReadAll(file)
	if err != nil {
		return nil, anew, fmt.Errorf("log: %w", err)
	}
	for {
		line, tail, whole := bytes.Cut(rest, []byte{'\n'})
		if !whole {
			return list, anew, nil
		}
		f.at += int64(len(line)) + 1
		f.last = append(append(f.last[:0], line...), '\n')
		if r, err := decode(line); err == nil {
			list = append(list, r)
		} else {
			f.Bad++
		}
		rest = tail
	}
}
