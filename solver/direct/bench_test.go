package direct

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"fbpinn-mpi/kernels/dense"
)

// BenchmarkGrid factors the normal matrix of a grid of subdomains with 88 kept columns each, on all cores, and measures matrix products on
// the same cores before and after. The first factorisation, in fresh memory, is timed apart: a virtual machine gets memory from its
// host only when it is first touched, here at half a gigabyte a second. Rates are of the wall clock, and in brackets of the processor time, which does not mind
// other programs on the machine. FBPINN_BENCH_WORKERS sets the number of workers.
func BenchmarkGrid(b *testing.B) {
	for _, g := range []struct {
		name  string
		shape []int
		reach int
	}{
		{"17x17", []int{17, 17}, 1},
		{"33x33", []int{33, 33}, 1},
		{"17x17/reach2", []int{17, 17}, 2},
		{"8x8x8", []int{8, 8, 8}, 1},
	} {
		b.Run(g.name, func(b *testing.B) { benchGrid(b, g.shape, g.reach) })
	}
}

func benchGrid(b *testing.B, shape []int, reach int) {
	lib := library(b)
	workers := runtime.GOMAXPROCS(0)
	if n, err := strconv.Atoi(os.Getenv("FBPINN_BENCH_WORKERS")); err == nil {
		workers = n
	}
	p, centre := grid(rand.New(rand.NewPCG(1, 1)), shape, reach, 88, 88)
	m := cheap(p)
	began := time.Now()
	plan := Analyse(p, centre)
	analysis := time.Since(began)
	x := make([]float64, plan.Unknowns)
	w := time.Now()
	f, err := plan.Factor(lib, m.value, 0, workers)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Free()
	first := time.Since(w).Seconds()
	b.ResetTimer()
	for range b.N {
		wall0, cpu0 := products(lib, workers)
		w, c := time.Now(), processor()
		if err := f.Refactor(m.value, 0, workers); err != nil {
			b.Fatal(err)
		}
		wall, cpu := time.Since(w).Seconds(), processor()-c
		for i := range x {
			x[i] = 1
		}
		f.Solve(x, workers)
		w = time.Now()
		f.Solve(x, workers)
		solve := time.Since(w).Seconds()
		peak := f.Peak()
		wall1, cpu1 := products(lib, workers)
		rate, pure := plan.Flops/wall/1e9, plan.Flops/cpu/1e9
		productRate, productPure := (wall0+wall1)/2/1e9, (cpu0+cpu1)/2/1e9
		fmt.Printf("%d unknowns, %.3g entries, %.4g TFLOP, %d fronts, depth %d, %d tasks, %s, %d workers\n", plan.Unknowns,
			float64(plan.Entries), plan.Flops/1e12, len(plan.fronts), plan.Depth, len(plan.tasks), lib.Describe(), workers)
		fmt.Printf("  analysis %.0f ms, factor %.2f s (%.2f s in fresh memory): %.1f GFLOP/s of %.1f in products, %.0f %% [a core: %.1f of %.1f, %.0f %%]\n",
			1e3*analysis.Seconds(), wall, first, rate, productRate, 100*rate/productRate, pure, productPure, 100*pure/productPure)
		fmt.Printf("  solve %.3f s (%.1f GB/s), memory %.2f GB, planned %.2f GB, factor %.2f GB\n", solve,
			2*float64(plan.FactorBytes())/solve/1e9, float64(peak)/1e9, float64(plan.Bytes(workers))/1e9, float64(plan.FactorBytes())/1e9)
	}
}

// cheap fills a pattern with numbers that take no time to draw; the blocks of a size share their numbers.
func cheap(p *Pattern) *matrix {
	m := &matrix{Pattern: p, value: make([][]float64, len(p.Row))}
	r := rand.New(rand.NewPCG(1, 2))
	n := p.Size[0]
	off, diagonal := make([]float64, n*n), make([]float64, n*n)
	for i := range off {
		off[i] = (2*r.Float64() - 1) / float64(30*n) // at most 124 neighbours: dominant
	}
	for i := range n {
		diagonal[i+i*n] = 5
	}
	for j := range p.Size {
		for k := p.Start[j]; k < p.Start[j+1]; k++ {
			m.value[k] = off
		}
		m.value[p.Start[j]] = diagonal
	}
	return m
}

// products measures matrix products of 768×768 on so many goroutines at once for some 0.3 s: operations a second of all together
// by the wall clock, and of one second of processor time.
func products(lib *dense.Library, workers int) (wall, cpu float64) {
	const n, repetitions = 768, 15
	var all sync.WaitGroup
	w, c := time.Now(), processor()
	for range workers {
		all.Go(func() {
			a, b, c := dense.NewMatrix(n, n), dense.NewMatrix(n, n), dense.NewMatrix(n, n)
			for i := range a.Data {
				a.Data[i], b.Data[i] = float64(i%7), float64(i%5)
			}
			for range repetitions {
				lib.Gemm(dense.NoTrans, dense.Trans, 1, a, b, 0, c)
			}
		})
	}
	all.Wait()
	flops := 2 * n * n * n * float64(repetitions*workers)
	return flops / time.Since(w).Seconds(), flops / (processor() - c)
}

// processor is the time that this process has had on all cores.
func processor() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
