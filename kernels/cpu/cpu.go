//go:build amd64

// Package cpu is the backend for processors: C++ on vector registers, called through cgo once for each list of tiles. The
// instruction set is chosen when a backend is made; one source is compiled for three (avx512.cpp, avx2.cpp, base.cpp).
//
//	shallow.h  one hidden layer, the common jet sets of order <= 2: the networks of the papers
//	deep.h     two and more hidden layers, order <= 2
//	generic.h  everything else: adaptive activations, embeddings, higher order
//
// Blocks of networks with one hidden layer and plain inputs are in shallow_block.h, all others in generic.h.
//
// Reals are computed and accumulated in T. Results are the same bits from call to call; between instruction sets they differ
// by rounding.
package cpu

// #cgo CXXFLAGS: -O2 -g0 -std=c++17 -fno-exceptions -fno-rtti -Wno-ignored-attributes
// #cgo LDFLAGS: -lm
// #cgo noescape fb_run_op
// #cgo nocallback fb_run_op
// #cgo noescape fb_run_block
// #cgo nocallback fb_run_block
// #cgo noescape fb_run_program
// #cgo nocallback fb_run_program
// #cgo noescape fb_adam
// #cgo nocallback fb_adam
// #include "fb.h"
import "C"

import (
	"fmt"
	"math"
	"time"
	"unsafe"

	"fbpinn-mpi/kernels"
)

// isas are the names of the instruction sets, worst first, as C numbers them.
func isas() []string { return []string{"base", "avx2", "avx512"} }

// Available lists the instruction sets of this processor that New chooses from, best last.
func Available() []string { return isas()[:C.fb_best_isa()+1] }

// Backend is kernels.Backend on one instruction set. It holds no other state.
type Backend[T kernels.Real] struct {
	kernels.Processor[T]
	isa   string
	table *C.fb_table
}

var (
	_ kernels.Backend[float32] = (*Backend[float32])(nil)
	_ kernels.Backend[float64] = (*Backend[float64])(nil)
)

// New takes the best instruction set of the processor.
func New[T kernels.Real]() *Backend[T] {
	best := Available()
	b, err := NewISA[T](best[len(best)-1])
	if err != nil {
		panic("cpu: no instruction set")
	}
	return b
}

// NewISA takes the named instruction set, "avx512", "avx2" or "base", for tests and comparisons.
func NewISA[T kernels.Real](isa string) (*Backend[T], error) {
	for i, name := range Available() {
		if name == isa {
			return &Backend[T]{isa: isa, table: C.fb_table_of(C.int(i), C.int(size[T]()))}, nil
		}
	}
	return nil, fmt.Errorf("cpu: instruction set %q is not among those of this processor, %v", isa, Available())
}

// Name is like "cpu avx512 float32".
func (b *Backend[T]) Name() string { return fmt.Sprintf("cpu %s float%d", b.isa, 8*size[T]()) }

// Adam does one update in place; see kernels.Backend.
func (b *Backend[T]) Adam(a kernels.AdamStep, theta, grad, m, v []T) {
	if len(grad) < len(theta) || len(m) < len(theta) || len(v) < len(theta) {
		panic("cpu: gradient or moments shorter than the parameters")
	}
	if len(theta) == 0 {
		return
	}
	C.fb_adam(b.table, C.int64_t(len(theta)), C.double(a.Rate), C.double(a.Beta1), C.double(a.Beta2), C.double(a.Eps),
		C.double(1-math.Pow(a.Beta1, float64(a.Step))), C.double(1-math.Pow(a.Beta2, float64(a.Step))),
		address(theta), address(grad), address(m), address(v))
}

// PeakFMA measures the multiply-add rate of one core in FLOP/s, for T and the best instruction set: the yardstick of kernels.
func PeakFMA[T kernels.Real]() float64 { return New[T]().PeakFMA() }

// PeakFMA measures the multiply-add rate of one core in FLOP/s on the instruction set of the backend, in about 20 ms.
func (b *Backend[T]) PeakFMA() float64 {
	const repetitions = 50_000 // of 12 vectors: some 0.1 ms, so that one of ten runs passes undisturbed
	flops := 2 * 12 * repetitions * float64(b.table.lanes)
	return flops / float64(C.fb_peak_seconds(b.table, repetitions))
}

// CopyRate measures the copy bandwidth of one core in bytes a second, read plus written, on arrays that no cache holds.
func (b *Backend[T]) CopyRate() float64 {
	const n, repetitions = 256 << 20, 5
	from, to := kernels.Make[byte](n), kernels.Make[byte](n)
	defer kernels.Free(from)
	defer kernels.Free(to)
	copy(from, to) // touches every page
	fastest := math.Inf(1)
	for range repetitions {
		began := time.Now()
		copy(to, from)
		fastest = min(fastest, time.Since(began).Seconds())
	}
	return 2 * n / fastest
}

// PairBytes counts what the kernels of this package move for a pair in a step: coordinates and window jets in, U in and out;
// then coordinates, window jets and adjoints in.
func (b *Backend[T]) PairBytes(d, jets int) int { return size[T]() * (2*d + 2*jets + 3*jets) }

func size[T kernels.Real]() int {
	var x T
	return int(unsafe.Sizeof(x))
}

func address[T any](v []T) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(v)) }

// elementary evaluates functions of simd.h on a whole number of 16 values, for tests: tanh and 1-tanh², sin and cos, exp.
func (b *Backend[T]) elementary(which int, z, f, g []T) {
	if len(z)%kernels.PadTo != 0 || len(f) < len(z) || len(g) < len(z) {
		panic("cpu: odd number of arguments")
	}
	C.fb_elementary(b.table, C.int(which), C.int64_t(len(z)), address(z), address(f), address(g))
}
