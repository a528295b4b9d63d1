package schwarz

import "fbpinn-mpi/kernels/dense"

// rowChunk is how many rows one task sums: some 30 kB.
const rowChunk = 4096

// rowsOf sets r = B y in own rows; y holds the unknowns of all touched blocks. Each row sums in ascending order of blocks, so
// the number of workers changes nothing.
func (s *Solver) rowsOf(r, y []float64) {
	_ = s.each(len(s.blocks), func(w *worker, t int) error {
		s.lib.Gemv(dense.NoTrans, 1, s.blocks[t].b, y[s.at[t]:s.at[t+1]], 0, s.covered[s.cover.block[t]:s.cover.block[t+1]])
		return nil
	})
	_ = s.each((len(r)+rowChunk-1)/rowChunk, func(_ *worker, k int) error {
		for i := k * rowChunk; i < min(len(r), (k+1)*rowChunk); i++ {
			sum := 0.0
			for _, p := range s.cover.place[s.cover.start[i]:s.cover.start[i+1]] {
				sum += s.covered[p]
			}
			r[i] = sum
		}
		return nil
	})
}

// columnsOf sets g = Bᵀ r, the share of own rows.
func (s *Solver) columnsOf(g, r []float64) {
	_ = s.each(len(s.blocks), func(w *worker, t int) error {
		if !s.sys.touches(t) {
			clear(g[s.at[t]:s.at[t+1]])
			return nil
		}
		rows := s.covered[s.cover.block[t]:s.cover.block[t+1]]
		clear(rows)
		for _, k := range s.sys.Touch[t].Runs {
			copy(rows[k.Tile:k.Tile+k.N], r[k.Point:k.Point+k.N])
		}
		s.lib.Gemv(dense.Trans, 1, s.blocks[t].b, rows, 0, g[s.at[t]:s.at[t+1]])
		return nil
	})
}
