package schwarz

// Report says what a Solver did since Factor.
type Report struct {
	Blocks        []Kept  // owned blocks, ascending
	Unknowns      int64   // kept columns of all ranks
	PatchUnknowns int     // of this rank
	Ridge         float64 // what this rank's factor needed
	FactorEntries int64
	FactorFlops   float64
	FactorBytes   int64
	BlockBytes    int64     // B, T of touched blocks
	MatrixBytes   int64     // N of the patch
	Coarse        int       // vectors of all ranks
	Mu            []float64 // of this rank's coarse vectors, ascending: see pencil
	CoarseBytes   int64
	Neighbours    int   // ranks that exchange with this one in an iteration
	Bytes         int64 // sent by this rank in an iteration to them
	Seconds       Seconds
}

// Seconds of the phases on this rank. Total is that of Factor.
type Seconds struct{ Filter, Normal, Factor, Coarse, Iterations, Total float64 }

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
		r.FactorEntries, r.FactorFlops, r.FactorBytes = int64(p.Entries), float64(p.Flops), p.FactorBytes()
	}
	there, back := s.exchange.Forward(), s.exchange.Transpose()
	r.Neighbours, r.Bytes = int(max(there.Messages, back.Messages)), there.Bytes+back.Bytes
	return r
}
