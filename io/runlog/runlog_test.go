package runlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func touch(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, n := range names {
		if err := os.WriteFile(filepath.Join(dir, n), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func TestOpenDir(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "run")
	d, err := OpenDir(path, false, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDir(path, false, true); err == nil || !strings.Contains(err.Error(), "another run") {
		t.Errorf("two runs in one folder: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	// A folder with nothing but the lock counts as empty.
	if d, err = OpenDir(path, false, false); err != nil {
		t.Fatal(err)
	}
	d.Close()

	touch(t, path, LogName)
	if _, err := OpenDir(path, false, false); !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(), "--resume") {
		t.Errorf("results would be overwritten: %v", err)
	}
	if d, err = OpenDir(path, false, true); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if got := list(t, path); got != ".lock log.jsonl" {
		t.Errorf("resume touched the folder: %s", got)
	}
	if _, err := OpenDir(path, true, true); err == nil {
		t.Error("force and resume together")
	}
}

func TestForceDeletesOnlyOurs(t *testing.T) {
	path := t.TempDir()
	touch(t, path, SolutionName, SideCarName, LogName, JobName, HistoryPicture, DecompPicture, LinearPicture, SolutionPicture("u"), "checkpoint-100.h5",
		"checkpoint-100.json", ".checkpoint-100.h5.tmp", ".solution.h5.tmp")
	theirs := []string{"analysis.py", "checkpoint-best.h5", "checkpoint-.h5", "notes.tmp", "solution.h5.bak", "solution.png"}
	touch(t, path, theirs...)
	if err := os.Mkdir(filepath.Join(path, "checkpoint-5.h5"), 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDir(path, true, false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if got, want := list(t, path), ".lock analysis.py checkpoint-.h5 checkpoint-5.h5 checkpoint-best.h5 notes.tmp solution.h5.bak solution.png"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func report(step int64) Report {
	return Report{Step: step, Seconds: float64(step) / 8, Rate: 8, Loss: 1 / (1 + float64(step)),
		Terms: []Value{{"pde", 0.1}, {"bc \"left\"", math.NaN()}}, Errors: []Value{{"u", 1e-300}}}
}

func TestLogLine(t *testing.T) {
	got := string(report(3).encode())
	want := `{"step":3,"seconds":0.375,"rate":8,"loss":0.25,"terms":{"pde":0.1,"bc \"left\"":null},"errors":{"u":1e-300}}` + "\n"
	if got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	if !json.Valid([]byte(got)) {
		t.Error("not JSON")
	}
}

// A run that stops after step 30, while its last checkpoint is of step 20, and goes on leaves the same log as one that never
// stopped, whatever a kill did to the last line.
func TestResumeLeavesNoDuplicates(t *testing.T) {
	write := func(path string, resumed, from, to int64) {
		t.Helper()
		l, err := OpenLog(path, resumed)
		if err != nil {
			t.Fatal(err)
		}
		for s := from; s <= to; s += 10 {
			if err := l.Write(report(s)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	write(whole, -1, 0, 50)
	want, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, tail := range map[string]string{"clean": "", "half line": `{"step":40,"sec`, "zeros": "\x00\x00\x00\n", "number": "7\n"} {
		path := filepath.Join(dir, name)
		write(path, -1, 0, 30)
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString(tail)
		f.Close()
		write(path, 20, 30, 50)
		if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
			t.Errorf("%s:\n%s", name, got)
		}
	}
	// A new run starts the log anew.
	write(whole, -1, 0, 0)
	if got, _ := os.ReadFile(whole); !bytes.Equal(got, report(0).encode()) {
		t.Errorf("new run: %s", got)
	}
}

func TestPlainProgress(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, false, 0, 100)
	clock := time.Unix(0, 0)
	p.now = func() time.Time { return clock }
	for s := int64(0); s <= 100; s++ {
		clock = clock.Add(100 * time.Millisecond) // 10 steps a second: a line each 20 steps, and the last
		r := report(s)
		r.Rate = 10
		p.Report(r)
	}
	p.Note("written %s", "solution.h5")
	p.Close()
	out := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(out) != 7 || out[0] != "step   0/100  loss 1.000e+00  error u 1.00e-300  10 steps/s  10s left" ||
		!strings.HasPrefix(out[5], "step 100/100") || out[6] != "written solution.h5" {
		t.Errorf("%d lines:\n%s", len(out), b.String())
	}
	if strings.ContainsAny(b.String(), "\r\x1b") {
		t.Error("control characters outside a terminal")
	}
}

func TestTerminalProgress(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, true, 50, 100)
	clock := time.Unix(0, 0)
	p.now = func() time.Time { return clock }
	p.Report(report(75))
	p.Report(report(80)) // too soon
	p.Note("a note")
	clock = clock.Add(redrawEvery)
	p.Report(report(90))
	p.Report(report(100)) // the last one is always shown
	p.Close()
	out := b.String()
	for _, want := range []string{"loss 1.316e-02  error u 1.00e-300  8.00 steps/s  3s left  75%", "1s left  90%", "0s left 100%", "a note\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
	if strings.Contains(out, "80%") {
		t.Error("redrawn too often")
	}
	if !strings.HasSuffix(out, "\n") {
		t.Error("the cursor stays in the bar")
	}
}

func TestLeft(t *testing.T) {
	for s, want := range map[float64]string{0: "0s", 59.4: "59s", 61: "1m01s", 3600: "1h00m", 86400: "24h00m", -1: "0s", math.NaN(): "0s"} {
		if got := left(s); got != want {
			t.Errorf("%v: %s, want %s", s, got, want)
		}
	}
}

func TestIsTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if IsTerminal(f) {
		t.Error("a file is no terminal")
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if IsTerminal(null) {
		t.Error("the null device is no terminal")
	}
}
