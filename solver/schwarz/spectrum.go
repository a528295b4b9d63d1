package schwarz

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"fbpinn-mpi/kernels/dense"
	"fbpinn-mpi/solver/direct"
)

// pencil is the eigenvalue problem whose smallest vectors are what patches cannot correct: those of unknowns x of own blocks that
//
//	S x = μ M x,   M = N on own blocks,   S = N_oo - N_on N_nn⁻¹ N_no
//
// where the second is built of own rows only, N^(s) = B^(s)ᵀB^(s), n being touched blocks of other ranks. The sum of N^(s) over ranks is
// N, so this is a local splitting into semi-definite parts (Al Daas, Jolivet & Scott, SIAM J. Sci. Comput. 44 (2022) A1047, section
// 3, which takes all rows of own columns; own rows need no message and were as good): small μ says that neighbours can nearly
// undo x on the rows that this rank sees, so the sum of local corrections has it wrong.
type pencil struct {
	s      *Solver
	factor *direct.Factor // of N^(s)
	at     []int          // place of each touched block in vectors of N^(s)
	own    []int          // numbers of owned touched blocks that have rows here
	place  []int          // [own+1] their places in x
	inside [][2]int       // pairs of own that share rows, by number in own, high before low
	value  []dense.Matrix // their N, complete
}

// newPencil takes the shares of N outside the diagonal that own rows give, in order of pattern.pairs of this rank.
func (s *Solver) newPencil(mine []dense.Matrix) (*pencil, error) {
	p := &pencil{s: s, at: make([]int, len(s.blocks)+1), place: []int{0}}
	number := make([]int, len(s.blocks)) // in own, or -1
	var pattern direct.Pattern
	var value [][]float64
	pairs := s.pattern.pairs[s.comm.Rank()]
	for t, v := range s.sys.Touch {
		rows := s.sys.touches(t)
		size := 0
		number[t] = -1
		if rows {
			size = s.blocks[t].b.Cols
			if s.owns(t) {
				number[t] = len(p.own)
				p.own = append(p.own, t)
				p.place = append(p.place, p.place[len(p.own)-1]+size)
			}
		}
		p.at[t+1] = p.at[t] + size
		pattern.Size = append(pattern.Size, size)
		pattern.Start = append(pattern.Start, len(pattern.Row))
		pattern.Row = append(pattern.Row, int32(t))
		square := dense.NewMatrix(size, size)
		if rows {
			s.lib.Syrk(dense.Lower, dense.Trans, 1, s.blocks[t].b, 0, square)
		}
		value = append(value, square.Data)
		for ; len(pairs) > 0 && int(pairs[0].low) == v.Block; pairs, mine = pairs[1:], mine[1:] {
			pattern.Row = append(pattern.Row, int32(s.sys.number(pairs[0].high)))
			value = append(value, mine[0].Data)
		}
	}
	pattern.Start = append(pattern.Start, len(pattern.Row))
	for k, t := range p.own {
		j := s.sys.Touch[t].Block
		for _, i := range s.pattern.near[j] {
			if int(i) > j && int(s.sys.Owner[i]) == s.comm.Rank() {
				if l := number[s.sys.number(i)]; l >= 0 {
					v := s.patch.value[s.patch.entry(pair{int32(j), i})]
					p.inside = append(p.inside, [2]int{l, k})
					p.value = append(p.value, dense.Of(v, p.place[l+1]-p.place[l], p.place[k+1]-p.place[k]))
				}
			}
		}
	}
	var centre [][]float64
	for _, x := range s.sys.Centre {
		c := make([]float64, len(s.sys.Touch))
		for t, v := range s.sys.Touch {
			c[t] = x[v.Block]
		}
		centre = append(centre, c)
	}
	plan := direct.Analyse(&pattern, centre)
	ridge := s.set.Ridge
	for range ridgeSteps + 1 {
		f, err := plan.Factor(s.lib, value, ridge, s.set.Workers)
		var pivot *direct.PivotError
		if err == nil {
			p.factor = f
			return p, nil
		}
		if !errors.As(err, &pivot) {
			return nil, fmt.Errorf("schwarz: factor of own rows: %w", err)
		}
		ridge *= ridgeGrowth
	}
	return p, nil // no coarse vectors of this rank
}

func (p *pencil) order() int { return p.place[len(p.own)] }

// mass is M x, columns of x side by side.
func (p *pencil) mass(x dense.Matrix) dense.Matrix {
	y := dense.NewMatrix(x.Rows, x.Cols)
	copy(y.Data, x.Data) // the diagonal blocks are the identity
	part := func(m dense.Matrix, k int) dense.Matrix { return m.Sub(p.place[k], 0, p.place[k+1]-p.place[k], m.Cols) }
	for i, e := range p.inside {
		p.s.lib.Gemm(dense.NoTrans, dense.NoTrans, 1, p.value[i], part(x, e[1]), 1, part(y, e[0]))
		p.s.lib.Gemm(dense.Trans, dense.NoTrans, 1, p.value[i], part(x, e[0]), 1, part(y, e[1]))
	}
	return y
}

// inverse is S⁻¹ x: the own part of N^(s)⁻¹ on x with zeros beside it.
func (p *pencil) inverse(x dense.Matrix) dense.Matrix {
	n := p.at[len(p.at)-1]
	all := dense.NewMatrix(n, x.Cols)
	y := dense.NewMatrix(x.Rows, x.Cols)
	for c := range x.Cols {
		for k, t := range p.own {
			copy(all.Col(c)[p.at[t]:p.at[t+1]], x.Col(c)[p.place[k]:])
		}
	}
	p.factor.Solve(all.Data, p.s.set.Workers)
	for c := range x.Cols {
		for k, t := range p.own {
			copy(y.Col(c)[p.place[k]:p.place[k+1]], all.Col(c)[p.at[t]:])
		}
	}
	return y
}

// Of the block Krylov method below. A solve costs the same for one right-hand side or ten, since the factor is read from memory once.
// The wanted eigenvalues 1/μ spread over ten decades, and each block finds about as many of them as it has columns.
const (
	krylovWidth = 10
	krylovExtra = 2   // blocks more than the wanted vectors need
	largestMu   = 0.1 // vectors above it are corrected well enough by the patches
)

// smallest returns up to count vectors of the smallest μ, ascending, with XᵀMX = 1: block Lanczos with full orthogonalisation in M for
// S⁻¹M, without restarts.
func (p *pencil) smallest(count int) (x dense.Matrix, mu []float64, err error) {
	n := p.order()
	if p.factor == nil || n == 0 {
		return dense.NewMatrix(n, 0), nil, nil
	}
	lib := p.s.lib
	most := min(n, (count+krylovWidth-1)/krylovWidth*krylovWidth+krylovExtra*krylovWidth)
	v, mv, op := dense.NewMatrix(n, most), dense.NewMatrix(n, most), dense.NewMatrix(n, most)
	rng := rand.New(rand.NewPCG(uint64(p.s.comm.Rank()), 1))
	next := dense.NewMatrix(n, min(n, krylovWidth))
	for i := range next.Data {
		next.Data[i] = rng.NormFloat64()
	}
	have := 0
	for have < most && next.Cols > 0 {
		from := have
		have = p.orthonormal(next, v, mv, have)
		if have == from {
			break
		}
		next = p.inverse(mv.Sub(0, from, n, have-from))
		for c := range next.Cols {
			copy(op.Col(from+c), next.Col(c))
		}
	}
	h, values := dense.NewMatrix(have, have), make([]float64, have)
	lib.Gemm(dense.Trans, dense.NoTrans, 1, mv.Sub(0, 0, n, have), op.Sub(0, 0, n, have), 0, h)
	for c := range have {
		for r := c + 1; r < have; r++ {
			h.Set(r, c, (h.At(r, c)+h.At(c, r))/2)
		}
	}
	if err := lib.Syevd(dense.Lower, h, values, true, &p.s.workers[0].lapack); err != nil {
		return x, nil, fmt.Errorf("schwarz: coarse vectors: %w", err)
	}
	k := 0
	for k < min(count, have) && values[have-1-k]*largestMu > 1 {
		mu = append(mu, 1/values[have-1-k])
		k++
	}
	pick := dense.NewMatrix(have, k)
	for c := range k {
		copy(pick.Col(c), h.Col(have-1-c))
	}
	x = dense.NewMatrix(n, k)
	if k > 0 {
		lib.Gemm(dense.NoTrans, dense.NoTrans, 1, v.Sub(0, 0, n, have), pick, 0, x)
	}
	return x, mu, nil
}

// orthonormal appends the columns of y to v, have columns, after making them orthonormal in M to v and each other, as long as there is
// room; mv is M v. What is left of a column that v already spans is rounding, and is dropped.
func (p *pencil) orthonormal(y, v, mv dense.Matrix, have int) int {
	const rounding = 1e-10
	lib := p.s.lib
	before := make([]float64, y.Cols)
	my := p.mass(y)
	for c := range y.Cols {
		before[c] = dot(y.Col(c), my.Col(c))
	}
	if have > 0 {
		for range 2 { // twice is enough
			w := dense.NewMatrix(have, y.Cols)
			lib.Gemm(dense.Trans, dense.NoTrans, 1, mv.Sub(0, 0, mv.Rows, have), y, 0, w)
			lib.Gemm(dense.NoTrans, dense.NoTrans, -1, v.Sub(0, 0, v.Rows, have), w, 1, y)
		}
		my = p.mass(y)
	}
	first := have
	for c := range y.Cols {
		if have == v.Cols {
			break
		}
		a, ma := y.Col(c), my.Col(c)
		for range 2 {
			for k := first; k < have; k++ {
				w := dot(mv.Col(k), a)
				for i := range a {
					a[i] -= w * v.Col(k)[i]
					ma[i] -= w * mv.Col(k)[i]
				}
			}
		}
		norm := dot(a, ma)
		if !(norm > rounding*rounding*before[c]) {
			continue
		}
		scale := 1 / math.Sqrt(norm)
		for i := range a {
			v.Col(have)[i], mv.Col(have)[i] = scale*a[i], scale*ma[i]
		}
		have++
	}
	return have
}
