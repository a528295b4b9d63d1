//go:build amd64

package cpu

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"fbpinn-mpi/kernels"
)

// frozenFeatures is a plan of the least-squares solver's shape: side² subdomains in 2-D with 1575 points each, in runs of 45, a
// 2-96-1 network and the jets u, u_x, u_y, u_xx, u_yy. Values are random.
func frozenFeatures[T kernels.Real](tb testing.TB, side int) (p *kernels.Plan[T], tiles []int32) {
	const rows, row, width = 35, 45, 96
	p = &kernels.Plan[T]{
		Net:  kernels.Net{D: 2, Hidden: []int{width}, Out: 1},
		Jets: kernels.NewJets(2, kernels.MultiIndex{2}, kernels.MultiIndex{0, 2}),
	}
	draw := rand.New(rand.NewPCG(7, 1))
	fill := func(n int) []T {
		m := kernels.Make[T](n)
		tb.Cleanup(func() { kernels.Free(m) })
		for i := range m {
			m[i] = T(2*draw.Float64() - 1)
		}
		return m
	}
	nc, pad, count := p.Jets.N(), kernels.Pad(rows*row), side*side
	n := side*row/2 + row // neighbours overlap by half
	p.Tiles, p.Runs = kernels.Make[kernels.Tile](count), kernels.Make[kernels.Run](count*rows)
	p.Sections = kernels.From([]kernels.Section{{Stride: int64(n * n)}})
	tb.Cleanup(func() { kernels.Free(p.Tiles); kernels.Free(p.Runs); kernels.Free(p.Sections) })
	for s := range count {
		p.Tiles[s] = kernels.Tile{Sub: int32(s), N: rows * row, Run: int32(s * rows), Runs: rows, X: int64(2 * pad * s), W: int64(nc * pad * s)}
		for r := range rows {
			p.Runs[s*rows+r] = kernels.Run{Tile: int32(r * row), Point: int32((s/side*rows/2+r)*n + s%side*row/2), N: row}
		}
		tiles = append(tiles, int32(s))
	}
	p.X, p.W, p.U, p.UBar = fill(2*pad*count), fill(nc*pad*count), fill(nc*n*n), fill(nc*n*n)
	p.InvSigma, p.Scale, p.Shift = fill(2*count), fill(1), fill(1)
	p.Theta, p.Grad = fill(p.Net.Params()*count), fill(p.Net.Params()*count)
	return p, tiles
}

// TestBlockAllocates: once there is a work space, a block allocates nothing.
func TestBlockAllocates(t *testing.T) {
	p, tiles := frozenFeatures[float64](t, 1)
	k, err := New[float64]().Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	pad := kernels.Pad(int(p.Tiles[0].N))
	out := make([]float64, p.Net.Params()*pad)
	for _, c := range []kernels.Columns{kernels.OutputColumns, kernels.AllColumns} {
		k.Block(tiles[0], c, p.UBar, out, pad)
		if n := testing.AllocsPerRun(3, func() { k.Block(tiles[0], c, p.UBar, out, pad) }); n != 0 {
			t.Errorf("%v allocations a block", n)
		}
	}
}

// BenchmarkBlock measures blocks with 1575 rows, each written over the last as a solver that factors them at once would do.
func BenchmarkBlock(b *testing.B) {
	for _, isa := range Available() {
		b.Run(isa+"/float64/output", func(b *testing.B) { benchmarkBlock[float64](b, isa, kernels.OutputColumns) })
		b.Run(isa+"/float64/all", func(b *testing.B) { benchmarkBlock[float64](b, isa, kernels.AllColumns) })
	}
	best := Available()[len(Available())-1]
	b.Run(best+"/float32/output", func(b *testing.B) { benchmarkBlock[float32](b, best, kernels.OutputColumns) })
	b.Run(best+"/float32/all", func(b *testing.B) { benchmarkBlock[float32](b, best, kernels.AllColumns) })
}

func benchmarkBlock[T kernels.Real](b *testing.B, isa string, columns kernels.Columns) {
	const side, repetitions, blocksOfRecord = 8, 10, 1089
	p, tiles := frozenFeatures[T](b, side)
	backend, err := NewISA[T](isa)
	if err != nil {
		b.Fatal(err)
	}
	k, err := backend.Open(p)
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	ld := kernels.Pad(int(p.Tiles[0].N))
	out := kernels.Make[T](p.Net.Columns(columns) * ld)
	defer kernels.Free(out)
	least := time.Duration(math.MaxInt64) // of a block: other programs may share the core
	for range max(b.N, repetitions) {
		for _, t := range tiles {
			start := time.Now()
			k.Block(t, columns, p.UBar, out, ld)
			least = min(least, time.Since(start))
		}
	}
	n, nc, d, w := float64(p.Tiles[0].N), float64(p.Jets.N()), float64(p.Net.D), float64(p.Net.Hidden[0])
	// Useful operations, 2 a multiply-add: z and the sum of each column over the components that it depends on; the activation does
	// not count. A weight of coordinate a depends on u_a and u_aa, and with the bias on z̄.
	flops := 2 * n * w * (d + nc)
	if columns == kernels.AllColumns {
		flops += 2 * n * w * (nc + d*3)
	}
	entries := n * float64(p.Net.Columns(columns))
	b.ReportMetric(entries/least.Seconds()/1e6, "Mentries/s")
	b.ReportMetric(least.Seconds()*blocksOfRecord, "s/1089")
	b.ReportMetric(100*flops/least.Seconds()/backend.PeakFMA(), "%peak")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkInner compares the products of a matrix-free inner iteration, J v and Jᵀ w, with an Adam step's forward, adjoint and
// update on the same tiles; point programs and vector sums are in neither. "output": a direction in the output weights alone.
func BenchmarkInner(b *testing.B) {
	best := Available()[len(Available())-1]
	b.Run(best+"/float64", func(b *testing.B) { inner[float64](b, best) })
	b.Run(best+"/float32", func(b *testing.B) { inner[float32](b, best) })
}

func inner[T kernels.Real](b *testing.B, isa string) {
	const side, repetitions = 8, 15
	p, tiles := frozenFeatures[T](b, side)
	backend, err := NewISA[T](isa)
	if err != nil {
		b.Fatal(err)
	}
	k, err := backend.Open(p)
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	w, err := k.Select(tiles)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	all, output := kernels.From(p.Theta), kernels.From(p.Theta)
	defer kernels.Free(all)
	defer kernels.Free(output)
	first := p.Net.FirstColumn(kernels.OutputColumns)
	for s := range tiles {
		clear(output[s*p.Net.Params():][:first])
	}
	moments := kernels.Make[T](2 * len(p.Theta))
	defer kernels.Free(moments)
	m, v := moments[:len(p.Theta)], moments[len(p.Theta):]
	operations := []func(){
		func() { w.Forward(nil) },
		func() { w.Adjoint(nil) },
		func() {
			backend.Adam(kernels.AdamStep{Rate: 1e-9, Beta1: .9, Beta2: .999, Eps: 1, Step: 1}, p.Theta, p.Grad, m, v)
		},
		func() { w.Tangent(all) },
		func() { w.Tangent(output) },
	}
	var ratios, frozen []float64 // the median over rounds, each of one run of every operation
	for range max(b.N, repetitions) {
		var t [5]float64
		for i, f := range operations {
			start := time.Now()
			f()
			t[i] = time.Since(start).Seconds()
		}
		step := t[0] + t[1] + t[2]
		ratios, frozen = append(ratios, (t[3]+t[1])/step), append(frozen, (t[4]+t[1])/step)
	}
	slices.Sort(ratios)
	slices.Sort(frozen)
	b.ReportMetric(ratios[len(ratios)/2], "inner/step")
	b.ReportMetric(frozen[len(frozen)/2], "output/step")
	b.ReportMetric(0, "ns/op")
}
