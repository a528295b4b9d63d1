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

// TestOnTheWay: a run whose steps are used up before its continuation is through says where it stopped, and goes on when it is given more.
func TestOnTheWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := append([]string{"run", oscillator, "--out", dir, "--set", `train.continuation={parameter="delta", values=[4, 3]}`}, secondOrder...)
	with := func(steps string) []string { return append(args, "--set", "train.steps="+steps) }
	const warning = "the steps were used up on the way: the solution is that of delta = "
	must(t, 0, 0, with("1")...).says(t, true, warning+"4, value 1 of 2 of train.continuation, not of delta = 2", "give more train.steps")
	must(t, 0, 0, append(with("4"), "--resume")...).says(t, true, warning+"3, value 2 of 2")
	if o := must(t, 0, 0, append(with("30"), "--resume")...); strings.Contains(o.stdout+o.stderr, "on the way") {
		t.Errorf("it says so though it is through: %v", o)
	}
}

// TestConvergedAgain: a run that has converged says so again when it is resumed.
func TestConvergedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// In float32 rounding soon hides any further decrease.
	args := []string{"run", oscillator, "--out", dir, "--set", "train.solver=lbfgs", "--set", "train.steps=20000", "--set", "train.test=0",
		"--set", "train.precision=float32", "--set", "network.hidden=[2]", "--set", "decomposition.levels=[1]", "--set", "output.checkpoint=0"}
	must(t, 0, 0, args...).says(t, true, "converged after")
	must(t, 0, 0, append(args, "--resume")...).says(t, true, "converged after")
}

// TestSecondsResumed: the time of a whole run counts the training of earlier starts too, here all of it.
func TestSecondsResumed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"run", oscillator, "--out", dir, "--set", "train.test=0", "--set", "output.figures=false"}
	must(t, exitResubmit, 0, append(args, "--set", "train.steps=100000000", "--max-time=4s")...)
	c := newest(t, dir)
	must(t, 0, 0, append(args, "--resume", "--set", fmt.Sprintf("train.steps=%d", c.Step))...)
	if wall, ok := fields(t, dir).Attr("wall_seconds").(float64); !ok || wall < c.Seconds {
		t.Errorf("%v s in all, of them %v in training", wall, c.Seconds)
	}
}
