package schwarz

import (
	"fmt"

	"fbpinn-mpi/kernels/dense"
)

// rotation of the unknowns of an owned block after which its part of ν‖d‖², d being the damped columns alone, is ν Σ w y² again:
// with T_d the rows of T_j that belong to them, T_d = U Γ Zᵀ, y = Z z and w = Γ². B_j Z stays orthonormal, and unknowns that move no
// damped column have w = 0 but for rounding. It sets w of the block and returns Zᵀ [r_j][r_j].
func (s *Solver) rotation(w *worker, t int) (dense.Matrix, error) {
	v := &s.blocks[t]
	n, r := v.t.Rows, v.t.Cols
	damped := dense.NewMatrix(n, r) // the other rows are zero, so that there are as many singular values as unknowns
	for c := range r {
		copy(damped.Col(c)[:s.sys.Damped[s.sys.Touch[t].Block]], v.t.Col(c))
	}
	values, u, z := make([]float64, r), dense.NewMatrix(n, r), dense.NewMatrix(r, r)
	if err := s.lib.SVD(damped, values, u, z, &w.lapack); err != nil {
		return z, fmt.Errorf("schwarz: damping of block %d: %w", s.sys.Touch[t].Block, err)
	}
	for i, x := range values {
		v.w[i] = x * x
	}
	return z, nil
}

// turned is m Z.
func (s *Solver) turned(m, z dense.Matrix) dense.Matrix {
	to := dense.NewMatrix(m.Rows, m.Cols)
	s.lib.Gemm(dense.NoTrans, dense.Trans, 1, m, z, 0, to)
	return to
}

// turn changes all touched blocks to unknowns in which damping is diagonal. Owners find Z and send it, since unknowns of equal w may
// come out in any order and combination.
func (s *Solver) turn() error {
	sys, rank := s.sys, int32(s.comm.Rank())
	zs := make([]dense.Matrix, len(s.blocks))
	err := s.each(len(s.blocks), func(w *worker, t int) (err error) {
		if s.owns(t) {
			zs[t], err = s.rotation(w, t)
		}
		return err
	})
	if err != nil {
		return err
	}
	var out, in []piece
	for t, v := range sys.Touch {
		if o := sys.Owner[v.Block]; o != rank {
			r := int(s.kept[v.Block])
			zs[t] = dense.NewMatrix(r, r)
			if sys.touches(t) {
				in = append(in, piece{int(o), zs[t].Data})
			}
			continue
		}
		for _, r := range s.pattern.who[v.Block] {
			if r != rank {
				out = append(out, piece{int(r), zs[t].Data})
			}
		}
	}
	if err := s.trade(out, in); err != nil {
		return fmt.Errorf("schwarz: damping of blocks to the ranks that touch them: %w", err)
	}
	return s.each(len(s.blocks), func(_ *worker, t int) error {
		v := &s.blocks[t]
		if v.t.Cols > 0 {
			v.t = s.turned(v.t, zs[t])
		}
		if sys.touches(t) {
			v.b = s.turned(v.b, zs[t])
		}
		return nil
	})
}
