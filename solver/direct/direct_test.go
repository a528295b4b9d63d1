package direct

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"fbpinn-mpi/kernels/dense"
)

// TestRoads: the small sizes do what they are for.
func TestRoads(t *testing.T) {
	var did [finished + 1]int
	groups := 0
	for _, c := range cases() {
		plan := c.plans()[1]
		for _, k := range plan.tasks {
			did[k.do]++
		}
		for _, u := range plan.units {
			if u.first < u.root {
				groups++
			}
		}
	}
	if slices.Contains(did[:], 0) || groups == 0 || groups == did[whole] {
		t.Errorf("tasks by kind %v, %d groups: some kind is not tested", did, groups)
	}
}

// TestSolve: residuals of several right-hand sides at once and of one, with one worker and with several, whose bits agree.
func TestSolve(t *testing.T) {
	lib := library(t)
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			for _, plan := range c.plans() {
				solveCase(t, lib, c, plan)
			}
		})
	}
}

func solveCase(t *testing.T, lib *dense.Library, c testCase, plan *Plan) {
	const ridge, columns = 0.25, 3
	f, err := plan.Factor(lib, c.m.value, ridge, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Free()
	many, err := plan.Factor(lib, c.m.value, ridge, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer many.Free()
	if !slices.EqualFunc(f.data, many.data, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }) {
		t.Error("factors of one and of three workers differ")
	}
	a := c.m.expand(ridge)
	n := a.Rows
	if n != plan.Unknowns {
		t.Fatalf("%d unknowns, plan says %d", n, plan.Unknowns)
	}
	r := rand.New(rand.NewPCG(3, 4))
	b := make([]float64, n*columns)
	for i := range b {
		b[i] = r.NormFloat64()
	}
	x, again, one := slices.Clone(b), slices.Clone(b), slices.Clone(b)
	f.Solve(x, 1)
	many.Solve(again, 3)
	if !slices.Equal(x, again) {
		t.Error("solutions of one and of three workers differ")
	}
	check := func(what string, x []float64) {
		res := slices.Clone(b)
		lib.Gemm(dense.NoTrans, dense.NoTrans, -1, a, dense.Of(x, n, columns), 1, dense.Of(res, n, columns))
		if got, bound := norm(res), residual*norm(a.Data)*norm(x); !(got <= bound) {
			t.Errorf("%s: residual %.2g, bound %.2g", what, got, bound)
		}
	}
	check("together", x)
	for k := range columns {
		f.Solve(one[k*n:(k+1)*n], 2)
	}
	check("one by one", one)
}

// TestFactor compares L, put together from its panels, with the dense Cholesky factor of the permuted matrix.
func TestFactor(t *testing.T) {
	lib := library(t)
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			for _, plan := range c.plans() {
				factorCase(t, lib, c, plan)
			}
		})
	}
}

func factorCase(t *testing.T, lib *dense.Library, c testCase, plan *Plan) {
	f, err := plan.Factor(lib, c.m.value, 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Free()
	a := c.m.expand(0)
	n := a.Rows
	// By position, the unknown in the pattern; and where an unknown is in the order of elimination.
	var unknown []int
	place := make([]int, n)
	for k := range plan.fronts {
		for _, b := range plan.fronts[k].block[:plan.fronts[k].own] {
			for u := plan.offset[b]; u < plan.offset[b+1]; u++ {
				place[u] = len(unknown)
				unknown = append(unknown, u)
			}
		}
	}
	if len(unknown) != n {
		t.Fatalf("%d of %d unknowns are eliminated", len(unknown), n)
	}
	want, got := dense.NewMatrix(n, n), dense.NewMatrix(n, n)
	for j := range n {
		for i := j; i < n; i++ {
			want.Set(i, j, a.At(unknown[i], unknown[j]))
		}
	}
	if bad := lib.Potrf(dense.Lower, want); bad >= 0 {
		t.Fatal("not positive definite")
	}
	entries := int64(0)
	for k := range plan.fronts {
		fr := &plan.fronts[k]
		var rows []int
		for _, b := range fr.block {
			for u := plan.offset[b]; u < plan.offset[b+1]; u++ {
				rows = append(rows, place[u])
			}
		}
		for q := range fr.ownPanel {
			for c := range fr.width(q) {
				for i := c; i < fr.stride(q); i++ {
					got.Set(rows[fr.begin(q)+i], rows[fr.begin(q)+c], f.data[fr.panelAt[q]+i+c*fr.stride(q)])
					entries++
				}
			}
		}
	}
	if entries != plan.Entries {
		t.Errorf("%d entries, plan says %d", entries, plan.Entries)
	}
	worst := 0.0
	for i, x := range want.Data {
		worst = max(worst, math.Abs(x-got.Data[i]))
	}
	largest := 0.0
	for _, x := range want.Data {
		largest = max(largest, math.Abs(x))
	}
	if !(worst <= difference*largest) {
		t.Errorf("largest difference %.2g of %.2g", worst, largest)
	}
}

// TestIndefinite: the error names the block whose pivot fails, on any number of workers.
func TestIndefinite(t *testing.T) {
	lib := library(t)
	r := rand.New(rand.NewPCG(5, 6))
	p, centre := grid(r, []int{9, 9}, 1, 12, 12)
	m := fill(p, r)
	plan := analyse(p, centre, small)
	for _, block := range []int{0, 40, 80} {
		d := m.value[p.Start[block]]
		before := d[5+5*12]
		d[5+5*12] = -1000
		for _, workers := range []int{1, 3} {
			f, err := plan.Factor(lib, m.value, 0, workers)
			var pivot *PivotError
			if !errors.As(err, &pivot) || pivot.Block != block || pivot.Row != 5 {
				t.Errorf("unknown 5 of block %d is negative, with %d workers: %v", block, workers, err)
			}
			if f != nil {
				t.Error("a factor beside an error")
			}
		}
		d[5+5*12] = before
	}
	if f, err := plan.Factor(lib, m.value, 1, 2); err != nil {
		t.Error(err)
	} else {
		f.Free()
	}
	if _, err := plan.Factor(lib, m.value, -1e4, 2); err == nil {
		t.Error("a shift beyond the spectrum is accepted")
	}
}

// TestNotFinite: a number that is not finite anywhere is an error, never a factor.
func TestNotFinite(t *testing.T) {
	lib := library(t)
	r := rand.New(rand.NewPCG(7, 8))
	p, centre := grid(r, []int{7, 7}, 1, 12, 12)
	m := fill(p, r)
	plan := analyse(p, centre, small)
	for _, x := range []float64{math.NaN(), math.Inf(1)} {
		for k := 0; k < len(m.value); k += 5 {
			before := m.value[k][7]
			m.value[k][7] = x // row 7, column 0
			f, err := plan.Factor(lib, m.value, 0, 2)
			if err == nil {
				t.Errorf("%v in block %d of A goes unnoticed", x, k)
				f.Free()
			}
			m.value[k][7] = before
		}
	}
}

// TestIllConditioned: a Gramian of too few rows, singular but for its ridge: the backward error is what it is for any matrix.
func TestIllConditioned(t *testing.T) {
	lib := library(t)
	r := rand.New(rand.NewPCG(9, 10))
	const side, n, rows, ridge = 6, 20, 12, 1e-9 // rows a cell, 25·12 for 36·20 unknowns; squares of some 100·12: condition 1e12
	p, centre := grid(r, []int{side, side}, 1, n, n)
	m := &matrix{Pattern: p, centre: centre}
	for range p.Row {
		m.value = append(m.value, make([]float64, n*n))
	}
	for x := range side - 1 {
		for y := range side - 1 {
			corners := []int{x + side*y, x + 1 + side*y, x + side*(y+1), x + 1 + side*(y+1)} // ascending
			var g []dense.Matrix
			for range corners {
				b := dense.NewMatrix(rows, n)
				for i := range b.Data {
					b.Data[i] = r.NormFloat64()
				}
				g = append(g, b)
			}
			for c, j := range corners {
				for d, i := range corners[c:] {
					at, _ := slices.BinarySearch(p.Row[p.Start[j]:p.Start[j+1]], int32(i))
					lib.Gemm(dense.Trans, dense.NoTrans, 1, g[c+d], g[c], 1, dense.Of(m.value[p.Start[j]+at], n, n))
				}
			}
		}
	}
	for _, by := range []sizes{usual(), small} {
		f, err := analyse(p, centre, by).Factor(lib, m.value, ridge, 2)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float64, f.Unknowns)
		for i := range x {
			x[i] = r.NormFloat64()
		}
		a, res := m.expand(ridge), slices.Clone(x)
		f.Solve(x, 2)
		lib.Gemv(dense.NoTrans, -1, a, x, 1, res)
		if got, bound := norm(res), residual*norm(a.Data)*norm(x); !(got <= bound) {
			t.Errorf("residual %.2g, bound %.2g", got, bound)
		}
		f.Free()
	}
}

// TestSeparators: whoever is eliminated in one branch of the tree touches nobody in another; that is, every block of A lies in the
// front that eliminates it.
func TestSeparators(t *testing.T) {
	for _, c := range cases() {
		plan := Analyse(c.m.Pattern, c.m.centre)
		entries := 0
		for k := range plan.fronts {
			f := &plan.fronts[k]
			entries += len(f.entry)
			for _, e := range f.entry {
				i, j := c.m.Row[e.value], f.block[e.col]
				if e.across {
					i = f.block[e.col]
					for j = 0; c.m.Start[j+1] <= int(e.value); j++ {
					}
				}
				row := f.block[e.row]
				if e.across && row != j || !e.across && row != i {
					t.Errorf("%s: block %d of A is in the wrong place", c.name, e.value)
				}
			}
			for i, in := range f.inParent {
				if parent := &plan.fronts[f.parent]; parent.block[in] != f.block[f.own+i] {
					t.Errorf("%s: front %d and its parent disagree on a block", c.name, k)
				}
			}
			if !slices.IsSorted(f.inParent) {
				t.Errorf("%s: front %d and its parent order blocks differently", c.name, k)
			}
		}
		stored := 0
		for j := range c.m.Size {
			for k := c.m.Start[j]; k < c.m.Start[j+1]; k++ {
				if c.m.Size[j] > 0 && c.m.Size[c.m.Row[k]] > 0 {
					stored++
				}
			}
		}
		if entries != stored {
			t.Errorf("%s: %d of %d blocks are assembled", c.name, entries, stored)
		}
	}
}

// TestOrder: on square grids the factor needs no more work than the formula of nested dissection says.
func TestOrder(t *testing.T) {
	// George & Liu 1981, chapter 8: dissection of an n×n grid with 9 neighbours takes 829/84·n³ multiplications and additions, to
	// leading order, which is 9.87·n³; times m³ for blocks of m unknowns. The lower terms are negative. Merging may add a tenth.
	const leading, merged = 829.0 / 84 * 2, 1.1
	for _, n := range []int{15, 33, 64} {
		p, centre := grid(rand.New(rand.NewPCG(1, 1)), []int{n, n}, 1, 88, 88)
		bound := merged * leading * math.Pow(float64(n), 3) * 88 * 88 * 88
		with, without := Analyse(p, centre), Analyse(p, nil)
		t.Logf("%d×%d: %.3g of %.3g, without centres %.3g; %.3g entries", n, n, with.Flops, bound, without.Flops, float64(with.Entries))
		if with.Flops > bound {
			t.Errorf("%d×%d: %.3g operations, bound %.3g", n, n, with.Flops, bound)
		}
	}
}
