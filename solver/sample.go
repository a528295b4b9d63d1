package solver

import "fbpinn-mpi/solver/problem"

// Sampled are the points of all terms of a problem, one term after the other, as decomp.Points: nobody holds them.
type Sampled struct {
	First []int // number of the first point of each term, and of the end

	terms []*problem.Term
	seed  uint64
}

// Draw prepares the points; they depend on the seed alone.
func Draw(p *problem.Problem, seed uint64) *Sampled {
	s := &Sampled{First: []int{0}, terms: p.Terms, seed: seed}
	for t, term := range p.Terms {
		s.First = append(s.First, s.First[t]+term.Count(seed))
	}
	return s
}

// N is the number of points.
func (s *Sampled) N() int { return s.First[len(s.First)-1] }

// Blocks visits all points, see decomp.Points.
func (s *Sampled) Blocks(visit func(first int, x [][]float64)) {
	first := 0
	for _, t := range s.terms {
		t.Blocks(s.seed, func(x [][]float64) {
			visit(first, x)
			first += len(x[0])
		})
	}
}

// Sample holds all the points: [d][n], and the number of the first point of each term and of the end.
func Sample(p *problem.Problem, seed uint64) (points [][]float64, first []int) {
	points = make([][]float64, len(p.Axes))
	first = []int{0}
	for _, t := range p.Terms {
		for a, x := range t.Sample(seed) {
			points[a] = append(points[a], x...)
		}
		first = append(first, len(points[0]))
	}
	return points, first
}
