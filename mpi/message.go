package mpi

/*
#include "fb_mpi.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Number is an element that messages and sums carry.
type Number interface {
	float32 | float64 | int32 | int64 | byte
}

// Request is one operation under way: allocate it once, start it again and again. The zero value is idle.
type Request struct{ c C.fb_mpi_request }

// Pending reports whether the operation may still be under way.
func (r *Request) Pending() bool { return r.c.pending != 0 }

// Isend starts to send buf to rank `to`. buf lies outside the Go heap (kernels.Make) and must not change before Wait.
func Isend[T Number](c Comm, buf []T, to, tag int, r *Request) error {
	idle(r)
	c.s.counts.Messages++
	c.s.counts.Bytes += size(buf)
	return r.outcome(C.fb_mpi_isend(base(buf), C.int64_t(len(buf)), code[T](), C.int(to), C.int(tag), c.s.handle, &r.c))
}

// Irecv starts to receive exactly len(buf) elements from rank `from`. buf lies outside the Go heap and belongs to MPI until Wait.
// A longer or shorter message is an error of Wait, but do not rely on it: where ranks share memory, Open MPI 4.1 (single copy)
// writes a long message beyond buf before it says "truncated". Agree on lengths first, as exchange.New does.
func Irecv[T Number](c Comm, buf []T, from, tag int, r *Request) error {
	idle(r)
	return r.outcome(C.fb_mpi_irecv(base(buf), C.int64_t(len(buf)), code[T](), C.int(from), C.int(tag), c.s.handle, &r.c))
}

// Iallreduce starts to combine buf over all ranks, in place. buf lies outside the Go heap and belongs to MPI until Wait.
func Iallreduce[T Number](c Comm, buf []T, op Op, r *Request) error {
	idle(r)
	c.collective(size(buf))
	return r.outcome(C.fb_mpi_iallreduce(base(buf), C.int64_t(len(buf)), code[T](), C.int(op), c.s.handle, &r.c))
}

// Wait returns when the operation is over; at once for an idle request.
func (r *Request) Wait() error {
	if r.c.pending == 0 && r.c.code == 0 {
		return nil
	}
	return r.outcome(C.fb_mpi_wait(&r.c))
}

// WaitEach waits for all requests, one after the other, and stops at the first failure.
func WaitEach(rs []Request) error {
	if len(rs) == 0 {
		return nil
	}
	o := C.fb_mpi_wait_each(C.int(len(rs)), (*C.fb_mpi_request)(unsafe.Pointer(&rs[0])))
	if o.code == 0 {
		return nil
	}
	return rs[o.failed].outcome(o.code)
}

// Progress lets the library work on the requests: most of them move data only inside MPI calls. Failures wait for Wait.
func Progress(rs []Request) {
	if len(rs) > 0 {
		C.fb_mpi_progress(C.int(len(rs)), (*C.fb_mpi_request)(unsafe.Pointer(&rs[0])))
	}
}

// Test reports whether the operation is over. Its failure, if any, is returned by Wait.
func (r *Request) Test() bool {
	if r.c.pending != 0 {
		C.fb_mpi_progress(1, &r.c)
	}
	return r.c.pending == 0
}

func (r *Request) outcome(code C.int) error {
	if code == 0 {
		return nil
	}
	n := int64(r.c.n)
	switch {
	case code == C.FB_MPI_SHORT:
		return &Error{Call: fmt.Sprintf("receive from rank %d, tag %d", r.c.peer, r.c.tag), Code: int(code),
			Text: fmt.Sprintf("%d elements came where %d were expected", int64(r.c.got), n)}
	case r.c.receive == 1:
		return fail(fmt.Sprintf("receive of %d elements from rank %d, tag %d", n, r.c.peer, r.c.tag), code)
	case r.c.receive == 0:
		return fail(fmt.Sprintf("send of %d elements to rank %d, tag %d", n, r.c.peer, r.c.tag), code)
	}
	return fail(fmt.Sprintf("non-blocking sum of %d elements", n), code)
}

// Send sends buf to rank `to` and returns when buf may be used again.
func Send[T Number](c Comm, buf []T, to, tag int) error {
	c.s.counts.Messages++
	c.s.counts.Bytes += size(buf)
	if e := C.fb_mpi_send(base(buf), C.int64_t(len(buf)), code[T](), C.int(to), C.int(tag), c.s.handle); e != 0 {
		return fail(fmt.Sprintf("send of %d elements to rank %d, tag %d", len(buf), to, tag), e)
	}
	return nil
}

// Recv receives exactly len(buf) elements from rank `from`.
func Recv[T Number](c Comm, buf []T, from, tag int) error {
	if e := C.fb_mpi_recv(base(buf), C.int64_t(len(buf)), code[T](), C.int(from), C.int(tag), c.s.handle); e != 0 {
		return fail(fmt.Sprintf("receive of %d elements from rank %d, tag %d", len(buf), from, tag), e)
	}
	return nil
}

func idle(r *Request) {
	if r.c.pending != 0 {
		panic("mpi: request started again before Wait")
	}
}

func base[T Number](buf []T) *C.char { return (*C.char)(unsafe.Pointer(unsafe.SliceData(buf))) }

func size[T Number](buf []T) int64 {
	var z T
	return int64(len(buf)) * int64(unsafe.Sizeof(z))
}

func code[T Number]() C.int {
	var z T
	switch any(z).(type) {
	case float32:
		return C.FB_MPI_FLOAT32
	case float64:
		return C.FB_MPI_FLOAT64
	case int32:
		return C.FB_MPI_INT32
	case int64:
		return C.FB_MPI_INT64
	}
	return C.FB_MPI_BYTE
}
