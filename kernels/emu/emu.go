//go:build amd64

// Package emu is a card in software: a device.Driver that runs the CUDA sources of kernels/src on the processor, for tests. It is
// stricter than a card, so that mistakes show here:
//
//   - Device memory is out of reach for the host except while queued work runs; a kernel that leaves an allocation, shared memory
//     or its stack is a fault that names kernel, block and thread, and what is written beside an allocation is found.
//   - Work really waits in the queue: nothing happens before Wait, Sync, Free or the second Passed, and then no more than asked for.
//     A forgotten wait reads old data.
//   - Blocks, warps and lanes run in ascending and in descending order by turns, and shared memory holds NaN before every block,
//     so that a missing barrier changes results.
//   - A barrier or shuffle that not all threads reach is a fault instead of a hang.
//
// Faults come from Wait and Sync as errors, and stay: a card loses its context too. Wrong calls panic.
//
// The grids themselves run in package engine.
package emu

import (
	"errors"
	"fmt"
	"maps"

	"fbpinn-mpi/kernels/device"
	"fbpinn-mpi/kernels/emu/engine"
)

// Driver is the emulated card.
type Driver struct {
	arena   *arena
	pinned  map[uintptr][]byte
	info    device.Info
	kernels []engine.Kernel // Function is an index, plus one
	byName  map[string]device.Function

	queue     []operation // not yet run
	done      int         // operations run since New
	recording bool
	graphs    [][]operation // Graph is an index, plus one
	marks     []mark        // Mark is an index, plus one

	order    Order
	turn     int
	launches map[string]int

	err  error // first since the last Sync
	told bool  // somebody has got it
	dead bool  // after a fault
}

var _ device.Driver = (*Driver)(nil)

// Order is the order in which blocks, warps and lanes run.
type Order int

const (
	Alternating Order = iota // by turns, launch by launch
	Ascending
	Descending
)

// Option changes what New makes.
type Option func(*options)

type options struct {
	memory, shared int64
	order          Order
}

// WithMemory sets the size of the card's memory in bytes; 8 GiB if not said. Pages are taken from the host when first used.
func WithMemory(bytes int64) Option { return func(o *options) { o.memory = bytes } }

// WithShared sets the most shared memory of a block in bytes; that of an H100, 227 KiB, if not said.
func WithShared(bytes int64) Option { return func(o *options) { o.shared = bytes } }

// WithOrder makes every launch run in one order.
func WithOrder(order Order) Option { return func(o *options) { o.order = order } }

const defaultMemory = 8 << 30

// New makes a card. The caller closes it.
func New(with ...Option) *Driver {
	o := options{memory: defaultMemory, shared: engine.Shared}
	for _, set := range with {
		set(&o)
	}
	if o.shared > engine.Shared {
		panic("emu: more shared memory than the engine has")
	}
	d := &Driver{
		arena:    newArena(o.memory),
		pinned:   map[uintptr][]byte{},
		kernels:  engine.Kernels(),
		byName:   map[string]device.Function{},
		order:    o.order,
		launches: map[string]int{},
		info: device.Info{
			Name: "emulated", UUID: "GPU-00000000-0000-0000-0000-000000000000",
			Memory: o.memory, Free: o.memory,
			Processors:     4, // few: grids of so many blocks a processor stay small
			Clock:          1_980_000,
			SharedPerBlock: o.shared,
		},
	}
	for i, k := range d.kernels {
		d.byName[k.Name] = device.Function(i + 1)
	}
	return d
}

// Info describes the card when it was opened.
func (d *Driver) Info() device.Info { return d.info }

// Function finds a kernel among those that are linked in.
func (d *Driver) Function(name string) (device.Function, bool) {
	f, ok := d.byName[name]
	return f, ok
}

// Kernels are the names of all kernels that are linked in.
func Kernels() []string {
	var names []string
	for _, k := range engine.Kernels() {
		names = append(names, k.Name)
	}
	return names
}

// Launches counts the kernels run so far by name, those of graphs included.
func (d *Driver) Launches() map[string]int { return maps.Clone(d.launches) }

// Live is the number of allocations, of the card and pinned, and of graphs that have not been freed.
func (d *Driver) Live() int {
	n := d.arena.live() + len(d.pinned)
	for _, g := range d.graphs {
		if g != nil {
			n++
		}
	}
	return n
}

// errClosed follows the use of a driver after Close.
var errClosed = errors.New("emu: closed")

// Close gives the memory back; work still queued is dropped. An error that nobody asked for panics here rather than getting lost.
func (d *Driver) Close() {
	d.checkGuards()
	if d.err != nil && !d.told {
		d.told = true
		panic("emu: closed with an error that nobody was told: " + d.err.Error())
	}
	d.arena.close()
	for at := range d.pinned {
		d.unpin(at)
	}
	d.queue, d.err, d.told, d.dead = nil, errClosed, true, true
}

// note keeps the first error.
func (d *Driver) note(err error) {
	if d.err == nil {
		d.err, d.told = err, false
	}
}

// fault turns what the emulation says into an error, with the allocation that a wrong address belongs to.
func (d *Driver) fault(f *engine.Fault) error {
	text := f.Message
	if f.Address != 0 {
		text += d.arena.describe(f.Address)
	}
	return fmt.Errorf("emu: kernel %s", text)
}
