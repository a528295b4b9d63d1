//go:build amd64

package emu

import (
	"unsafe"

	"fbpinn-mpi/kernels/device"
)

// operation is queued work; it runs while device memory is open.
type operation func() error

type mark struct {
	at    int // operations before it, counted since New
	asked bool
	freed bool
}

func (d *Driver) add(o operation) { d.queue = append(d.queue, o) }

func (d *Driver) notRecording() {
	if d.recording {
		panic("emu: a recording takes only work for the queue")
	}
}

// Zero queues zeroing.
func (d *Driver) Zero(p unsafe.Pointer, bytes int64) {
	if bytes == 0 {
		return
	}
	d.arena.within(p, bytes)
	d.add(func() error {
		clear(d.arena.within(p, bytes))
		return nil
	})
}

// CopyIn queues a copy; host memory is read when it runs.
func (d *Driver) CopyIn(to, from unsafe.Pointer, bytes int64) {
	if bytes == 0 {
		return
	}
	d.arena.within(to, bytes)
	d.host(from, bytes)
	d.add(func() error {
		copy(d.arena.within(to, bytes), d.host(from, bytes))
		return nil
	})
}

// CopyOut queues a copy; host memory is written when it runs.
func (d *Driver) CopyOut(to, from unsafe.Pointer, bytes int64) {
	if bytes == 0 {
		return
	}
	d.host(to, bytes)
	d.arena.within(from, bytes)
	d.add(func() error {
		copy(d.host(to, bytes), d.arena.within(from, bytes))
		return nil
	})
}

// Launch queues a kernel with a copy of its argument. No blocks are no work.
func (d *Driver) Launch(f device.Function, blocks, threads int, shared int64, arguments unsafe.Pointer, bytes int) {
	if f == 0 || int(f) > len(d.kernels) {
		panic("emu: no such kernel")
	}
	k := &d.kernels[f-1]
	switch {
	case int64(bytes) != k.Bytes:
		panic("emu: " + k.Name + ": argument of another size")
	case blocks > 1<<31-1, threads < 1, threads > k.Threads:
		panic("emu: " + k.Name + ": impossible number of blocks or threads")
	case shared < 0 || shared > d.info.SharedPerBlock:
		panic("emu: " + k.Name + ": impossible size of shared memory")
	case blocks <= 0:
		return
	}
	words := make([]uint64, (bytes+7)/8) // aligned like the structures of abi.h
	copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), bytes), unsafe.Slice((*byte)(arguments), bytes))
	d.add(func() error {
		d.launches[k.Name]++
		d.turn++
		order := d.order
		if order == Alternating {
			order = Ascending + Order(d.turn%2)
		}
		if fault := k.Run(order == Descending, blocks, threads, shared, unsafe.Pointer(unsafe.SliceData(words))); fault != nil {
			d.dead = true
			return d.fault(fault)
		}
		return nil
	})
}

// run does the first n operations of the queue. After a fault the rest is dropped.
func (d *Driver) run(n int) {
	if n == 0 {
		return
	}
	if !d.dead {
		d.arena.unlock()
		for _, o := range d.queue[:n] {
			if err := o(); err != nil {
				d.note(err)
				break
			}
		}
		d.arena.lock()
	}
	d.done += n
	d.queue = append(d.queue[:0], d.queue[n:]...)
}

// Mark remembers this place of the queue.
func (d *Driver) Mark() device.Mark {
	d.notRecording()
	m := mark{at: d.done + len(d.queue)}
	for i := range d.marks {
		if d.marks[i].freed {
			d.marks[i] = m
			return device.Mark(i + 1)
		}
	}
	d.marks = append(d.marks, m)
	return device.Mark(len(d.marks))
}

func (d *Driver) mark(m device.Mark) *mark {
	if m == 0 || int(m) > len(d.marks) || d.marks[m-1].freed {
		panic("emu: no such mark")
	}
	return &d.marks[m-1]
}

// Passed says no once while there is work before the mark, and does the work when asked again: callers meet both answers.
func (d *Driver) Passed(m device.Mark) bool {
	d.notRecording()
	k := d.mark(m)
	if k.at > d.done && !k.asked {
		k.asked = true
		return false
	}
	d.run(max(k.at-d.done, 0))
	return true
}

// Wait does the work before the mark.
func (d *Driver) Wait(m device.Mark) error {
	d.notRecording()
	d.run(max(d.mark(m).at-d.done, 0))
	d.told = true
	return d.err
}

// FreeMark forgets a mark.
func (d *Driver) FreeMark(m device.Mark) { d.mark(m).freed = true }

// Record collects what f queues.
func (d *Driver) Record(f func()) (device.Graph, error) {
	d.notRecording()
	before := d.queue
	d.queue, d.recording = []operation{}, true // not nil: that is one that was freed
	defer func() { d.queue, d.recording = before, false }()
	f()
	d.graphs = append(d.graphs, d.queue)
	return device.Graph(len(d.graphs)), nil
}

// FreeGraph forgets a recording that has been played to its end; a card would not stop either.
func (d *Driver) FreeGraph(g device.Graph) {
	d.notRecording()
	d.run(len(d.queue))
	*d.graph(g) = nil
}

// graph is a recording that has not been freed.
func (d *Driver) graph(g device.Graph) *[]operation {
	if g == 0 || int(g) > len(d.graphs) || d.graphs[g-1] == nil {
		panic("emu: no such graph")
	}
	return &d.graphs[g-1]
}

// Play queues a recording. Its copies read and write the host memory of that time, and its kernels have the arguments of that time.
func (d *Driver) Play(g device.Graph) {
	d.queue = append(d.queue, *d.graph(g)...)
}

// Sync does all work, looks around all allocations and returns the first error since the last Sync. That of a fault stays.
func (d *Driver) Sync() error {
	d.notRecording()
	d.run(len(d.queue))
	d.checkGuards()
	err := d.err
	d.told = true
	if !d.dead {
		d.err = nil
	}
	return err
}
