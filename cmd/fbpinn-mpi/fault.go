//go:build fault

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
)

// faults are the ways in which a rank can fail on purpose, by their names in FBPINN_FAULT=rank:step:kind. One that returns an error
// has the backend report it where a card would, at the next wait for its results.
var faults = map[string]func(comm mpi.Comm) error{
	"panic": func(mpi.Comm) error { panic("asked for by FBPINN_FAULT") },
	"device": func(mpi.Comm) error {
		return errors.New("device: wait for the card: CUDA_ERROR_LAUNCH_FAILED (asked for by FBPINN_FAULT)")
	},
	// A message of another length than agreed, before those of the next step; small enough to be copied as it arrives, so that the
	// library notices before it writes.
	"mpi": func(comm mpi.Comm) error {
		const numbers, tag = 480, 1 // tag of the exchange, see docs/architecture.md
		to := comm.Rank() - 1
		if to < 0 {
			to = 1
		}
		return mpi.Send(comm, make([]float64, numbers), to, tag)
	},
	"memory": func(mpi.Comm) error {
		kernels.Free(kernels.Make[float64](1 << 46)) // 512 TiB: more than addresses reach
		return nil
	},
	"kill": func(mpi.Comm) error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) },
	"stop": func(mpi.Comm) error { return syscall.Kill(os.Getpid(), syscall.SIGSTOP) },
	"usr1": func(mpi.Comm) error { return request() },
}

// request asks this process to stop, which is no fault, and returns once it has been told: a run of a few milliseconds would be over.
func request() error {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1)
	defer signal.Stop(told)
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		return err
	}
	<-told
	time.Sleep(time.Millisecond) // others who asked to be told are told in the same breath
	return nil
}

// faulty is the backend, which on the rank of FBPINN_FAULT meets the fault when it sums residuals for the step-th time.
func faulty[T kernels.Real](comm mpi.Comm, b kernels.Backend[T]) (kernels.Backend[T], error) {
	text, ok := os.LookupEnv("FBPINN_FAULT")
	if !ok {
		return b, nil
	}
	part := strings.Split(text, ":")
	if len(part) != 3 || faults[part[2]] == nil {
		return nil, fmt.Errorf("FBPINN_FAULT=%s: give rank:step:kind", text)
	}
	rank, e := strconv.Atoi(part[0])
	step, err := strconv.Atoi(part[1])
	if err = errors.Join(e, err); err != nil {
		return nil, fmt.Errorf("FBPINN_FAULT=%s: %w", text, err)
	}
	if rank != comm.Rank() {
		return b, nil
	}
	return &faultyBackend[T]{Backend: b, step: step, fault: func() error {
		fmt.Fprintf(os.Stderr, "FBPINN_FAULT at %.3f\n", float64(time.Now().UnixMilli())/1e3)
		return faults[part[2]](comm)
	}}, nil
}

type faultyBackend[T kernels.Real] struct {
	kernels.Backend[T]
	step  int
	fault func() error
	made  bool // the first term counts the steps
}

func (b *faultyBackend[T]) OpenSquares(q []T, r [][]T) (kernels.Squares, error) {
	s, err := b.Backend.OpenSquares(q, r)
	if err != nil || b.made {
		return s, err
	}
	b.made = true
	return &faultySquares{Squares: s, left: b.step, fault: b.fault}, nil
}

type faultySquares struct {
	kernels.Squares
	left  int
	fault func() error
	err   error
}

func (s *faultySquares) Run() {
	s.Squares.Run()
	if s.left--; s.left == 0 {
		s.err = s.fault()
	}
}

func (s *faultySquares) Sums() ([]float64, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.Squares.Sums()
}
