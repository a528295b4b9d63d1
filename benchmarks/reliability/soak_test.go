package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRel12: a long run with many checkpoints grows neither in memory nor in open files, once it has warmed up.
func TestRel12(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("SKIP: TestRel12 reads /proc")
	}
	const most = 0.01 // growth of the memory in use after the first half
	np, steps := 2, repetitions(20000, 1000000)
	if full() {
		np = 8
	}
	growth := count(t, "relative growth of a rank's memory", most)
	dir := filepath.Join(t.TempDir(), "run")
	p := program
	p.Patience = 24 * time.Hour
	run := p.Begin(t, np, endless(tiny, dir, "--set", fmt.Sprintf("train.report=%d", steps/20), "--set", "train.test=0", "--set", fmt.Sprintf("output.checkpoint=%d", steps/100))...)
	type state struct{ memory, files, threads int }
	sample := func() map[string]state {
		at := map[string]state{}
		for rank, pid := range run.Ranks(t, dir) {
			s := state{memory: status(t, pid, "VmHWM:"), threads: status(t, pid, "Threads:")}
			files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
			if err != nil {
				t.Fatal(err)
			}
			s.files = len(files)
			at[rank] = s
		}
		return at
	}
	wait := func(lines int) {
		for began := time.Now(); len(history(t, dir)) < lines; time.Sleep(50 * time.Millisecond) {
			if len(run.Ranks(t, dir)) < np && time.Since(began) > 30*time.Second {
				t.Fatal(run.End(t))
			}
		}
	}
	reported(t, run, dir, 1)
	wait(10)
	warm := sample()
	wait(20)
	last := sample()
	var pids []int
	for _, pid := range run.Ranks(t, dir) {
		pids = append(pids, pid)
	}
	end(run, pids...)
	run.End(t)
	if len(warm) != np || len(last) != np {
		t.Fatalf("%d and %d ranks seen", len(warm), len(last))
	}
	for rank, w := range warm {
		l := last[rank]
		growth.note(t, "rank "+rank, float64(l.memory-w.memory)/float64(w.memory))
		t.Logf("rank %s: %d KiB, later %d; %d files, later %d; %d threads, later %d", rank, w.memory, l.memory, w.files, l.files, w.threads, l.threads)
		if l.files > w.files+1 { // a checkpoint may be open when we look
			t.Errorf("rank %s: %d open files, later %d", rank, w.files, l.files)
		}
		if l.threads > w.threads+2 { // the scheduler of Go starts one when it finds a thread in the system for long
			t.Errorf("rank %s: %d threads, later %d", rank, w.threads, l.threads)
		}
	}
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
