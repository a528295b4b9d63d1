package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRel12: a long run with many checkpoints grows neither in memory nor in open files, once it has warmed up: the last block of steps
// counts, and there are more blocks while it grows, because pools of the MPI library may take a few. A leak grows in every block. The
// full variant makes a million steps at least.
func TestRel12(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("SKIP: TestRel12 reads /proc")
	}
	const (
		most   = 0.01 // growth of the memory in use in a block
		report = 1000
		blocks = 15 // at most
	)
	np, block, least := 2, 20000, 1
	if full() {
		np, block, least = 8, 200000, 5
	}
	growth := count(t, "relative growth of a rank's memory in the last block of steps", most)
	dir := filepath.Join(t.TempDir(), "run")
	p := program
	p.Patience = 24 * time.Hour
	run := p.Begin(t, np, endless(tiny, dir, "--set", fmt.Sprintf("train.report=%d", report), "--set", "train.test=0", "--set", "output.checkpoint=200")...)
	reported(t, run, dir, 1)
	pids := run.Ranks(t, dir)
	if len(pids) != np {
		t.Fatalf("ranks %v", pids)
	}
	type state struct{ memory, files, threads int }
	sample := func() map[string]state {
		at := map[string]state{}
		for rank, pid := range pids {
			files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
			if err != nil {
				t.Fatal(err)
			}
			at[rank] = state{memory: status(t, pid, "VmHWM:"), files: len(files), threads: status(t, pid, "Threads:")}
		}
		return at
	}
	grown := func(from, to map[string]state) (worst float64) {
		for rank, was := range from {
			worst = max(worst, float64(to[rank].memory-was.memory)/float64(was.memory))
		}
		return worst
	}
	was, worst := sample(), 1.0
	first := was
	for k := 1; k <= blocks && (k <= least || worst > most); k++ {
		for len(history(t, dir)) < k*block/report {
			if len(run.Ranks(t, dir)) < np {
				t.Fatal(run.End(t))
			}
			time.Sleep(50 * time.Millisecond)
		}
		now := sample()
		worst = grown(was, now)
		t.Logf("%d steps: %v, as memory in KiB, files, threads", k*block, now)
		was = now
	}
	growth.note(t, "memory", worst)
	for rank, f := range first {
		if l := was[rank]; l.files > f.files+1 || l.threads > f.threads+4 { // a checkpoint may be open; Go starts threads while others wait in the system
			t.Errorf("rank %s: %d files and %d threads, at the start %d and %d", rank, l.files, l.threads, f.files, f.threads)
		}
	}
	var all []int
	for _, pid := range pids {
		all = append(all, pid)
	}
	end(run, all...)
	run.End(t)
}

// status is a number of /proc/PID/status.
func status(t *testing.T, pid int, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, name); ok {
			var n int
			if _, err := fmt.Sscan(rest, &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// TestRel10Ranks: 8 ranks give the history of one.
func TestRel10Ranks(t *testing.T) {
	// The same sums in another order, amplified by the steps.
	const regrouped = 1e-10
	off := count(t, "relative difference of the loss of 8 ranks and of one", regrouped)
	var lists [2][]line
	for k, np := range []int{0, 8} {
		dir := filepath.Join(t.TempDir(), "run")
		program.Must(t, 0, np, "run", small, "--out", dir, "--set", "train.steps=30", "--set", "train.report=1")
		lists[k] = history(t, dir)
	}
	if len(lists[0]) != 30 || len(lists[1]) != 30 {
		t.Fatalf("%d and %d reports", len(lists[0]), len(lists[1]))
	}
	for i, l := range lists[0] {
		off.note(t, fmt.Sprintf("step %d", l.Step), relative(lists[1][i].Loss, l.Loss))
	}
}
