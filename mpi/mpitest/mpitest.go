// Package mpitest runs tests under any number of ranks.
//
// A test binary built with `go test -c` runs alone or under mpirun -np N. In a package's tests:
//
//	var world mpitest.World
//
//	func TestMain(m *testing.M) { os.Exit(world.Main(m)) }
//	func init()                 { runtime.LockOSThread() }
//
//	func TestExchange_n4(t *testing.T) { world.Run(t, 4, func(c mpi.Comm) { ... }) }
//
// On a machine with fewer cores than ranks, from the folder of the package:
//
//	go test -c -o exchange.test . && mpirun --oversubscribe --bind-to none -np 4 ./exchange.test
//
// The testing package runs each test on a thread of its own, which MPI's level FUNNELED forbids. So the tests run beside the
// main goroutine, and World.Run hands their bodies to it, one at a time.
package mpitest

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"fbpinn-mpi/mpi"
)

// World holds the communicator of a test binary. The zero value is ready for Main.
type World struct {
	comm   mpi.Comm
	bodies chan body
	broken bool // a body failed on this rank: the others may be anywhere
}

type body struct {
	run  func()
	done chan bool // false: it left by t.FailNow or t.SkipNow
}

// Main starts MPI, runs the tests and returns the exit status. A failure on any of several ranks aborts them all.
func (w *World) Main(m *testing.M) int {
	c, err := mpi.Init()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	w.comm, w.bodies = c, make(chan body)
	status := make(chan int)
	go func() { status <- m.Run() }()
	code := w.serve(status)
	if code != 0 && c.Size() > 1 {
		c.Abort(code)
	}
	if err := c.Finalize(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// serve runs bodies until the tests are over.
func (w *World) serve(status chan int) int {
	for {
		select {
		case b := <-w.bodies:
			w.one(b, status)
		case code := <-status:
			return code
		}
	}
}

// one runs a body. t.FailNow ends the goroutine that calls it, here the main one, whose deferred calls still run: the rest of
// the tests is served from there.
func (w *World) one(b body, status chan int) {
	finished := false
	defer func() {
		if finished {
			return
		}
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "rank %d: panic: %v\n", w.comm.Rank(), p)
			buf := make([]byte, 1<<16)
			fmt.Fprintf(os.Stderr, "%s\n", buf[:runtime.Stack(buf, false)])
			w.comm.Abort(2)
		}
		b.done <- false
		code := w.serve(status)
		if code != 0 && w.comm.Size() > 1 {
			w.comm.Abort(code)
		}
		if err := w.comm.Finalize(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}()
	b.run()
	finished = true
	b.done <- true
}

// Run runs f on the thread of MPI if there are `ranks` ranks (0: any number) and skips otherwise. f may end the test by
// t.Fatal or t.Skip. It must do the same messages on all ranks.
func (w *World) Run(t *testing.T, ranks int, f func(c mpi.Comm)) {
	t.Helper()
	if w.bodies == nil {
		t.Fatal("mpitest: World.Main has not run")
	}
	if ranks != 0 && w.comm.Size() != ranks {
		t.Skipf("needs %d ranks, has %d: mpirun -np %d on the binary of go test -c", ranks, w.comm.Size(), ranks)
	}
	if w.broken {
		t.Skip("an earlier test failed on this rank: the ranks are no longer in step")
	}
	b := body{run: func() { f(w.comm) }, done: make(chan bool)}
	w.bodies <- b
	finished := <-b.done
	w.broken = t.Failed() && w.comm.Size() > 1
	if !finished {
		runtime.Goexit() // FailNow or SkipNow has marked the test already
	}
}
