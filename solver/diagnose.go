package solver

import (
	"cmp"
	"fmt"
	"slices"

	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/schwarz"
)

// Diagnosis says what the linear problems of a run were like, over all ranks, since the program started: a run that goes on from a file
// knows nothing of the steps before.
type Diagnosis struct {
	Blocks         []schwarz.Kept // of the last factorisation, all blocks with columns, ascending; numbered level after level
	Factorisations []Factorisation
	Solves         []LinearSolve
}

// Factorisation is what came of one Factor: filter, normal matrix, factor and coarse space, and all that was solved with them until the
// next. Without blocks (Newton.Matrix) there is only the filter.
type Factorisation struct {
	Step            int
	Times           int     // that the matrix was factored: once, and again for each new damping
	Columns, Kept   int64   // before and after the filter
	Coarse          int     // coarse vectors
	Condition       float64 // of the preconditioned problem, as the last solve saw it; 0: not known
	Ridge           float64 // largest that a factor needed
	Entries         int64   // of the factors of all ranks
	Flops           float64 // to compute them once
	MostFlops       float64 // of one rank
	Bytes           int64   // of blocks, matrices, factors and coarse spaces of all ranks
	MostBytes       int64   // of one rank
	schwarz.Seconds         // largest of any rank, phase by phase
}

// LinearSolve is one solution of a linear problem; a step may need several.
type LinearSolve struct {
	Step     int
	Damping  float64
	Gradient []float64 // before each iteration, in the norm of the preconditioner
}

// diary keeps on each rank what Diagnosis gathers.
type diary struct {
	blocks  []schwarz.Kept
	entries []Factorisation // of this rank alone
	solves  []LinearSolve
}

// watched is a linear solver that writes a diary.
type watched struct {
	linearSolver
	r       *Run[float64]
	damping float64
}

func (w *watched) Factor(sys *schwarz.System, damping float64) error {
	if err := w.linearSolver.Factor(sys, damping); err != nil {
		return err
	}
	d := &w.r.diary
	d.entries = append(d.entries, Factorisation{Step: w.r.done + 1, Times: 1})
	w.damping = damping
	d.note(w.Report())
	return nil
}

func (w *watched) Damp(damping float64) error {
	if err := w.linearSolver.Damp(damping); err != nil {
		return err
	}
	w.damping = damping
	w.r.diary.last().Times++
	w.r.diary.note(w.Report())
	return nil
}

func (w *watched) Solve(b []float64, x [][]float64) (schwarz.Outcome, error) {
	out, err := w.linearSolver.Solve(b, x)
	if err != nil {
		return out, err
	}
	d := &w.r.diary
	d.last().Condition = out.Condition
	d.note(w.Report())
	d.solves = append(d.solves, LinearSolve{Step: w.r.done + 1, Damping: w.damping, Gradient: out.Gradient})
	return out, nil
}

func (d *diary) last() *Factorisation { return &d.entries[len(d.entries)-1] }

// note takes over what the report says since the last Factor.
func (d *diary) note(r schwarz.Report) {
	f := d.last()
	f.Columns = 0
	for _, b := range r.Blocks {
		f.Columns += int64(b.Columns)
	}
	f.Kept, f.Coarse, f.Ridge, f.Seconds = r.Unknowns, r.Coarse, r.Ridge, r.Seconds
	f.Entries, f.Flops = r.FactorEntries, r.FactorFlops
	f.Bytes = r.FactorBytes + r.BlockBytes + r.MatrixBytes + r.CoarseBytes
	d.blocks = r.Blocks
}

// Diagnosis gathers the diaries on rank 0; nil there if no solver of second order was at work, and on the others. Collective.
func (r *Run[T]) Diagnosis() (*Diagnosis, error) {
	d := &r.diary
	if len(d.entries) == 0 { // on all ranks alike
		return nil, nil
	}
	var sums, most []float64
	for _, f := range d.entries {
		t := f.Seconds
		sums = append(sums, float64(f.Columns), float64(f.Entries), f.Flops, float64(f.Bytes))
		most = append(most, f.Flops, float64(f.Bytes), f.Ridge, t.Blocks, t.Filter, t.Normal, t.Factor, t.Coarse, t.Iterations, t.Total)
	}
	if err := mpi.Allreduce(r.comm, sums, mpi.Sum); err != nil {
		return nil, fmt.Errorf("solver: diagnosis: %w", err)
	}
	if err := mpi.Allreduce(r.comm, most, mpi.Max); err != nil {
		return nil, fmt.Errorf("solver: diagnosis: %w", err)
	}
	const numbers = 5 // of a block
	var own []float64
	for _, b := range d.blocks {
		if b.Columns > 0 {
			own = append(own, float64(b.Block), float64(b.Columns), float64(b.Kept), b.Largest, b.Smallest)
		}
	}
	counts, err := mpi.Counted(r.comm, len(own))
	if err != nil {
		return nil, fmt.Errorf("solver: diagnosis: %w", err)
	}
	var all []float64
	if r.comm.Rank() == 0 {
		n := 0
		for _, k := range counts {
			n += k
		}
		all = make([]float64, n)
	}
	if err := mpi.Gatherv(r.comm, own, all, counts, 0); err != nil {
		return nil, fmt.Errorf("solver: diagnosis: gather the blocks: %w", err)
	}
	if r.comm.Rank() != 0 {
		return nil, nil
	}
	whole := &Diagnosis{Solves: d.solves}
	for k, f := range d.entries {
		s, m := sums[4*k:], most[10*k:]
		f.Columns, f.Entries, f.Flops, f.Bytes = int64(s[0]), int64(s[1]), s[2], int64(s[3])
		f.MostFlops, f.MostBytes, f.Ridge = m[0], int64(m[1]), m[2]
		f.Seconds = schwarz.Seconds{Blocks: m[3], Filter: m[4], Normal: m[5], Factor: m[6], Coarse: m[7], Iterations: m[8], Total: m[9]}
		whole.Factorisations = append(whole.Factorisations, f)
	}
	for i := 0; i < len(all); i += numbers {
		b := all[i:]
		whole.Blocks = append(whole.Blocks, schwarz.Kept{Block: int(b[0]), Columns: int(b[1]), Kept: int(b[2]), Largest: b[3], Smallest: b[4]})
	}
	slices.SortFunc(whole.Blocks, func(a, b schwarz.Kept) int { return cmp.Compare(a.Block, b.Block) })
	return whole, nil
}
