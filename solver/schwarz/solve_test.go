package schwarz

import (
	"math"
	"testing"

	"fbpinn-mpi/kernels/dense"
	"fbpinn-mpi/mpi"
)

// fitTolerance bounds the difference of fitted values J d from those of a dense singular value decomposition of all of B, relative
// to b. Both project b on the same columns; columns of singular value near the cut of tau = 1e-9 differ by some 1e-16/1e-9, and b lies
// in the other columns but for a part of 1e-3.
const fitTolerance = 1e-9

// levelsTolerance takes the place of fitTolerance where a block that touches all rows can nearly be had from the others: B has singular
// values down to 1e-8, and the preconditioner, whose ridge is 1e-14, does not see what lies below 1e-7.
const levelsTolerance = 1e-6

func library(t *testing.T) *dense.Library {
	t.Helper()
	lib, err := dense.Open()
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// solve factors and solves the share of this rank and returns d by touched block.
func solve(t *testing.T, c mpi.Comm, m *made, set Settings, damping float64) (*Solver, *System, [][]float64, Outcome) {
	t.Helper()
	if set.Tolerance == 0 {
		set.Tolerance = 1e-11 // so that what is left of the gradient is far below fitTolerance
	}
	s := New(c, library(t), set)
	sys, points := m.system(c.Rank())
	if err := s.Factor(sys, damping); err != nil {
		t.Fatal(err)
	}
	d, out := again(t, s, m, points)
	return s, sys, d, out
}

// again solves with the factors at hand.
func again(t *testing.T, s *Solver, m *made, points []int) ([][]float64, Outcome) {
	t.Helper()
	b := make([]float64, s.sys.Rows)
	for k, i := range points {
		b[k] = m.right(i)
	}
	d := make([][]float64, len(s.sys.Touch))
	for k, v := range s.sys.Touch {
		d[k] = make([]float64, s.sys.Columns[v.Block])
	}
	out, err := s.Solve(b, d)
	if err != nil {
		t.Fatal(err)
	}
	return d, out
}

// fitted is J d on all rows, on every rank, from the blocks that each rank owns.
func fitted(t *testing.T, c mpi.Comm, m *made, sys *System, d [][]float64, j dense.Matrix) []float64 {
	t.Helper()
	x := make([]float64, j.Cols)
	for k, v := range sys.Touch {
		if int(sys.Owner[v.Block]) == c.Rank() {
			copy(x[v.Block*m.features:], d[k])
		}
	}
	if err := mpi.Allreduce(c, x, mpi.Sum); err != nil {
		t.Fatal(err)
	}
	y := make([]float64, j.Rows)
	library(t).Gemv(dense.NoTrans, 1, j, x, 0, y)
	return y
}

// leastSquares is B y for the y of least ‖B y - b‖² + ν‖y‖², and ‖b - B y‖², by singular values.
func leastSquares(t *testing.T, lib *dense.Library, b dense.Matrix, right []float64, damping float64) ([]float64, float64) {
	t.Helper()
	n := min(b.Rows, b.Cols)
	s, u, vt := make([]float64, n), dense.NewMatrix(b.Rows, n), dense.NewMatrix(n, b.Cols)
	var w dense.Work
	if err := lib.SVD(b, s, u, vt, &w); err != nil {
		t.Fatal(err)
	}
	c, fit := make([]float64, n), make([]float64, b.Rows)
	lib.Gemv(dense.Trans, 1, u, right, 0, c)
	for k := range c {
		if damping > 0 {
			c[k] *= s[k] * s[k] / (s[k]*s[k] + damping)
		} else if s[k] < 1e-13*s[0] {
			c[k] = 0
		}
	}
	lib.Gemv(dense.NoTrans, 1, u, c, 0, fit)
	rest := 0.0
	for i := range fit {
		rest += (right[i] - fit[i]) * (right[i] - fit[i])
	}
	return fit, rest
}

func distance(a, b []float64) float64 {
	sum, norm := 0.0, 0.0
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
		norm += b[i] * b[i]
	}
	return math.Sqrt(sum / norm)
}

// cases are systems that differ in what could go wrong. Owners are for n ranks.
type example struct {
	name    string
	m       *made
	set     Settings
	damping float64
	fit     float64 // tolerance in place of fitTolerance
}

func cases(n int) []example {
	even := make([]float64, n)
	for r := range even {
		even[r] = 1
	}
	uneven := make([]float64, n) // rank 0 has little, the last but one most, and with 3 ranks or more one has nothing at all
	for r := range uneven {
		uneven[r] = float64(1 + 3*r)
	}
	if n > 2 {
		uneven[1] = 0
	}
	with := func(m *made, owner func(x []float64) int32, change ...func(*made)) *made {
		m.owner = owner
		for _, f := range change {
			f(m)
		}
		return m
	}
	// Rows and columns with other owners: even ranks have all columns, odd ones all rows but a few.
	apart := func(m *made) {
		rows := m.owner
		m.owner = func(x []float64) int32 {
			r := rows(x)
			centre := false
			for j := range m.blocks() {
				centre = centre || distance(append([]float64{1}, m.centre(j)...), append([]float64{1}, x...)) == 0
			}
			if (r%2 == 0) != centre && n > 1 {
				r = (r + 1) % int32(n)
			}
			return r
		}
	}
	global := func(m *made) { m.global = true }
	repeat := func(m *made) { m.repeat = true }
	dead := func(m *made) { m.dead, m.bare = 5, 10 }
	coarse := Settings{CoarseVectors: rankVectors} // on few ranks, too
	return []example{
		{"one dimension", with(newMade(1, 9, 140, 10, false), strips(even...)), coarse, 0, fitTolerance},
		{"two dimensions", with(newMade(2, 4, 28, 12, true), strips(even...)), coarse, 0, fitTolerance},
		{"one layer", with(newMade(2, 4, 28, 12, true), strips(even...)), Settings{Layers: 1, CoarseVectors: rankVectors}, 0, fitTolerance},
		{"no coarse space", with(newMade(2, 4, 28, 12, true), strips(even...)), Settings{CoarseVectors: -1}, 0, fitTolerance},
		{"defaults", with(newMade(2, 4, 28, 12, true), strips(even...)), Settings{}, 0, fitTolerance},
		{"damped", with(newMade(2, 4, 28, 12, true), strips(even...)), coarse, 1e-4, fitTolerance},
		{"uneven", with(newMade(2, 5, 24, 8, true), strips(uneven...)), coarse, 0, fitTolerance},
		{"rows and columns apart", with(newMade(2, 4, 20, 8, false), strips(even...), apart), coarse, 0, fitTolerance},
		{"repeated features", with(newMade(2, 4, 20, 12, true), strips(even...), repeat), coarse, 0, fitTolerance},
		{"a block of zeros, one without columns", with(newMade(2, 4, 20, 8, false), strips(even...), dead), coarse, 0, fitTolerance},
		{"fewer rows than columns", with(newMade(1, 5, 11, 9, false), strips(even...)), coarse, 0, fitTolerance},
		{"two levels", with(newMade(1, 17, 300, 8, false), strips(even...), global), Settings{}, 0, levelsTolerance},
		{"four workers", with(newMade(2, 4, 28, 12, true), strips(uneven...)), Settings{Workers: 4, CoarseVectors: rankVectors}, 0, fitTolerance},
	}
}

// The solution is that of dense least squares, however rows and columns are spread.
func TestSolve(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		for _, k := range cases(c.Size()) {
			s, sys, d, out := solve(t, c, k.m, k.set, k.damping)
			b, j, sigma, right := k.m.whole(s.lib, s.set.Tau)
			if k.damping > 0 { // with y = σ z damping is ν‖z‖², and B y = (Bσ) z
				for i, v := range sigma {
					for r := range b.Col(i) {
						b.Col(i)[r] *= v
					}
				}
			}
			want, rest := leastSquares(t, s.lib, b, right, k.damping)
			fit := fitted(t, c, k.m, sys, d, j)
			if got := distance(fit, want); !(got < k.fit) || out.Status != Converged {
				t.Errorf("%s: %v after %d iterations: fit differs by %.2g; gradients %.1e", k.name, out.Status, out.Iterations, got, out.Gradient)
			}
			if math.Abs(out.After-rest) > k.fit*out.Before {
				t.Errorf("%s: residual %v, want %v of %v", k.name, out.After, rest, out.Before)
			}
			if c.Rank() == 0 {
				t.Logf("%s: %d iterations, condition %.2g, %d coarse vectors, fit %.1e", k.name, out.Iterations, out.Condition, s.Report().Coarse, distance(fit, want))
			}
			if s.Report().Unknowns != int64(b.Cols) {
				t.Errorf("%s: %d columns kept, want %d", k.name, s.Report().Unknowns, b.Cols)
			}
			same(t, c, k.name, sys, d)
			s.Close()
		}
	})
}

// same checks that ranks that touch a block have the bits of its owner.
func same(t *testing.T, c mpi.Comm, name string, sys *System, d [][]float64) {
	t.Helper()
	width := 0
	for _, n := range sys.Columns {
		width = max(width, n)
	}
	own := make([]float64, len(sys.Owner)*width)
	for k, v := range sys.Touch {
		if int(sys.Owner[v.Block]) == c.Rank() {
			copy(own[v.Block*width:], d[k])
		}
	}
	if err := mpi.Allreduce(c, own, mpi.Sum); err != nil { // others add zeros
		t.Fatal(err)
	}
	for k, v := range sys.Touch {
		for i, x := range d[k] {
			if x != own[v.Block*width+i] {
				t.Fatalf("%s: rank %d has %v for column %d of block %d, its owner %v", name, c.Rank(), x, i, v.Block, own[v.Block*width+i])
			}
		}
	}
}
