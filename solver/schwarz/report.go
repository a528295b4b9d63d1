package schwarz

import (
	"fmt"
	"math"

	"fbpinn-mpi/mpi"
)

// Report says what a Solver did since Factor, on this rank unless it says otherwise.
type Report struct {
	Blocks        []Kept // owned blocks, ascending
	Unknowns      int64  // kept columns of all ranks
	PatchUnknowns int
	Ridge         float64 // what the factor needed
	FactorEntries int64
	FactorFlops   float64
	FactorBytes   int64
	BlockBytes    int64     // B, T of touched blocks
	MatrixBytes   int64     // N of the patch
	Coarse        int       // coarse vectors of all ranks
	Mu            []float64 // of this rank's coarse vectors, ascending: see pencil
	CoarseBytes   int64     // of Z, W and the factor of E
	Neighbours    int       // ranks, this one among them, that get messages of this rank in an iteration
	Bytes         int64     // in them, there and back
	Seconds       Seconds
}

// Seconds of the phases. Total is that of Factor, messages and waiting for other ranks included.
type Seconds struct{ Blocks, Filter, Normal, Factor, Coarse, Iterations, Total float64 }

// Report of this rank.
func (s *Solver) Report() Report {
	r := s.report
	if s.sys == nil {
		return r
	}
	for _, b := range s.blocks {
		r.BlockBytes += 8 * int64(len(b.b.Data)+len(b.t.Data))
	}
	for _, v := range s.patch.value {
		r.MatrixBytes += 8 * int64(len(v))
	}
	r.PatchUnknowns = s.patch.at[len(s.patch.blocks)]
	if p := s.patch.plan; p != nil {
		r.FactorEntries, r.FactorFlops, r.FactorBytes = p.Entries, p.Flops, p.FactorBytes()
	}
	if c := s.coarse; c != nil {
		r.CoarseBytes = 8 * int64(len(c.l.Data))
		for _, z := range c.z {
			r.CoarseBytes += 8 * int64(len(z.Data))
		}
		for _, v := range c.strips {
			r.CoarseBytes += 8 * int64(len(v.w.Data))
		}
	}
	there, back := s.exchange.Forward(), s.exchange.Transpose()
	r.Neighbours, r.Bytes = int(max(there.Messages, back.Messages)), there.Bytes+back.Bytes
	return r
}

// Summary is the reports of all ranks in brief, the same on all.
type Summary struct {
	Blocks        int     // with columns
	Columns, Kept int64   // before and after the filter
	Least, Most   int     // kept of a block
	Weakest       float64 // smallest kept singular value of any block over its largest
	Coarse        int
	Patch         int     // unknowns of the largest patch
	Ridge         float64 // largest
	FactorEntries int64   // of all patches
	FactorFlops   float64
	Bytes         int64   // of blocks, matrices, factors and coarse spaces of all ranks
	MostBytes     int64   // of one rank
	Seconds       Seconds // largest of any rank, phase by phase
}

// Summary is collective.
func (s *Solver) Summary() (Summary, error) {
	r := s.Report()
	bytes := float64(r.FactorBytes + r.BlockBytes + r.MatrixBytes + r.CoarseBytes)
	sums := []float64{0, 0, 0, float64(r.FactorEntries), r.FactorFlops, bytes}
	t := r.Seconds
	most := []float64{0, math.Inf(-1), math.Inf(-1), float64(r.PatchUnknowns), r.Ridge, bytes,
		t.Blocks, t.Filter, t.Normal, t.Factor, t.Coarse, t.Iterations, t.Total}
	for _, b := range r.Blocks {
		if b.Columns > 0 {
			sums[0]++
			most[0], most[1] = max(most[0], float64(b.Kept)), max(most[1], -float64(b.Kept))
		}
		sums[1] += float64(b.Columns)
		sums[2] += float64(b.Kept)
		if b.Kept > 0 {
			most[2] = max(most[2], -b.Smallest/b.Largest)
		}
	}
	if err := mpi.Allreduce(s.comm, sums, mpi.Sum); err != nil {
		return Summary{}, fmt.Errorf("schwarz: summary: %w", err)
	}
	if err := mpi.Allreduce(s.comm, most, mpi.Max); err != nil {
		return Summary{}, fmt.Errorf("schwarz: summary: %w", err)
	}
	u := Summary{Blocks: int(sums[0]), Columns: int64(sums[1]), Kept: int64(sums[2]), Most: int(most[0]), Coarse: r.Coarse,
		Patch: int(most[3]), Ridge: most[4], FactorEntries: int64(sums[3]), FactorFlops: sums[4], Bytes: int64(sums[5]), MostBytes: int64(most[5]),
		Seconds: Seconds{most[6], most[7], most[8], most[9], most[10], most[11], most[12]}}
	if u.Blocks > 0 {
		u.Least = int(-most[1])
	}
	if u.Kept > 0 {
		u.Weakest = -most[2]
	}
	return u, nil
}
