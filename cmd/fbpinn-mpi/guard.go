package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/mpi/watchdog"
)

// A goroutine of every rank has to run once in a fifth of this time, whatever the rank computes: the default is generous.
const (
	defaultWatch = time.Minute
	leastWatch   = time.Second
)

// guard has this rank missed by the others, and others by it. The watchdog may not call MPI, so it ends this process and leaves the
// rest to the launcher. Collective.
func guard(comm mpi.Comm, limit time.Duration) (*watchdog.Ring, error) {
	ring, err := watchdog.Start(comm, limit, func(err error) {
		speak(comm, fmt.Errorf("%w; go on with --resume", err))
		os.Exit(exitFailure)
	})
	var broken *mpi.Error
	if errors.As(err, &broken) {
		return nil, err
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fbpinn-mpi: warning:", err, "- a rank that hangs will not be noticed")
	}
	return ring, nil
}

// speak says what concerns this rank alone.
func speak(comm mpi.Comm, err error) {
	fmt.Fprintf(os.Stderr, "fbpinn-mpi: rank %d on %s: %v\n", comm.Rank(), comm.Hostname(), err)
}

// abort ends all ranks after trouble of this one.
func abort(comm mpi.Comm, err error) {
	var memory *kernels.OutOfMemory
	if errors.As(err, &memory) {
		err = fmt.Errorf("%w; take more ranks on more nodes, fewer points or subdomains, or train.precision = \"float32\" (fbpinn-mpi check says what a job needs)", err)
	}
	speak(comm, err)
	comm.Abort(exitFailure)
}

// recovered turns a panic of the main thread into the end of all ranks. Deferred.
func recovered(comm mpi.Comm) {
	switch p := recover().(type) {
	case nil:
	case *kernels.OutOfMemory:
		abort(comm, p)
	default:
		abort(comm, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
}
