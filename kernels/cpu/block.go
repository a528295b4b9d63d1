//go:build amd64

package cpu

// #include "fb.h"
import "C"

import (
	"sync"

	"fbpinn-mpi/kernels"
)

// Block is one call of C, in work space of its own; see kernels.Kernel.
func (k *kernel[T]) Block(tile int32, columns kernels.Columns, ubar, out []T, ld int) {
	k.shape.CheckBlock(tile, columns, ubar, out, ld)
	if k.shape.Tiles[tile].N == 0 {
		return
	}
	scratch := k.blocks.take()
	C.fb_run_block(k.ops.block, &k.plan[0], C.int32_t(tile), C.int32_t(k.shape.Net.FirstColumn(columns)), address(ubar), address(out),
		C.int64_t(ld), address(scratch))
	k.blocks.give(scratch)
}

// workspaces is a stock of work spaces, as many as there ever were calls at once. They lie outside the Go heap, aligned to pages.
type workspaces struct {
	bytes int

	lock sync.Mutex
	idle [][]byte
}

func (w *workspaces) take() []byte {
	w.lock.Lock()
	defer w.lock.Unlock()
	if n := len(w.idle); n > 0 {
		s := w.idle[n-1]
		w.idle = w.idle[:n-1]
		return s
	}
	return kernels.Make[byte](w.bytes)
}

func (w *workspaces) give(s []byte) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.idle = append(w.idle, s)
}

func (w *workspaces) free() {
	for _, s := range w.idle {
		kernels.Free(s)
	}
	w.idle = nil
}
