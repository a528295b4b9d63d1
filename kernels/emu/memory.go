//go:build amd64

package emu

import (
	"fmt"
	"syscall"
	"unsafe"
)

// Alloc returns zeroed device memory, which the host cannot touch.
func (d *Driver) Alloc(bytes int64) (unsafe.Pointer, error) {
	d.notRecording()
	if bytes < 0 {
		panic("emu: negative number of bytes")
	}
	return d.arena.alloc(bytes)
}

// Free waits for the queue, as a card does, and reports damage around the memory at the next Sync. Nil is nothing.
func (d *Driver) Free(p unsafe.Pointer) {
	d.notRecording()
	if p == nil {
		return
	}
	d.run(len(d.queue))
	if err := d.arena.free(p); err != nil {
		d.note(err)
	}
}

// pinnedAlignment lets vector loads of the host and of kernels start anywhere that they may start in a page.
const pinnedAlignment = 64

// Pinned returns zeroed host memory that kernels and copies can reach. It ends, up to its alignment, at a page without access.
func (d *Driver) Pinned(bytes int64) (unsafe.Pointer, error) {
	d.notRecording()
	if bytes < 0 {
		panic("emu: negative number of bytes")
	}
	taken := int(max(bytes+pinnedAlignment-1, 1) / pinnedAlignment * pinnedAlignment)
	pages := (taken + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, pages+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("emu: pin %d bytes of host memory: %w", bytes, err)
	}
	must(syscall.Mprotect(m[pages:], syscall.PROT_NONE))
	p := unsafe.Pointer(&m[pages-taken])
	d.pinned[uintptr(p)] = m
	return p, nil
}

// FreePinned waits for the queue. Nil is nothing.
func (d *Driver) FreePinned(p unsafe.Pointer) {
	d.notRecording()
	if p == nil {
		return
	}
	d.run(len(d.queue))
	if _, ok := d.pinned[uintptr(p)]; !ok {
		panic("emu: freed what is not pinned")
	}
	d.unpin(uintptr(p))
}

func (d *Driver) unpin(at uintptr) {
	must(syscall.Munmap(d.pinned[at]))
	delete(d.pinned, at)
}

// host returns host memory for a copy; all of it is pinned.
func (d *Driver) host(p unsafe.Pointer, bytes int64) []byte {
	for at, m := range d.pinned {
		end := uintptr(unsafe.Pointer(unsafe.SliceData(m))) + uintptr(len(m)-page)
		if uintptr(p) >= at && uintptr(p)+uintptr(bytes) <= end {
			return unsafe.Slice((*byte)(p), bytes)
		}
	}
	panic("emu: copy from or to memory that is not pinned")
}

// checkGuards looks around all allocations.
func (d *Driver) checkGuards() {
	if d.arena.memory == nil {
		return
	}
	d.arena.unlock()
	defer d.arena.lock()
	for i := range d.arena.blocks {
		b := &d.arena.blocks[i]
		if b.freed {
			continue
		}
		if err := d.arena.damage(b); err != nil {
			d.note(err)
			for _, gap := range b.gaps() { // reported once
				fill(d.arena.memory[gap[0]:gap[1]])
			}
		}
	}
}
