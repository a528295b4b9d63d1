package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"fbpinn-mpi/io/checkpoint"
)

// oscillator is 100 steps on two levels with soft conditions, a report every 40 steps and a checkpoint every 50.
const oscillator = "testdata/oscillator.toml"

// asap stops a run at its first report: one step later, once the sum over ranks has arrived.
const asap = "--max-time=1ns"

// TestResumeExact: a training that is stopped and resumed, twice, ends with the bits and the log of one that ran through.
func TestResumeExact(t *testing.T) {
	for _, precision := range []string{"float64", "float32"} {
		for _, np := range []int{0, 2, 4} {
			t.Run(fmt.Sprintf("%s/np%d", precision, max(np, 1)), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				whole, parts := filepath.Join(dir, "whole"), filepath.Join(dir, "parts")
				set := "train.precision=" + precision
				must(t, 0, np, "run", oscillator, "--out", whole, "--set", set)
				for i, stop := range []int{41, 81} {
					o := must(t, exitResubmit, np, "run", oscillator, "--out", parts, "--set", set, asap, fmt.Sprintf("--resume=%t", i > 0))
					o.says(t, true, fmt.Sprintf("stopped after step %d of 100; go on with --resume", stop))
				}
				o := must(t, 0, np, "run", oscillator, "--out", parts, "--set", set, "--resume")
				o.says(t, true, "resuming after step 81", "all steps done after 100 steps")
				if strings.Contains(o.stderr, "warning") {
					t.Errorf("a warning about nothing: %s", o.stderr)
				}
				sameState(t, newest(t, parts), newest(t, whole))
				steps := []int{}
				for _, l := range history(t, whole) {
					steps = append(steps, l.Step)
				}
				if !slices.Equal(steps, []int{40, 80, 100}) {
					t.Errorf("reports of steps %v", steps)
				}
				if got, want := history(t, parts), history(t, whole); !reflect.DeepEqual(got, want) {
					t.Errorf("log:\n%v\nwithout a stop:\n%v", got, want)
				}
			})
		}
	}
}

// newest is the newest checkpoint of a run.
func newest(t *testing.T, dir string) *checkpoint.Checkpoint {
	t.Helper()
	c, warnings, err := checkpoint.Latest(dir)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	return c
}

// sameState compares everything but times, bit for bit: no residual of these runs is NaN, so == sees every bit but the sign of
// zero.
func sameState(t *testing.T, got, want *checkpoint.Checkpoint) {
	t.Helper()
	if got.Step != want.Step || got.Seed != want.Seed || got.JobSHA256 != want.JobSHA256 || got.Precision != want.Precision {
		t.Errorf("step, seed, job or precision differ: %d, %d", got.Step, want.Step)
	}
	if !reflect.DeepEqual(got.Levels, want.Levels) {
		t.Error("parameters or moments differ")
	}
	if len(got.Levels) != 2 || len(got.Levels[1].V.F32)+len(got.Levels[1].V.F64) != 8*49 {
		t.Errorf("the fine level has no second moments of 8 networks with 49 parameters: nothing was compared")
	}
	for i := range want.History {
		if h := want.History[i]; h.Name != "time" && !same(got.History[i].Values, h.Values) {
			t.Errorf("history of %s: %v, want %v", h.Name, got.History[i].Values, h.Values)
		}
	}
}

// same compares numbers; NaN, which stands for an error that was not measured, equals itself.
func same(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || x != x && y != y })
}

// TestResumeElsewhere: a checkpoint of 4 ranks serves any number of ranks.
func TestResumeElsewhere(t *testing.T) {
	const (
		first = 1e-12 // the loss is a sum of the same numbers in another order: 1e-16 each, 240 of them, weights of 1e6
		later = 1e-10 // three more steps amplify it
	)
	from := filepath.Join(t.TempDir(), "from")
	must(t, exitResubmit, 4, "run", oscillator, "--out", from, asap)
	if c := newest(t, from); c.Step != 41 {
		t.Fatalf("stopped at step %d", c.Step)
	}
	after := map[int][]line{}
	for _, np := range []int{4, 0, 2, 3, 8} {
		to := filepath.Join(t.TempDir(), "to")
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		o := must(t, 0, np, "run", oscillator, "--out", to, "--resume", "--set", "train.report=1", "--set", "train.steps=45")
		o.says(t, true, "warning: the job was changed since the checkpoint of step 41")
		after[np] = history(t, to)
		if n := len(after[np]); n != 5 || after[np][0].Step != 40 || after[np][1].Step != 42 {
			t.Fatalf("np %d: log is %v", np, after[np])
		}
		for i := 1; i < 5; i++ {
			tolerance := later
			if i == 1 {
				tolerance = first
			}
			near(t, fmt.Sprintf("np %d, loss at step %d", np, after[np][i].Step), after[np][i].Loss, after[4][i].Loss, tolerance)
		}
	}
}

// TestSignal: SIGUSR1 to the launcher, which forwards it to all ranks, ends a run with a checkpoint and exit code 75.
func TestSignal(t *testing.T) {
	for _, np := range []int{0, 2} {
		t.Run(fmt.Sprintf("np%d", max(np, 1)), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "run")
			endless := []string{"run", oscillator, "--out", dir, "--set", "train.steps=100000000", "--set", "output.checkpoint=0"}
			p := begin(t, np, endless...)
			reported(t, p, dir)
			if err := p.Process.Signal(syscall.SIGUSR1); err != nil {
				t.Fatal(err)
			}
			if o := p.end(t); o.code != exitResubmit {
				t.Fatalf("want exit code %d, got %v", exitResubmit, o)
			}
			c := newest(t, dir)
			o := must(t, 0, np, "run", oscillator, "--out", dir, "--resume", "--set", fmt.Sprintf("train.steps=%d", c.Step+10))
			o.says(t, true, fmt.Sprintf("resuming after step %d", c.Step))
			ascending(t, history(t, dir))
		})
	}
}

// reported waits until a run has logged something.
func reported(t *testing.T, p *process, dir string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < patience/2; time.Sleep(20 * time.Millisecond) {
		if text, err := os.ReadFile(filepath.Join(dir, "log.jsonl")); err == nil && strings.Contains(string(text), "\n") {
			return
		}
	}
	p.Process.Signal(syscall.SIGTERM)
	t.Fatalf("no report: %v", p.end(t))
}

// ascending wants no step twice.
func ascending(t *testing.T, list []line) {
	t.Helper()
	for i := 1; i < len(list); i++ {
		if list[i].Step <= list[i-1].Step {
			t.Errorf("step %d follows step %d", list[i].Step, list[i-1].Step)
		}
	}
}

// TestDamagedCheckpoint: the generation before serves, unasked but not unsaid; without any, the exit code says so.
func TestDamagedCheckpoint(t *testing.T) {
	whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "run")
	must(t, 0, 0, "run", oscillator, "--out", whole)
	if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	flip := func(name string) {
		path := filepath.Join(dir, name)
		b := []byte(read(t, path))
		b[len(b)/2] ^= 1
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	flip("checkpoint-100.h5")
	o := must(t, 0, 2, "run", oscillator, "--out", dir, "--resume")
	o.says(t, true, "warning: checkpoint of step 100 passed over: checkpoint-100.h5 damaged", "resuming after step 50")
	const regrouped = 1e-10 // 50 steps on 2 ranks instead of 1
	was, is := history(t, whole), history(t, dir)
	if len(is) != len(was) {
		t.Fatalf("log %v, want %v", is, was)
	}
	for i := range is {
		near(t, fmt.Sprintf("loss at step %d", is[i].Step), is[i].Loss, was[i].Loss, regrouped)
	}
	flip("checkpoint-100.h5")
	flip("checkpoint-50.json")
	before := read(t, filepath.Join(dir, "log.jsonl"))
	o = must(t, exitCheckpoint, 2, "run", oscillator, "--out", dir, "--resume")
	o.says(t, true, "fbpinn-mpi: checkpoint: no valid checkpoint in "+dir)
	if read(t, filepath.Join(dir, "log.jsonl")) != before {
		t.Error("a run that could not resume touched the log")
	}
}
