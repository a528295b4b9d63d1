package runlog

import (
	"bytes"
	"errors"
	"fmt"
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
	touch(t, path, SolutionName, SideCarName, LogName, EventsName, ReportName, JobName, HistoryPicture, DecompPicture, LinearPicture, SolutionPicture("u"), "checkpoint-100.h5",
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

// report is one of a run of 100 steps.
func report(step int64) Report {
	return Report{Step: step, Seconds: float64(step) / 8, Rate: 8, Loss: 1 / (1 + float64(step)),
		Terms: []Value{{"pde", 0.1}, {"bc \"left\"", math.NaN()}}, Errors: []Value{{"u", 1e-300}}, Learning: 1e-3, Window: 1, Stage: 1, Solver: "adam",
		Left: 100 - step, Time: time.UnixMilli(125 * step).UTC()}
}

var adam = Plan{Windows: 1, Stages: []Stage{{"adam", 100}}}

func wide() (columns, rows int) { return 100, 30 }

func TestLogLine(t *testing.T) {
	got := string(report(3).encode())
	want := `{"step":3,"seconds":0.375,"rate":8,"loss":0.25,"terms":{"pde":0.1,"bc \"left\"":null},"errors":{"u":1e-300},` +
		`"learning_rate":0.001,"window":1,"stage":1,"solver":"adam","steps_left":97,"time":"1970-01-01T00:00:00.375Z"}` + "\n"
	if got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	r := report(3)
	r.Linear, r.Continuation = []Value{{"iterations", 7}, {"condition", math.Inf(1)}}, []Value{{"nu", 0.03}}
	back, err := decode(r.encode())
	if err != nil {
		t.Fatal(err)
	}
	r.Linear[1].Value = math.NaN() // JSON has neither
	if got, want := fmt.Sprintf("%+v", back), fmt.Sprintf("%+v", r); got != want {
		t.Errorf("decoded %s\nwant    %s", got, want)
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
	p := NewProgress(&b, nil, adam, 0, 100)
	clock := time.Unix(0, 0)
	p.now = func() time.Time { return clock }
	for s := int64(0); s <= 100; s++ {
		clock = clock.Add(100 * time.Millisecond) // 10 steps a second: a line each 20 steps, and the last
		r := report(s)
		r.Time, r.Rate = clock, 10
		p.Report(r)
	}
	p.Note("written %s", "solution.h5")
	p.Close()
	out := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(out) != 7 || out[0] != "step   0/100  loss 1.000e+00  error u 1.00e-300  10s left  10 steps/s" ||
		!strings.HasPrefix(out[5], "step 100/100") || out[6] != "written solution.h5" {
		t.Errorf("%d lines:\n%s", len(out), b.String())
	}
	if strings.ContainsAny(b.String(), "\r\x1b") {
		t.Error("control characters outside a terminal")
	}
}

func TestTerminalProgress(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, wide, adam, 50, 50)
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
	for _, want := range []string{"loss 1.316e-02  error u 1.00e-300  3s left  8.00 steps/s  75%", "1s left  8.00 steps/s  90%", "0s left  8.00 steps/s 100%", "a note\n"} {
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

// TestPlace: of several windows, stages and values a line says which is in hand, a stage that ends early shortens the rest, and what may end
// early has so much time left at most. The line stays within the terminal.
func TestPlace(t *testing.T) {
	plan := Plan{Windows: 3, Stages: []Stage{{"adam", 100}, {"gauss-newton", 20}}}
	r := report(130)
	r.Window, r.Stage, r.Solver, r.Left, r.Continuation = 2, 2, "gauss-newton", 130, []Value{{"nu", 0.03}}
	var b bytes.Buffer
	NewProgress(&b, nil, plan, 0, 360).Report(r)
	if got, want := b.String(), "step 130/260  window 2/3, gauss-newton, nu = 0.03  loss 7.634e-03  error u 1.00e-300  16s left at most  8.00 steps/s\n"; got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	b.Reset()
	p := NewProgress(&b, func() (columns, rows int) { return 60, 24 }, plan, 0, 360)
	p.Report(r)
	r.Step, r.Left, r.Errors = 131, 0, nil // an untested report: the error last seen stays on the line
	p.size = wide
	p.Report(r)
	out := strings.FieldsFunc(b.String(), func(c rune) bool { return c == '\r' || c == '\n' })
	for _, line := range out[:2] {
		if len(line) > 60 {
			t.Errorf("%d columns: %q", len(line), line)
		}
	}
	last := out[len(out)-1]
	if !strings.Contains(last, "error u 1.00e-300") || !strings.Contains(last, "100%") || len(last) > 100 {
		t.Errorf("last %q", last)
	}
}

// TestPace: the rate is that of the last reports, and another solver starts anew.
func TestPace(t *testing.T) {
	var p Pace
	if p.Rate() != 0 {
		t.Error("a rate before any report")
	}
	for s := int64(1); s <= 20; s++ {
		r := report(s)
		r.Time = time.Unix(s*s, 0)
		p.Add(r)
	}
	if got, want := p.Rate(), 7.0/(400-13*13); math.Abs(got-want) > 1e-15 { // steps 13 to 20
		t.Errorf("rate %v, want %v", got, want)
	}
	r := report(21)
	r.Solver, r.Rate = "lbfgs", 3
	p.Add(r)
	if p.Rate() != 3 {
		t.Errorf("rate %v of another solver", p.Rate())
	}
	for rate, want := range map[float64]string{0.01: "1m40s a step", 0.5: "0.50 steps/s", 1234.4: "1234 steps/s"} {
		if got := Speed(rate); got != want {
			t.Errorf("%v: %s, want %s", rate, got, want)
		}
	}
}

func TestTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if Terminal(f) != nil || Terminal(null) != nil {
		t.Error("neither a file nor the null device is a terminal")
	}
}
