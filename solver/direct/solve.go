package direct

import "fbpinn-mpi/kernels/dense"

// Solve overwrites x by (A + ridge)⁻¹·x: the unknowns of block after block in the order of the pattern, [columns][N], any number of
// right-hand sides one after the other. Every number of the factor is read twice for up to some ten right-hand sides, which is
// what a solve costs. The result does not depend on workers.
func (f *Factor) Solve(x []float64, workers int) {
	if workers < 1 || f.Unknowns > 0 && len(x)%f.Unknowns != 0 || f.Unknowns == 0 && len(x) > 0 {
		panic("direct: right-hand side of another length, or no worker")
	}
	if len(x) == 0 {
		return
	}
	s := &solve{Factor: f, x: x, columns: len(x) / f.Unknowns}
	// Memory is kept for the next call: first the vectors that wait for their parents, then a front at a time for each worker.
	for len(f.work) < workers+1 {
		f.work = append(f.work, nil)
	}
	grow := func(k, n int) []float64 {
		if len(f.work[k]) < n {
			f.work[k] = make([]float64, n)
		}
		return f.work[k][:n]
	}
	s.waiting = grow(0, f.boundaries*s.columns)
	pool := make([][]float64, workers)
	for k := range pool {
		pool[k] = grow(k+1, f.longest*s.columns)
	}
	f.up.run(workers, func(u, w int) {
		for k := f.units[u].first; k <= f.units[u].root; k++ {
			s.forward(k, pool[w])
		}
	})
	f.down.run(workers, func(t, w int) {
		u := len(f.units) - 1 - t
		for k := f.units[u].root; k >= f.units[u].first; k-- {
			s.backward(k, pool[w])
		}
	})
}

type solve struct {
	*Factor
	x       []float64
	columns int
	waiting []float64 // by front and column, the boundary part of L⁻¹·x that its parent adds
}

// local is room for front k's unknowns, own and boundary, [columns][rows].
func (s *solve) local(f *front, room []float64) dense.Matrix {
	return dense.Of(room[:f.rows()*s.columns], f.rows(), s.columns)
}

// passed is what front f leaves for its parent.
func (s *solve) passed(f *front) dense.Matrix {
	high := f.rows() - f.wide()
	return dense.Of(s.waiting[f.y*s.columns:][:high*s.columns], high, s.columns)
}

// forward does the part of L·y = x that belongs to front k: its unknowns, and the products that its ancestors subtract.
func (s *solve) forward(k int, room []float64) {
	f := &s.fronts[k]
	u := s.local(f, room)
	for c := range s.columns {
		col := u.Col(c)
		for i, b := range f.block[:f.own] {
			copy(col[f.at[i]:f.at[i+1]], s.x[c*s.Unknowns+s.offset[b]:])
		}
		clear(col[f.wide():])
		for _, child := range f.children {
			ch := &s.fronts[child]
			from := s.passed(ch).Col(c)
			for b, in := range ch.inParent {
				at := ch.at[ch.own+b] - ch.wide()
				add(col[f.at[in]:f.at[in+1]], from[at:at+f.at[in+1]-f.at[in]])
			}
		}
	}
	for q := range f.ownPanel {
		pivot, below := s.panelOf(f, q)
		top, rest := s.parts(f, u, q)
		if s.columns == 1 {
			s.lib.Trsv(dense.Lower, dense.NoTrans, pivot, top.Col(0))
			s.lib.Gemv(dense.NoTrans, -1, below, top.Col(0), 1, rest.Col(0))
			continue
		}
		s.lib.Trsm(dense.Left, dense.Lower, dense.NoTrans, 1, pivot, top)
		s.lib.Gemm(dense.NoTrans, dense.NoTrans, -1, below, top, 1, rest)
	}
	s.keep(f, u)
	up := s.passed(f)
	for c := range s.columns {
		copy(up.Col(c), u.Col(c)[f.wide():])
	}
}

// backward does the part of Lᵀ·x = y that belongs to front k; x of its ancestors is known.
func (s *solve) backward(k int, room []float64) {
	f := &s.fronts[k]
	u := s.local(f, room)
	for c := range s.columns {
		col := u.Col(c)
		for i, b := range f.block {
			copy(col[f.at[i]:f.at[i+1]], s.x[c*s.Unknowns+s.offset[b]:])
		}
	}
	for q := f.ownPanel - 1; q >= 0; q-- {
		pivot, below := s.panelOf(f, q)
		top, rest := s.parts(f, u, q)
		if s.columns == 1 {
			s.lib.Gemv(dense.Trans, -1, below, rest.Col(0), 1, top.Col(0))
			s.lib.Trsv(dense.Lower, dense.Trans, pivot, top.Col(0))
			continue
		}
		s.lib.Gemm(dense.Trans, dense.NoTrans, -1, below, rest, 1, top)
		s.lib.Trsm(dense.Left, dense.Lower, dense.Trans, 1, pivot, top)
	}
	s.keep(f, u)
}

// keep writes the own unknowns of f back to x.
func (s *solve) keep(f *front, u dense.Matrix) {
	for c := range s.columns {
		col := u.Col(c)
		for i, b := range f.block[:f.own] {
			copy(s.x[c*s.Unknowns+s.offset[b]:], col[f.at[i]:f.at[i+1]])
		}
	}
}

// panelOf is own panel q of f: the triangle on the diagonal and what is below.
func (s *solve) panelOf(f *front, q int) (pivot, below dense.Matrix) {
	rows, wide := f.stride(q), f.width(q)
	panel := dense.Of(s.data[f.panelAt[q]:][:rows*wide], rows, wide)
	return panel.Sub(0, 0, wide, wide), panel.Sub(wide, 0, rows-wide, wide)
}

// parts are the rows of panel q in u, and all below.
func (s *solve) parts(f *front, u dense.Matrix, q int) (top, rest dense.Matrix) {
	return u.Sub(f.begin(q), 0, f.width(q), s.columns), u.Sub(f.begin(q+1), 0, f.rows()-f.begin(q+1), s.columns)
}
