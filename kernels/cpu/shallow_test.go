//go:build amd64

package cpu

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpinn-mpi/kernels"
)

// grid is a plan of the paper's shape: side² subdomains in 2-D, each a 2-16-1 network that sees about 9.5 x 9.5 points of a
// grid with five points a spacing (δ = 1.9), and the jets u, u_x, u_y, u_xx, u_yy.
func grid[T kernels.Real](tb testing.TB, side int) (p *kernels.Plan[T], tiles []int32, pairs int) {
	p = &kernels.Plan[T]{
		Net:  kernels.Net{D: 2, Hidden: []int{16}, Out: 1},
		Jets: kernels.NewJets(2, kernels.MultiIndex{2}, kernels.MultiIndex{0, 2}),
	}
	nc, n := p.Jets.N(), 5*side
	draw := rand.New(rand.NewPCG(1, 1))
	fill := func(n int) []T {
		m := kernels.Make[T](n)
		tb.Cleanup(func() { kernels.Free(m) })
		for i := range m {
			m[i] = T(2*draw.Float64() - 1)
		}
		return m
	}
	var tileList []kernels.Tile
	var runs []kernels.Run
	var x, w int64
	for s := range side * side {
		row, col := s/side, s%side
		lo, hi := 5*row, min(5*row+9+row%2, n)
		left, right := 5*col, min(5*col+9+col%2, n)
		t := kernels.Tile{Sub: int32(s), Run: int32(len(runs)), X: x, W: w}
		for y := lo; y < hi; y++ {
			runs = append(runs, kernels.Run{Tile: t.N, Point: int32(y*n + left), N: int32(right - left)})
			t.N += int32(right - left)
		}
		t.Runs = int32(hi - lo)
		pairs += int(t.N)
		x, w = x+int64(2*kernels.Pad(int(t.N))), w+int64(nc*kernels.Pad(int(t.N)))
		tileList, tiles = append(tileList, t), append(tiles, int32(s))
	}
	p.Tiles, p.Runs = kernels.From(tileList), kernels.From(runs)
	p.Sections = kernels.From([]kernels.Section{{Stride: int64(n * n)}})
	tb.Cleanup(func() { kernels.Free(p.Tiles); kernels.Free(p.Runs); kernels.Free(p.Sections) })
	p.X, p.W, p.U, p.UBar = fill(int(x)), fill(int(w)), fill(nc*n*n), fill(nc*n*n)
	p.InvSigma, p.Scale, p.Shift = fill(2*side*side), fill(1), fill(1)
	p.Theta, p.Grad = fill(65*side*side), fill(65*side*side)
	return p, tiles, pairs
}

// TestChoice holds the paper's networks to the kernels made for them.
func TestChoice(t *testing.T) {
	for _, c := range []struct {
		name   string
		hidden []int
		act    kernels.Activation
	}{{"shallow w16 C5", []int{16}, kernels.Tanh}, {"shallow w40 C5", []int{40}, kernels.Sin},
		{"deep w32 L2 C5", []int{32, 32}, kernels.Tanh}, {"generic w16 C5", []int{16}, kernels.AdaptiveTanh}} {
		p, _, _ := grid[float32](t, 2)
		p.Net.Hidden, p.Net.Act = c.hidden, c.act
		p.Theta = kernels.Make[float32](4 * p.Net.Params())
		p.Grad = kernels.Make[float32](4 * p.Net.Params())
		k, err := New[float32]().Open(p)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(k.Name(), c.name) {
			t.Errorf("chose %q, expected %q", k.Name(), c.name)
		}
		k.Close()
		kernels.Free(p.Theta)
		kernels.Free(p.Grad)
	}
}

// TestAllocates: a step must not allocate in Go.
func TestAllocates(t *testing.T) {
	p, tiles, _ := grid[float64](t, 3)
	b := New[float64]()
	k, err := b.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	m := kernels.Make[float64](2 * len(p.Theta))
	defer kernels.Free(m)
	w, err := k.Select(tiles)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if n := testing.AllocsPerRun(10, func() {
		w.Forward(nil)
		w.Adjoint(nil)
		w.Tangent(p.Theta)
		b.Adam(kernels.AdamStep{Rate: 1e-9, Beta1: .9, Beta2: .999, Eps: 1, Step: 1}, p.Theta, p.Grad, m[:len(p.Theta)], m[len(p.Theta):])
	}); n != 0 {
		t.Errorf("%v allocations a step", n)
	}
}

// TestLongTile covers tiles of several chunks (scatter.h), whose runs straddle chunks: the same points in one tile and in two.
func TestLongTile(t *testing.T) {
	const n, cut = 1200, 704 // a multiple of PadTo in the middle of a run and of a chunk
	for _, isa := range Available() {
		p, _, _ := grid[float64](t, 11)
		p.Tiles = slices.Clone(p.Tiles[:1])
		p.Tiles[0] = kernels.Tile{N: n, Runs: 3}
		p.Runs = []kernels.Run{{Tile: 0, Point: 5, N: 500}, {Tile: 500, Point: 600, N: 500}, {Tile: 1000, Point: 1300, N: 200}}
		p.Tiles, p.Runs = kernels.From(p.Tiles), kernels.From(p.Runs)
		clear(p.U)
		clear(p.Grad)
		run := func(tiles ...int32) (u, grad []float64) {
			b, err := NewISA[float64](isa)
			if err != nil {
				t.Fatal(err)
			}
			k, err := b.Open(p)
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			w, err := k.Select(tiles)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			w.Forward(nil)
			w.Adjoint(nil)
			u, grad = slices.Clone(p.U), slices.Clone(p.Grad[:65])
			clear(p.U)
			clear(p.Grad)
			return u, grad
		}
		wholeU, wholeGrad := run(0)
		// Two tiles: their planes have other pitches, so X and W are laid out anew.
		x, w := slices.Clone(p.X), slices.Clone(p.W)
		split := func(from, to []float64, rows int) {
			pad := kernels.Pad(n)
			for r := range rows {
				copy(to[r*cut:(r+1)*cut], from[r*pad:r*pad+cut])
				copy(to[rows*cut+r*(pad-cut):][:pad-cut], from[r*pad+cut:(r+1)*pad])
			}
		}
		split(x, p.X, 2)
		split(w, p.W, 5)
		p.Tiles = kernels.From([]kernels.Tile{{N: cut, Runs: 2}, {N: n - cut, Run: 2, Runs: 2, X: 2 * cut, W: 5 * cut}})
		p.Runs = kernels.From([]kernels.Run{{Tile: 0, Point: 5, N: 500}, {Tile: 500, Point: 600, N: 204},
			{Tile: 0, Point: 804, N: 296}, {Tile: 296, Point: 1300, N: 200}})
		u, grad := run(0, 1)
		const roundoff = 1e-11 // sums of 1200 terms of order one in another order
		for i := range u {
			if math.Abs(u[i]-wholeU[i]) > roundoff {
				t.Fatalf("%s: U[%d] = %v in one tile, %v in two", isa, i, wholeU[i], u[i])
			}
		}
		for i := range grad {
			if math.Abs(grad[i]-wholeGrad[i]) > roundoff*math.Max(1, math.Abs(grad[i])) {
				t.Fatalf("%s: gradient %d = %v in one tile, %v in two", isa, i, wholeGrad[i], grad[i])
			}
		}
		if slices.Max(u) == 0 || slices.Max(grad) == 0 {
			t.Fatal("nothing was computed")
		}
	}
}

// BenchmarkShallow measures forward and adjoint, window product, scatter and gather included, while data stream from memory:
// 2.3 M pairs. Times are minima over short stretches of tiles, because other programs may share the core.
func BenchmarkShallow(b *testing.B) {
	for _, isa := range Available() {
		b.Run(isa+"/float32", func(b *testing.B) { shallow[float32](b, isa) })
		b.Run(isa+"/float64", func(b *testing.B) { shallow[float64](b, isa) })
	}
}

func shallow[T kernels.Real](b *testing.B, isa string) {
	p, tiles, pairs := grid[T](b, 160)
	backend, err := NewISA[T](isa)
	if err != nil {
		b.Fatal(err)
	}
	k, err := backend.Open(p)
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	const stretch, repetitions = 256, 6
	var stretches []kernels.Work[T]
	for s := range slices.Chunk(tiles, stretch) {
		w, err := k.Select(s)
		if err != nil {
			b.Fatal(err)
		}
		defer w.Close()
		stretches = append(stretches, w)
	}
	forward, adjoint := make([]time.Duration, len(stretches)), make([]time.Duration, len(stretches))
	once := func(least []time.Duration, f func(kernels.Work[T])) {
		for i, s := range stretches {
			start := time.Now()
			f(s)
			if d := time.Since(start); least[i] == 0 || d < least[i] {
				least[i] = d
			}
		}
	}
	sum := func(ds []time.Duration) (s float64) {
		for _, d := range ds {
			s += d.Seconds()
		}
		return s
	}
	for range max(b.N, repetitions) {
		once(forward, func(w kernels.Work[T]) { w.Forward(nil) })
		once(adjoint, func(w kernels.Work[T]) { w.Adjoint(nil) })
	}
	f, a := sum(forward), sum(adjoint)
	// Useful operations of a pair: 2 a multiply-add; forward w(d + n_c), reverse and gradient twice that.
	flops := float64(pairs) * 3 * 2 * 16 * float64(2+p.Jets.N())
	b.ReportMetric(float64(pairs)/(f+a)/1e6, "Mpairs/s")
	b.ReportMetric(f/float64(pairs)*1e9, "ns/forward")
	b.ReportMetric(a/float64(pairs)*1e9, "ns/adjoint")
	b.ReportMetric(100*flops/(f+a)/backend.PeakFMA(), "%peak")
	b.ReportMetric(0, "ns/op")
}
