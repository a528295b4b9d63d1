package schwarz

import (
	"math"
	"testing"
)

// bisectionTolerance: bisection ends at neighbouring numbers, and Sturm's counts are those of a matrix whose entries, of size 2, differ by
// a few roundings.
const bisectionTolerance = 1e-14

// TestExtremes: the matrix of second differences has eigenvalues 2 - 2cos(kπ/(n+1)); one number is its own eigenvalue.
func TestExtremes(t *testing.T) {
	for _, n := range []int{1, 2, 7, 300} {
		var m tridiagonal
		for i := range n {
			m.diagonal = append(m.diagonal, 2)
			if i > 0 {
				m.off = append(m.off, 1)
			}
		}
		least, most := m.extremes()
		at := func(k int) float64 { return 2 - 2*math.Cos(float64(k)*math.Pi/float64(n+1)) }
		if math.Abs(least-at(1)) > bisectionTolerance || math.Abs(most-at(n)) > bisectionTolerance {
			t.Errorf("n = %d: %.17g and %.17g, expected %.17g and %.17g", n, least, most, at(1), at(n))
		}
	}
}
