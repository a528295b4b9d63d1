package device

// #include "../src/abi.h"
import "C"

import (
	"fmt"
	"unsafe"

	"fbpinn-mpi/kernels"
)

// The Go types that the card reads as they are.
const (
	_ = uint(unsafe.Sizeof(kernels.Section{}) - unsafe.Sizeof(C.fb_section{}))
	_ = uint(unsafe.Sizeof(C.fb_section{}) - unsafe.Sizeof(kernels.Section{}))
	_ = uint(unsafe.Sizeof(kernels.Product{}) - unsafe.Sizeof(C.fb_product{}))
	_ = uint(unsafe.Sizeof(C.fb_product{}) - unsafe.Sizeof(kernels.Product{}))
	_ = uint(unsafe.Sizeof(kernels.Composition{}) - unsafe.Sizeof(C.fb_composition{}))
	_ = uint(unsafe.Sizeof(C.fb_composition{}) - unsafe.Sizeof(kernels.Composition{}))
	_ = uint(unsafe.Sizeof(kernels.Instr{}) - unsafe.Sizeof(C.fb_instr{}))
	_ = uint(unsafe.Sizeof(C.fb_instr{}) - unsafe.Sizeof(kernels.Instr{}))
)

// kernel is an opened plan. All that its works need at the same addresses for ever, v, partial and scratch, is allocated here for a
// list of all tiles, because a recorded graph remembers addresses; works share it, one after another in the one queue.
//
// Memory of the card, in bytes, for reals of s bytes: (d + n_c + n_u n_c) s + 4 a pair (X, W, v, point), P s a chunk (partial), and
// for every work 4 a pair (its number) and 20 a point (where it lies). The caller's planes and parameters come on top; so does
// scratch memory, where kernels need it: so much a block, for a few blocks a processor.
type kernel[T kernels.Real] struct {
	b             *Backend[T]
	plan          kernels.Plan[T]
	name          string
	main, tangent *family
	arena         arena
	pair          []int64    // first pair of a tile
	net           []C.fb_net // one: what all launches have in common
	planes        int        // n_u n_c

	gather, reduce Function
}

// Open copies the plan to the card and chooses the kernels. The host arrays of the plan must stay where they are until Close.
func (b *Backend[T]) Open(p *kernels.Plan[T]) (kernels.Kernel[T], error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if n := p.Jets.N(); n > C.FB_MAX_JETS {
		return nil, fmt.Errorf("device: %d jet components, supported are up to %d", n, C.FB_MAX_JETS)
	}
	pair, pairs, err := number(p.Tiles)
	if err != nil {
		return nil, err
	}
	k := &kernel[T]{b: b, plan: *p, pair: pair, planes: p.Net.Out * p.Jets.N(), net: kernels.Make[C.fb_net](1),
		gather: b.function("fb_gather"), reduce: b.function("fb_reduce")}
	k.arena = arena{staging: &b.staging, what: fmt.Sprintf("a plan of %d tiles with %d pairs", len(p.Tiles), pairs)}
	net := &k.net[0]
	flatten(net, p)
	net.shared = C.int32_t(b.driver.Info().SharedPerBlock)
	if k.main, k.tangent, err = choose[T](b.driver, net, p.Net, p.Jets); err != nil {
		k.Close()
		return nil, err
	}
	k.name = k.main.describe(p.Net, p.Jets) + " " + b.name
	k.upload(pairs)
	if k.arena.err != nil {
		err := k.arena.err
		k.Close()
		return nil, err
	}
	return k, nil
}

// upload puts on the card what the launches of all works read and write.
func (k *kernel[T]) upload(pairs int64) {
	p, net, a := &k.plan, &k.net[0], &k.arena
	products, compositions := p.Jets.Products(), p.Jets.Compositions()
	net.products, net.compositions = C.int32_t(len(products)), C.int32_t(len(compositions))
	net.product = (*C.fb_product)(upload(a, products, "the product of jets"))
	net.composition = (*C.fb_composition)(upload(a, compositions, "the composition of jets"))
	net.sections = (*C.fb_section)(upload(a, p.Sections, "sections"))
	net.x, net.w = upload(a, p.X, "coordinates"), upload(a, p.W, "window jets")
	net.inv_sigma = upload(a, p.InvSigma, "spacings")
	net.scale, net.shift = upload(a, p.Scale, "scales"), upload(a, p.Shift, "shifts")
	net.theta, net.ubar = address(p.Theta), address(p.UBar)
	net.pairs = C.int64_t(pairs)
	net.point = (*C.int32_t)(upload(a, pointsOfPairs(p.Tiles, p.Runs, k.pair, pairs), "points of pairs"))
	net.v = a.alloc(int64(k.planes)*pairs*size[T](), "windowed jets")

	var scratch int64
	for _, f := range []*family{k.main, k.tangent} {
		if f.first == nil {
			if f.shape.points == k.main.shape.points && k.main.first != nil {
				f.chunks, f.first, f.table = k.main.chunks, k.main.first, k.main.table
			} else {
				f.chunks, f.first = cut(p.Tiles, k.pair, int32(f.shape.points))
				f.table = upload(a, f.chunks, "chunks")
			}
			if f.shape.scratch > 0 {
				fit := k.b.driver.Info().Memory / scratchShare / int64(f.shape.scratch)
				f.most = max(1, min(f.most, len(f.chunks), int(fit)))
				scratch = max(scratch, int64(f.most)*int64(f.shape.scratch))
			}
		}
	}
	net.scratch = a.alloc(scratch, "scratch")
	if len(p.Grad) > 0 && len(p.UBar) > 0 {
		net.partial = a.alloc(int64(len(k.main.chunks))*int64(p.Net.Params())*size[T](), "gradients of chunks")
	}
}

// scratchShare limits the scratch memory of a plan to this part of the card's memory: very wide networks with fourth derivatives then run
// on fewer blocks at once.
const scratchShare = 8

// flatten copies the shape of the plan's networks.
func flatten[T kernels.Real](f *C.fb_net, p *kernels.Plan[T]) {
	n := p.Net
	f.d, f.inputs, f.fourier = C.int32_t(n.D), C.int32_t(n.Inputs()), C.int32_t(n.Fourier)
	for a, is := range n.Periodic {
		if is && a < n.D {
			f.periodic[a] = 1
		}
	}
	f.hidden, f.out, f.act = C.int32_t(len(n.Hidden)), C.int32_t(n.Out), C.int32_t(n.Act)
	f.params, f.frozen = C.int32_t(n.Params()), C.int32_t(n.Frozen())
	for i, l := range n.Layers() {
		f.layers[i] = C.fb_layer{in: C.int32_t(l.In), out: C.int32_t(l.Out), w: C.int32_t(l.W), b: C.int32_t(l.B), slope: C.int32_t(l.Slope)}
	}
	f.nc, f.order = C.int32_t(p.Jets.N()), C.int32_t(p.Jets.Order())
	for c, m := range p.Jets.Index {
		for a, k := range m {
			f.index[c][a] = C.uint8_t(k)
		}
	}
	for a := range f.first {
		f.first[a] = C.int32_t(p.Jets.First(a))
	}
}

// Name is like "deep w32 L2 C4 cuda NVIDIA H200".
func (k *kernel[T]) Name() string { return k.name }

// Footprint is the memory of the card that the plan takes, in bytes: that of its works and of the caller's arrays not counted.
func (k *kernel[T]) Footprint() int64 { return k.arena.bytes }

func (k *kernel[T]) Close() {
	k.arena.free()
	kernels.Free(k.net)
	k.net = nil
}
