package schwarz

import (
	"fmt"
	"math"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/dense"
	"fbpinn-mpi/mpi"
)

// coarse is the coarse space: Z, some vectors of each rank on its own blocks, W = B Z in own rows, and E = ZᵀNZ = WᵀW + νZᵀwZ, which every rank
// holds and factors.
//
// With Q = Z E⁻¹Zᵀ, the patches' M becomes the balanced preconditioner (Mandel, Comm. Numer. Meth. Engng. 9 (1993) 233; BNN of Tang,
// Nabben, Vuik & Erlangga, J. Sci. Comput. 39 (2009) 340)
//
//	(1 - QN) M (1 - NQ) + Q
//
// which stays symmetric and positive whatever symmetric matrix takes the place of E⁻¹: coarse vectors of different ranks are often
// dependent to rounding, and E needs a ridge. In an iteration,
//
//	ζ = E⁻¹Zᵀg,  r' = r - Wζ,  y' = y + Zζ,  g' = Bᵀr' - νwy'             before the patches
//	u = M g',  v = B u,  ζ' = E⁻¹(Zᵀg - (NZ)ᵀu),  u' = u + Zζ',  v' = v + Wζ'      after them, (NZ)ᵀu = Wᵀv + νZᵀwu
//
// Zᵀg before is predicted from the last iteration, and measured with (NZ)ᵀu in one reduction. That the products of v' could be had from
// those of v and E without another reduction is of no use: ζ' is large where vectors are nearly dependent, and ζ'ᵀEζ' drowns in
// the rounding of E.
type coarse struct {
	n      int
	first  []int          // [ranks+1] number of each rank's first vector
	z      []dense.Matrix // [touch] Z on a touched block: vectors of its owner, [r_j][those]
	strips []strip        // W, by ascending rank of the vectors
	l      dense.Matrix   // E, then its Cholesky factor: E + ridge·D⁻² = D⁻¹ L Lᵀ D⁻¹
	scale  []float64      // D: E has a unit diagonal when it is factored
	ridge  float64
	usable bool

	zeta, product []float64 // ζ, Eζ of the last solve
	seen          []float64 // Eζ of before
	zg, np        []float64 // Zᵀg, (NZ)ᵀp
	both          []float64 // what is summed over ranks, [2n]
}

// strip is W for the vectors of one rank: the own rows that its blocks touch.
type strip struct {
	rank   int
	blocks []int         // numbers of touched blocks
	rows   []kernels.Run // Tile: row of w; Point: own row
	w      dense.Matrix
	room   []float64
}

// newCoarse finds Z, so many vectors of each rank at most, and gives it to the ranks that need it.
func (s *Solver) newCoarse(mine []dense.Matrix, vectors int) error {
	p, err := s.newPencil(mine)
	if err != nil {
		return err
	}
	x, mu, err := p.smallest(vectors)
	if err != nil {
		return err
	}
	if p.factor != nil {
		p.factor.Free()
	}
	s.report.Mu = mu
	counts := make([]int64, s.comm.Size())
	rank := s.comm.Rank()
	counts[rank] = int64(x.Cols)
	if err := s.sumInts(counts); err != nil {
		return fmt.Errorf("schwarz: tell how many coarse vectors there are: %w", err)
	}
	c := &coarse{first: make([]int, len(counts)+1), z: make([]dense.Matrix, len(s.blocks))}
	for r, n := range counts {
		c.first[r+1] = c.first[r] + int(n)
	}
	if c.n = c.first[len(counts)]; c.n == 0 {
		return nil
	}
	for t, v := range s.sys.Touch {
		c.z[t] = dense.NewMatrix(s.at[t+1]-s.at[t], int(counts[s.sys.Owner[v.Block]]))
	}
	for k, t := range p.own {
		for i := range x.Cols {
			copy(c.z[t].Col(i), x.Col(i)[p.place[k]:])
		}
	}
	var out, in []piece
	for t, v := range s.sys.Touch {
		if o := int(s.sys.Owner[v.Block]); o != rank {
			in = append(in, piece{o, c.z[t].Data})
			continue
		}
		for r := range counts {
			if r != rank && s.holds(r, v.Block) {
				out = append(out, piece{r, c.z[t].Data})
			}
		}
	}
	if err := s.trade(out, in); err != nil {
		return fmt.Errorf("schwarz: coarse vectors to the ranks that touch them: %w", err)
	}
	c.layout(s)
	c.l = dense.NewMatrix(c.n, c.n)
	for _, v := range []*[]float64{&c.scale, &c.zeta, &c.product, &c.seen, &c.zg, &c.np} {
		*v = make([]float64, c.n)
	}
	c.both = make([]float64, 2*c.n)
	s.coarse = c
	s.report.Coarse = c.n
	return nil
}

// layout finds the rows of the strips.
func (c *coarse) layout(s *Solver) {
	for r := range s.comm.Size() {
		if c.first[r] == c.first[r+1] {
			continue
		}
		v := strip{rank: r}
		var in []bool // rows
		for t, w := range s.sys.Touch {
			if int(s.sys.Owner[w.Block]) == r && s.sys.touches(t) && c.z[t].Cols > 0 {
				v.blocks = append(v.blocks, t)
				if in == nil {
					in = make([]bool, s.sys.Rows)
				}
				for _, k := range w.Runs {
					for i := k.Point; i < k.Point+k.N; i++ {
						in[i] = true
					}
				}
			}
		}
		n := int32(0)
		for i := range int32(len(in)) {
			if !in[i] {
				continue
			}
			if last := len(v.rows) - 1; last >= 0 && v.rows[last].Point+v.rows[last].N == i {
				v.rows[last].N++
			} else {
				v.rows = append(v.rows, kernels.Run{Tile: n, Point: i, N: 1})
			}
			n++
		}
		if n > 0 {
			v.w = dense.NewMatrix(int(n), c.first[r+1]-c.first[r])
			v.room = make([]float64, n)
			c.strips = append(c.strips, v)
		}
	}
}

// project forms W, E and its factor for the present blocks and damping.
func (s *Solver) project() error {
	c := s.coarse
	if c == nil {
		return nil
	}
	defer s.clock("coarse space", &s.report.Seconds.Coarse)()
	err := s.each(len(c.strips), func(w *worker, k int) error {
		c.strips[k].fill(s, c, w)
		return nil
	})
	if err != nil {
		return err
	}
	clear(c.l.Data)
	type couple struct{ high, low int }
	var couples []couple
	for i := range c.strips {
		for k := i; k < len(c.strips); k++ {
			couples = append(couples, couple{k, i})
		}
	}
	err = s.each(len(couples), func(w *worker, k int) error {
		a, b := &c.strips[couples[k].high], &c.strips[couples[k].low]
		var rowsA, rowsB []kernels.Block
		n := 0
		common(a.rows, b.rows, func(tileA, tileB, m int32) {
			rowsA = append(rowsA, kernels.Block{At: int64(tileA), N: int64(m)})
			rowsB = append(rowsB, kernels.Block{At: int64(tileB), N: int64(m)})
			n += int(m)
		})
		to := c.l.Sub(c.first[a.rank], c.first[b.rank], a.w.Cols, b.w.Cols)
		s.lib.Gemm(dense.Trans, dense.NoTrans, 1, gather(a.w, rowsA, n, &w.a), gather(b.w, rowsB, n, &w.b), 0, to)
		return nil
	})
	if err != nil {
		return err
	}
	if s.damping > 0 {
		at := c.first[s.comm.Rank()]
		for t := range s.blocks {
			if z := c.z[t]; s.owns(t) && z.Cols > 0 {
				rooted := dense.NewMatrix(z.Rows, z.Cols) // √w Z
				for k := range z.Cols {
					for i, w := range s.blocks[t].w {
						rooted.Set(i, k, math.Sqrt(w)*z.At(i, k))
					}
				}
				s.lib.Syrk(dense.Lower, dense.Trans, s.damping, rooted, 1, c.l.Sub(at, at, z.Cols, z.Cols))
			}
		}
	}
	if err := mpi.NewTreeSum(s.comm, len(c.l.Data), s.set.Tag+2).Sum(c.l.Data); err != nil {
		return fmt.Errorf("schwarz: coarse matrix: %w", err)
	}
	c.decompose(s)
	return nil
}

// fill forms W from the present blocks.
func (v *strip) fill(s *Solver, c *coarse, w *worker) {
	clear(v.w.Data)
	for _, t := range v.blocks {
		b := s.blocks[t].b
		part := dense.Of(room(&w.a, b.Rows*v.w.Cols), b.Rows, v.w.Cols)
		s.lib.Gemm(dense.NoTrans, dense.NoTrans, 1, b, c.z[t], 0, part)
		for i := range v.w.Cols {
			to, from := v.w.Col(i), part.Col(i)
			common(v.rows, s.sys.Touch[t].Runs, func(row, tile, n int32) {
				for k := range n {
					to[row+k] += from[tile+k]
				}
			})
		}
	}
}

// decompose factors E in place. Where vectors of different ranks are dependent to rounding, a ridge makes it definite.
func (c *coarse) decompose(s *Solver) {
	diagonal := make([]float64, c.n)
	for i := range c.n {
		diagonal[i] = c.l.At(i, i)
		c.scale[i] = 0
		if diagonal[i] > 0 {
			c.scale[i] = 1 / math.Sqrt(diagonal[i])
		}
	}
	// The upper triangle keeps E for another try.
	for j := range c.n {
		for i := range j {
			c.l.Set(i, j, c.l.At(j, i))
		}
	}
	c.ridge = s.set.Ridge
	for range ridgeSteps + 1 {
		for j := range c.n {
			c.l.Set(j, j, 1+c.ridge)
			for i := j + 1; i < c.n; i++ {
				c.l.Set(i, j, c.l.At(j, i)*c.scale[i]*c.scale[j])
			}
		}
		if c.usable = s.lib.Potrf(dense.Lower, c.l) < 0; c.usable {
			break
		}
		c.ridge *= ridgeGrowth
	}
}

// solve sets ζ = E⁻¹ x and Eζ; 0 if E has no factor.
func (c *coarse) solve(s *Solver, x []float64) {
	clear(c.zeta)
	clear(c.product)
	if !c.usable {
		return
	}
	for i := range c.zeta {
		c.zeta[i] = x[i] * c.scale[i]
	}
	s.lib.Trsv(dense.Lower, dense.NoTrans, c.l, c.zeta)
	s.lib.Trsv(dense.Lower, dense.Trans, c.l, c.zeta)
	for i, z := range c.zeta {
		c.product[i] = x[i]
		if c.scale[i] > 0 {
			c.product[i] -= c.ridge * z / c.scale[i] // z is ζ/D yet
		}
		c.zeta[i] = z * c.scale[i]
	}
}

// restrict adds Wᵀx of own rows.
func (c *coarse) restrict(s *Solver, to, x []float64) {
	for k := range c.strips {
		v := &c.strips[k]
		for _, r := range v.rows {
			copy(v.room[r.Tile:r.Tile+r.N], x[r.Point:])
		}
		s.lib.Gemv(dense.Trans, 1, v.w, v.room, 1, to[c.first[v.rank]:c.first[v.rank+1]])
	}
}

// addRows adds factor·Wζ to own rows.
func (c *coarse) addRows(s *Solver, x []float64, factor float64) {
	for k := range c.strips {
		v := &c.strips[k]
		s.lib.Gemv(dense.NoTrans, factor, v.w, c.zeta[c.first[v.rank]:c.first[v.rank+1]], 0, v.room)
		for _, r := range v.rows {
			for i := range r.N {
				x[r.Point+i] += v.room[r.Tile+i]
			}
		}
	}
}

// addUnknowns adds Zζ to the unknowns of touched blocks.
func (c *coarse) addUnknowns(s *Solver, x []float64) {
	for t, v := range s.sys.Touch {
		o := s.sys.Owner[v.Block]
		s.lib.Gemv(dense.NoTrans, 1, c.z[t], c.zeta[c.first[o]:c.first[o+1]], 1, x[s.at[t]:s.at[t+1]])
	}
}

// start sets y to the coarse solution and returns its energy yᵀNy.
func (c *coarse) start(s *Solver) (float64, error) {
	clear(c.zg)
	c.restrict(s, c.zg, s.vectors.r)
	if err := s.sums(c.zg); err != nil {
		return 0, err
	}
	c.solve(s, c.zg)
	c.addUnknowns(s, s.vectors.y)
	c.addRows(s, s.vectors.r, -1)
	clear(c.np)
	energy := 0.0
	for i, e := range c.product {
		energy += c.zeta[i] * e
		c.zg[i] -= e
	}
	return energy, nil
}

// before returns r' and, with damping, y'. They lie where v and u will be.
func (c *coarse) before(s *Solver) (rows, unknowns []float64) {
	v := &s.vectors
	c.solve(s, c.zg)
	copy(c.seen, c.product)
	copy(v.v, v.r)
	c.addRows(s, v.v, -1)
	if s.damping > 0 {
		copy(v.u, v.y)
		c.addUnknowns(s, v.u)
	}
	return v.v, v.u
}

// after adds the coarse part to u and v = B u.
func (c *coarse) after(s *Solver) error {
	v := &s.vectors
	o := s.comm.Rank()
	clear(c.both)
	zg, nzu := c.both[:c.n], c.both[c.n:]
	for k, own := range s.patch.own {
		if own {
			t := s.sys.number(s.patch.blocks[k])
			s.lib.Gemv(dense.Trans, 1, c.z[t], v.gradient[s.patch.at[k]:s.patch.at[k+1]], 1, zg[c.first[o]:c.first[o+1]])
			if s.damping > 0 {
				weighed := make([]float64, s.at[t+1]-s.at[t])
				for i, w := range s.blocks[t].w {
					weighed[i] = w * v.u[s.at[t]+i]
				}
				s.lib.Gemv(dense.Trans, s.damping, c.z[t], weighed, 1, nzu[c.first[o]:c.first[o+1]])
			}
		}
	}
	c.restrict(s, nzu, v.v)
	if err := s.sums(c.both); err != nil {
		return err
	}
	for i := range zg {
		c.zg[i] = zg[i] + c.seen[i] // Zᵀg from Zᵀg'
		zg[i] = c.zg[i] - nzu[i]
	}
	c.solve(s, zg)
	c.addUnknowns(s, v.u)
	c.addRows(s, v.v, 1)
	for i, x := range nzu {
		c.product[i] += x // (NZ)ᵀu'
	}
	return nil
}

// follow steps Zᵀg and (NZ)ᵀp with y += αp, p = u' + βp.
func (c *coarse) follow(alpha, beta float64) {
	for i, x := range c.product {
		c.np[i] = x + beta*c.np[i]
		c.zg[i] -= alpha * c.np[i]
	}
}
