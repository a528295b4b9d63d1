package solver

import (
	"fmt"
	"math"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/expr"
	"fbpinn-mpi/solver/problem"
)

// stage is the point stage of a step: for each term of the loss it applies the constraint, forms the residuals r and the adjoint
// jets Ū = q Σ_e r_e ∂r_e/∂U, with q = 2/N, N the number of points of the term on all ranks. The weights λ are folded into the
// residuals when they are compiled.
type stage[T kernels.Real] struct {
	terms []stageTerm[T]
	// Sums holds Σ_i λ r_i² over this rank's points since the last run, one number for each residual of each term.
	sums []float64
}

type stageTerm[T kernels.Real] struct {
	term    *problem.Term
	kernel  kernels.PointKernel[T]
	in, out [][]T // planes of the gradient program, see expr.Residual.Gradient
	r       [][]T // residual planes, the first outputs
	q       []T   // point weights
	first   int   // of its sums
	lo, n   int   // its points among the own points of the cloud
	total   int   // N
}

// newStage lays the programs of the terms over the jet planes u and ubar, which hold own points only: plane p at [p*stride].
// first[t] is the global index of term t's first point, points the own points in ascending global order, x all points [d][n].
func newStage[T kernels.Real](p *problem.Problem, backend kernels.Backend[T], u, ubar []T, stride int, first []int, points []int,
	x [][]float64) (*stage[T], error) {
	s := &stage[T]{}
	for t := range p.Terms {
		term := p.Terms[t]
		v := stageTerm[T]{term: term, first: len(s.sums), total: first[t+1] - first[t]}
		for v.lo < len(points) && points[v.lo] < first[t] {
			v.lo++
		}
		for v.lo+v.n < len(points) && points[v.lo+v.n] < first[t+1] {
			v.n++
		}
		k, err := backend.OpenProgram(&term.Program.Gradient)
		if err != nil {
			return nil, fmt.Errorf("solver: term %s: %w", term.Name, err)
		}
		v.kernel = k
		planes := planes(p.Jets, term.Program.Jets)
		local := make([][]float64, len(x)) // coordinates of the term's own points
		for a := range x {
			local[a] = make([]float64, v.n)
			for i := range local[a] {
				local[a][i] = x[a][points[v.lo+i]]
			}
		}
		columns, err := p.Columns(term.Program.Columns, local)
		if err != nil {
			return nil, err
		}
		for _, plane := range planes {
			v.in = append(v.in, u[plane*stride+v.lo:plane*stride+v.lo+v.n])
		}
		for _, column := range columns {
			c := kernels.Make[T](v.n)[:v.n]
			for i := range column {
				c[i] = T(column[i])
			}
			v.in = append(v.in, c)
		}
		v.q = kernels.Make[T](v.n)[:v.n]
		v.in = append(v.in, v.q)
		for range term.Raw {
			r := kernels.Make[T](v.n)[:v.n]
			v.r = append(v.r, r)
			v.out = append(v.out, r)
			s.sums = append(s.sums, 0)
		}
		for _, plane := range planes {
			v.out = append(v.out, ubar[plane*stride+v.lo:plane*stride+v.lo+v.n])
		}
		s.terms = append(s.terms, v)
	}
	s.activate(nil, nil)
	return s, nil
}

// planes are the numbers of the jet planes that hold the given jets.
func planes(set kernels.Jets, jets []*expr.Node) []int {
	at := make([]int, len(jets))
	for i, j := range jets {
		at[i] = j.Unknown*set.N() + set.Find(j.Index)
	}
	return at
}

// activate sets the point weights: q = 2/N over the points for which active (own points of the cloud) is true, nil meaning all.
// counts[t] is N over all ranks; nil means all points of the term.
func (s *stage[T]) activate(active []bool, counts []int64) {
	for t := range s.terms {
		v := &s.terms[t]
		n := int64(v.total)
		if active != nil {
			n = counts[t]
		}
		for i := range v.q {
			v.q[i] = 0
			if n > 0 && (active == nil || active[v.lo+i]) {
				v.q[i] = T(2 / float64(n))
			}
		}
	}
}

// run evaluates all terms at this rank's points.
func (s *stage[T]) run() {
	for t := range s.terms {
		v := &s.terms[t]
		v.kernel.Run(v.in, v.out, v.n)
		for e, r := range v.r {
			s.sums[v.first+e] = weightedSquares(v.q, r)
		}
	}
}

// weightedSquares is ½ Σ q_i r_i² in float64: this rank's part of λ·mean r². Four chains, because one add waits for the other.
func weightedSquares[T kernels.Real](q, r []T) float64 {
	var a, b, c, d float64
	q = q[:len(r)]
	i := 0
	for ; i+4 <= len(r); i += 4 {
		a += float64(q[i]) * float64(r[i]) * float64(r[i])
		b += float64(q[i+1]) * float64(r[i+1]) * float64(r[i+1])
		c += float64(q[i+2]) * float64(r[i+2]) * float64(r[i+2])
		d += float64(q[i+3]) * float64(r[i+3]) * float64(r[i+3])
	}
	for ; i < len(r); i++ {
		a += float64(q[i]) * float64(r[i]) * float64(r[i])
	}
	return ((a + b) + (c + d)) / 2
}

// notFinite returns the first term, residual and own point whose residual is NaN or infinite, or ok = true.
func (s *stage[T]) notFinite() (term, residual, point int, ok bool) {
	for t := range s.terms {
		v := &s.terms[t]
		for e, r := range v.r {
			if sum := s.sums[v.first+e]; !math.IsNaN(sum) && !math.IsInf(sum, 0) {
				continue
			}
			for i := range r {
				if x := float64(r[i]); math.IsNaN(x) || math.IsInf(x, 0) {
					return t, e, v.lo + i, false
				}
			}
			return t, e, v.lo, false // squares overflowed
		}
	}
	return 0, 0, 0, true
}
