package device

// #include "../src/abi.h"
// #include "../src/bench.h"
import "C"

import (
	"fmt"
	"math"
	"slices"
	"time"
	"unsafe"

	"fbpinn-mpi/kernels"
)

// What the card can do, measured when asked. A failure shows as NaN.

// PeakFMA measures the rate of independent multiply-adds in FLOP/s.
func (b *Backend[T]) PeakFMA() float64 {
	const iterations = 500 // 2 ms on an H200: long beside a launch
	return b.peakFMA(iterations, 3)
}

func (b *Backend[T]) peakFMA(iterations, repetitions int) float64 {
	f := b.function("fb_peak")
	out, err := b.Make(1)
	if err != nil {
		return math.NaN()
	}
	defer b.Free(out)
	p := kernels.From([]C.fb_bench_peak{{iterations: C.int64_t(iterations), out: address(out)}})
	defer kernels.Free(p)
	blocks := C.FB_BENCH_BLOCKS * max(1, b.driver.Info().Processors)
	seconds := b.fastest(repetitions, func() {
		b.driver.Launch(f, blocks, C.FB_BENCH_THREADS, 0, unsafe.Pointer(&p[0]), int(unsafe.Sizeof(p[0])))
	})
	return float64(C.fb_peak_flops(C.int64_t(blocks), C.int64_t(iterations))) / seconds
}

// CopyRate measures the bandwidth of a copy within the card's memory in bytes a second, read plus written.
func (b *Backend[T]) CopyRate() float64 {
	return b.copyRate(1<<30, 5) // much more than any cache holds
}

func (b *Backend[T]) copyRate(bytes int64, repetitions int) float64 {
	f := find(b.driver, "fb_copy")
	n := int(bytes / size[T]())
	from, err := b.Make(n)
	if err != nil {
		return math.NaN()
	}
	defer b.Free(from)
	to, err := b.Make(n)
	if err != nil {
		return math.NaN()
	}
	defer b.Free(to)
	p := kernels.From([]C.fb_bench_copy{{from: address(from), to: address(to), n: C.int64_t(bytes / 16)}})
	defer kernels.Free(p)
	blocks := C.FB_BENCH_BLOCKS * max(1, b.driver.Info().Processors)
	seconds := b.fastest(repetitions, func() {
		b.driver.Launch(f, blocks, C.FB_BENCH_THREADS, 0, unsafe.Pointer(&p[0]), int(unsafe.Sizeof(p[0])))
	})
	return float64(C.fb_copy_bytes(p[0].n)) / seconds
}

// fastest is the shortest of some times of what f starts, after one that warms up.
func (b *Backend[T]) fastest(repetitions int, f func()) float64 {
	least := math.Inf(1)
	for k := range repetitions + 1 {
		if b.Sync() != nil {
			return math.NaN()
		}
		began := time.Now()
		f()
		if b.Sync() != nil {
			return math.NaN()
		}
		if k > 0 {
			least = min(least, time.Since(began).Seconds())
		}
	}
	return least
}

// OnePassShare is the share of the multiply-add peak that the one-pass kernel reaches with useful FLOPs on a network
// 2-w-w-1: forward, the Burgers residual of that network alone, backward and weight gradients, nothing recomputed. Median over 15
// rounds, the peak measured in each. 0 where there is no such kernel.
func (b *Backend[T]) OnePassShare(w, layers, points int) float64 {
	return b.onePassShare(w, layers, points, 15, b.PeakFMA)
}

func (b *Backend[T]) onePassShare(w, layers, points, rounds int, peak func() float64) float64 {
	f, ok := b.driver.Function(fmt.Sprintf("fb_deep_onepass%s_w%d_d2_xx", suffix[T](), w))
	if !ok || layers != 2 {
		return 0
	}
	plan, free, err := b.onePassPlan(w, points)
	if err != nil {
		return math.NaN()
	}
	defer free()
	opened, err := b.Open(plan)
	if err != nil {
		return math.NaN()
	}
	defer opened.Close()
	selected, err := opened.Select([]int32{0})
	if err != nil {
		return math.NaN()
	}
	defer selected.Close()
	k := opened.(*kernel[T])
	if k.main.shape.pass != 32 { // the kernel has that form alone
		return 0
	}
	net := &selected.(*work[T]).nets[0]
	c, g := float64(plan.Jets.N()), float64(w*w+w)
	flops := float64(points) * (6*c*g + float64(5*w*2))
	var shares []float64
	for range rounds {
		before := peak()
		rate := flops / b.fastest(3, func() { k.main.start(b.driver, f, net) })
		shares = append(shares, 2*rate/(before+peak()))
	}
	slices.Sort(shares)
	return shares[len(shares)/2]
}

// onePassPlan is one subdomain with so many points, in one run.
func (b *Backend[T]) onePassPlan(w, points int) (plan *kernels.Plan[T], free func(), err error) {
	net := kernels.Net{D: 2, Hidden: []int{w, w}, Out: 1}
	set := kernels.NewJets(2, kernels.MultiIndex{2}, kernels.MultiIndex{0, 1}) // u, u_x, u_t, u_xx
	pad, nc := kernels.Pad(points), set.N()
	p := &kernels.Plan[T]{Net: net, Jets: set,
		Tiles:    kernels.From([]kernels.Tile{{N: int32(points), Runs: 1}}),
		Runs:     kernels.From([]kernels.Run{{N: int32(points)}}),
		Sections: kernels.From([]kernels.Section{{Stride: int64(points)}}),
		X:        kernels.Make[T](2 * pad), W: kernels.Make[T](nc * pad),
		InvSigma: kernels.From([]T{1.5, 0.75}), Shift: kernels.From([]T{0}),
		Scale: kernels.From([]T{T(0.01 / math.Pi)})} // where that kernel looks for ν
	free = func() {
		for _, v := range [][]T{p.Theta, p.Grad, p.U, p.UBar} {
			if v != nil {
				b.Free(v)
			}
		}
		for _, v := range [][]T{p.X, p.W, p.InvSigma, p.Scale, p.Shift} {
			kernels.Free(v)
		}
		kernels.Free(p.Tiles)
		kernels.Free(p.Runs)
		kernels.Free(p.Sections)
	}
	for i := range p.X {
		p.X[i] = T(math.Cos(float64(i)))
	}
	for i := range points {
		p.W[i] = 1
	}
	for _, a := range []struct {
		to *[]T
		n  int
	}{{&p.Theta, net.Params()}, {&p.Grad, net.Params()}, {&p.U, nc * points}, {&p.UBar, nc * points}} {
		if *a.to, err = b.Make(a.n); err != nil {
			free()
			return nil, nil, err
		}
	}
	theta := make([]T, net.Params())
	for i := range theta {
		theta[i] = T(math.Sin(float64(3*i)) / math.Sqrt(float64(w)))
	}
	if err := b.Write(p.Theta, theta); err != nil {
		free()
		return nil, nil, err
	}
	return p, free, nil
}

// PairBytes counts what a step's kernels move for a pair: coordinates and window jets in, jets of the pair out and in again, its
// number, U in and out; then coordinates, window jets, adjoints and the point's number in.
func (b *Backend[T]) PairBytes(d, jets int) int {
	const number = 4
	return int(size[T]())*(2*d+2*jets+2*jets+2*jets+jets) + 2*number
}
