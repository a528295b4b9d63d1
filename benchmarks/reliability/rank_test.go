package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// faults are the ways of one rank to fail, with what must be said of it, once: %d is the rank.
var faults = []struct {
	kind, says string
	by         int // who says it: 0 the rank itself, or its neighbour
}{
	{"panic", "rank %d on", 0},
	{"device", "rank %d on", 0},
	{"mpi", "from rank %d, tag 1: MPI_ERR_TRUNCATE", 1},
	{"memory", "rank %d on", 0},
	{"kill", "process rank %d with PID", 1},
	{"stop", "rank %d on", 1},
}

// causes are the words for the cause of a fault, said once, too.
var causes = map[string]string{
	"panic": "panic: asked for by FBPINN_FAULT", "device": "CUDA_ERROR_LAUNCH_FAILED", "mpi": "MPI_ERR_TRUNCATE",
	"memory": "out of memory: the system refuses", "kill": "exited on signal 9", "stop": "gives no sign of life for 5s",
}

// TestRel6: whatever befalls one rank, all are gone soon, the exit code says so, and one message names cause and rank.
func TestRel6(t *testing.T) {
	const (
		watchdog = 5.0  // s, --watchdog
		soon     = 10.0 // s, all ranks gone; a rank that is stopped can be missed only after the watchdog's time
	)
	r := chance(t)
	gone := count(t, "seconds until all ranks are gone", soon)
	ranks := repetitions(4, 8)
	for k := range repetitions(len(faults), 60) {
		f := faults[k%len(faults)]
		t.Run(fmt.Sprintf("%d/%s", k, f.kind), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			bad, step := r.IntN(ranks), 5+r.IntN(100)
			p := with(fmt.Sprintf("FBPINN_FAULT=%d:%d:%s", bad, step, f.kind)).Begin(t, ranks, endless(tiny, dir, fmt.Sprintf("--watchdog=%vs", watchdog),
				"--set", "decomposition.levels=[1, 16]")...) // so many that neighbouring ranks exchange
			o := p.End(t)
			for len(p.Ranks(t, dir)) > 0 {
				time.Sleep(10 * time.Millisecond)
				if p.ProcessState == nil {
					break
				}
			}
			now := float64(time.Now().UnixMilli()) / 1e3
			var at float64
			if i := strings.Index(o.Stderr, "FBPINN_FAULT at "); i < 0 {
				t.Fatalf("no fault: %v", o)
			} else if _, err := fmt.Sscanf(o.Stderr[i:], "FBPINN_FAULT at %f", &at); err != nil {
				t.Fatal(err)
			}
			gone.note(t, f.kind, now-at)
			if o.Code == 0 || (f.kind != "kill" && o.Code != exitFailure) { // mpirun makes its own of a signal
				t.Errorf("%s: exit code %d", f.kind, o.Code)
			}
			o.Says(t, true, causes[f.kind])
			if said := fmt.Sprintf(f.says, bad); !strings.Contains(o.Stderr, said) {
				t.Errorf("%s: nobody says %q: %v", f.kind, said, o)
			}
			if n := strings.Count(o.Stderr, "fbpinn-mpi: rank"); n != 1 && f.kind != "kill" {
				t.Errorf("%s: %d ranks speak: %v", f.kind, n, o)
			}
		})
	}
}

// TestRel6Suspended: a job that is suspended as a whole for longer than the watchdog's time, and resumed, goes on.
func TestRel6Suspended(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	p := program.Begin(t, 3, endless(tiny, dir, "--watchdog=2s")...)
	reported(t, p, dir, 1)
	ranks := p.Ranks(t, dir)
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		for _, pid := range ranks {
			if err := syscall.Kill(pid, s); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(4 * time.Second) // twice the limit asleep, and as long awake
	}
	if err := p.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if o := p.End(t); o.Code != exitResubmit || strings.Contains(o.Stderr, "sign of life") {
		t.Error(o)
	}
}
