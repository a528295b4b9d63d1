package runlog

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestView: what is shown of a run in the middle of its second window, and after its end.
func TestView(t *testing.T) {
	dir := t.TempDir()
	v := NewView(dir)
	if err := v.Read(); err != nil || !v.Empty() {
		t.Fatalf("a folder without a run: %v", err)
	}
	events, err := OpenEvents(filepath.Join(dir, EventsName))
	if err != nil {
		t.Fatal(err)
	}
	add := func(e Event) {
		t.Helper()
		if err := events.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	screen := func(want ...string) string {
		t.Helper()
		if err := v.Read(); err != nil {
			t.Fatal(err)
		}
		text := v.Screen(time.Now(), 80, 30, false)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("no %q in\n%s", w, text)
			}
		}
		return text
	}
	add(Event{What: Started, Launch: &Launch{Title: "a job", Host: "node7", PID: 1, Ranks: 4, Slurm: "99",
		Plan: Plan{Windows: 2, Stages: []Stage{{"lbfgs", 50}}}}})
	screen("a job", "running, last word 0s ago", "on node7, 4 ranks, Slurm job 99", "no report yet")
	add(Event{What: Warned, Text: "beware"})
	log, err := OpenLog(filepath.Join(dir, LogName), -1)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for s := int64(1); s <= 60; s++ {
		r := report(s)
		r.Window, r.Solver, r.Loss, r.Time = int(1+s/51), "lbfgs", math.Pow(10, -float64(s)/10), began.Add(time.Duration(s-60)*time.Second/8)
		r.Errors = nil
		if s%10 == 0 {
			r.Errors = []Value{{"u", 1e-3}}
		}
		if err := log.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	add(Event{What: Checkpointed, Step: 50})
	text := screen("step 60 of 100  [==================            ] 60 %", "window 2/2  loss 1.000e-06  error u 1.00e-03  5s left at most  8.00 steps/s",
		"checkpoint of step 50, 0s ago", "warning: beware", "loss, error u", "7.9e-01 ┼", "1.0e-06 ┤")
	for rows := 10; rows < 40; rows++ { // the cursor stands on a line of its own
		if n := strings.Count(v.Screen(time.Now(), 80, rows, true), "\n"); n >= rows {
			t.Errorf("%d lines on a screen of %d", n, rows)
		}
	}
	for _, l := range strings.Split(text, "\n") {
		if n := len([]rune(l)); n > 80 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	if strings.Contains(text, "\x1b") || !strings.Contains(v.Screen(time.Now(), 80, 30, true), "\x1b") {
		t.Error("colours where none are wanted, or none where they are")
	}
	if got, want := v.Line(time.Now()), "running  step 60/100  window 2/2  loss 1.000e-06  error u 1.00e-03  5s left at most  8.00 steps/s"; got != want {
		t.Errorf("line %q, want %q", got, want)
	}
	if got := v.Screen(time.Now().Add(time.Hour), 200, 30, false); !strings.Contains(got, "stale: no word for 1h00m") {
		t.Errorf("an hour later:\n%s", got)
	}
	for _, size := range [][2]int{{10, 5}, {1, 1}, {0, 0}} { // no room for the curve
		v.Screen(time.Now(), size[0], size[1], true)
	}

	// It goes on from step 20.
	if log, err = OpenLog(filepath.Join(dir, LogName), 20); err != nil {
		t.Fatal(err)
	}
	add(Event{What: Started, Launch: &Launch{Host: "node8", PID: 1, Ranks: 1, Plan: Plan{Windows: 2, Stages: []Stage{{"lbfgs", 50}}}}})
	if text := screen("on node8, 1 rank, launch 2", "step 20 of 100"); strings.Contains(text, "beware") {
		t.Errorf("a warning of the launch before:\n%s", text)
	}
	add(Event{What: Ended, Text: "converged", Seconds: 90})
	if text := screen("finished: converged, 1m30s in all"); strings.Contains(text, "left") {
		t.Errorf("time left after the end:\n%s", text)
	}
	if err := os.Remove(filepath.Join(dir, LogName)); err != nil {
		t.Fatal(err)
	}
	screen("finished", "no report yet")
}
