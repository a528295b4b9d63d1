package schwarz

import (
	"cmp"
	"slices"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/dense"
)

// common finds the rows that two blocks share: stretches of own rows.
func common(a, b []kernels.Run, visit func(tileA, tileB, n int32)) {
	for len(a) > 0 && len(b) > 0 {
		from := max(a[0].Point, b[0].Point)
		to := min(a[0].Point+a[0].N, b[0].Point+b[0].N)
		if from < to {
			visit(a[0].Tile+from-a[0].Point, b[0].Tile+from-b[0].Point, to-from)
		}
		if a[0].Point+a[0].N < b[0].Point+b[0].N {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
}

// gather copies rows, stretches of tile rows, of m into scratch.
func gather(m dense.Matrix, rows []kernels.Block, n int, scratch *[]float64) dense.Matrix {
	g := dense.Of(room(scratch, n*m.Cols), n, m.Cols)
	for c := range m.Cols {
		from, to := m.Col(c), g.Col(c)
		at := 0
		for _, r := range rows {
			at += copy(to[at:], from[r.At:r.At+r.N])
		}
	}
	return g
}

// product is B_highᵀ·B_low over own rows, [r_high][r_low], for two touched blocks.
func (s *Solver) product(w *worker, high, low int) dense.Matrix {
	var rowsHigh, rowsLow []kernels.Block
	n := 0
	common(s.sys.Touch[high].Runs, s.sys.Touch[low].Runs, func(h, l, k int32) {
		rowsHigh = append(rowsHigh, kernels.Block{At: int64(h), N: int64(k)})
		rowsLow = append(rowsLow, kernels.Block{At: int64(l), N: int64(k)})
		n += int(k)
	})
	bh, bl := s.blocks[high].b, s.blocks[low].b
	v := dense.NewMatrix(bh.Cols, bl.Cols)
	s.lib.Gemm(dense.Trans, dense.NoTrans, 1, gather(bh, rowsHigh, n, &w.a), gather(bl, rowsLow, n, &w.b), 0, v)
	return v
}

// number of touched block j.
func (sys *System) number(j int32) int {
	t, ok := slices.BinarySearchFunc(sys.Touch, int(j), func(t Touch, j int) int { return cmp.Compare(t.Block, j) })
	if !ok {
		panic("schwarz: block that is not touched")
	}
	return t
}

// products are the parts of N, outside its diagonal blocks, that own rows give, for all pairs of blocks that share own rows. The
// diagonal blocks are the identity, since the filter leaves orthonormal columns.
func (s *Solver) products() ([]dense.Matrix, error) {
	ps := s.pattern.pairs[s.comm.Rank()]
	v := make([]dense.Matrix, len(ps))
	err := s.each(len(ps), func(w *worker, k int) error {
		v[k] = s.product(w, s.sys.number(ps[k].high), s.sys.number(ps[k].low))
		return nil
	})
	return v, err
}
