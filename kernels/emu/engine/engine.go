//go:build amd64

// Package engine holds the kernels of kernels/src as the C++ compiler makes them, and runs their grids on the processor: one
// fibre a thread, one grid at a time. What it knows of a card is a block; memory and queues are those of package emu.
//
// It imports nothing but the sources, so that the compiler runs again, for a minute, only when they change.
//
//	emu.h      CUDA's names for the C++ compiler       launch.h   the C interface
//	emu.cpp    blocks, fibres, barriers                faults.h   forbidden accesses
//	races.h    a build with ThreadSanitizer            *.cpp      one file of kernels/src each
package engine

// -O1: the compiler's time is most of the cost, and from -O2 on it may assume that floats are never read as float4. The base
// instructions of x86-64 hold no fused multiply-add, so the compiler fuses nothing: fma is where the source says so, on every host
// alike. nvcc fuses more, within the suite's tolerance.

// #cgo CXXFLAGS: -O1 -g0 -std=c++17 -fno-exceptions -fno-rtti -Wno-unknown-pragmas
// #cgo LDFLAGS: -lm -lpthread
// #cgo noescape fb_emu_try
// #cgo nocallback fb_emu_try
// #include "launch.h"
import "C"

import (
	"unsafe"

	"fbpinn-mpi/kernels/src"
)

// Shared is the most shared memory that a block may have, in bytes.
const Shared = C.FB_EMU_SHARED

// Kernel is a kernel that is linked in.
type Kernel struct {
	Name    string
	Bytes   int64 // of its argument
	Threads int   // launch bound
	c       *C.fb_emu_kernel
}

// Kernels are all of them, in the order of linking.
func Kernels() []Kernel {
	if _, err := src.Files.ReadDir("."); err != nil { // tells the go command to build anew when a source changes
		panic("engine: built without the sources of the kernels")
	}
	var all []Kernel
	for i := C.int(0); C.fb_emu_at(i) != nil; i++ {
		c := C.fb_emu_at(i)
		all = append(all, Kernel{Name: C.GoString(c.name), Bytes: int64(c.bytes), Threads: int(c.threads), c: c})
	}
	return all
}

// Fault is what went wrong in a grid: kernel, block, thread and deed, and the address where it was a memory access, else 0.
type Fault struct {
	Message string
	Address uintptr
}

// Run runs a grid with a copy of its argument at arguments, blocks, warps and lanes in descending order if so wished. It returns nil
// when all of it is done; after a fault the rest of the grid has not run.
func (k *Kernel) Run(descending bool, blocks, threads int, shared int64, arguments unsafe.Pointer) *Fault {
	order := C.int(C.FB_EMU_ASCENDING)
	if descending {
		order = C.FB_EMU_DESCENDING
	}
	var fault C.fb_emu_fault
	if C.fb_emu_try(k.c, order, C.int(blocks), C.int(threads), C.int64_t(shared), arguments, &fault) == 0 {
		return nil
	}
	return &Fault{Message: C.GoString(&fault.message[0]), Address: uintptr(fault.address)}
}
