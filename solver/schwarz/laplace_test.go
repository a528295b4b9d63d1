package schwarz

import (
	"flag"
	"math"
	"testing"

	"fbpinn-mpi/mpi"
)

var laplace = flag.Int("laplace", 0, "frequencies n of the Laplace problem of TestLaplace; its 2^(n-1)+1 squared subdomains belong to 1, 4, 16 or 64 ranks")
var laplaceK = flag.Int("laplace.k", 96, "features of a subdomain in TestLaplace")
var laplaceGrid = flag.Int("laplace.grid", 360, "points an axis in TestLaplace")
var laplaceLayers = flag.Int("laplace.layers", 0, "layers of overlap in TestLaplace, 0: the default")
var laplaceVectors = flag.Int("laplace.vectors", 0, "coarse vectors of a rank in TestLaplace, 0: the default")

// squares gives rank r of P×P a square of subdomains and the points up to half way to the next.
func squares(blocks, p int) func(x []float64) int32 {
	// The larger part of an odd number goes to the upper side, as recursive bisection does it.
	cuts := []int{0, blocks}
	for len(cuts)-1 < p {
		next := []int{0}
		for k := 1; k < len(cuts); k++ {
			next = append(next, (cuts[k-1]+cuts[k])/2, cuts[k])
		}
		cuts = next
	}
	return func(x []float64) int32 {
		r := 0
		for _, v := range x {
			k := 0
			for k < p-1 && v*float64(blocks-1) >= float64(cuts[k+1])-0.5 {
				k++
			}
			r = r*p + k
		}
		return int32(r)
	}
}

// TestLaplace counts the iterations that the multi-scale Laplace problem takes until the solution differs from the direct one by less
// than a tenth of the error against the exact solution.
//
//	mpirun --oversubscribe -np 16 ./schwarz.test -test.run TestLaplace -test.v -laplace 5
func TestLaplace(t *testing.T) {
	if *laplace == 0 {
		t.Skip("a measurement, not a check: give -laplace 5 (17×17 subdomains) for minutes of it, -laplace 4 for less")
	}
	world.Run(t, 0, func(c mpi.Comm) {
		n := *laplace
		p := int(math.Round(math.Sqrt(float64(c.Size()))))
		blocks := 1<<(n-1) + 1
		m := newMade(2, blocks, *laplaceGrid, *laplaceK, true)
		for a := range m.axes {
			m.axes[a] = newAxis(blocks, m.points, 1.9, math.Ldexp(1, -n))
		}
		exact := func(x []float64) float64 { return waves(n, x, func(float64) float64 { return 1 }) }
		m.wave = func(x []float64) float64 { return waves(n, x, func(w float64) float64 { return -2 * w * w }) }

		// The direct solution, on rank 0 while the others wait.
		width := m.features
		direct := make([]float64, m.blocks()*width)
		if c.Rank() == 0 {
			alone, err := c.Alone()
			if err != nil {
				t.Fatal(err)
			}
			s, sys, d, out := solve(t, alone, m, Settings{Workers: 2}, 0)
			t.Logf("direct: %v after %d, gradients %.1e, residual %.2e of %.2e", out.Status, out.Iterations, out.Gradient, math.Sqrt(out.After), math.Sqrt(out.Before))
			r := s.Report()
			t.Logf("%d unknowns, %d entries, %.3g flops, %+v", r.Unknowns, r.FactorEntries, r.FactorFlops, r.Seconds)
			for k, v := range sys.Touch {
				copy(direct[v.Block*width:], d[k])
			}
			s.Close()
		}
		if err := mpi.Bcast(c, direct, 0); err != nil {
			t.Fatal(err)
		}
		m.owner = squares(blocks, p)
		set := Settings{Layers: *laplaceLayers, CoarseVectors: *laplaceVectors}
		s := New(c, library(t), set)
		sys, points := m.system(c.Rank())
		if err := s.Factor(sys, 0); err != nil {
			t.Fatal(err)
		}
		b := make([]float64, sys.Rows)
		for k, i := range points {
			b[k] = m.right(i)
		}
		d := make([][]float64, len(sys.Touch))
		for k := range d {
			d[k] = make([]float64, width)
		}
		run := func(iterations int) (Outcome, float64, float64) {
			s.set.MaxIterations = iterations
			out, err := s.Solve(b, d)
			if err != nil {
				t.Fatal(err)
			}
			apart, wrong := compare(t, c, m, sys, points, d, direct, exact)
			return out, apart, wrong
		}
		out, apart, wrong := run(200)
		if c.Rank() == 0 {
			r := s.Report()
			t.Logf("%d ranks: %v after %d, differs by %.2e from direct, which is off by %.2e; condition %.3g", c.Size(), out.Status, out.Iterations, apart, wrong, out.Condition)
			t.Logf("gradients %.1e", out.Gradient)
			t.Logf("%d coarse vectors, mu %.1e; patch %d, ridge %.0e, %d neighbours, %d bytes, %+v", r.Coarse, r.Mu, r.PatchUnknowns, r.Ridge, r.Neighbours, r.Bytes, r.Seconds)
		}
		low, high := 0, out.Iterations // bisection: the error falls
		for high-low > 1 {
			k := (low + high) / 2
			if _, apart, wrong := run(k); apart < wrong/10 {
				high = k
			} else {
				low = k
			}
		}
		if c.Rank() == 0 {
			t.Logf("%d ranks, %d layers asked for, %d vectors: %d iterations to the direct solution, gradient then %.1e of the first", c.Size(), set.Layers, s.Report().Coarse, high, out.Gradient[min(high, len(out.Gradient)-1)]/out.Gradient[0])
		}
		s.Close()
	})
}

// waves is (1/n) Σ_i f(2^i π) Π_a sin(2^i π x_a).
func waves(n int, x []float64, f func(w float64) float64) float64 {
	sum := 0.0
	for i := 1; i <= n; i++ {
		w := math.Ldexp(math.Pi, i)
		v := f(w) / float64(n)
		for _, y := range x {
			v *= math.Sin(w * y)
		}
		sum += v
	}
	return sum
}

// compare measures u(d) - u(direct) and u(direct) - exact over all points, relative to exact, in the root mean square.
func compare(t *testing.T, c mpi.Comm, m *made, sys *System, points []int, d [][]float64, direct []float64, exact func(x []float64) float64) (apart, wrong float64) {
	t.Helper()
	value := *m
	value.laplace = false
	width := m.features
	u, v := make([]float64, sys.Rows), make([]float64, sys.Rows)
	a := make([]float64, width)
	for k, w := range sys.Touch {
		weights := m.weights(w.Block)
		for _, r := range w.Runs {
			for i := r.Point; i < r.Point+r.N; i++ {
				value.row(w.Block, points[i], weights, a, 1)
				u[i] += dot(a, d[k])
				v[i] += dot(a, direct[w.Block*width:][:width])
			}
		}
	}
	sums := make([]float64, 3)
	for i := range u {
		e := exact(m.place(points[i]))
		sums[0] += (u[i] - v[i]) * (u[i] - v[i])
		sums[1] += (v[i] - e) * (v[i] - e)
		sums[2] += e * e
	}
	if err := mpi.Allreduce(c, sums, mpi.Sum); err != nil {
		t.Fatal(err)
	}
	return math.Sqrt(sums[0] / sums[2]), math.Sqrt(sums[1] / sums[2])
}
