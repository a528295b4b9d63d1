package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"fbpinn-mpi/io/snapshot"
)

// Figures are the three ways to quote an error of a run: at the last test, at the best one, and the median of the tests in the
// last tenth of the steps.
type Figures struct {
	Final  float64 `json:"final"`
	Best   float64 `json:"best"`
	Median float64 `json:"median_last_10"`
}

// Record is one run: one line of accuracy.jsonl.
type Record struct {
	Job       string             `json:"job"`
	Seed      int64              `json:"seed"`
	Steps     int64              `json:"steps"`
	Precision string             `json:"precision"`
	Ranks     int64              `json:"ranks"`
	Seconds   float64            `json:"seconds"`            // of training
	Wall      float64            `json:"wall,omitempty"`     // of the whole program, start to file; since solvers of second order
	Unknowns  int64              `json:"unknowns,omitempty"` // kept by the filter; only solvers of second order have any
	Classical []Point            `json:"classical,omitempty"`
	Errors    map[string]Figures `json:"errors"` // by metric and unknown: "nL1 u", "L1 u", "L2 u"
	Machine   string             `json:"machine"`
	Commit    string             `json:"commit"`
	When      string             `json:"when"`
}

// Point is a classical solution: its error in the metric of the comparison, and its time.
type Point struct {
	Error   float64 `json:"error"`
	Seconds float64 `json:"seconds"`
}

// same tells whether two lines come from one run.
func (r Record) same(o Record) bool { return r.Job == o.Job && r.Seed == o.Seed && r.When == o.When }

// metrics are the history columns by the prefix that cmd/fbpinn-mpi gives them.
var metrics = map[string]string{"error_": "nL1", "l1_": "L1", "l2_": "L2"}

// read turns OUT/JOB/seed-N/solution.h5 into a record. Machine is left to the caller: files do not know it.
func read(path string) (Record, error) {
	s, err := snapshot.Read(path)
	if err != nil {
		return Record{}, err
	}
	r := Record{Job: filepath.Base(filepath.Dir(filepath.Dir(path))), Errors: map[string]Figures{}}
	whole := func(name string) int64 { v, _ := s.Attr(name).(int64); return v }
	text := func(name string) string { v, _ := s.Attr(name).(string); return v }
	r.Seed, r.Steps, r.Ranks = whole("seed"), whole("step"), whole("mpi_size")
	r.Seconds, _ = s.Attr("train_seconds").(float64)
	r.Wall, _ = s.Attr("wall_seconds").(float64)
	r.Precision, r.Commit = text("precision"), text("program_version")
	r.When, _, _ = strings.Cut(text("history"), " ")
	if len(s.History) == 0 || r.Steps == 0 {
		return Record{}, fmt.Errorf("%s has no history", path)
	}
	step := s.History[0].Values
	for _, h := range s.History[1:] {
		if h.Name == "linear_unknowns" {
			for _, v := range h.Values {
				if v == v { // steps of other solvers hold NaN
					r.Unknowns = int64(v)
				}
			}
		}
		for prefix, metric := range metrics {
			if unknown, ok := strings.CutPrefix(h.Name, prefix); ok {
				f, err := figures(step, h.Values)
				if err != nil {
					return Record{}, fmt.Errorf("%s: %s: %w", path, h.Name, err)
				}
				r.Errors[metric+" "+unknown] = f
			}
		}
	}
	if len(r.Errors) == 0 {
		return Record{}, fmt.Errorf("%s has no errors: its job has no exact solution", path)
	}
	return r, nil
}

// figures summarises a column of errors; steps without a test hold NaN.
func figures(step, e []float64) (Figures, error) {
	f := Figures{Final: math.NaN(), Best: math.Inf(1)}
	var late []float64
	for i, v := range e {
		if math.IsNaN(v) {
			continue
		}
		f.Final, f.Best = v, min(f.Best, v)
		if step[i] > 0.9*step[len(step)-1] {
			late = append(late, v)
		}
	}
	if len(late) == 0 {
		return f, errors.New("the last tenth of the steps has no error test")
	}
	f.Median = median(late)
	return f, nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// collect reads all runs under a folder.
func collect(folder string) (list []Record, err error) {
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "solution.h5" {
			return err
		}
		r, err := read(path)
		if err == nil {
			r.Classical, err = classical(filepath.Join(filepath.Dir(path), "compare.csv"))
		}
		if err == nil {
			list = append(list, r)
		}
		return err
	})
	return list, err
}

// load reads the lines that are already there; no file is no lines.
func load(path string) (list []Record, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		var r Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		list = append(list, r)
	}
	return list, lines.Err()
}

// add appends the records that are not among the old ones, and returns all.
func add(path string, old, fresh []Record) ([]Record, error) {
	sort.Slice(fresh, func(a, b int) bool {
		return fresh[a].Job < fresh[b].Job || fresh[a].Job == fresh[b].Job && fresh[a].Seed < fresh[b].Seed
	})
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	for _, r := range fresh {
		if slices.ContainsFunc(old, r.same) {
			continue
		}
		line, err := json.Marshal(r)
		if err == nil {
			_, err = f.Write(append(line, '\n'))
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		old = append(old, r)
	}
	return old, f.Close()
}
