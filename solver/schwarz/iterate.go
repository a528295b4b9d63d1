package schwarz

import (
	"fmt"
	"math"

	"fbpinn-mpi/kernels/dense"
)

// Solve finds the least-squares solution for b, own rows, and writes d_j = T_j y_j for every touched block, d[t] of n_j numbers, nil
// where it is not wanted.
//
// Conjugate gradients for least squares (Björck 1996, Algorithm 7.4.1) with preconditioner M, arranged so that an iteration has
// one reduction. u = M g is the correction, v = B u; the new direction is p = u + βp, q = v + βq = B p with
//
//	β = -<v, q>/<q, q>     makes <B p, B p_old> = 0 whatever M was (Notay, SIAM J. Sci. Comput. 22 (2000) 1444)
//	α = <g, u>/<q, q>,     <q, q> = <v, v> - <v, q>²/<q, q>
//	y += α p,  r -= α q
//
// All products on the right are known before β. Damping adds rows √(νw) y to B y, which are not formed.
func (s *Solver) Solve(b []float64, d [][]float64) (Outcome, error) {
	s.ready()
	if len(b) != s.sys.Rows || len(d) != len(s.sys.Touch) {
		panic("schwarz: right-hand side or solution of another system")
	}
	defer s.clock(&s.report.Seconds.Iterations)()
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

// places in the numbers that an iteration sums over ranks; coarse parts follow.
const (
	sumGU = iota // <g, M g> without coarse space
	sumVV
	sumVQ
	sumRR
	sumGG
	sumScalars
)

func (s *Solver) iterate() (Outcome, error) {
	v := &s.vectors
	out := Outcome{Status: OutOfIterations}
	n := 0
	if s.coarse != nil {
		n = s.coarse.n
	}
	all := make([]float64, sumScalars+2*n)
	all[0] = dot(v.r, v.r)
	if err := s.sums(all[:1]); err != nil {
		return out, err
	}
	out.Before, out.After = all[0], all[0]
	if s.singular {
		out.Status = Singular
		return out, nil
	}
	reference := 0.0 // squared norm that the gradient is compared with
	if n > 0 {
		energy, err := s.coarse.start(s, all[sumScalars:])
		if err != nil {
			return out, err
		}
		reference = energy
	}
	var w watch
	var lanczos tridiagonal
	qq, alpha := 0.0, 0.0
	for ; ; out.Iterations++ {
		if err := s.correct(); err != nil {
			return out, err
		}
		s.rowsOf(v.v, v.u)
		clear(all)
		all[sumGU] = s.ownGradient(v.u)
		all[sumVV] = dot(v.v, v.v) + s.damping*s.ownDot(v.u, v.u)
		all[sumRR] = dot(v.r, v.r)
		all[sumGG] = s.ownGradientSquared()
		if out.Iterations > 0 {
			all[sumVQ] = dot(v.v, v.q) + s.damping*s.ownDot(v.u, v.p)
		}
		if n > 0 {
			s.coarse.measure(s, all[sumScalars:])
		}
		if err := s.sums(all); err != nil {
			return out, err
		}
		gu, vv, vq := all[sumGU], all[sumVV], all[sumVQ]
		out.After = all[sumRR]
		if n > 0 {
			gu, vv, vq = s.coarse.correct(s, all[sumScalars:], gu, vv, vq)
		}
		if out.Iterations == 0 {
			reference += max(gu, 0)
		}
		out.Gradient = append(out.Gradient, math.Sqrt(max(gu, 0)))
		if st, over := w.judge(gu, reference, s.set, out.Iterations); over {
			out.Status = st
			break
		}
		beta := 0.0
		if out.Iterations > 0 {
			beta = -vq / qq
		}
		old := qq
		if qq = vv + beta*vq; !(qq > 0) {
			out.Status = w.atRounding(Stagnated)
			break
		}
		lanczos.add(alpha, beta, gu/qq)
		if n > 0 {
			s.coarse.direction(beta)
		}
		alpha = gu / qq
		_ = old
		for i, x := range v.u {
			v.p[i] = x + beta*v.p[i]
			v.y[i] += alpha * v.p[i]
		}
		for i, x := range v.v {
			v.q[i] = x + beta*v.q[i]
			v.r[i] -= alpha * v.q[i]
		}
	}
	out.Condition = lanczos.condition(s)
	return out, nil
}

// correct sets u = M g for g = Bᵀ r - νwy without the coarse space: gradients to patches, one solve, corrections back. On return
// `gradient` is complete on the patch and u on all touched blocks.
func (s *Solver) correct() error {
	v := &s.vectors
	s.columnsOf(v.g, v.r)
	if s.damping > 0 {
		for t := range s.blocks {
			if s.owns(t) {
				for i, w := range s.blocks[t].w {
					v.g[s.at[t]+i] -= s.damping * w * v.y[s.at[t]+i]
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
	return x.FinishTranspose(v.u, true)
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

// ownGradient is <g, u> over owned blocks, g from the patch, where it is complete.
func (s *Solver) ownGradient(u []float64) float64 {
	sum := 0.0
	for k, own := range s.patch.own {
		if own {
			t := s.sys.number(s.patch.blocks[k])
			sum += dot(s.vectors.gradient[s.patch.at[k]:s.patch.at[k+1]], u[s.at[t]:s.at[t+1]])
		}
	}
	return sum
}

func (s *Solver) ownGradientSquared() float64 {
	sum := 0.0
	for k, own := range s.patch.own {
		if own {
			g := s.vectors.gradient[s.patch.at[k]:s.patch.at[k+1]]
			sum += dot(g, g)
		}
	}
	return sum
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
