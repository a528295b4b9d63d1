package mpi

/*
#include "fb_mpi.h"
*/
import "C"

import (
	"fmt"
	"math"
	"unsafe"
)

// Op combines elements of several ranks.
type Op int

const (
	Sum Op = C.FB_MPI_SUM
	Max Op = C.FB_MPI_MAX
	Min Op = C.FB_MPI_MIN
)

func (c Comm) collective(bytes int64) {
	c.s.counts.Collectives++
	c.s.counts.CollectiveBytes += bytes
}

// Allreduce combines buf over all ranks, in place. Sums repeat bit for bit on the same ranks with most libraries; where that
// must hold, use TreeSum.
func Allreduce[T Number](c Comm, buf []T, op Op) error {
	c.collective(size(buf))
	if e := C.fb_mpi_allreduce(base(buf), C.int64_t(len(buf)), code[T](), C.int(op), c.s.handle); e != 0 {
		return fail(fmt.Sprintf("allreduce of %d elements", len(buf)), e)
	}
	return nil
}

// Bcast copies buf of root to all ranks. Lengths agree.
func Bcast[T Number](c Comm, buf []T, root int) error {
	c.collective(size(buf))
	if e := C.fb_mpi_bcast(base(buf), C.int64_t(len(buf)), code[T](), C.int(root), c.s.handle); e != 0 {
		return fail(fmt.Sprintf("broadcast of %d elements from rank %d", len(buf), root), e)
	}
	return nil
}

// Gatherv concatenates send of all ranks, in rank order, in recv of root. counts [Size] and recv matter on root only.
func Gatherv[T Number](c Comm, send, recv []T, counts []int, root int) error {
	c.collective(size(send))
	var ct, at []C.int
	if c.Rank() == root {
		var err error
		if ct, at, err = places(c, len(recv), counts); err != nil {
			return err
		}
	}
	if e := C.fb_mpi_gatherv(base(send), C.int64_t(len(send)), base(recv),
		unsafe.SliceData(ct), unsafe.SliceData(at), code[T](), C.int(root), c.s.handle); e != 0 {
		return fail(fmt.Sprintf("gather of %d elements to rank %d", len(send), root), e)
	}
	return nil
}

// Allgatherv concatenates send of all ranks, in rank order, in recv on every rank. counts [Size] is the same everywhere.
func Allgatherv[T Number](c Comm, send, recv []T, counts []int) error {
	c.collective(size(send))
	ct, at, err := places(c, len(recv), counts)
	if err != nil {
		return err
	}
	if e := C.fb_mpi_allgatherv(base(send), C.int64_t(len(send)), base(recv),
		unsafe.SliceData(ct), unsafe.SliceData(at), code[T](), c.s.handle); e != 0 {
		return fail(fmt.Sprintf("allgather of %d elements", len(send)), e)
	}
	return nil
}

// Counted tells every rank the length that each has: the counts of Gatherv and Allgatherv.
func Counted(c Comm, n int) ([]int, error) {
	all := make([]int64, c.Size())
	ones := make([]int, c.Size())
	for i := range ones {
		ones[i] = 1
	}
	if err := Allgatherv(c, []int64{int64(n)}, all, ones); err != nil {
		return nil, err
	}
	for i, k := range all {
		ones[i] = int(k)
	}
	return ones, nil
}

// Alltoall sends the r-th of Size equal parts of send to rank r, and receives the part of rank r in the r-th of recv.
func Alltoall[T Number](c Comm, send, recv []T) error {
	if len(send) != len(recv) || len(send)%c.Size() != 0 {
		panic("mpi: Alltoall needs equal lengths that the ranks divide")
	}
	c.collective(size(send))
	if e := C.fb_mpi_alltoall(base(send), base(recv), C.int64_t(len(send)/c.Size()), code[T](), c.s.handle); e != 0 {
		return fail(fmt.Sprintf("all-to-all of %d elements", len(send)), e)
	}
	return nil
}

func places(c Comm, room int, counts []int) (n, at []C.int, err error) {
	if len(counts) != c.Size() {
		panic("mpi: one count per rank, please")
	}
	n, at = make([]C.int, len(counts)), make([]C.int, len(counts))
	total := 0
	for i, k := range counts {
		if k < 0 {
			panic("mpi: negative count")
		}
		n[i], at[i] = C.int(k), C.int(total)
		total += k
		if total > math.MaxInt32 {
			return nil, nil, fmt.Errorf("mpi: gather of more than %d elements: gather in parts", math.MaxInt32)
		}
	}
	if total > room {
		panic("mpi: gather into a slice that is too short")
	}
	return n, at, nil
}
