package solver

import (
	"math"
	"slices"
	"testing"

	"fbpinn-mpi/kernels/dense"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/schwarz"
)

func TestDiagnosis_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { diagnosis(t, c) }) }
func TestDiagnosis_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { diagnosis(t, c) }) }
func TestDiagnosis_n4(t *testing.T) { world.Run(t, 4, func(c mpi.Comm) { diagnosis(t, c) }) }

// singularTolerance bounds how far singular values of one block on two sets of ranks may lie apart, relative to its largest: each is
// exact to some ten roundings of it.
const singularTolerance = 1e-13

// diagnosis compares what rank 0 gathers with what one rank finds alone, and with the steps that were reported.
func diagnosis(t *testing.T, c mpi.Comm) {
	lib, err := dense.Open()
	if err != nil {
		t.Fatal(err)
	}
	set := Settings{Stages: []Stage{{Method: "adam", Steps: 3}, {Method: "least-squares", Steps: 4}}, Newton: Newton{Library: lib}}
	trained := func(c mpi.Comm) (*Diagnosis, *record) {
		seen := &record{}
		var o Observer[float64]
		if c.Rank() == 0 {
			o = seen
		}
		r := laplace().build(t, c, set, o)
		defer r.Close()
		if _, err := r.Train(); err != nil {
			t.Fatal(err)
		}
		d, err := r.Diagnosis()
		if err != nil {
			t.Fatal(err)
		}
		return d, seen
	}
	alone, err := c.Alone()
	if err != nil {
		t.Fatal(err)
	}
	want, _ := trained(alone)
	got, seen := trained(c)
	if c.Rank() != 0 {
		if got != nil {
			t.Error("a diagnosis on another rank than 0")
		}
		return
	}
	if len(got.Blocks) != len(want.Blocks) || len(got.Blocks) == 0 {
		t.Fatalf("%d blocks, alone %d", len(got.Blocks), len(want.Blocks))
	}
	if !slices.IsSortedFunc(got.Blocks, func(a, b schwarz.Kept) int { return a.Block - b.Block }) {
		t.Error("blocks do not ascend")
	}
	var columns, kept int64
	for k, b := range got.Blocks {
		w := want.Blocks[k]
		columns, kept = columns+int64(b.Columns), kept+int64(b.Kept)
		if b.Block != w.Block || b.Columns != w.Columns || b.Kept != w.Kept ||
			math.Abs(b.Largest-w.Largest) > singularTolerance*w.Largest || math.Abs(b.Smallest-w.Smallest) > singularTolerance*w.Largest {
			t.Errorf("%+v, alone %+v", b, w)
		}
	}
	last := seen.reports[len(seen.reports)-1]
	f := got.Factorisations[len(got.Factorisations)-1]
	if f.Columns != columns || f.Kept != kept || float64(kept) != last.Linear.Unknowns {
		t.Errorf("%d of %d columns kept in the factorisation, %d of %d in blocks, %v reported", f.Kept, f.Columns, kept, columns, last.Linear.Unknowns)
	}
	if f.Step <= 3 || f.Times < 1 || f.Entries == 0 || f.MostFlops > f.Flops || f.MostBytes > f.Bytes || f.MostBytes == 0 {
		t.Errorf("factorisation %+v", f)
	}
	// A phase of one rank alone is part of the whole; on more ranks each is that of another one.
	if s := f.Seconds; c.Size() == 1 && (s.Filter <= 0 || s.Blocks+s.Filter+s.Normal+s.Factor+s.Coarse > s.Total) {
		t.Errorf("seconds %+v", s)
	}
	solves := 0
	for _, r := range seen.reports {
		if r.Linear == nil {
			continue
		}
		for solves < len(got.Solves) && got.Solves[solves].Step < r.Step {
			solves++
		}
		if solves == len(got.Solves) || got.Solves[solves].Step != r.Step {
			t.Errorf("no solve of step %d", r.Step)
		}
	}
	if end := got.Solves[len(got.Solves)-1].Gradient; !slices.Equal(end, last.Linear.Gradients) {
		t.Errorf("gradients of the last solve: %v, reported %v", end, last.Linear.Gradients)
	}
}

// TestNoDiagnosis: Adam has no linear problems.
func TestNoDiagnosis_n2(t *testing.T) {
	world.Run(t, 2, func(c mpi.Comm) {
		var o Observer[float64]
		if c.Rank() == 0 {
			o = &record{}
		}
		r := laplace().build(t, c, Settings{Stages: []Stage{{Steps: 2}}}, o)
		defer r.Close()
		if _, err := r.Train(); err != nil {
			t.Fatal(err)
		}
		if d, err := r.Diagnosis(); d != nil || err != nil {
			t.Error(d, err)
		}
	})
}
