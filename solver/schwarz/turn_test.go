package schwarz

import (
	"math"
	"testing"

	"fbpinn-mpi/kernels/dense"
	"fbpinn-mpi/mpi"
)

// TestDamped: damping of the leading columns of each block alone, against a dense problem with a row √ν d for each of them. Five features
// a block are so independent that the filter drops none.
func TestDamped(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		const features, damped, nu = 5, 3, 1e-2
		m := newMade(2, 4, 24, features, false)
		even := make([]float64, c.Size())
		for r := range even {
			even[r] = 1
		}
		m.owner = strips(even...)
		lib := library(t)
		s := New(c, lib, Settings{Tolerance: 1e-11})
		defer s.Close()
		sys, points := m.system(c.Rank())
		for range sys.Columns {
			sys.Damped = append(sys.Damped, damped)
		}
		_, j, _, right := m.whole(lib, 1e-9)
		a := dense.NewMatrix(j.Rows+j.Cols, j.Cols)
		for k := range j.Cols {
			copy(a.Col(k), j.Col(k))
		}
		want := map[float64][]float64{}
		for _, v := range []float64{0, nu, 100 * nu} {
			for k := range j.Cols {
				if k%features < damped {
					a.Set(j.Rows+k, k, math.Sqrt(v))
				}
			}
			fit, _ := leastSquares(t, lib, a, append(append([]float64(nil), right...), make([]float64, j.Cols)...), 0)
			want[v] = fit[:j.Rows]
		}
		if d := distance(want[nu], want[0]); d < 1e-3 {
			t.Fatalf("damping changes the fit by %g only: nothing is tested", d)
		}
		if err := s.Factor(sys, nu); err != nil {
			t.Fatal(err)
		}
		if s.report.Unknowns != int64(j.Cols) {
			t.Fatalf("%d of %d columns are kept", s.report.Unknowns, j.Cols)
		}
		for _, v := range []float64{nu, 100 * nu} {
			if err := s.Damp(v); err != nil {
				t.Fatal(err)
			}
			d, _ := again(t, s, m, points)
			if x := distance(fitted(t, c, m, sys, d, j), want[v]); !(x <= fitTolerance) {
				t.Errorf("damping %g: fits differ by %g", v, x)
			}
		}
	})
}
