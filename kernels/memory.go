package kernels

import (
	"fmt"
	"syscall"
	"unsafe"
)

// OutOfMemory is what Make panics with: a request that the system refuses. It is trouble of the run, not a bug; whoever starts
// the run may recover it.
type OutOfMemory struct {
	Bytes int
	Err   error
}

func (e *OutOfMemory) Error() string {
	return fmt.Sprintf("out of memory: the system refuses %.4g MiB more: %v", float64(e.Bytes)/(1<<20), e.Err)
}

func (e *OutOfMemory) Unwrap() error { return e.Err }

// Make returns n zeroed values in page-aligned memory outside the Go heap, so that C, MPI and devices may keep pointers to
// it. It is freed by Free or with the process. Where the system has no more, it panics with an *OutOfMemory.
func Make[T any](n int) []T {
	m, err := request[T](n)
	if err != nil {
		panic(err)
	}
	return m
}

func request[T any](n int) ([]T, *OutOfMemory) {
	var zero T
	if n == 0 {
		n = 1 // a non-nil base address for C
	}
	bytes := n * int(unsafe.Sizeof(zero))
	b, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, &OutOfMemory{Bytes: bytes, Err: err}
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n), nil
}

// From copies values into memory made by Make.
func From[T any](v []T) []T {
	m := Make[T](len(v))
	copy(m, v)
	return m[:len(v)]
}

// Free returns memory made by Make or From to the system.
func Free[T any](m []T) {
	if cap(m) == 0 {
		return
	}
	var zero T
	m = m[:cap(m)]
	b := unsafe.Slice((*byte)(unsafe.Pointer(&m[0])), cap(m)*int(unsafe.Sizeof(zero)))
	_ = syscall.Munmap(b) // only fails for memory that Make did not give
}
