//go:build !cuda

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"fbpinn-mpi/kernels/device/probe"
)

// handOver replaces this process by the CUDA program beside it if there is a card and backend (--backend) is auto or cuda. It
// returns where this process goes on, on the CPU, or must not go on. To be called before MPI starts, on the first thread. stop tells
// whether somebody has asked for an end; the successor will know.
func handOver(backend string, stop func() bool) error {
	if err := checkBackend(backend); err != nil {
		return err
	}
	if _, again := os.LookupEnv(handoverKey); again {
		return coded{fmt.Errorf("%s is a build for the CPU; build it with: make cuda", siblingName), exitFailure}
	}
	if backend == "cpu" {
		return nil
	}
	found := probe.Cards()
	if !found.Usable() {
		if backend == "cuda" {
			return coded{fmt.Errorf("--backend=cuda: %s", found), exitFailure}
		}
		if found.Broken() {
			sayOnce("computing on the CPU: %s", found)
		}
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return coded{fmt.Errorf("find this program's folder: %w", err), exitFailure}
	}
	sibling := filepath.Join(filepath.Dir(self), siblingName)
	switch _, err = os.Stat(sibling); {
	case errors.Is(err, fs.ErrNotExist) && backend == "auto":
		sayOnce("computing on the CPU although there is a card: %s is missing (make cuda builds it)", sibling)
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return coded{fmt.Errorf("--backend=cuda: %s is missing; build it with: make cuda", sibling), exitFailure}
	case err != nil:
		return coded{fmt.Errorf("--backend=%s: %w", backend, err), exitFailure}
	}
	if err := holdSignal(stop); err != nil {
		return coded{fmt.Errorf("block the signal that ends a run: %w", err), exitFailure}
	}
	// Exec only comes back if it fails.
	err = syscall.Exec(sibling, os.Args, successorEnvironment(os.Environ()))
	return coded{fmt.Errorf("start %s: %w", sibling, err), exitFailure}
}

// holdSignal keeps SIGUSR1 for the successor, which it would kill between exec and Notify: this thread, the only one to outlive exec,
// blocks it, and what comes from then on waits until Notify lets one of Go's threads have it. A signal that came before is sent
// again; one that another thread takes in the last microseconds before exec is lost, but does no harm.
func holdSignal(stop func() bool) error {
	var set unix.Sigset_t
	set.Val[0] = 1 << (unix.SIGUSR1 - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil); err != nil {
		return err
	}
	if !stop() {
		return nil
	}
	return unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGUSR1)
}

// successorEnvironment is this process's environment with what the CUDA program is to find. UCX takes over SIGSEGV, which Go
// needs; it reads its settings when it is loaded, so that this is the last chance to set them.
func successorEnvironment(environment []string) []string {
	e := append([]string(nil), environment...)
	if _, set := os.LookupEnv("UCX_ERROR_SIGNALS"); !set {
		e = append(e, "UCX_ERROR_SIGNALS=SIGILL,SIGBUS,SIGFPE")
	}
	return append(e, handoverKey+"="+version())
}
