package ktest

import (
	"math"
	"slices"
	"sync"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/host"
)

// Block compares the blocks of all tiles with the reference, for both choices of columns, and holds them to the other operations of
// the same backend: the sum of rows to Adjoint, the product with a direction to Tangent. Nothing outside a block may be written,
// padded rows are zero, and calls at the same time give the same bits.
func Block[T kernels.Real](t *testing.T, b kernels.Backend[T], cases ...Case) {
	each(t, b, cases, func(t *testing.T, s *setup[T], k *runner[T]) {
		s.restart()
		reference := s.host(t)
		reference.Forward(nil)
		s.seed(s.ref.U)
		s.restart()
		for _, columns := range []kernels.Columns{kernels.OutputColumns, kernels.AllColumns} {
			blocks := s.blocks(t, k, columns, len(s.tiles))
			s.compareBlocks(t, columns, blocks)
			s.rowsAgainstAdjoint(t, k, columns, blocks)
			s.columnsAgainstTangent(t, k, columns, blocks)
			s.blocksTogether(t, k, columns, blocks)
			s.blocksWithNaN(t, k, columns, blocks)
		}
		if !sameBits(s.plan.U, s.start) || largest(s.plan.Grad) != 0 {
			t.Error("U or the gradient was written to")
		}
	})
}

// blockGap is what rows of a block lie further apart than they must: odd, so that no column but the first is aligned.
const blockGap = 3

// block is that of one tile on its way to the backend and back: columns ld apart between guard bands, full of alarms.
type block[T kernels.Real] struct {
	whole, inner []T
	there        []T
	n, pad, ld   int
}

func (s *setup[T]) newBlock(t *testing.T, b kernels.Backend[T], tile int32, columns kernels.Columns) *block[T] {
	n := int(s.plan.Tiles[tile].N)
	k := &block[T]{n: n, pad: kernels.Pad(n), ld: kernels.Pad(n)}
	if tile%2 == 1 {
		k.ld += blockGap
	}
	k.whole, k.inner = guarded[T](t, (s.c.Net.Columns(columns)-1)*k.ld+k.pad)
	for i := range k.inner {
		k.inner[i] = T(alarm)
	}
	k.there = onBackend(t, b, k.whole)
	return k
}

func (k *block[T]) out() []T { return k.there[guard : guard+len(k.inner) : guard+len(k.inner)] }

// read fetches the block, and checks that nothing else was written and that padded rows are zero.
func (k *block[T]) read(t *testing.T, b kernels.Backend[T]) {
	t.Helper()
	if err := b.Read(k.whole, k.there); err != nil {
		t.Fatal(err)
	}
	checkGuard(t, k.whole)
	for i, x := range k.inner {
		switch row := i % max(k.ld, 1); {
		case row >= k.pad && x != T(alarm):
			t.Fatalf("wrote %v to row %d of column %d, behind %d padded rows", x, row, i/k.ld, k.pad)
		case row >= k.n && row < k.pad && x != 0:
			t.Fatalf("padded row %d of column %d, behind %d points, is %v", row, i/k.ld, k.n, x)
		}
	}
}

// blocks computes the first n blocks, one after another.
func (s *setup[T]) blocks(t *testing.T, k *runner[T], columns kernels.Columns, n int) (all []*block[T]) {
	t.Helper()
	ubar := onBackend(t, k.b, s.plan.UBar)
	k.write()
	for tile := range int32(n) {
		o := s.newBlock(t, k.b, tile, columns)
		k.kernel.Block(tile, columns, ubar, o.out(), o.ld)
		o.read(t, k.b)
		all = append(all, o)
	}
	k.read()
	return all
}

// compareBlocks compares with the reference, relative to the largest entry of a block for each part of each layer.
func (s *setup[T]) compareBlocks(t *testing.T, columns kernels.Columns, blocks []*block[T]) {
	t.Helper()
	reference, err := host.New().Open(&s.ref)
	if err != nil {
		t.Fatalf("reference: %v", err)
	}
	tolerance := s.c.tolerance(epsilon[T]()) * sumUlps
	first := s.c.Net.FirstColumn(columns)
	worst := 0.0
	for i, o := range blocks {
		want := make([]float64, len(o.inner))
		reference.Block(int32(i), columns, s.ref.UBar, want, o.ld)
		s.parts(first, func(part string, l, from, to int) {
			if o.n == 0 {
				return
			}
			size := 0.0
			for p := from; p < to; p++ {
				size = max(size, largest(want[(p-first)*o.ld:][:o.n]))
			}
			for p := from; p < to; p++ {
				for r := range o.n {
					at := (p-first)*o.ld + r
					e := math.Abs(float64(o.inner[at])-want[at]) / size
					worst = max(worst, e)
					if !(e <= tolerance) {
						t.Fatalf("tile %d of %d points, layer %d, %s %d, point %d: %v, reference %v, error %.1e of the largest, allowed %.1e",
							i, o.n, l, part, p-from, r, o.inner[at], want[at], e, tolerance)
					}
				}
			}
		})
	}
	t.Logf("largest error %.1e, %.2f of what is allowed", worst, worst/tolerance)
}

// rowsAgainstAdjoint: the rows of all blocks of a subdomain add up to its gradient.
func (s *setup[T]) rowsAgainstAdjoint(t *testing.T, k *runner[T], columns kernels.Columns, blocks []*block[T]) {
	t.Helper()
	k.Adjoint(s.tiles)
	first, params := s.c.Net.FirstColumn(columns), s.c.Net.Params()
	sum, size := make([]float64, len(s.plan.Grad)), make([]float64, len(s.plan.Grad))
	for i, o := range blocks {
		at := int(s.plan.Tiles[i].Sub)*params + first
		for p := range s.c.Net.Columns(columns) {
			if o.n == 0 {
				continue
			}
			for _, x := range o.inner[p*o.ld:][:o.n] {
				sum[at+p] += float64(x)
				size[at+p] += math.Abs(float64(x))
			}
		}
	}
	tolerance := s.c.tolerance(epsilon[T]()) * sumUlps
	for sub := range slots {
		s.parts(first, func(part string, l, from, to int) {
			from, to = from+sub*params, to+sub*params
			largest := slices.Max(size[from:to])
			for i := from; i < to; i++ {
				if e := math.Abs(sum[i] - float64(s.plan.Grad[i])); !(e <= tolerance*largest) {
					t.Fatalf("subdomain %d, layer %d, %s %d: rows add up to %v, the gradient is %v", sub, l, part, i-from, sum[i], s.plan.Grad[i])
				}
			}
		})
	}
	clear(s.plan.Grad)
}

// columnsAgainstTangent: at each point of the first tiles, Σ_p out dir_p = Σ_kc Ū_kc U̇_kc.
func (s *setup[T]) columnsAgainstTangent(t *testing.T, k *runner[T], columns kernels.Columns, blocks []*block[T]) {
	t.Helper()
	dir := s.direction(t)
	first, params := s.c.Net.FirstColumn(columns), s.c.Net.Params()
	for sub := range slots {
		clear(dir[sub*params:][:first])
	}
	tolerance := s.c.tolerance(epsilon[T]()) * sumUlps
	for i, o := range blocks[:2] { // of some points and of one; more cost an emulated card minutes
		tile := s.plan.Tiles[i]
		clear(s.plan.U)
		k.Tangent(dir, []int32{int32(i)})
		byBlock, size, byTangent := make([]float64, o.n), make([]float64, o.n), make([]float64, o.n)
		for p := range s.c.Net.Columns(columns) {
			for r := range o.n {
				x := float64(o.inner[p*o.ld+r]) * float64(dir[int(tile.Sub)*params+first+p])
				byBlock[r] += x
				size[r] += math.Abs(x)
			}
		}
		for _, plane := range s.planes() {
			if plane.section != int(tile.Section) {
				continue
			}
			for _, r := range s.plan.Runs[tile.Run : tile.Run+tile.Runs] {
				for n := range int(r.N) {
					at := plane.first + int(r.Point) + n
					x := float64(s.plan.U[at]) * float64(s.plan.UBar[at])
					byTangent[int(r.Tile)+n] += x
					size[int(r.Tile)+n] += math.Abs(x)
				}
			}
		}
		for r := range o.n {
			if e := math.Abs(byBlock[r] - byTangent[r]); !(e <= tolerance*slices.Max(size)) {
				t.Fatalf("tile %d, point %d: block times direction is %v, by the tangent %v", i, r, byBlock[r], byTangent[r])
			}
		}
	}
	copy(s.plan.U, s.start)
}

// blocksTogether computes all blocks again, in two goroutines.
func (s *setup[T]) blocksTogether(t *testing.T, k *runner[T], columns kernels.Columns, blocks []*block[T]) {
	t.Helper()
	ubar := onBackend(t, k.b, s.plan.UBar)
	var again []*block[T]
	for i := range blocks {
		again = append(again, s.newBlock(t, k.b, int32(i), columns))
	}
	var done sync.WaitGroup
	for half := range 2 {
		done.Add(1)
		go func() {
			defer done.Done()
			for i := half; i < len(again); i += 2 {
				k.kernel.Block(int32(i), columns, ubar, again[i].out(), again[i].ld)
			}
		}()
	}
	done.Wait()
	for i, o := range again {
		o.read(t, k.b)
		if !sameBits(o.whole, blocks[i].whole) {
			t.Fatalf("tile %d: a block beside another differs from one alone", i)
		}
	}
}

// blocksWithNaN: a NaN adjoint spoils its row only, and a NaN parameter does not reach the padded rows (which read checks).
func (s *setup[T]) blocksWithNaN(t *testing.T, k *runner[T], columns kernels.Columns, blocks []*block[T]) {
	t.Helper()
	nan := T(math.NaN())
	const tile = 0 // of 33 or 17 points: the last of them shares a register with padded ones
	run := s.plan.Runs[s.plan.Tiles[tile].Run]
	at := s.planes()[0].first + int(run.Point)
	keep := s.plan.UBar[at]
	s.plan.UBar[at] = nan
	o := s.blocks(t, k, columns, 1)[tile]
	s.plan.UBar[at] = keep
	bias := s.c.Net.Columns(columns) - s.c.Net.Out
	if x := o.inner[bias*o.ld]; x == x {
		t.Errorf("a NaN adjoint did not reach the output bias, %v", x)
	}
	for p := range s.c.Net.Columns(columns) {
		rows := func(o *block[T]) []T { return o.inner[p*o.ld+1 : p*o.ld+o.n] }
		if !sameBits(rows(o), rows(blocks[tile])) {
			t.Fatalf("column %d: a NaN adjoint at the first point changed other rows", p)
		}
	}
	theta := &s.plan.Theta[int(s.plan.Tiles[tile].Sub)*s.c.Net.Params()+s.c.Net.Layers()[0].B]
	kept := *theta
	*theta = nan
	o = s.blocks(t, k, columns, 1)[tile]
	*theta = kept
	if x := o.inner[(s.c.Net.Layers()[len(s.c.Net.Hidden)].W-s.c.Net.FirstColumn(columns))*o.ld]; x == x {
		t.Errorf("a NaN parameter did not reach the output weight behind it, %v", x)
	}
}
