package direct

import (
	"slices"
	"sync"
	"syscall"
	"unsafe"

	"fbpinn-mpi/kernels"
)

// arena hands out pieces of one large array, lowest address first, so that memory which has been touched is used again: the
// system takes longer to give out fresh pages than a front takes to fill them.
type arena struct {
	mutex        sync.Mutex
	all          []float64
	free         []hole // ascending, none touching another
	extra        map[*float64][]float64
	extent, most int // numbers in use, and the most so far
}

type hole struct{ at, n int }

func newArena(n int) *arena {
	return &arena{all: spacious(n), free: []hole{{0, n}}, extra: map[*float64][]float64{}}
}

// take returns n numbers with whatever is in them.
func (a *arena) take(n int) []float64 {
	if n == 0 {
		return nil
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.extent += n
	a.most = max(a.most, a.extent)
	for k := range a.free {
		h := &a.free[k]
		if h.n < n {
			continue
		}
		v := a.all[h.at : h.at+n : h.at+n]
		h.at += n
		h.n -= n
		if h.n == 0 {
			a.free = slices.Delete(a.free, k, k+1)
		}
		return v
	}
	v := spacious(n) // more workers ran ahead than was planned for
	a.extra[&v[0]] = v
	return v
}

// give takes back what take returned.
func (a *arena) give(v []float64) {
	if len(v) == 0 {
		return
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.extent -= len(v)
	if _, ok := a.extra[&v[0]]; ok {
		delete(a.extra, &v[0])
		kernels.Free(v)
		return
	}
	at := int(uintptr(unsafe.Pointer(&v[0]))-uintptr(unsafe.Pointer(&a.all[0]))) / 8
	k, _ := slices.BinarySearchFunc(a.free, at, func(h hole, at int) int { return h.at - at })
	a.free = slices.Insert(a.free, k, hole{at, len(v)})
	if k+1 < len(a.free) && a.free[k].at+a.free[k].n == a.free[k+1].at {
		a.free[k].n += a.free[k+1].n
		a.free = slices.Delete(a.free, k+1, k+2)
	}
	if k > 0 && a.free[k-1].at+a.free[k-1].n == a.free[k].at {
		a.free[k-1].n += a.free[k].n
		a.free = slices.Delete(a.free, k, k+1)
	}
}

// close returns all memory.
func (a *arena) close() {
	kernels.Free(a.all)
	for _, v := range a.extra {
		kernels.Free(v)
	}
}

// spacious is zeroed memory outside the Go heap in large pages where the system has them: a factor of gigabytes has a million small
// ones, and each costs half a microsecond when it is first touched.
func spacious(n int) []float64 {
	const hugePages = 14 // MADV_HUGEPAGE of Linux
	v := kernels.Make[float64](n)
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), 8*len(v))
	_ = syscall.Madvise(bytes, hugePages) // advice: without it everything works, only slower
	return v[:n]
}
