package device

import "unsafe"

// Driver is what the backend asks of a card: memory, one queue of work in order, kernels by name. The CUDA driver (cuda.go, tag
// cuda) runs them on the card, package emu on the processor. One driver belongs to one rank and one thread.
type Driver interface {
	Info() Info

	// Alloc returns zeroed device memory, Pinned zeroed host memory that the card can reach. An error names the bytes left.
	Alloc(bytes int64) (unsafe.Pointer, error)
	Free(p unsafe.Pointer)
	Pinned(bytes int64) (unsafe.Pointer, error)
	FreePinned(p unsafe.Pointer)

	// These only queue work. Host memory of CopyIn and CopyOut is pinned, and may be used again after Wait. The arguments of a
	// launch are copied before it returns.
	Zero(p unsafe.Pointer, bytes int64)
	CopyIn(to, from unsafe.Pointer, bytes int64)
	CopyOut(to, from unsafe.Pointer, bytes int64)
	Launch(f Function, blocks, threads int, shared int64, arguments unsafe.Pointer, bytes int)

	// Function finds a kernel by name; ok is false where there is none.
	Function(name string) (f Function, ok bool)

	// Mark remembers this place of the queue; Passed tells whether the work has come so far, Wait waits for it.
	Mark() Mark
	Passed(m Mark) bool
	Wait(m Mark) error
	FreeMark(m Mark)

	// Record collects what f queues into a graph instead of doing it; Play queues it. FreeGraph forgets it, when what was played
	// has been done.
	Record(f func()) (Graph, error)
	Play(g Graph)
	FreeGraph(g Graph)

	// Sync waits for everything and returns the first error since the last Sync, whether a Wait has told it or not.
	Sync() error
	Close()
}

// Function, Mark and Graph are handles of a driver.
type (
	Function uintptr
	Mark     uintptr
	Graph    uintptr
)

// Info describes a card.
type Info struct {
	Name, UUID     string
	Memory, Free   int64 // bytes
	Processors     int   // streaming multiprocessors
	Clock          int   // kHz
	Driver         int   // CUDA version of the driver, 12040 for 12.4; 0 where the card is emulated
	SharedPerBlock int64 // most shared memory of a block, opted in
}
