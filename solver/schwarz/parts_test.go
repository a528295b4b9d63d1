package schwarz

import (
	"math"
	"slices"
	"testing"

	"fbpinn-mpi/kernels/dense"
	"fbpinn-mpi/mpi"
)

// orthoTolerance bounds entries of BᵀB - 1 in a block: two chains of Householder reflections of some 10 columns.
const orthoTolerance = 1e-13

// gathered is B as the ranks hold it, on every rank: rows are all points, columns those kept of block after block, from[j] the
// first of block j.
func gathered(t *testing.T, c mpi.Comm, s *Solver, points []int, rows int) (b dense.Matrix, from []int) {
	t.Helper()
	from = []int{0}
	for j, n := range s.kept {
		from = append(from, from[j]+int(n))
	}
	b = dense.NewMatrix(rows, from[len(s.kept)])
	for k, v := range s.sys.Touch {
		for _, r := range v.Runs {
			for col := range s.blocks[k].b.Cols {
				for i := range r.N {
					b.Set(points[r.Point+i], from[v.Block]+col, s.blocks[k].b.At(int(r.Tile+i), col))
				}
			}
		}
	}
	if err := mpi.Allreduce(c, b.Data, mpi.Sum); err != nil { // others add zeros
		t.Fatal(err)
	}
	return b, from
}

// After the filter every block has orthonormal columns over all ranks together, J_j T_j = B_j, and the matrix of each patch is that of B.
func TestMatrix(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		for _, k := range cases(c.Size()) {
			s := New(c, library(t), k.set)
			sys, points := k.m.system(c.Rank())
			if err := s.Factor(sys, k.damping); err != nil {
				t.Fatal(err)
			}
			b, from := gathered(t, c, s, points, k.m.grid())
			normal := dense.NewMatrix(b.Cols, b.Cols)
			s.lib.Gemm(dense.Trans, dense.NoTrans, 1, b, b, 0, normal)
			for j := range sys.Owner {
				for x := from[j]; x < from[j+1]; x++ {
					for y := from[j]; y < from[j+1]; y++ {
						want := 0.0
						if x == y {
							want = 1
						}
						if e := math.Abs(normal.At(x, y) - want); !(e < orthoTolerance) {
							t.Fatalf("%s: columns %d and %d of block %d are off by %.1e from orthonormal", k.name, x-from[j], y-from[j], j, e)
						}
					}
				}
			}
			patchIs(t, k.name, s, normal, from)
			products(t, k.name, s, k.m)
			s.Close()
		}
	})
}

// patchIs compares the matrix of the patch with the part of N, and counts entries: what is not in the pattern must be zero in N.
func patchIs(t *testing.T, name string, s *Solver, normal dense.Matrix, from []int) {
	t.Helper()
	p := s.patch
	for k, j := range p.blocks {
		for l := k; l < len(p.blocks); l++ {
			i := p.blocks[l]
			want := normal.Sub(from[i], from[j], from[i+1]-from[i], from[j+1]-from[j])
			got := dense.NewMatrix(want.Rows, want.Cols)
			if e, ok := slices.BinarySearch(p.pattern.Row[p.pattern.Start[k]:p.pattern.Start[k+1]], int32(l)); ok {
				got = dense.Of(p.value[p.pattern.Start[k]+e], want.Rows, want.Cols)
			}
			for x := range want.Cols {
				for y := range want.Rows {
					if e := math.Abs(got.At(y, x) - want.At(y, x)); !(e < orthoTolerance) {
						t.Fatalf("%s: block (%d, %d) of the patch is off by %.1e", name, i, j, e)
					}
				}
			}
		}
	}
}

// productTolerance bounds what rounding of the factorisations does to J T, relative to the longest column of J and the largest entry of
// T: two chains of some 10 reflections, and 10 products.
const productTolerance = 1e-13

// products checks J_j T_j = B_j on own rows. T_j has entries up to 1/tau, whose rounding J_j T_j shows.
func products(t *testing.T, name string, s *Solver, m *made) {
	t.Helper()
	for k, v := range s.sys.Touch {
		if !s.sys.touches(k) {
			continue
		}
		a := dense.NewMatrix(v.LD, s.sys.Columns[v.Block])
		s.sys.Fill(k, a.Data)
		tolerance := productTolerance
		for _, x := range s.blocks[k].t.Data {
			tolerance = max(tolerance, productTolerance*math.Abs(x))
		}
		norm := 1.0
		rows := m.rows(v.Block)
		whole := dense.NewMatrix(len(rows), a.Cols)
		for r, i := range rows {
			m.row(v.Block, i, m.weights(v.Block), whole.Data[r:], whole.Stride)
		}
		for c := range a.Cols {
			norm = max(norm, math.Sqrt(dot(whole.Col(c), whole.Col(c))))
		}
		tolerance *= norm
		b := dense.NewMatrix(v.LD, s.blocks[k].t.Cols)
		s.lib.Gemm(dense.NoTrans, dense.NoTrans, 1, a, s.blocks[k].t, 0, b)
		for i, x := range b.Data {
			if e := math.Abs(x - s.blocks[k].b.Data[i]); !(e < tolerance) {
				t.Fatalf("%s: J T of block %d differs from B by %.1e, allowed %.1e", name, v.Block, e, tolerance)
			}
		}
	}
}

// Other damping with the same blocks, and new numbers with the old filter: both solve the problem at hand exactly.
func TestDampRefresh(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		m := newMade(2, 4, 24, 10, false)
		even := make([]float64, c.Size())
		for r := range even {
			even[r] = 1
		}
		m.owner = strips(even...)
		s, sys, _, plain := solve(t, c, m, Settings{CoarseVectors: rankVectors}, 0)
		defer s.Close()
		_, points := m.system(c.Rank())
		right := make([]float64, m.grid())
		for i := range right {
			right[i] = m.right(i)
		}
		check := func(what string, damping float64, out Outcome) {
			t.Helper()
			b, from := gathered(t, c, s, points, m.grid())
			scaled := dense.NewMatrix(b.Rows, b.Cols) // damping is ν‖z‖² with y = z/√w
			copy(scaled.Data, b.Data)
			if damping > 0 {
				w := make([]float64, b.Cols)
				for k, v := range sys.Touch {
					if s.owns(k) {
						copy(w[from[v.Block]:], s.blocks[k].w)
					}
				}
				if err := mpi.Allreduce(c, w, mpi.Sum); err != nil {
					t.Fatal(err)
				}
				for i, x := range w {
					for r := range scaled.Col(i) {
						scaled.Col(i)[r] /= math.Sqrt(x)
					}
				}
			}
			want, rest := leastSquares(t, s.lib, scaled, right, damping)
			// B y from the unknowns of owners, since the filter belongs to other numbers than J.
			y := make([]float64, b.Cols)
			for k, v := range sys.Touch {
				if s.owns(k) {
					copy(y[from[v.Block]:], s.vectors.y[s.at[k]:s.at[k+1]])
				}
			}
			if err := mpi.Allreduce(c, y, mpi.Sum); err != nil {
				t.Fatal(err)
			}
			fit := make([]float64, b.Rows)
			s.lib.Gemv(dense.NoTrans, 1, b, y, 0, fit)
			if e := distance(fit, want); !(e < fitTolerance) || out.Status != Converged || math.Abs(out.After-rest) > fitTolerance*out.Before {
				t.Errorf("%s: %v after %d, fit differs by %.2g, residual %v, want %v", what, out.Status, out.Iterations, e, out.After, rest)
			}
		}
		for _, damping := range []float64{1e-2, 10, 0} {
			if err := s.Damp(damping); err != nil {
				t.Fatal(err)
			}
			_, out := again(t, s, m, points)
			check("damped", damping, out)
			if damping == 0 && !slices.Equal(out.Gradient, plain.Gradient) {
				t.Errorf("damping and back leaves %v for %v", out.Gradient, plain.Gradient)
			}
		}
		m.change = 1e-2
		if err := s.Refresh(); err != nil {
			t.Fatal(err)
		}
		_, out := again(t, s, m, points)
		check("refreshed", 0, out)
		if c.Size() == 1 && out.Iterations <= plain.Iterations { // with more, the overlap decides
			t.Errorf("a factor of other numbers takes %d iterations, its own took %d", out.Iterations, plain.Iterations)
		}
		// The refreshed numbers with a factor of their own.
		if err := s.Factor(sys, 0); err != nil {
			t.Fatal(err)
		}
		_, out = again(t, s, m, points)
		check("factored again", 0, out)
	})
}

// Results are the same bits whatever the number of workers, and when repeated.
func TestBits(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		k := cases(c.Size())[1]
		var first [][]float64
		for _, workers := range []int{1, 1, 3} {
			s, _, d, _ := solve(t, c, k.m, Settings{Workers: workers, CoarseVectors: rankVectors}, 0)
			s.Close()
			if first == nil {
				first = d
			}
			for i := range d {
				if !slices.Equal(d[i], first[i]) {
					t.Fatalf("%d workers change the solution", workers)
				}
			}
		}
	})
}

// An iteration is one message to each neighbour, one back, and one reduction; two with a coarse space.
func TestTraffic(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		if c.Size() == 1 {
			t.Skip("one rank sends to itself only, and converges at once")
		}
		k := cases(c.Size())[2]
		for extra, vectors := range []int{-1, 5} {
			reductions := int64(1 + extra)
			s := New(c, library(t), Settings{Layers: 1, Tolerance: 1e-15, CoarseVectors: vectors})
			sys, points := k.m.system(c.Rank())
			if err := s.Factor(sys, 0); err != nil {
				t.Fatal(err)
			}
			var counts [2]mpi.Counts
			for i := range counts {
				s.set.MaxIterations = 1 + i
				was := c.Counts()
				if _, out := again(t, s, k.m, points); out.Iterations != 1+i {
					t.Fatalf("%d iterations", out.Iterations)
				}
				counts[i] = c.Counts().Minus(was)
			}
			one := counts[1].Minus(counts[0])
			there, back := s.exchange.Forward(), s.exchange.Transpose()
			want := there.Messages + back.Messages
			if c.Rank() > 0 {
				want += reductions // a sum goes up a tree by messages and comes back by a broadcast
			}
			if one.Messages != want || one.Collectives != reductions {
				t.Errorf("%d vectors: an iteration sends %d messages and takes part in %d collective calls, want %d and %d", vectors, one.Messages,
					one.Collectives, want, reductions)
			}
			s.Close()
		}
	})
}

// A coarse space is not for few ranks, unless it is asked for.
func TestFewRanks(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		for _, set := range []Settings{{}, {CoarseVectors: 5}, {CoarseVectors: -1}} {
			s, _, _, _ := solve(t, c, cases(c.Size())[1].m, set, 0)
			want := c.Size() > 1 && (set.CoarseVectors > 0 || set.CoarseVectors == 0 && c.Size() > fewRanks)
			if n := s.Report().Coarse; (n > 0) != want {
				t.Errorf("%d coarse vectors on %d ranks where %d were asked for", n, c.Size(), set.CoarseVectors)
			}
			s.Close()
		}
	})
}

// Patches stay patches where a block of a coarse level touches all rows.
func TestHub_n8(t *testing.T) {
	world.Run(t, 8, func(c mpi.Comm) {
		for _, k := range cases(8) {
			if k.name != "two levels" {
				continue
			}
			s := New(c, library(t), Settings{Layers: 1})
			sys, _ := k.m.system(c.Rank())
			if err := s.Factor(sys, 0); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if n := len(s.patch.blocks); n > k.m.blocks()/2 {
				t.Errorf("a patch of an eighth of the domain has %d of %d blocks", n, k.m.blocks())
			}
		}
	})
}

// muTolerance is relative: the Krylov space is everything here, and eigenvalues are found to rounding over the largest of S⁻¹M.
const muTolerance = 1e-5

// Coarse vectors solve their eigenvalue problem: compared with dense matrices where these are well conditioned.
func TestSpectrum(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		m := newMade(1, 2*c.Size()+1, 40*c.Size(), 5, false)
		even := make([]float64, c.Size())
		for r := range even {
			even[r] = 1
		}
		m.owner = strips(even...)
		s := New(c, library(t), Settings{CoarseVectors: -1})
		sys, points := m.system(c.Rank())
		if err := s.Factor(sys, 0); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		mine, err := s.products()
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.newPencil(mine)
		if err != nil {
			t.Fatal(err)
		}
		defer p.factor.Free()
		x, mu, err := p.smallest(1000)
		if err != nil {
			t.Fatal(err)
		}
		// M and S from the whole of B: S is the Schur complement, its inverse the own part of that of N of own rows.
		b, from := gathered(t, c, s, points, m.grid())
		var own, all []int
		for k, v := range sys.Touch {
			for i := from[v.Block]; i < from[v.Block+1]; i++ {
				if s.owns(k) {
					own = append(own, len(all))
				}
				all = append(all, i)
			}
		}
		gram := func(rows []int) dense.Matrix {
			part := dense.NewMatrix(len(rows), len(all))
			for k, i := range rows {
				for l, col := range all {
					part.Set(k, l, b.At(i, col))
				}
			}
			g := dense.NewMatrix(len(all), len(all))
			s.lib.Gemm(dense.Trans, dense.NoTrans, 1, part, part, 0, g)
			return g
		}
		everywhere := make([]int, m.grid())
		for i := range everywhere {
			everywhere[i] = i
		}
		local, whole := gram(points), gram(everywhere)
		n := len(own)
		mass, inverse := dense.NewMatrix(n, n), dense.NewMatrix(n, n)
		for i := range all {
			local.Set(i, i, local.At(i, i)+s.set.Ridge)
		}
		if s.lib.Potrf(dense.Lower, local) >= 0 {
			t.Fatal("own rows do not determine the touched blocks: the test needs other numbers")
		}
		for k, i := range own {
			e := make([]float64, len(all))
			e[i] = 1
			s.lib.Trsv(dense.Lower, dense.NoTrans, local, e)
			s.lib.Trsv(dense.Lower, dense.Trans, local, e)
			for l, j := range own {
				inverse.Set(l, k, e[j])
				mass.Set(l, k, whole.At(j, i))
			}
		}
		// M v = λ M S⁻¹ M v has λ = μ: the small ones, up to the cut.
		half, product := dense.NewMatrix(n, n), dense.NewMatrix(n, n)
		s.lib.Gemm(dense.NoTrans, dense.NoTrans, 1, mass, inverse, 0, half)
		s.lib.Gemm(dense.NoTrans, dense.NoTrans, 1, half, mass, 0, product)
		values := make([]float64, n)
		var w dense.Work
		if err := s.lib.Sygvd(dense.Lower, product, mass, values, false, &w); err != nil {
			t.Fatal(err)
		}
		var want []float64
		for k := n - 1; k >= 0 && values[k]*largestMu > 1; k-- {
			want = append(want, 1/values[k])
		}
		if len(mu) != len(want) || x.Cols != len(mu) {
			t.Fatalf("%d vectors below %v, want %d: %.3g and %.3g", len(mu), largestMu, len(want), mu, want)
		}
		for k := range mu {
			if e := math.Abs(mu[k]-want[k]) / want[k]; !(e < muTolerance) {
				t.Errorf("eigenvalue %d of %d is %v, want %v", k, n, mu[k], want[k])
			}
		}
		if c.Size() > 1 && len(mu) == 0 {
			t.Error("no vectors at all")
		}
	})
}

// The summary adds up what ranks report, whatever their number.
func TestSummary(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		for _, k := range cases(c.Size()) {
			s, sys, _, _ := solve(t, c, k.m, k.set, k.damping)
			u, err := s.Summary()
			if err != nil {
				t.Fatal(err)
			}
			kept, columns, blocks, least, most := int64(0), int64(0), 0, math.MaxInt, 0
			for j, n := range s.kept {
				if sys.Columns[j] > 0 {
					kept, least, most = kept+n, min(least, int(n)), max(most, int(n))
					columns += int64(sys.Columns[j])
					blocks++
				}
			}
			if u.Blocks != blocks || u.Columns != columns || u.Kept != kept || u.Least != least || u.Most != most {
				t.Errorf("%s: %+v, want %d kept, %d to %d of a block", k.name, u, kept, least, most)
			}
			if !(u.Weakest > s.set.Tau && u.Weakest <= 1) || u.Patch < s.Report().PatchUnknowns || u.MostBytes > u.Bytes || u.Seconds.Total <= 0 {
				t.Errorf("%s: %+v", k.name, u)
			}
			s.Close()
		}
	})
}
