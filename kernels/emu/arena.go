//go:build amd64

package emu

import (
	"bytes"
	"fmt"
	"syscall"
	"unsafe"
)

const (
	page      = 4096
	alignment = 256 // of device memory, as cuMemAlloc promises
	filling   = 0xff
)

// arena is the card's memory: reserved addresses without access, of which allocations take pages one after the other, each with a
// page without access before and behind it. An allocation ends where its last page ends, up to alignment. The rest of its pages
// is filled and compared. Addresses are not used again: a freed allocation stays out of reach for good.
type arena struct {
	memory []byte
	top    int64   // of the addresses taken
	size   int64   // bytes that the card has
	used   int64   // bytes allocated
	blocks []block // ascending, also freed ones
	open   bool
}

// block is an allocation: offsets in the arena.
type block struct {
	first, last int64 // of its pages
	at, bytes   int64 // of itself
	freed       bool
}

// spare is how many times over the addresses exceed the memory, since they are not used again.
const spare = 16

func newArena(size int64) *arena {
	reserved := size/page*page*spare + 1<<30
	m, err := syscall.Mmap(-1, 0, int(reserved), syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
	if err != nil {
		panic("emu: no addresses for the card's memory: " + err.Error())
	}
	return &arena{memory: m, size: size, top: page}
}

func (a *arena) close() {
	must(syscall.Munmap(a.memory))
	*a = arena{}
}

// must is for calls that fail only if this package is wrong or the process is out of memory maps.
func must(err error) {
	if err != nil {
		panic("emu: memory map: " + err.Error())
	}
}

func (a *arena) protect(b *block, protection int) {
	must(syscall.Mprotect(a.memory[b.first:b.last], protection))
}

// unlock opens all allocations for the work that runs now, lock closes them again; one call does, over the gaps too.
func (a *arena) unlock() {
	for i := range a.blocks {
		if !a.blocks[i].freed {
			a.protect(&a.blocks[i], syscall.PROT_READ|syscall.PROT_WRITE)
		}
	}
	a.open = true
}

func (a *arena) lock() {
	must(syscall.Mprotect(a.memory[:a.top], syscall.PROT_NONE))
	a.open = false
}

func (a *arena) alloc(n int64) (unsafe.Pointer, error) {
	if n > a.size-a.used {
		return nil, fmt.Errorf("emu: asked for %d bytes, %d of %d are free", n, a.size-a.used, a.size)
	}
	taken := max(n+alignment-1, 1) / alignment * alignment
	pages := (taken + page - 1) / page * page
	if a.top+pages+page > int64(len(a.memory)) {
		return nil, fmt.Errorf("emu: asked for %d bytes, but all addresses have been used once", n)
	}
	b := block{first: a.top, last: a.top + pages, at: a.top + pages - taken, bytes: n}
	a.top = b.last + page
	a.used += n
	a.protect(&b, syscall.PROT_READ|syscall.PROT_WRITE)
	for _, gap := range b.gaps() {
		fill(a.memory[gap[0]:gap[1]])
	}
	a.protect(&b, syscall.PROT_NONE)
	a.blocks = append(a.blocks, b)
	return unsafe.Pointer(&a.memory[b.at]), nil
}

// gaps are what surrounds the allocation in its pages.
func (b *block) gaps() [2][2]int64 { return [2][2]int64{{b.first, b.at}, {b.at + b.bytes, b.last}} }

func fill(m []byte) {
	for i := range m {
		m[i] = filling
	}
}

// damage is where somebody wrote beside the allocation. The arena is open.
func (a *arena) damage(b *block) error {
	var whole [page]byte
	fill(whole[:])
	for _, gap := range b.gaps() {
		for m := a.memory[gap[0]:gap[1]]; len(m) > 0; m = m[min(page, len(m)):] {
			part := m[:min(page, len(m))]
			if bytes.Equal(part, whole[:len(part)]) {
				continue
			}
			for i := range part {
				if part[i] != filling {
					at := gap[1] - int64(len(m)) + int64(i)
					return fmt.Errorf("emu: device memory written%s", a.describe(a.address()+uintptr(at)))
				}
			}
		}
	}
	return nil
}

func (a *arena) address() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(a.memory))) }

// find is the last allocation at or below an address by the start of its pages, or nil.
func (a *arena) find(p uintptr) *block {
	offset := int64(p - a.address())
	if offset < 0 || offset >= a.top {
		return nil
	}
	for i := len(a.blocks) - 1; i >= 0; i-- {
		if b := &a.blocks[i]; b.first <= offset {
			return b
		}
	}
	return nil
}

// within returns the bytes of the card at p, which must lie in one allocation.
func (a *arena) within(p unsafe.Pointer, n int64) []byte {
	b := a.find(uintptr(p))
	offset := int64(uintptr(p) - a.address())
	if b == nil || b.freed || n < 0 || offset < b.at || offset+n > b.at+b.bytes {
		panic("emu: range outside of an allocation")
	}
	return a.memory[offset : offset+n]
}

// describe says where an address lies: ", 12 bytes past an allocation of 100 bytes".
func (a *arena) describe(p uintptr) string {
	b := a.find(p)
	if b == nil {
		return ""
	}
	offset, state := int64(p-a.address()), ""
	if b.freed {
		state = ", freed"
	}
	switch {
	case offset < b.at:
		return fmt.Sprintf(", %d bytes before an allocation of %d bytes%s", b.at-offset, b.bytes, state)
	case offset < b.at+b.bytes:
		return fmt.Sprintf(", at byte %d of an allocation of %d bytes%s", offset-b.at, b.bytes, state)
	default:
		return fmt.Sprintf(", %d bytes past an allocation of %d bytes%s", offset-b.at-b.bytes, b.bytes, state)
	}
}

// free checks the surroundings and gives the pages back.
func (a *arena) free(p unsafe.Pointer) error {
	b := a.find(uintptr(p))
	if b == nil || b.freed || int64(uintptr(p)-a.address()) != b.at {
		panic("emu: freed what is not allocated")
	}
	a.protect(b, syscall.PROT_READ)
	err := a.damage(b)
	a.protect(b, syscall.PROT_NONE)
	must(syscall.Madvise(a.memory[b.first:b.last], syscall.MADV_DONTNEED))
	b.freed = true
	a.used -= b.bytes
	return err
}

func (a *arena) live() int {
	n := 0
	for i := range a.blocks {
		if !a.blocks[i].freed {
			n++
		}
	}
	return n
}
