// Package device is the backend for cards: the kernels of kernels/src, behind a small Driver for memory, a queue and launches. With
// the tag cuda there is one for NVIDIA cards (OpenCUDA); package emu has one that runs the same kernels on the processor.
//
// One file per operation: kernel.go (plans), work.go (lists of tiles) with lists.go (their tables) and family.go (the choice of
// kernels), program.go, squares.go, port.go. All that a step needs lies on the card, and in argument blocks that C may read,
// before the first step: an operation is one or two launches, and allocates nothing.
package device

// #include "../src/abi.h"
// #include "../src/step.h"
import "C"

import (
	"fmt"
	"math"
	"sync"
	"unsafe"

	"fbpinn-mpi/kernels"
	_ "fbpinn-mpi/kernels/src" // the headers that cgo reads here: when they change, this package is built anew
)

// Backend is kernels.Backend on a driver. Several backends, say float32 to train and float64 to evaluate, may share one: their
// work goes through its one queue in the order in which it was asked for. A slice of this backend's memory is an address of the
// card that Go carries about and never follows.
type Backend[T kernels.Real] struct {
	driver  Driver
	name    string
	cardMPI bool // messages stay in memory of the card

	staging   staging
	recording bool
	stamps    []*stamp // set during a recording

	blocks sync.Mutex // orders calls of Kernel.Block

	adam      []C.fb_adam // one
	adamStart Function
}

var (
	_ kernels.Backend[float32] = (*Backend[float32])(nil)
	_ kernels.Backend[float64] = (*Backend[float64])(nil)
)

// threads is the size of a block of the kernels of step.cu.
const threads = C.FB_STEP_THREADS

// Option changes what New makes.
type Option func(*options)

type options struct{ cardMPI bool }

// WithDeviceMessages keeps the messages of ports in memory of the card, for an MPI library that takes such addresses. The rule
// is to stage them in pinned host memory.
func WithDeviceMessages() Option { return func(o *options) { o.cardMPI = true } }

// New makes a backend on a driver, which the caller closes after the backend.
func New[T kernels.Real](d Driver, with ...Option) *Backend[T] {
	var o options
	for _, set := range with {
		set(&o)
	}
	card := d.Info()
	name := card.Name
	if card.Driver > 0 {
		name = "cuda " + name
	}
	return &Backend[T]{driver: d, name: name, cardMPI: o.cardMPI, staging: staging{driver: d}, adam: kernels.Make[C.fb_adam](1)}
}

// Name is like "cuda NVIDIA H200 float32".
func (b *Backend[T]) Name() string { return b.name + " " + typeName[T]() }

// Close frees what the backend holds for itself. What it has made and opened must be closed before.
func (b *Backend[T]) Close() {
	b.staging.free()
	kernels.Free(b.adam)
	b.adam = nil
}

// Sync waits for the queue of the driver.
func (b *Backend[T]) Sync() error {
	b.mayWait()
	if err := b.staging.sync(); err != nil {
		return fmt.Errorf("%s: %w", b.Name(), err)
	}
	return nil
}

// Adam starts one update; see kernels.Backend.
func (b *Backend[T]) Adam(a kernels.AdamStep, theta, grad, m, v []T) {
	if len(grad) < len(theta) || len(m) < len(theta) || len(v) < len(theta) {
		panic("device: gradient or moments shorter than the parameters")
	}
	if len(theta) == 0 {
		return
	}
	if b.adamStart == 0 {
		b.adamStart = b.function("fb_adam")
	}
	p := &b.adam[0]
	p.n = C.int64_t(len(theta))
	p.rate, p.beta1, p.beta2, p.eps = C.double(a.Rate), C.double(a.Beta1), C.double(a.Beta2), C.double(a.Eps)
	p.correct1 = C.double(1 - math.Pow(a.Beta1, float64(a.Step)))
	p.correct2 = C.double(1 - math.Pow(a.Beta2, float64(a.Step)))
	p.theta, p.grad, p.m, p.v = address(theta), address(grad), address(m), address(v)
	b.driver.Launch(b.adamStart, int(C.fb_step_blocks(p.n)), threads, 0, unsafe.Pointer(p), int(unsafe.Sizeof(*p)))
}

// Record calls f once and collects what it queues into a graph of the driver. A recording inside a recording is part of the outer
// one. An error of f is returned, and nothing has been done then.
func (b *Backend[T]) Record(f func() error) (kernels.Recording, error) {
	if b.recording {
		return kernels.Direct(f), nil
	}
	b.recording, b.stamps = true, nil
	defer func() { b.recording = false }()
	r := &recording{driver: b.driver}
	g, err := b.driver.Record(func() { r.failed = f() })
	if r.failed != nil {
		if err == nil {
			b.driver.FreeGraph(g)
		}
		return nil, r.failed
	}
	if err != nil {
		return nil, fmt.Errorf("%s: record: %w", b.Name(), err)
	}
	r.graph, r.stamps = g, b.stamps
	return r, nil
}

// recording is a graph of the driver, with the stamps to set behind it.
type recording struct {
	driver Driver
	graph  Graph
	stamps []*stamp
	failed error // of f, also where a driver repeats it
}

func (r *recording) Play() error {
	r.driver.Play(r.graph)
	for _, s := range r.stamps {
		s.renew()
	}
	return r.failed
}

func (r *recording) Close() { r.driver.FreeGraph(r.graph) }

// mayWait holds the rule of kernels.Backend.Record: what is recorded has not been done, so waiting for it would never end.
func (b *Backend[T]) mayWait() {
	if b.recording {
		panic("device: wait inside a recording")
	}
}

// function finds a kernel that has one form for each real type.
func (b *Backend[T]) function(name string) Function {
	return find(b.driver, name+suffix[T]())
}

// find is for kernels that every build has: sources and program belong together.
func find(d Driver, name string) Function {
	f, ok := d.Function(name)
	if !ok {
		panic("device: no kernel " + name)
	}
	return f
}

func size[T any]() int64 {
	var x T
	return int64(unsafe.Sizeof(x))
}

func typeName[T kernels.Real]() string { return fmt.Sprintf("float%d", 8*size[T]()) }

// suffix is that of kernels for T.
func suffix[T kernels.Real]() string { return fmt.Sprintf("_f%d", 8*size[T]()) }

func address[T any](v []T) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(v)) }
