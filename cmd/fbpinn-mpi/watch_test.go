package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fbpinn-mpi/io/runlog"
)

// TestWatch follows one run: set going, stopped, gone on with, killed, finished. A look disturbs nothing, and its exit code is that of the run.
func TestWatch(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	endless := []string{"run", oscillator, "--out", dir, "--set", "train.steps=100000000", "--set", "output.checkpoint=0"}
	p := begin(t, 2, endless...)
	reported(t, p, dir)
	must(t, 0, 0, "watch", dir, "--once").says(t, true, "Damped oscillator", "running, last word", "2 ranks", "of 100000000", "steps/s", "left")
	if err := p.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	// A watcher without a terminal prints lines until the run is over.
	o := must(t, exitResubmit, 0, "watch", dir, "--every", "50ms")
	o.says(t, true, "stopped  step")
	if p.end(t).code != exitResubmit {
		t.Error("the run was disturbed")
	}
	if strings.Contains(o.stdout, "\x1b") {
		t.Error("control characters outside a terminal")
	}

	p = begin(t, 0, append(endless, "--resume")...)
	await(t, dir, func(events []runlog.Event) bool {
		return tally(events, runlog.Started) == 2 && tally(events, runlog.WindowBegun) == 2
	})
	must(t, 0, 0, "watch", dir, "--once").says(t, true, "running, last word", "1 rank, launch 2")
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.end(t)
	must(t, exitFailure, 0, "watch", dir).says(t, true, "killed")
	must(t, 0, 0, "report", dir).says(t, true, runlog.ReportName)
	if page := read(t, filepath.Join(dir, runlog.ReportName)); !strings.Contains(page, "there is no solution yet") || !strings.Contains(page, ">killed<") {
		t.Error("the page of a run without an end does not say so")
	}

	list, err := runlog.ReadEvents(filepath.Join(dir, runlog.EventsName))
	if err != nil {
		t.Fatal(err)
	}
	if a := list[0].Launch; a == nil || a.Ranks != 2 || len(a.Stages) != 1 || a.Stages[0].Solver != "adam" || tally(list, runlog.Stopped) != 1 {
		t.Errorf("events %+v", list)
	}
}

// TestWatchEnd: a run that finished, one that failed, and none.
func TestWatchEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	must(t, 0, 0, "run", oscillator, "--out", good, "--set", "output.figures=true").says(t, true, "report  ")
	must(t, 0, 0, "watch", good).says(t, true, "finished  step 100/100")
	page := read(t, filepath.Join(good, runlog.ReportName))
	for _, want := range []string{">finished<", "data:image/png;base64,", "Residuals and errors by subdomain", "adjoint inner", "Provenance"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	out := filepath.Join(dir, "page.html")
	must(t, 0, 0, "report", good, "--out", out).says(t, true, out)
	must(t, exitInput, 0, "report", good, "--out", out).says(t, true, "file already exists", "--force")
	must(t, 0, 0, "report", good, "--out", out, "--force")

	must(t, exitNumerical, 0, "run", oscillator, "--out", bad, "--set", `problem.equations=["u_tt + sqrt(0.99 - t + 1e-9*u) = 0"]`)
	must(t, exitNumerical, 0, "watch", bad, "--once").says(t, true, "failed: ", "warning: training became not finite at step 1")

	must(t, exitInput, 0, "watch", dir).says(t, true, "no run there", "--out")
	must(t, exitInput, 0, "watch", filepath.Join(dir, "none")).says(t, true, "no such file")
	must(t, exitInput, 0, "watch", out).says(t, true, "is no folder")
	must(t, exitInput, 0, "watch", good, "--every", "0s").says(t, true, "positive time")
	must(t, exitInput, 0, "report", dir).says(t, true, "no run there")
}

// await waits until the events of a run are as wanted.
func await(t *testing.T, dir string, done func(events []runlog.Event) bool) {
	t.Helper()
	for began := time.Now(); time.Since(began) < patience/2; time.Sleep(20 * time.Millisecond) {
		if list, err := runlog.ReadEvents(filepath.Join(dir, runlog.EventsName)); err == nil && done(list) {
			return
		}
	}
	text, _ := os.ReadFile(filepath.Join(dir, runlog.EventsName))
	t.Fatalf("events %s", text)
}

func tally(events []runlog.Event, what string) (n int) {
	for _, e := range events {
		if e.What == what {
			n++
		}
	}
	return n
}
