package device

// #include "../src/abi.h"
// #include "../src/step.h"
import "C"

import (
	"fmt"
	"unsafe"

	"fbpinn-mpi/kernels"
)

// work is a list of tiles, ready to launch: lists on the card and argument blocks in memory that C may read. Nothing is allocated
// from then on.
type work[T kernels.Real] struct {
	k     *kernel[T]
	arena arena

	nets   []C.fb_net    // for the kernels of main, and of tangent
	gather []C.fb_gather // one
	reduce []C.fb_reduce // one

	gatherBlocks, reduceBlocks int
}

// Select makes the lists of tiles; see kernels.Kernel.
func (k *kernel[T]) Select(tiles []int32) (kernels.Work[T], error) {
	w := &work[T]{k: k, nets: kernels.Make[C.fb_net](2), gather: kernels.Make[C.fb_gather](1), reduce: kernels.Make[C.fb_reduce](1)}
	p := &k.plan
	w.arena = arena{staging: &k.b.staging, what: fmt.Sprintf("a list of %d of %d tiles", len(tiles), len(p.Tiles))}
	a := &w.arena

	list := entries(tiles, k.main.first)
	w.prepare(0, k.main, list)
	w.nets[1] = w.nets[0]
	if k.tangent != k.main {
		w.prepare(1, k.tangent, entries(tiles, k.tangent.first))
	}

	o := gatherList(tiles, p.Tiles, p.Runs, p.Sections, k.pair)
	w.gather[0] = C.fb_gather{
		target: (*C.fb_target)(upload(a, o.target, "points")),
		first:  (*C.int32_t)(upload(a, o.first, "pairs of points")), pair: (*C.int32_t)(upload(a, o.pair, "pairs")),
		targets: C.int32_t(len(o.target)), planes: C.int32_t(k.planes), pairs: k.net[0].pairs, v: k.net[0].v, u: address(p.U),
	}
	w.gatherBlocks = int(C.fb_step_blocks(C.int64_t(len(o.target))))

	if len(p.Grad) > 0 && len(p.UBar) > 0 {
		partial := k.net[0].partial
		if len(list) > len(k.main.chunks) { // tiles occur more than once
			partial = a.alloc(int64(len(list))*int64(p.Net.Params())*size[T](), "gradients of chunks")
		}
		r := reduceList(list, k.main.chunks)
		w.nets[0].partial = partial
		w.reduce[0] = C.fb_reduce{
			slot:  (*C.int32_t)(upload(a, r.slot, "slots")),
			first: (*C.int32_t)(upload(a, r.first, "chunks of slots")), entry: (*C.int32_t)(upload(a, r.entry, "chunks")),
			slots: C.int32_t(len(r.slot)), params: k.net[0].params, partial: partial, grad: address(p.Grad),
		}
		w.reduceBlocks = int(C.fb_step_blocks(C.int64_t(len(r.slot)) * C.int64_t(p.Net.Params())))
	}
	if a.err != nil {
		err := a.err
		w.Close()
		return nil, err
	}
	return w, nil
}

// prepare fills the argument block of a family for a list of its chunks.
func (w *work[T]) prepare(i int, f *family, list []int32) {
	net := &w.nets[i]
	*net = w.k.net[0]
	net.chunks, net.points = (*C.fb_chunk)(f.table), f.shape.points
	net.list, net.entries = (*C.int32_t)(upload(&w.arena, list, "chunks of the list")), C.int32_t(len(list))
	net.scratch_block, net.pass = f.shape.scratch, f.shape.pass
}

// Forward queues the networks on their pairs, then the sums over the pairs of each point.
func (w *work[T]) Forward(func()) {
	w.jets(w.k.main, w.k.main.forward, &w.nets[0])
}

// Tangent queues the tangents and their sums.
func (w *work[T]) Tangent(dir []T) {
	if len(dir) < len(w.k.plan.Theta) {
		panic("device: direction shorter than the parameters")
	}
	w.nets[1].dir = address(dir) // copied by the launch
	w.jets(w.k.tangent, w.k.tangent.tangent, &w.nets[1])
}

func (w *work[T]) jets(f *family, op Function, net *C.fb_net) {
	if net.entries == 0 {
		return
	}
	f.start(w.k.b.driver, op, net)
	p := &w.gather[0]
	w.k.b.driver.Launch(w.k.gather, w.gatherBlocks, threads, 0, unsafe.Pointer(p), int(unsafe.Sizeof(*p)))
}

// Adjoint queues the gradients of the chunks, then the sums over the chunks of each slot.
func (w *work[T]) Adjoint(func()) {
	if len(w.k.plan.Grad) == 0 || len(w.k.plan.UBar) == 0 {
		panic("device: adjoint of a plan without gradient or adjoint planes")
	}
	if w.nets[0].entries == 0 {
		return
	}
	w.k.main.start(w.k.b.driver, w.k.main.adjoint, &w.nets[0])
	p := &w.reduce[0]
	w.k.b.driver.Launch(w.k.reduce, w.reduceBlocks, threads, 0, unsafe.Pointer(p), int(unsafe.Sizeof(*p)))
}

func (w *work[T]) Close() {
	w.arena.free()
	kernels.Free(w.nets)
	kernels.Free(w.gather)
	kernels.Free(w.reduce)
	w.nets, w.gather, w.reduce = nil, nil, nil
}
