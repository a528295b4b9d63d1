package device

// #include "../src/abi.h"
// #include "../src/step.h"
import "C"

import (
	"fmt"
	"unsafe"

	"fbpinn-mpi/kernels"
)

// port gathers blocks into a message on the card and fetches it, and the other way round. out and in are what MPI sees: pinned
// memory with twins on the card, or, for an MPI that takes addresses of the card, the twins themselves.
type port[T kernels.Real] struct {
	b       *Backend[T]
	arena   arena
	flat    []C.fb_port // to pack and return, to unpack: they differ in the twin
	out, in []T
	onCard  bool  // the messages are in memory of the card
	n, end  int64 // length of the message, of the shortest array that holds the blocks
	blocks  int
	packed  stamp // the message is complete
	read    stamp // the received message has been read

	pack, unpack, unpackAdd Function
}

// OpenPort prepares messages of the blocks, end to end.
func (b *Backend[T]) OpenPort(parts []kernels.Block, host bool) (kernels.Port[T], error) {
	p := &port[T]{b: b, onCard: b.cardMPI && !host, flat: kernels.Make[C.fb_port](2), packed: stamp{driver: b.driver}, read: stamp{driver: b.driver},
		pack: b.function("fb_pack"), unpack: b.function("fb_unpack"), unpackAdd: b.function("fb_unpack_add")}
	var at, start []int64
	for _, part := range parts {
		if part.At < 0 || part.N < 0 {
			panic("device: block with a negative place or length")
		}
		if part.N > 0 { // the search for the block of an element wants ascending starts
			at, start = append(at, part.At), append(start, p.n)
			p.n, p.end = p.n+part.N, max(p.end, part.At+part.N)
		}
	}
	start = append(start, p.n)
	p.arena = arena{staging: &b.staging, what: fmt.Sprintf("a port of %d blocks with %d %s", len(parts), p.n, typeName[T]())}
	p.blocks = int(C.fb_port_blocks(C.int64_t(p.n)))
	a, bytes := &p.arena, p.n*size[T]()
	out, in := a.alloc(bytes, "the message"), a.alloc(bytes, "the received message")
	form := C.fb_port{at: (*C.int64_t)(upload(a, at, "the blocks")), start: (*C.int64_t)(upload(a, start, "the blocks")),
		blocks: C.int64_t(len(at)), n: C.int64_t(p.n)}
	p.flat[0], p.flat[1] = form, form
	p.flat[0].message, p.flat[1].message = out, in
	if !p.onCard {
		out, in = a.pin(bytes, "the message"), a.pin(bytes, "the received message")
	}
	if a.err != nil {
		err := a.err
		p.Close()
		return nil, err
	}
	p.out, p.in = unsafe.Slice((*T)(out), p.n), unsafe.Slice((*T)(in), p.n)
	return p, nil
}

// Pack queues the gathering and the copy to pinned memory.
func (p *port[T]) Pack(v []T) {
	if p.n == 0 {
		return
	}
	p.launch(p.pack, &p.flat[0], v)
	if !p.onCard {
		p.b.driver.CopyOut(address(p.out), p.flat[0].message, p.n*size[T]())
	}
	p.b.stamp(&p.packed)
}

// Packed tells whether the message is complete.
func (p *port[T]) Packed() bool { return p.packed.passed() }

// Message waits for Pack, not for what was queued behind it.
func (p *port[T]) Message() ([]T, error) {
	p.b.mayWait()
	if err := p.packed.wait(); err != nil {
		return nil, fmt.Errorf("%s: pack: %w", p.b.Name(), err)
	}
	return p.out, nil
}

// Return queues the way back of the message.
func (p *port[T]) Return(v []T) { p.spread(p.unpack, &p.flat[0], p.out, v, &p.packed) }

// Buffer is where to receive, once the last Unpack has read it. An error of the card is left to Sync.
func (p *port[T]) Buffer() []T {
	p.b.mayWait()
	_ = p.read.wait()
	return p.in
}

// Unpack queues the copy from pinned memory and the scattering.
func (p *port[T]) Unpack(v []T, add bool) {
	f := p.unpack
	if add {
		f = p.unpackAdd
	}
	p.spread(f, &p.flat[1], p.in, v, &p.read)
}

// spread carries a message to the card and to its blocks in v. The stamp stands where the message may change again.
func (p *port[T]) spread(f Function, flat *C.fb_port, message, v []T, done *stamp) {
	if p.n == 0 {
		return
	}
	if !p.onCard {
		p.b.driver.CopyIn(flat.message, address(message), p.n*size[T]())
		p.b.stamp(done)
	}
	p.launch(f, flat, v)
	if p.onCard {
		p.b.stamp(done)
	}
}

func (p *port[T]) launch(f Function, flat *C.fb_port, v []T) {
	if int64(len(v)) < p.end {
		panic("device: array shorter than the blocks of the port")
	}
	flat.v = address(v) // copied by the launch
	p.b.driver.Launch(f, p.blocks, threads, 0, unsafe.Pointer(flat), int(unsafe.Sizeof(*flat)))
}

func (p *port[T]) Close() {
	p.packed.free()
	p.read.free()
	p.arena.free()
	kernels.Free(p.flat)
	p.flat, p.out, p.in, p.n = nil, nil, nil, 0
}
