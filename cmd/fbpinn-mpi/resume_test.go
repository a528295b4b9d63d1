package main

import (
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
