package schwarz

import (
	"fmt"
	"math"

	"fbpinn-mpi/kernels/dense"
)

// Solve finds the least-squares solution for b, own rows, and writes d_j = T_j y_j for every touched block, d[t] of n_j numbers, nil
// where it is not wanted.
//
// Conjugate gradients for least squares (Björck 1996, Algorithm 7.4.1) with preconditioner M. u = M g is the correction, v = B u; the new
// direction is p = u + βp, q = v + βq = B p, and then y += αp, r -= αq, with
//
//	β = -<v, q>/<q, q>       makes <B p, B p_old> = 0 whatever M was (Notay, SIAM J. Sci. Comput. 22 (2000) 1444)
//	α = <r, q>/<q, q>        is least ‖r‖ along q
//
// in products of rows, all of which are known before β: one reduction an iteration, and one more for the coarse space. Since <g, u> = <r, v>,
// none of the unknowns of different ranks need to be compared. Damping adds rows √(νw) y to B y, which are not formed.
func (s *Solver) Solve(b []float64, d [][]float64) (Outcome, error) {
	s.ready()
	if len(b) != s.sys.Rows || len(d) != len(s.sys.Touch) {
		panic("schwarz: right-hand side or solution of another system")
	}
	defer s.clock("iterations", &s.report.Seconds.Iterations)()
	v := &s.vectors
	copy(v.r, b)
	clear(v.y)
	o, err := s.iterate()
	if err != nil {
		return o, fmt.Errorf("schwarz: iterations: %w", err)
	}
	if err := s.settle(); err != nil {
		return o, fmt.Errorf("schwarz: solution to the ranks that touch it: %w", err)
	}
	for t := range d {
		if d[t] == nil {
			continue
		}
		if len(d[t]) != s.sys.Columns[s.sys.Touch[t].Block] {
			panic("schwarz: solution of a block with another number of columns")
		}
		s.lib.Gemv(dense.NoTrans, 1, s.blocks[t].t, v.y[s.at[t]:s.at[t+1]], 0, d[t])
	}
	return o, nil
}

// products of rows that an iteration sums over ranks, damping included.
const (
	sumRV = iota // <r, v> = gᵀMg
	sumVV
	sumVQ
	sumRQ // 0 but for rounding
	sumQQ
	sumRR
	sumYY // ν‖y‖²
	sumProducts
)

func (s *Solver) iterate() (Outcome, error) {
	v := &s.vectors
	out := Outcome{Status: OutOfIterations}
	var x [sumProducts]float64
	x[0] = dot(v.r, v.r)
	if err := s.sums(x[:1]); err != nil {
		return out, err
	}
	out.Before, out.After = x[0], x[0]
	if s.singular {
		out.Status = Singular
		return out, nil
	}
	reference := 0.0 // gᵀMg at y = 0, nearly
	if s.coarse != nil {
		energy, err := s.coarse.start(s)
		if err != nil {
			return out, err
		}
		reference = energy
	}
	clear(v.p)
	clear(v.q)
	w := watch{patience: longPatience}
	if s.comm.Size() == 1 {
		w.patience = directPatience
	}
	var lanczos tridiagonal
	alpha := 0.0
	for ; ; out.Iterations++ {
		if err := s.correct(); err != nil {
			return out, err
		}
		nu := s.damping
		x[sumRV] = dot(v.r, v.v) - nu*s.ownDot(v.y, v.u)
		x[sumVV] = dot(v.v, v.v) + nu*s.ownDot(v.u, v.u)
		x[sumVQ] = dot(v.v, v.q) + nu*s.ownDot(v.u, v.p)
		x[sumRQ] = dot(v.r, v.q) - nu*s.ownDot(v.y, v.p)
		x[sumQQ] = dot(v.q, v.q) + nu*s.ownDot(v.p, v.p)
		x[sumRR] = dot(v.r, v.r)
		x[sumYY] = nu * s.ownDot(v.y, v.y)
		if err := s.sums(x[:]); err != nil {
			return out, err
		}
		rv := x[sumRV]
		out.After = x[sumRR]
		if out.Iterations == 0 {
			reference += max(rv, 0)
		}
		out.Gradient = append(out.Gradient, math.Sqrt(max(rv, 0)))
		if st, over := w.judge(rv, x[sumRR]+x[sumYY], reference, s.set, out.Iterations); over {
			out.Status = st
			break
		}
		beta := 0.0
		if x[sumQQ] > 0 {
			beta = -x[sumVQ] / x[sumQQ]
		}
		qq := x[sumVV] + beta*x[sumVQ]
		if !(qq > 0) {
			out.Status = w.atRounding(Stagnated)
			break
		}
		before := alpha
		alpha = (rv + beta*x[sumRQ]) / qq
		lanczos.add(before, beta, alpha)
		for i, u := range v.u {
			v.p[i] = u + beta*v.p[i]
			v.y[i] += alpha * v.p[i]
		}
		for i, b := range v.v {
			v.q[i] = b + beta*v.q[i]
			v.r[i] -= alpha * v.q[i]
		}
		if s.coarse != nil {
			s.coarse.follow(alpha, beta)
		}
	}
	out.Condition = lanczos.condition(s)
	return out, nil
}

// correct sets u = M g for g = Bᵀ r - νwy, on all touched blocks, and v = B u: gradients to patches, one solve, corrections back; the
// coarse space before and after.
func (s *Solver) correct() error {
	v := &s.vectors
	rows, unknowns := v.r, v.y
	if s.coarse != nil {
		rows, unknowns = s.coarse.before(s)
	}
	s.columnsOf(v.g, rows)
	if s.damping > 0 {
		for t := range s.blocks {
			if s.owns(t) {
				for i, w := range s.blocks[t].w {
					v.g[s.at[t]+i] -= s.damping * w * unknowns[s.at[t]+i]
				}
			}
		}
	}
	x := s.exchange
	if err := x.PostForward(); err != nil {
		return err
	}
	if err := x.PostTranspose(); err != nil {
		return err
	}
	if err := x.SendForward(v.g); err != nil {
		return err
	}
	clear(v.gradient)
	if err := x.FinishForward(v.gradient, true); err != nil {
		return err
	}
	copy(v.corrected, v.gradient)
	s.patch.factor.Solve(v.corrected, s.set.Workers)
	if err := x.SendTranspose(v.corrected); err != nil {
		return err
	}
	clear(v.u)
	if err := x.FinishTranspose(v.u, true); err != nil {
		return err
	}
	s.rowsOf(v.v, v.u)
	if s.coarse != nil {
		return s.coarse.after(s)
	}
	return nil
}

// settle makes y the same bits wherever it is kept: patches send what owners have. Corrections were summed in one order everywhere,
// but coarse ones by each rank for itself.
func (s *Solver) settle() error {
	if s.comm.Size() == 1 {
		return nil
	}
	var out, in []piece
	rank := s.comm.Rank()
	for r := range s.comm.Size() {
		if r == rank {
			continue
		}
		for t, w := range s.sys.Touch {
			if s.holds(r, w.Block) && s.owns(t) {
				out = append(out, piece{r, s.vectors.y[s.at[t]:s.at[t+1]]})
			}
			if int(s.sys.Owner[w.Block]) == r && s.holds(rank, w.Block) {
				in = append(in, piece{r, s.vectors.y[s.at[t]:s.at[t+1]]})
			}
		}
	}
	return s.trade(out, in)
}

func (s *Solver) owns(t int) bool {
	return int(s.sys.Owner[s.sys.Touch[t].Block]) == s.comm.Rank()
}

// ownDot is the scalar product <a, w b> over owned blocks.
func (s *Solver) ownDot(a, b []float64) float64 {
	if s.damping == 0 {
		return 0 // its only use is with damping
	}
	sum := 0.0
	for t := range s.blocks {
		if s.owns(t) {
			for i, w := range s.blocks[t].w {
				sum += w * a[s.at[t]+i] * b[s.at[t]+i]
			}
		}
	}
	return sum
}

// dot sums with four chains, because one add waits for the other, and by chunks, so that rounding does not grow with length.
func dot(x, y []float64) float64 {
	const chunk = 1024
	sum := 0.0
	for ; len(x) > chunk; x, y = x[chunk:], y[chunk:] {
		sum += dot(x[:chunk], y[:chunk])
	}
	var a, b, c, d float64
	y = y[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a += x[i] * y[i]
		b += x[i+1] * y[i+1]
		c += x[i+2] * y[i+2]
		d += x[i+3] * y[i+3]
	}
	for ; i < len(x); i++ {
		a += x[i] * y[i]
	}
	return sum + ((a + b) + (c + d))
}
