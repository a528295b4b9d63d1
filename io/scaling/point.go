// Package scaling keeps the files of a scaling study: one measurement each as JSON, and the study as HDF5 and CSV.
package scaling

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"fbpinn-mpi/io/h5"
)

// Point is one measurement: a job on a number of ranks, timed after a warm-up. All times, counts of messages and iterations are sums
// over the timed steps, see Unit.
type Point struct {
	Title        string `json:"title"`
	Config       string `json:"config_toml"`   // the job as it ran, see jobfile.Job.Text
	ConfigSHA256 string `json:"config_sha256"` // of it, in hex
	Solver       string `json:"solver"`        // adam, lbfgs, least-squares, gauss-newton
	SecondOrder  bool   `json:"second_order"`
	Precision    string `json:"precision"` // float32, float64
	Backend      string `json:"backend"`

	Ranks      int     `json:"ranks"`
	WarmUp     int     `json:"warm_up"` // steps before the timed ones
	Steps      int     `json:"steps"`   // timed
	Status     string  `json:"status"`  // how training ended
	Seconds    float64 `json:"seconds"` // of the slowest rank
	Iterations int     `json:"iterations"`
	Loss       float64 `json:"loss"` // at the end

	Subdomains  int  `json:"subdomains"`
	Parameters  int  `json:"parameters"`
	Points      int  `json:"points"`
	Reduced     int  `json:"reduced"`      // numbers in the all-reduce of replicated levels, each step
	ValueBytes  int  `json:"value_bytes"`  // of a number in messages
	Cores       int  `json:"cores"`        // that the ranks may use, on all hosts together
	SharedCores bool `json:"shared_cores"` // fewer cores than ranks on some host: times say nothing about scaling

	Phases    []Phase   `json:"phases"`
	Processes []Process `json:"processes"` // by rank

	Provenance map[string]string `json:"provenance"` // the attributes of solution.h5 that are texts
}

// Phase is a part of a step. Rows: "step" are the tasks of a step of first order, which follow each other and make up the step;
// "solver" those of solvers of second order; "exposed" is waiting inside them, for messages that had not come; "flight" is the time
// from sending messages to having them all, behind which work may hide.
type Phase struct {
	Row  string  `json:"row"`
	Name string  `json:"name"`
	Mean float64 `json:"mean"` // seconds, over ranks
	Most float64 `json:"most"` // of the slowest rank
}

// Process is one rank.
type Process struct {
	Host            string  `json:"host"`
	Cores           int     `json:"cores"` // that it may use
	Pairs           int     `json:"pairs"` // of a point and a network at it, evaluated each step
	Neighbours      int     `json:"neighbours"`
	StepBytes       int64   `json:"step_bytes"`    // sent to neighbours in each step, as planned, there and back
	MinimumBytes    int64   `json:"minimum_bytes"` // with the cheaper mode for each pair of neighbours
	Messages        int64   `json:"messages"`      // sent in the timed steps, counted; a linear solver sends some to itself
	Bytes           int64   `json:"bytes"`         // in them
	Collectives     int64   `json:"collectives"`
	CollectiveBytes int64   `json:"collective_bytes"` // that this rank put in
	Seconds         float64 `json:"seconds"`
	Exposed         float64 `json:"exposed"` // of them, waiting
}

// Add puts the phase of one rank, whose share in the mean is given, to that of the others.
func (p *Point) Add(of Phase, share float64) {
	k := slices.IndexFunc(p.Phases, func(v Phase) bool { return v.Row == of.Row && v.Name == of.Name })
	if k < 0 {
		k = len(p.Phases)
		p.Phases = append(p.Phases, Phase{Row: of.Row, Name: of.Name})
	}
	v := &p.Phases[k]
	v.Mean, v.Most = v.Mean+share*of.Mean, max(v.Most, of.Most)
}

// Unit is what times are divided by in tables: the timed steps of a method of first order; for one of second order, whose steps
// differ, the whole training.
func (p *Point) Unit() float64 {
	if p.SecondOrder {
		return 1
	}
	return float64(max(p.Steps, 1))
}

// MostPairs and MeanPairs are those of a rank.
func (p *Point) MostPairs() int {
	most := 0
	for _, q := range p.Processes {
		most = max(most, q.Pairs)
	}
	return most
}

func (p *Point) MeanPairs() float64 {
	return p.mean(func(q *Process) float64 { return float64(q.Pairs) })
}

// Imbalance is the pairs of the rank with most over the mean, 1 at best.
func (p *Point) Imbalance() float64 {
	if mean := p.MeanPairs(); mean > 0 {
		return float64(p.MostPairs()) / mean
	}
	return 1
}

// TimeImbalance is the time in which a rank does not wait for messages, of the rank with most over the mean.
func (p *Point) TimeImbalance() float64 {
	busy := func(q *Process) float64 { return q.Seconds - q.Exposed }
	return p.most(busy) / p.mean(busy)
}

func (p *Point) most(of func(q *Process) float64) float64 {
	m := 0.0
	for i := range p.Processes {
		m = max(m, of(&p.Processes[i]))
	}
	return m
}

func (p *Point) mean(of func(q *Process) float64) float64 {
	sum := 0.0
	for i := range p.Processes {
		sum += of(&p.Processes[i])
	}
	return sum / float64(max(len(p.Processes), 1))
}

// PointFile is where a study in folder dir keeps a measurement; repetitions count from 1.
func PointFile(dir string, ranks, repeat int) string {
	return filepath.Join(dir, "points", fmt.Sprintf("%d-%d.json", ranks, repeat))
}

// Write puts the point into path, all of it or nothing.
func (p *Point) Write(path string) error {
	b, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return fmt.Errorf("scaling: %s: %w", path, err)
	}
	if err := h5.ReplaceStream(path, func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	}); err != nil {
		return fmt.Errorf("scaling: %w", err)
	}
	return nil
}

// ReadPoint reads a measurement; nil if there is none.
func ReadPoint(path string) (*Point, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("scaling: %w", err)
	}
	p := &Point{}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("scaling: %s is no measurement: %w; delete it and measure again", path, err)
	}
	return p, nil
}
