// Package mpi is the one seam to the message-passing library. Start, rank, size, barrier, clock and abort go through gompi;
// what gompi lacks (non-blocking messages, float32, sums in place, local rank, error codes) is C of our own in fb_mpi.c.
//
// A Comm is a value that cmd makes once with Init and passes down; nothing below cmd can ask for "the world". One process
// without a launcher is a communicator of size one, and nothing else changes.
//
// Threads: MPI runs FUNNELED, so every call of this package belongs on the thread that called Init, which must be the main
// one: cmd says runtime.LockOSThread in an init function.
//
// Errors: MPI_COMM_WORLD keeps its fatal handler, because gompi drops return codes. Our calls run on a duplicate that
// returns codes; they come back as Go errors with MPI's text. After any of them the state of the library is undefined:
// pass the error up to main, which calls Abort.
package mpi

/*
#cgo pkg-config: ompi-c
#cgo CFLAGS: -std=gnu11 -O2 -Wall -Wextra
#include "fb_mpi.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	gompi "github.com/sbromberger/gompi"
)

// Comm is the communicator of all ranks of the job. Copies are the same communicator and share its counters.
type Comm struct{ s *shared }

type shared struct {
	handle               C.MPI_Comm // duplicate of the world that returns errors
	world                *gompi.Communicator
	rank, size           int
	localRank, localSize int
	tagUB                int
	host, library        string
	counts               Counts
}

// Counts is the traffic that this rank caused. Collectives are counted by call and by the bytes that this rank puts in;
// what the library sends inside them is its own affair.
type Counts struct {
	Messages        int64 // point-to-point messages sent
	Bytes           int64 // bytes in them
	Collectives     int64
	CollectiveBytes int64
}

// Minus is the traffic since an earlier count.
func (a Counts) Minus(b Counts) Counts {
	return Counts{a.Messages - b.Messages, a.Bytes - b.Bytes, a.Collectives - b.Collectives, a.CollectiveBytes - b.CollectiveBytes}
}

// Init starts MPI and returns the communicator of all ranks. It is collective and belongs at the start of main, on the locked
// main thread.
func Init() (Comm, error) {
	if syscall.Gettid() != os.Getpid() {
		return Comm{}, errors.New("mpi: Init outside the main thread: call runtime.LockOSThread in an init function of main")
	}
	if C.fb_mpi_initialized() != 0 {
		return Comm{}, errors.New("mpi: Init called twice")
	}
	if !launched() {
		// Alone, Open MPI would fork a daemon to look after us: half a second and a process that outlives a kill.
		if err := os.Setenv("OMPI_MCA_ess_singleton_isolated", "1"); err != nil {
			return Comm{}, fmt.Errorf("mpi: start alone: %w", err)
		}
	}
	var provided C.int
	if code := C.fb_mpi_init(&provided); code != 0 {
		return Comm{}, fail("MPI_Init_thread", code)
	}
	if provided < C.MPI_THREAD_FUNNELED {
		return Comm{}, fmt.Errorf("mpi: thread level %d is below MPI_THREAD_FUNNELED (%d)", int(provided), int(C.MPI_THREAD_FUNNELED))
	}
	s := &shared{}
	c := Comm{s}
	if code := C.fb_mpi_world(&s.handle); code != 0 {
		return Comm{}, fail("MPI_Comm_dup", code)
	}
	// gompi's own Start offers only MPI_Init or MULTIPLE. Its communicator needs no Start: it is the world's handle.
	s.world = gompi.NewCommunicator(nil)
	s.rank, s.size = s.world.Rank(), s.world.Size()
	return c, c.describe()
}

// Alone is a communicator of this rank only, with counters of its own: for work that every rank does for itself, such as
// comparing a result with that of one rank.
func (c Comm) Alone() (Comm, error) {
	s := *c.s
	s.world, s.rank, s.size, s.localRank, s.localSize, s.counts = nil, 0, 1, 0, 1, Counts{}
	if code := C.fb_mpi_alone(&s.handle); code != 0 {
		return Comm{}, fail("MPI_Comm_dup of self", code)
	}
	return Comm{&s}, nil
}

// launched reports whether a launcher (mpirun, srun with PMIx or PMI) started this process.
func launched() bool {
	for _, v := range []string{"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "OMPI_MCA_ess_singleton_isolated"} {
		if _, ok := os.LookupEnv(v); ok {
			return true
		}
	}
	return false
}

// describe asks for everything that stays the same for the whole run and checks that the library is the one compiled for.
func (c Comm) describe() error {
	var rank, size, ub C.int
	if code := C.fb_mpi_node(c.s.handle, &rank, &size); code != 0 {
		return fail("MPI_Comm_split_type", code)
	}
	if code := C.fb_mpi_tag_ub(c.s.handle, &ub); code != 0 {
		return fail("MPI_Comm_get_attr", code)
	}
	c.s.localRank, c.s.localSize, c.s.tagUB = int(rank), int(size), int(ub)
	var text [C.FB_MPI_TEXT]C.char
	var n C.int
	if code := C.fb_mpi_host(&text[0], &n); code != 0 {
		return fail("MPI_Get_processor_name", code)
	}
	c.s.host = C.GoStringN(&text[0], n)
	if code := C.fb_mpi_library(&text[0], &n); code != 0 {
		return fail("MPI_Get_library_version", code)
	}
	c.s.library = C.GoString(&text[0])
	return checkVersion(int(C.fb_mpi_header_major()), int(C.fb_mpi_header_minor()), c.s.library)
}

// Rank is the number of this process, 0 to Size-1.
func (c Comm) Rank() int { return c.s.rank }

// Size is the number of ranks.
func (c Comm) Size() int { return c.s.size }

// LocalRank is the number of this process among those of its node: it picks the device.
func (c Comm) LocalRank() int { return c.s.localRank }

// LocalSize is the number of ranks on this node.
func (c Comm) LocalSize() int { return c.s.localSize }

// TagUB is the largest tag.
func (c Comm) TagUB() int { return c.s.tagUB }

// Hostname is the name of the node.
func (c Comm) Hostname() string { return c.s.host }

// Library is the version string of the MPI library that is loaded.
func (c Comm) Library() string { return c.s.library }

// TakesDeviceMemory tells whether the library says that messages may lie in memory of a CUDA device.
func (c Comm) TakesDeviceMemory() bool { return C.fb_mpi_takes_device_memory() == 1 }

// Counts is the traffic of this rank so far.
func (c Comm) Counts() Counts { return c.s.counts }

// Seconds is MPI's wall clock.
func (c Comm) Seconds() float64 { return gompi.WorldTime() }

// Barrier returns when every rank has called it.
func (c Comm) Barrier() {
	c.s.counts.Collectives++
	if c.s.world != nil {
		c.s.world.Barrier()
	}
}

// Finalize ends MPI. Every rank must call it, with no request under way.
func (c Comm) Finalize() error {
	if code := C.fb_mpi_finalize(&c.s.handle); code != 0 {
		return fail("MPI_Finalize", code)
	}
	return nil
}

// Abort kills all ranks of the job; the launcher returns code. It does not return.
func (c Comm) Abort(code int) {
	c.s.world.Abort(code)
	panic("mpi: MPI_Abort returned")
}
