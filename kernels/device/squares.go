package device

// #include "../src/abi.h"
// #include "../src/step.h"
import "C"

import (
	"fmt"
	"math"
	"unsafe"

	"fbpinn-mpi/kernels"
)

// squares adds ½ Σ q r² in two launches: blocks of a plane, then the blocks' sums in their order. Sums and failures are fetched only
// when asked for.
type squares[T kernels.Real] struct {
	b           *Backend[T]
	arena       arena
	flat        []C.fb_squares // one
	planes      int
	blocks      int // of all planes
	sum, finish Function
	result      unsafe.Pointer // of the card: sums [planes] float64, then run and point [planes][2] int64
	fetched     unsafe.Pointer // pinned, the same
}

// OpenSquares prepares sums over planes of the length of q.
func (b *Backend[T]) OpenSquares(q []T, r [][]T) (kernels.Squares, error) {
	planes, n := len(r), 0
	if planes > 0 {
		n = len(r[0])
	}
	for _, v := range r {
		if len(v) != n || len(q) < n {
			panic("device: planes of different lengths, or fewer weights than residuals")
		}
	}
	s := &squares[T]{b: b, planes: planes, flat: kernels.Make[C.fb_squares](1),
		sum: b.function("fb_squares"), finish: find(b.driver, "fb_squares_finish")}
	s.arena = arena{staging: &b.staging, what: fmt.Sprintf("sums of squares of %d planes", planes)}
	blocks := C.fb_squares_blocks(C.int64_t(n)) // of a plane
	s.blocks = planes * int(blocks)
	a := &s.arena
	s.result, s.fetched = a.alloc(int64(planes)*24, "sums"), a.pin(int64(planes)*24, "sums")
	if s.result != nil {
		s.flat[0] = C.fb_squares{
			planes: C.int32_t(planes), blocks: blocks, n: C.int64_t(n), q: address(q),
			r:       (*unsafe.Pointer)(upload(a, addresses(r), "residual planes")),
			partial: (*C.double)(a.alloc(int64(s.blocks)*8, "sums of blocks")),
			where:   (*C.int64_t)(a.alloc(int64(s.blocks)*8, "failures of blocks")),
			run:     (*C.int64_t)(a.alloc(int64(planes)*8, "counts of runs")),
			sum:     (*C.double)(s.result), bad: (*C.int64_t)(unsafe.Add(s.result, 8*planes)),
		}
	}
	if a.err != nil {
		err := a.err
		s.Close()
		return nil, err
	}
	return s, nil
}

// Run queues both launches.
func (s *squares[T]) Run() {
	if s.planes == 0 {
		return
	}
	p := &s.flat[0]
	s.b.driver.Launch(s.sum, s.blocks, threads, C.FB_SQUARES_SHARED, unsafe.Pointer(p), int(unsafe.Sizeof(*p)))
	s.b.driver.Launch(s.finish, s.planes, threads, C.FB_SQUARES_SHARED, unsafe.Pointer(p), int(unsafe.Sizeof(*p)))
}

// fetch copies bytes of the results and waits for them.
func (s *squares[T]) fetch(first, bytes int) error {
	s.b.mayWait()
	if bytes == 0 {
		return nil
	}
	s.b.driver.CopyOut(unsafe.Add(s.fetched, first), unsafe.Add(s.result, first), int64(bytes))
	return s.b.Sync()
}

// Sums waits and returns ½ Σ q r² of each plane, in memory that the next call overwrites.
func (s *squares[T]) Sums() ([]float64, error) {
	if err := s.fetch(0, 8*s.planes); err != nil {
		return nil, err
	}
	return unsafe.Slice((*float64)(s.fetched), s.planes), nil
}

// NotFinite waits and returns the first failure: the smallest run, and in it the smallest plane.
func (s *squares[T]) NotFinite() (run, plane, point int, err error) {
	if err := s.fetch(8*s.planes, 16*s.planes); err != nil {
		return 0, 0, 0, err
	}
	first := int64(math.MaxInt64)
	bad := unsafe.Slice((*[2]int64)(unsafe.Add(s.fetched, 8*s.planes)), s.planes)
	for i, failure := range bad {
		if failure[0] > 0 && failure[0] < first {
			first, plane, point = failure[0], i, int(failure[1])
			run = int(first)
		}
	}
	return run, plane, point, nil
}

func (s *squares[T]) Close() {
	s.arena.free()
	kernels.Free(s.flat)
	s.flat, s.planes = nil, 0
}
