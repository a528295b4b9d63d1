//go:build amd64

package cpu

// #include "fb.h"
// #include "generic.h"
import "C"

import (
	"fmt"
	"unsafe"

	"fbpinn-mpi/kernels"
)

// The Go types that C reads as they are.
const (
	_ = uint(unsafe.Sizeof(kernels.Tile{}) - unsafe.Sizeof(C.fb_tile{}))
	_ = uint(unsafe.Sizeof(C.fb_tile{}) - unsafe.Sizeof(kernels.Tile{}))
	_ = uint(unsafe.Sizeof(kernels.Run{}) - unsafe.Sizeof(C.fb_run{}))
	_ = uint(unsafe.Sizeof(C.fb_run{}) - unsafe.Sizeof(kernels.Run{}))
	_ = uint(unsafe.Sizeof(kernels.Product{}) - unsafe.Sizeof(C.fb_product{}))
	_ = uint(unsafe.Sizeof(C.fb_product{}) - unsafe.Sizeof(kernels.Product{}))
	_ = uint(unsafe.Sizeof(kernels.Composition{}) - unsafe.Sizeof(C.fb_composition{}))
	_ = uint(unsafe.Sizeof(C.fb_composition{}) - unsafe.Sizeof(kernels.Composition{}))
	_ = uint(unsafe.Sizeof(kernels.Instr{}) - unsafe.Sizeof(C.fb_instr{}))
	_ = uint(unsafe.Sizeof(C.fb_instr{}) - unsafe.Sizeof(kernels.Instr{}))
)

// kernel is an opened plan. What C keeps a pointer to lies outside the Go heap.
type kernel[T kernels.Real] struct {
	name string
	ops  C.fb_kernel
	plan []C.fb_plan // one
	dir  int         // length of a direction

	products     []kernels.Product
	compositions []kernels.Composition
	tables       []C.fb_generic_tables
	scratch      []byte

	shape  kernels.Plan[T] // for the checks of Block
	blocks workspaces
}

// Open checks the plan, flattens it for C and chooses the kernel. The slices of the plan must stay where they are.
func (b *Backend[T]) Open(p *kernels.Plan[T]) (kernels.Kernel[T], error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if n := p.Jets.N(); n > C.FB_MAX_JETS {
		return nil, fmt.Errorf("cpu: %d jet components, supported are up to %d", n, C.FB_MAX_JETS)
	}
	k := &kernel[T]{
		plan:         kernels.Make[C.fb_plan](1),
		products:     kernels.From(p.Jets.Products()),
		compositions: kernels.From(p.Jets.Compositions()),
		tables:       kernels.Make[C.fb_generic_tables](1),
		dir:          len(p.Theta),
		shape:        *p,
	}
	t := &k.tables[0]
	t.product, t.products = (*C.fb_product)(address(k.products)), C.int32_t(len(k.products))
	t.composition, t.compositions = (*C.fb_composition)(address(k.compositions)), C.int32_t(len(k.compositions))
	for a := range t.first {
		t.first[a] = C.int32_t(p.Jets.First(a))
	}
	f := &k.plan[0]
	flatten(f, p)
	f.tables = unsafe.Pointer(t)
	k.ops = C.fb_choose(b.table, f)
	k.scratch = kernels.Make[byte](int(k.ops.scratch) + 64)
	f.scratch = address(k.scratch)
	k.blocks.bytes = int(k.ops.block_scratch)
	k.name = describe(p, int(k.ops.kind)) + " " + b.isa
	return k, nil
}

// flatten copies the shape of the plan and the addresses of its arrays.
func flatten[T kernels.Real](f *C.fb_plan, p *kernels.Plan[T]) {
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
	f.tiles, f.runs = (*C.fb_tile)(address(p.Tiles)), (*C.fb_run)(address(p.Runs))
	f.sections = (*C.fb_section)(address(p.Sections))
	f.x, f.w, f.inv_sigma = address(p.X), address(p.W), address(p.InvSigma)
	f.scale, f.shift, f.theta = address(p.Scale), address(p.Shift), address(p.Theta)
	f.grad, f.u, f.ubar = address(p.Grad), address(p.U), address(p.UBar)
	for _, t := range p.Tiles {
		f.max_n = max(f.max_n, C.int32_t(t.N))
	}
	f.max_pad = C.int32_t(kernels.Pad(int(f.max_n)))
}

// describe names the implementation, "shallow w16 C5".
func describe[T kernels.Real](p *kernels.Plan[T], kind int) string {
	widest := 0
	for _, w := range p.Net.Hidden {
		widest = max(widest, w)
	}
	layers := ""
	if len(p.Net.Hidden) > 1 {
		layers = fmt.Sprintf(" L%d", len(p.Net.Hidden))
	}
	return fmt.Sprintf("%s w%d%s C%d", []string{"shallow", "deep", "generic"}[kind], widest, layers, p.Jets.N())
}

func (k *kernel[T]) Name() string { return k.name }

// Select copies the list to where C reads it.
func (k *kernel[T]) Select(tiles []int32) (kernels.Work[T], error) {
	return &work[T]{k, kernels.From(tiles)}, nil
}

// work is a kernel with a list of tiles.
type work[T kernels.Real] struct {
	*kernel[T]
	tiles []int32
}

func (k *work[T]) Forward(progress func()) { k.run(k.ops.forward, nil, progress) }

func (k *work[T]) Adjoint(progress func()) {
	if k.plan[0].grad == nil || k.plan[0].ubar == nil {
		panic("cpu: adjoint of a plan without gradient or adjoint planes")
	}
	k.run(k.ops.adjoint, nil, progress)
}

func (k *work[T]) Tangent(dir []T) {
	if len(dir) < k.dir {
		panic("cpu: direction shorter than the parameters")
	}
	k.run(k.ops.tangent, address(dir), nil)
}

func (k *work[T]) Close() { kernels.Free(k.tiles) }

// batch is the number of tiles between two calls of progress: about a quarter of a millisecond for the papers' networks.
const batch = 256

func (k *work[T]) run(op C.fb_op, dir unsafe.Pointer, progress func()) {
	for rest := k.tiles; len(rest) > 0; {
		n := len(rest)
		if progress != nil {
			n = min(n, batch)
		}
		C.fb_run_op(op, &k.plan[0], (*C.int32_t)(address(rest)), C.int64_t(n), dir)
		rest = rest[n:]
		if progress != nil {
			progress()
		}
	}
}

func (k *kernel[T]) Close() {
	kernels.Free(k.plan)
	kernels.Free(k.products)
	kernels.Free(k.compositions)
	kernels.Free(k.tables)
	kernels.Free(k.scratch)
	k.blocks.free()
	*k = kernel[T]{name: k.name}
}
