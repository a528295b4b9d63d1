package kernels

import (
	"fmt"
	"syscall"
	"unsafe"
)

// Make returns n zeroed values in page-aligned memory outside the Go heap, so that C, MPI and devices may keep pointers to
// it. It is freed by Free or with the process.
func Make[T any](n int) []T {
	var zero T
	if n == 0 {
		n = 1 // a non-nil base address for C
	}
	bytes := n * int(unsafe.Sizeof(zero))
	b, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(fmt.Sprintf("kernels: out of memory: asked for %d MiB: %v", bytes>>20, err))
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)
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
