package solver

import (
	"fmt"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/expr"
	"fbpinn-mpi/solver/problem"
)

// stage is the point stage of a step: for each term of the loss it applies the constraint, forms the residuals r and the adjoint
// jets Ū = q Σ_e r_e ∂r_e/∂U, with q_i = 2w_i, w_i the point's share in the mean of its term: 1/N where all points of the term
// count the same, N their number on all ranks. The weights λ are folded into the residuals when they are compiled.
type stage[T kernels.Real] struct {
	backend kernels.Backend[T]
	terms   []stageTerm[T]
	sums    []float64 // of the last run that was asked about, see losses
}

type stageTerm[T kernels.Real] struct {
	term     *problem.Term
	program  kernels.Task
	inputs   [][]T // jets, then columns: what every program of the term reads first
	jets     int   // how many of them are jets
	residual [][]T
	squares  kernels.Squares
	q        []T       // point weights, in memory of the backend
	first    int       // of its sums
	lo, n    int       // its points among the own points of the cloud
	total    float64   // N
	share    []float64 // w_i·N of its own points; nil: all 1
}

// newStage lays the programs of the terms over the jet planes u and ubar, which hold the n own points: plane p at [p*n]. first[t]
// is the global index of term t's first point, points are the own points in ascending global order, x their coordinates [d][n].
func newStage[T kernels.Real](p *problem.Problem, backend kernels.Backend[T], u, ubar []T, first []int, points []int, x [][]float64) (*stage[T], error) {
	s, stride := &stage[T]{backend: backend}, len(points)
	for t := range p.Terms {
		term := p.Terms[t]
		v := stageTerm[T]{term: term, first: len(s.sums), total: float64(first[t+1] - first[t])}
		for v.lo < len(points) && points[v.lo] < first[t] {
			v.lo++
		}
		for v.lo+v.n < len(points) && points[v.lo+v.n] < first[t+1] {
			v.n++
		}
		v.share = term.Quadrature(points[v.lo:v.lo+v.n], first[t])
		for i := range v.share {
			v.share[i] *= v.total
		}
		planes := planes(p.Jets, term.Program.Jets)
		columns, err := columns(p, backend, term.Program.Columns, stretch(x, v.lo, v.lo+v.n))
		if err != nil {
			return nil, fmt.Errorf("solver: term %s: %w", term.Name, err)
		}
		// The planes of the gradient program, see expr.Residual.Gradient.
		var in, out, r [][]T
		for _, plane := range planes {
			in = append(in, u[plane*stride+v.lo:plane*stride+v.lo+v.n])
		}
		in = append(in, columns...)
		v.inputs, v.jets = in[:len(in):len(in)], len(planes)
		if v.q, err = backend.Make(v.n); err != nil {
			return nil, fmt.Errorf("solver: term %s: %w", term.Name, err)
		}
		in = append(in, v.q)
		for range term.Raw {
			plane, err := backend.Make(v.n)
			if err != nil {
				return nil, fmt.Errorf("solver: term %s: %w", term.Name, err)
			}
			r, out = append(r, plane), append(out, plane)
			s.sums = append(s.sums, 0)
		}
		for _, plane := range planes {
			out = append(out, ubar[plane*stride+v.lo:plane*stride+v.lo+v.n])
		}
		if v.program, err = backend.OpenProgram(&term.Program.Gradient, in, out, v.n); err != nil {
			return nil, fmt.Errorf("solver: term %s: %w", term.Name, err)
		}
		v.residual = r
		if v.squares, err = backend.OpenSquares(v.q, r); err != nil {
			return nil, fmt.Errorf("solver: term %s: %w", term.Name, err)
		}
		s.terms = append(s.terms, v)
	}
	return s, s.activate(nil, nil)
}

// columns evaluates expressions of the coordinates at points [d][n], in memory of the backend. Blocks of points keep what is computed
// on the way small.
func columns[T kernels.Real](p *problem.Problem, m kernels.Memory[T], of []*expr.Node, points [][]float64) (there [][]T, err error) {
	const block = 1 << 14
	n := len(points[0])
	for range of {
		v, err := m.Make(n)
		if err != nil {
			return nil, err
		}
		there = append(there, v)
	}
	rounded := make([]T, min(n, block))
	for lo := 0; lo < n && len(of) > 0; lo += block {
		hi := min(lo+block, n)
		values, err := p.Columns(of, stretch(points, lo, hi))
		if err != nil {
			return nil, err
		}
		for k, v := range values {
			for i, x := range v {
				rounded[i] = T(x)
			}
			if err := m.Write(there[k][lo:hi], rounded[:hi-lo]); err != nil {
				return nil, err
			}
		}
	}
	return there, nil
}

// stretch is the part of planes from lo to hi.
func stretch(planes [][]float64, lo, hi int) [][]float64 {
	part := make([][]float64, len(planes))
	for a := range planes {
		part[a] = planes[a][lo:hi]
	}
	return part
}

// upload copies values to memory of the backend.
func upload[T kernels.Real](m kernels.Memory[T], values []float64) ([]T, error) {
	rounded := make([]T, len(values))
	for i, x := range values {
		rounded[i] = T(x)
	}
	there, err := m.Make(len(values))
	if err != nil {
		return nil, err
	}
	return there, m.Write(there, rounded)
}

// planes are the numbers of the jet planes that hold the given jets.
func planes(set kernels.Jets, jets []*expr.Node) []int {
	at := make([]int, len(jets))
	for i, j := range jets {
		at[i] = j.Unknown*set.N() + set.Find(j.Index)
	}
	return at
}

// count is what own point i of the term counts beside the others, 1 on average.
func (v *stageTerm[T]) count(i int) float64 {
	if v.share == nil {
		return 1
	}
	return v.share[i]
}

// activate sets the point weights: q = 2·count/N over the points for which active (own points of the cloud) is true, nil meaning
// all. counts[t] is N, the sum of the counts over all ranks; nil means all points of the term.
func (s *stage[T]) activate(active []bool, counts []float64) error {
	for t := range s.terms {
		v := &s.terms[t]
		n := v.total
		if active != nil {
			n = counts[t]
		}
		q := make([]T, v.n)
		for i := range q {
			if n > 0 && (active == nil || active[v.lo+i]) {
				q[i] = T(2 * v.count(i) / n)
			}
		}
		if err := s.backend.Write(v.q, q); err != nil {
			return err
		}
	}
	return nil
}

// run evaluates all terms at this rank's points.
func (s *stage[T]) run() {
	for t := range s.terms {
		s.terms[t].program.Run()
		s.terms[t].squares.Run()
	}
}

// losses waits for the last run and returns Σ_i λ r_i² · q/2 over this rank's points, its part of λ·mean r²: one number for each
// residual of each term.
func (s *stage[T]) losses() ([]float64, error) {
	for t := range s.terms {
		sums, err := s.terms[t].squares.Sums()
		if err != nil {
			return nil, err
		}
		copy(s.sums[s.terms[t].first:], sums)
	}
	return s.sums, nil
}

// notFinite returns the first run, counted from 1, with a residual that is NaN or infinite, or with a sum that overflowed: its
// term, residual and own point. Run 0: there was none.
func (s *stage[T]) notFinite() (run, term, residual, point int, err error) {
	for t := range s.terms {
		r, e, i, err := s.terms[t].squares.NotFinite()
		if err != nil {
			return 0, 0, 0, 0, err
		}
		if r > 0 && (run == 0 || r < run) {
			run, term, residual, point = r, t, e, s.terms[t].lo+i
		}
	}
	return run, term, residual, point, nil
}

// close frees what the stage made. The jet planes are others'.
func (s *stage[T]) close() {
	for t := range s.terms {
		v := &s.terms[t]
		v.program.Close()
		v.squares.Close()
		s.backend.Free(v.q)
		for _, r := range v.residual {
			s.backend.Free(r)
		}
		for _, c := range v.inputs[v.jets:] {
			s.backend.Free(c)
		}
	}
	s.terms = nil
}
