package direct

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/dense"
)

// Factor is L of A + ridge = L·Lᵀ. It may be used by one goroutine at a time.
type Factor struct {
	*Plan
	lib  *dense.Library
	data []float64   // own panels of all fronts
	peak int         // numbers in use at the peak of the factorisation
	work [][]float64 // of solves: see solve.go
}

// PivotError says that the matrix, with its ridge, is not positive definite to working precision, or not finite.
type PivotError struct {
	Block int // of the pattern
	Row   int // unknown in the block
}

func (e *PivotError) Error() string {
	return fmt.Sprintf("direct: no pivot for unknown %d of block %d: the matrix is not finite or not positive definite to working precision",
		e.Row, e.Block)
}

// Factor factors A + ridge·1 with so many workers, each a goroutine with a core of its own. value has the numbers of each block of the
// pattern, column-major Size[row]×Size[col], of diagonal blocks only the lower triangle is read; nothing of it is kept. The
// result does not depend on workers. Its memory lies outside the Go heap: Free returns it.
func (pl *Plan) Factor(lib *dense.Library, value [][]float64, ridge float64, workers int) (*Factor, error) {
	f := &Factor{Plan: pl, lib: lib, data: spacious(pl.stored)}
	if err := f.compute(value, ridge, workers, true); err != nil {
		f.Free()
		return nil, err
	}
	return f, nil
}

// Refactor puts the factor of other numbers into the memory of f, which spares the system the work of finding new memory. After an error f
// holds no factor; it may be given numbers again, or freed.
func (f *Factor) Refactor(value [][]float64, ridge float64, workers int) error {
	return f.compute(value, ridge, workers, false)
}

// compute fills the panels; blank says that they are zero.
func (f *Factor) compute(value [][]float64, ridge float64, workers int, blank bool) error {
	p := f.pattern
	if len(value) != len(p.Row) || workers < 1 {
		panic("direct: values of another pattern, or no worker")
	}
	for j := range p.Size {
		for k := p.Start[j]; k < p.Start[j+1]; k++ {
			if len(value[k]) != p.Size[p.Row[k]]*p.Size[j] {
				panic("direct: block with another number of values than its pattern says")
			}
		}
	}
	r := &run{Factor: f, value: value, ridge: ridge, blank: blank, schur: make([][]float64, len(f.fronts))}
	reserve := f.Plan.peak
	if workers > 1 {
		reserve = f.total // only what is touched takes memory
	}
	r.arena = newArena(reserve)
	defer r.arena.close()
	hands := make([]worker, workers)
	for k := range hands {
		hands[k].run = r
		for level, n := range f.waiting {
			hands[k].stack[level] = spacious(n)
			defer kernels.Free(hands[k].stack[level])
		}
	}
	f.order.run(workers, func(t, w int) {
		if !r.stop.Load() {
			hands[w].do(f.tasks[t])
		}
	})
	f.peak = f.stored + r.arena.most + workers*(f.waiting[0]+f.waiting[1])
	if r.failure != nil {
		return r.failure
	}
	return nil
}

// Peak is the memory in bytes that the factorisation used at most.
func (f *Factor) Peak() int64 { return 8 * int64(f.peak) }

// Free returns the memory. The factor must not be used afterwards.
func (f *Factor) Free() {
	kernels.Free(f.data)
	f.data = nil
}

// run is one factorisation under way.
type run struct {
	*Factor
	value [][]float64
	ridge float64
	blank bool // panels of the factor are zero
	arena *arena
	schur [][]float64 // by front, its Schur complement while it waits

	stop    atomic.Bool // after a failure, which mutex guards
	mutex   sync.Mutex
	failure *PivotError
	failed  int // its front
}

// worker is what belongs to one goroutine: stacks of Schur complements within a group.
type worker struct {
	*run
	stack [2][]float64
	used  [2]int
}

func (w *worker) do(t task) {
	k := int(t.front)
	switch t.do {
	case whole:
		w.unit(w.units[k])
		return
	case finished:
		return
	}
	f := &w.fronts[k]
	i, j, p := int(t.i), int(t.j), int(t.p)
	switch t.do {
	case open:
		w.schur[k] = w.arena.take(f.schur)
	case assemble:
		w.assemble(k, j)
	case discard:
		w.discard(f)
	case pivot:
		if w.pivot(k, j) {
			w.lib.Trsm(dense.Right, dense.Lower, dense.Trans, 1, w.rows(k, j, j+1, j), w.rows(k, j+1, f.tile[i+1], j))
		}
	case solveTile:
		w.lib.Trsm(dense.Right, dense.Lower, dense.Trans, 1, w.rows(k, j, j+1, j), w.rows(k, f.tile[i], f.tile[i+1], j))
	case update:
		w.subtract(k, max(j, f.tile[i]), f.tile[i+1], j, p)
	case complement:
		for p := range f.ownPanel {
			w.subtract(k, max(j, f.tile[i]), f.tile[i+1], j, p)
		}
	}
}

// unit factors the fronts of a unit that is not large, one after the other.
func (w *worker) unit(u unit) {
	for k := u.first; k <= u.root && !w.stop.Load(); k++ {
		f := &w.fronts[k]
		level := w.level(k, u.root)
		if k == u.root {
			w.schur[k] = w.arena.take(f.schur)
		} else {
			at := w.used[level]
			w.used[level] += f.schur
			w.schur[k] = w.stack[level][at:w.used[level]]
		}
		w.front(k)
		if u.first == u.root {
			w.discard(f)
			continue
		}
		for _, c := range f.children {
			w.used[1-level] -= w.fronts[c].schur
		}
	}
	w.used = [2]int{}
}

// front factors front k panel by panel, all rows of a panel at once.
func (w *worker) front(k int) {
	f := &w.fronts[k]
	panels := f.panels()
	for j := range panels {
		w.assemble(k, j)
		for p := range min(j, f.ownPanel) {
			w.subtract(k, j, panels, j, p)
		}
		if j < f.ownPanel {
			if !w.pivot(k, j) {
				return
			}
			w.lib.Trsm(dense.Right, dense.Lower, dense.Trans, 1, w.rows(k, j, j+1, j), w.rows(k, j+1, panels, j))
		}
	}
}

// panel is panel j of front k, rows from its first column down.
func (w *worker) panel(k, j int) dense.Matrix {
	f := &w.fronts[k]
	at, size := f.panelAt[j], f.width(j)*f.stride(j)
	if j < f.ownPanel {
		return dense.Of(w.data[at:at+size], f.stride(j), f.width(j))
	}
	return dense.Of(w.schur[k][at:at+size], f.stride(j), f.width(j))
}

// rows is the part of panel j of front k in the rows of panels i to end.
func (w *worker) rows(k, i, end, j int) dense.Matrix {
	f := &w.fronts[k]
	return w.panel(k, j).Sub(f.begin(i)-f.begin(j), 0, f.begin(end)-f.begin(i), f.width(j))
}

// subtract takes the product of own panel p from panel j of front k in the rows of panels i to end: the lower triangle on the
// diagonal, everything below.
func (w *worker) subtract(k, i, end, j, p int) {
	right := w.rows(k, j, j+1, p)
	if i == j {
		w.lib.Syrk(dense.Lower, dense.NoTrans, -1, right, 1, w.rows(k, j, j+1, j))
		i++
	}
	w.lib.Gemm(dense.NoTrans, dense.Trans, -1, w.rows(k, i, end, p), right, 1, w.rows(k, i, end, j))
}

// pivot factors the square of own panel j of front k; false if that fails.
func (w *worker) pivot(k, j int) bool {
	square := w.rows(k, j, j+1, j)
	bad := w.lib.Potrf(dense.Lower, square)
	// What is not finite passes through the library, and reaches a pivot sooner or later.
	for c := 0; c < square.Cols && bad < 0; c++ {
		if x := square.At(c, c); math.IsNaN(x) || math.IsInf(x, 0) {
			bad = c
		}
	}
	if bad < 0 {
		return true
	}
	w.stop.Store(true)
	f := &w.fronts[k]
	bad += f.begin(j)
	b := 0
	for f.at[b+1] <= bad {
		b++
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.failure == nil || k < w.failed {
		w.failure, w.failed = &PivotError{int(f.block[b]), bad - f.at[b]}, k
	}
	return false
}
