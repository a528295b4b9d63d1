package solver

import (
	"fmt"
	"math"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/problem"
)

// Trace is the state in which a slab of time ends and the next one begins, at the places that the next one asks for. It is known to
// every rank: a place is needed wherever its points are, whatever the time.
type Trace struct {
	States []problem.State // what it holds, with the derivatives
	Values [][][]float64   // [state][derivative, as in its Needs][place]

	axis   int // the coordinate that the slabs cut
	number map[[kernels.MaxD]float64]int
}

// Places lists the distinct places of points [d][n] in all coordinates but axis, in the order of their first appearance; that
// coordinate is at.
func Places(points [][]float64, axis int, at float64) [][]float64 {
	places := make([][]float64, len(points))
	seen := map[[kernels.MaxD]float64]bool{}
	for i := range points[0] {
		x := key(points, i, axis)
		if seen[x] {
			continue
		}
		seen[x] = true
		for a := range points {
			v := points[a][i]
			if a == axis {
				v = at
			}
			places[a] = append(places[a], v)
		}
	}
	return places
}

// key is a point without the coordinate of the slabs.
func key(points [][]float64, i, axis int) (x [kernels.MaxD]float64) {
	for a := range points {
		if a != axis {
			x[a] = points[a][i]
		}
	}
	return x
}

// NewTrace puts together what was saved: values [state][derivative][place] at places [d][n].
func NewTrace(states []problem.State, axis int, places [][]float64, values [][][]float64) *Trace {
	t := &Trace{States: states, Values: values, axis: axis, number: map[[kernels.MaxD]float64]int{}}
	for i := range places[0] {
		t.number[key(places, i, axis)] = i
	}
	return t
}

// Eval is the Eval of the field of a state: its derivative m at points [d][n], all of whose places the trace must hold.
func (t *Trace) Eval(state int) func(m kernels.MultiIndex, points [][]float64) ([]float64, error) {
	return func(m kernels.MultiIndex, points [][]float64) ([]float64, error) {
		for k, need := range t.States[state].Needs {
			if need != m {
				continue
			}
			out := make([]float64, len(points[0]))
			for i := range out {
				n, ok := t.number[key(points, i, t.axis)]
				if !ok {
					return nil, fmt.Errorf("solver: the state at the start of a slab is not known at point %d", i)
				}
				out[i] = t.Values[state][k][n]
			}
			return out, nil
		}
		return nil, fmt.Errorf("solver: derivative %v of the state at the start of a slab was not computed", m)
	}
}

// Trace evaluates states, constrained unknowns with their derivatives, at places [d][n]. Collective; all ranks get the result.
func (r *Run[T]) Trace(double kernels.Backend[float64], states []problem.State, axis int, places [][]float64) (*Trace, error) {
	t := NewTrace(states, axis, places, nil)
	for _, s := range states {
		var ms []kernels.MultiIndex
		for _, m := range s.Needs {
			for a, n := range s.Index {
				m[a] += n
			}
			ms = append(ms, m)
		}
		var values [][]float64
		if len(ms) > 0 {
			program, err := r.Problem.Derivatives(s.Unknown, ms)
			if err != nil {
				return nil, fmt.Errorf("solver: state %s: %w", s.Name, err)
			}
			e, err := newSolutionEvaluation(r.comm, double, r.Model, r.Problem, program, r.Part, places, r.like())
			if err != nil {
				return nil, err
			}
			if err = load(e, r); err == nil {
				values, _, err = e.fields()
			}
			e.close()
			if err != nil {
				return nil, err
			}
		}
		for len(values) < len(ms) { // ranks that did not gather
			values = append(values, make([]float64, len(places[0])))
		}
		for k := range values {
			if err := mpi.Bcast(r.comm, values[k], 0); err != nil {
				return nil, err
			}
			for i, v := range values[k] {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return nil, fmt.Errorf("solver: derivative %v of the state %s is %v at place %d", ms[k], s.Name, v, i)
				}
			}
		}
		t.Values = append(t.Values, values)
	}
	return t, nil
}
