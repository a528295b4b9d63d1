package schwarz

import (
	"fmt"
	"math"
	"slices"
	"time"

	"fbpinn-mpi/kernels/dense"
)

// block is the share of a rank in a touched block.
type block struct {
	b dense.Matrix // [LD][r_j] own rows of B_j
	t dense.Matrix // [n_j][r_j] T_j, on the ranks that own or touch it
	w []float64    // [r_j] 1/σ², on the rank that owns it: ‖d_j‖² in units of columns of unit length is Σ w y²

	qr     dense.Matrix // [LD][n_j] reflectors and R of the own rows, while the owner decides what is kept
	panels dense.Matrix // and their triangles
}

// Kept says what the filter did to an owned block.
type Kept struct {
	Block             int
	Columns, Kept     int
	Largest, Smallest float64 // singular values of the block with columns of unit length: the largest, and the smallest kept
}

// filter fills B and T of all touched blocks. Columns are scaled to unit length, J_j D = Q R, R = U Σ Vᵀ, and what lies above
// Tau·σ_1 is kept: B_j = Q U, T_j = D V Σ⁻¹. Q is applied as reflectors, so that B_j is orthonormal to rounding, which J_j T_j is
// not.
//
// Over ranks the R factors of the parts are stacked at the owner and factored once more (Demmel et al., SIAM J. Sci. Comput.
// 34 (2012) A206). Householder's QR commutes with scaling of columns, also in what rounding does to it, so parts are factored
// without D, which the owner reads off the stack: one exchange there and back.
func (s *Solver) filter() error {
	sys, rank := s.sys, int32(s.comm.Rank())
	s.blocks = make([]block, len(sys.Touch))
	s.kept = make([]int64, len(sys.Owner))
	s.report.Blocks = s.report.Blocks[:0]
	mine := make([]Kept, len(sys.Touch))
	err := s.each(len(sys.Touch), func(w *worker, t int) error {
		j := sys.Touch[t].Block
		if !s.alone(j) {
			return s.reduce(w, t, nil)
		}
		// No other rank has rows of it: done while the block is in cache, in scratch memory.
		if err := s.reduce(w, t, &w.a); err != nil {
			return err
		}
		v := &s.blocks[t]
		m, kept, err := s.decide(w, j, []dense.Matrix{triangle(v.qr)})
		if err != nil {
			return err
		}
		v.t, v.w, mine[t] = kept.t, kept.w, kept.Kept
		s.finish(w, t, m[0])
		return nil
	})
	if err != nil {
		return err
	}
	// Triangles to owners.
	var out, in []piece
	for t := range s.blocks {
		if o := sys.Owner[sys.Touch[t].Block]; o != rank && s.sys.touches(t) {
			r := triangle(s.blocks[t].qr)
			out = append(out, piece{int(o), r.Data})
		}
	}
	owned := s.shared() // numbers of owned touched blocks that others touch
	stack := make([][]dense.Matrix, len(owned))
	for k, t := range owned {
		j := sys.Touch[t].Block
		for _, r := range s.pattern.who[j] {
			if r == rank {
				stack[k] = append(stack[k], triangle(s.blocks[t].qr))
				continue
			}
			m := dense.NewMatrix(s.pattern.reflectors(int(r), j), sys.Columns[j])
			stack[k] = append(stack[k], m)
			in = append(in, piece{int(r), m.Data})
		}
	}
	if err := s.trade(out, in); err != nil {
		return fmt.Errorf("schwarz: triangles of blocks to their owners: %w", err)
	}
	maps := make([][]dense.Matrix, len(owned))
	err = s.each(len(owned), func(w *worker, k int) error {
		m, kept, err := s.decide(w, sys.Touch[owned[k]].Block, stack[k])
		maps[k], mine[owned[k]], s.blocks[owned[k]].t, s.blocks[owned[k]].w = m, kept.Kept, kept.t, kept.w
		return err
	})
	if err != nil {
		return err
	}
	for t, v := range sys.Touch {
		if sys.Owner[v.Block] == rank {
			s.kept[v.Block] = int64(mine[t].Kept)
			s.report.Blocks = append(s.report.Blocks, mine[t])
		}
	}
	return s.spread(owned, maps)
}

// spread tells all ranks how many columns are kept, sends what makes B_j and T_j to those that touch j, and makes B_j.
func (s *Solver) spread(owned []int, maps [][]dense.Matrix) error {
	sys, rank := s.sys, int32(s.comm.Rank())
	if err := s.sumInts(s.kept); err != nil {
		return fmt.Errorf("schwarz: tell how many columns are kept: %w", err)
	}
	var out, in []piece
	for k, t := range owned {
		j := sys.Touch[t].Block
		for i, r := range s.pattern.who[j] {
			if r != rank {
				out = append(out, piece{int(r), maps[k][i].Data}, piece{int(r), s.blocks[t].t.Data})
			}
		}
	}
	mine := make([]dense.Matrix, len(sys.Touch)) // K×r maps of this rank
	for t, v := range sys.Touch {
		if o := sys.Owner[v.Block]; o != rank && s.sys.touches(t) {
			r := int(s.kept[v.Block])
			mine[t] = dense.NewMatrix(s.pattern.reflectors(int(rank), v.Block), r)
			s.blocks[t].t = dense.NewMatrix(sys.Columns[v.Block], r)
			in = append(in, piece{int(o), mine[t].Data}, piece{int(o), s.blocks[t].t.Data})
		}
	}
	if err := s.trade(out, in); err != nil {
		return fmt.Errorf("schwarz: filtered columns to the ranks that touch them: %w", err)
	}
	for k, t := range owned {
		for i, r := range s.pattern.who[sys.Touch[t].Block] {
			if r == rank {
				mine[t] = maps[k][i]
			}
		}
	}
	return s.each(len(sys.Touch), func(w *worker, t int) error {
		if s.blocks[t].panels.Cols > 0 {
			s.finish(w, t, mine[t])
		}
		return nil
	})
}

// alone tells whether block j has rows on its owner only, or nowhere.
func (s *Solver) alone(j int) bool {
	for _, r := range s.pattern.who[j] {
		if r != s.sys.Owner[j] {
			return false
		}
	}
	return true
}

// shared lists touched blocks that are owned here and have rows on other ranks.
func (s *Solver) shared() []int {
	var ts []int
	for t, v := range s.sys.Touch {
		if int(s.sys.Owner[v.Block]) == s.comm.Rank() && !s.alone(v.Block) {
			ts = append(ts, t)
		}
	}
	return ts
}

func (p *pattern) reflectors(rank, j int) int {
	k, ok := slices.BinarySearchFunc(p.touch[rank], int32(j), func(t touched, j int32) int { return int(t.block - j) })
	if !ok {
		panic("schwarz: a rank that does not touch the block")
	}
	return int(p.touch[rank][k].reflectors)
}

// reduce fills touched block t and factors it; in scratch memory, if given.
func (s *Solver) reduce(w *worker, t int, scratch *[]float64) error {
	v := &s.sys.Touch[t]
	n := s.sys.Columns[v.Block]
	b := &s.blocks[t]
	if !s.sys.touches(t) {
		b.qr = dense.Of(nil, 0, n)
		return nil
	}
	var data []float64
	if scratch != nil {
		data = room(scratch, v.LD*n)
	} else {
		data = make([]float64, v.LD*n)
	}
	began := time.Now()
	s.sys.Fill(t, data)
	w.filling += time.Since(began)
	b.qr = dense.Of(data, v.LD, n)
	b.panels = dense.Panels(v.LD, n)
	s.lib.Geqrt(b.qr, b.panels, &w.lapack)
	return nil
}

// triangle copies R, min(rows, columns) rows of it, zeros below the diagonal.
func triangle(qr dense.Matrix) dense.Matrix {
	r := dense.NewMatrix(min(qr.Rows, qr.Cols), qr.Cols)
	for j := range r.Cols {
		n := min(j+1, r.Rows)
		copy(r.Col(j)[:n], qr.Col(j)[:n])
	}
	return r
}

type decision struct {
	Kept
	t dense.Matrix
	w []float64
}

// decide filters block j from the triangles of its parts. Part p of B_j is Q_p·M_p, with M_p [rows of part p][r_j] the p-th result.
func (s *Solver) decide(w *worker, j int, parts []dense.Matrix) ([]dense.Matrix, decision, error) {
	n := s.sys.Columns[j]
	d := decision{Kept: Kept{Block: j, Columns: n}}
	scale := make([]float64, n)
	rows := 0
	for _, p := range parts {
		rows += p.Rows
		for c := range n {
			for _, x := range p.Col(c) {
				scale[c] = math.Hypot(scale[c], x)
			}
		}
	}
	stack := dense.NewMatrix(rows, n)
	for c := range n {
		if scale[c] > 0 {
			scale[c] = 1 / scale[c]
		}
		at := stack.Col(c)
		for _, p := range parts {
			for i, x := range p.Col(c) {
				at[i] = x * scale[c]
			}
			at = at[p.Rows:]
		}
	}
	r := stack
	var panels dense.Matrix
	if len(parts) > 1 {
		panels = dense.Panels(rows, n)
		s.lib.Geqrt(stack, panels, &w.lapack)
		r = triangle(stack)
	}
	k := min(r.Rows, n)
	values, u, vt := make([]float64, k), dense.NewMatrix(r.Rows, k), dense.NewMatrix(k, n)
	if err := s.lib.SVD(r, values, u, vt, &w.lapack); err != nil {
		return nil, d, fmt.Errorf("schwarz: block %d: %w", j, err)
	}
	for _, v := range values {
		if v > s.set.Tau*values[0] {
			d.Kept.Kept++
		}
	}
	kept := d.Kept.Kept
	if kept > 0 {
		d.Largest, d.Smallest = values[0], values[kept-1]
	}
	d.t = dense.NewMatrix(n, kept)
	for c := range kept {
		d.w = append(d.w, 1/(values[c]*values[c]))
		for i := range n {
			d.t.Set(i, c, scale[i]*vt.At(c, i)/values[c])
		}
	}
	// All parts of Q_2·[U; 0], one below the other.
	all := dense.NewMatrix(rows, kept)
	for c := range kept {
		copy(all.Col(c), u.Col(c))
	}
	if len(parts) > 1 {
		s.lib.Gemqrt(dense.NoTrans, stack, panels, all, &w.lapack)
	}
	maps := make([]dense.Matrix, len(parts))
	at := 0
	for p := range parts {
		maps[p] = dense.NewMatrix(parts[p].Rows, kept)
		for c := range kept {
			copy(maps[p].Col(c), all.Col(c)[at:])
		}
		at += parts[p].Rows
	}
	return maps, d, nil
}

// finish makes the own rows of B_j, Q·M, and drops the reflectors.
func (s *Solver) finish(w *worker, t int, m dense.Matrix) {
	v := &s.blocks[t]
	v.b = dense.NewMatrix(v.qr.Rows, m.Cols)
	for c := range m.Cols {
		copy(v.b.Col(c), m.Col(c))
	}
	s.lib.Gemqrt(dense.NoTrans, v.qr, v.panels, v.b, &w.lapack)
	v.qr, v.panels = dense.Matrix{}, dense.Matrix{}
}

// Refresh takes new values from Fill: B_j = J_j T_j with the old T_j. Filter, factors and coarse vectors stay; they now are those of a
// neighbouring problem, which costs iterations but no accuracy (inexact Newton). Columns of B_j are no longer orthonormal.
func (s *Solver) Refresh() error {
	s.ready()
	err := s.each(len(s.blocks), func(w *worker, t int) error {
		if !s.sys.touches(t) {
			return nil
		}
		v := &s.sys.Touch[t]
		n := s.sys.Columns[v.Block]
		data := room(&w.a, v.LD*n)
		s.sys.Fill(t, data)
		s.lib.Gemm(dense.NoTrans, dense.NoTrans, 1, dense.Of(data, v.LD, n), s.blocks[t].t, 0, s.blocks[t].b)
		return nil
	})
	if err != nil {
		return err
	}
	return s.project()
}
