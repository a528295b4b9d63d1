package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// badJobs are the oscillator with one fault each: old becomes new, at begins the place of the caret.
var badJobs = []struct{ name, old, new, at, says string }{
	{"misspelt_key", "steps     = 100", "stesp = 100", "stesp", "unknown key stesp in [train]"},
	{"fraction", "report    = 40", "report = 40.5", "40.5", "train.report is a number; it takes an integer"},
	{"not_a_number", "t = [0, 1]", "t = [0, nan]", "nan", "not a finite number"},
	{"empty_domain", "t = [0, 1]", "t = [1, 1]", "[1, 1]", "the range of t is empty"},
	{"no_such_word", "[decomposition]\n", "[decomposition]\nwindow = \"cosin\"\n", `"cosin"`, "cosin"},
	{"too_wide", "hidden = [16]", "hidden = [300]", "300", "network.hidden"},
	{"negative_weight", "weight   = 1e6", "weight = -1", "-1", "weight"},
	{"no_toml", `"Damped oscillator on two levels"`, `"Damped`, "\nreference", "close the text with its quote"},
	{"unknown_name", "w0^2*u = 0", "w0^2*v = 0", "v = 0", "unknown name v"},
	{"open_bracket", "2*delta*u_t", "2*delta*(u_t", "(u_t", "this ( is never closed"},
	{"unknown_function", "w0^2*u = 0", "w0^2*sine(u) = 0", "sine(u)", "unknown function sine"},
	{"no_such_coordinate", "u_tt + 2", "u_tx + 2", "x + 2", "x is not a coordinate"},
	{"no_equation", "u_tt + 2*delta*u_t + w0^2*u = 0", "u_tt", "\"]\nreference", "this equation has no ="},
	{"unknown_parameter", "sqrt(w0^2", "sqrt(w1^2", "w1^2", "w1"},
	{"unknown_in_condition", `residual = "u_t"`, `residual = "u_t + k"`, `k"`, "unknown name k"},
	{"place_outside", `on       = "t = 0"` + "\nresidual = \"u_t\"", `on = "t = 7"` + "\nresidual = \"u_t\"", `"t = 7"`, "t = 7 lies outside the domain"},
	{"uncovered", "overlap = 2.5", "overlap = 0.5", "decomposition]", "uncovered"},
	{"no_classical_solver", `"runge-kutta"`, `"runge-cutter"`, `"runge-cutter"`, "no classical solver"},
}

// TestBadJobs: on two ranks, a fault of the job is said once, with place, line and caret, before MPI starts.
func TestBadJobs(t *testing.T) {
	good := read(t, oscillator)
	for _, bad := range badJobs {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			if strings.Count(good, bad.old) == 0 {
				t.Fatalf("the job does not hold %q", bad.old)
			}
			text := strings.Replace(good, bad.old, bad.new, 1)
			path := filepath.Join(t.TempDir(), "job.toml")
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "run")
			o := must(t, exitInput, 2, "run", path, "--out", out)
			o.says(t, true, path+":"+lineAndColumn(t, text, bad.at)+": ")
			o.says(t, false, bad.says)
			if _, err := os.Stat(out); err == nil {
				t.Error("a bad job made a folder")
			}
		})
	}
}

// lineAndColumn is where a part of the job begins, in the form of the messages.
func lineAndColumn(t *testing.T, text, at string) string {
	t.Helper()
	i := strings.Index(text, at)
	if i < 0 {
		t.Fatalf("the job does not hold %q", at)
	}
	head := text[:i]
	column := utf8.RuneCountInString(head[strings.LastIndexByte(head, '\n')+1:])
	return fmt.Sprintf("%d:%d", 1+strings.Count(head, "\n"), 1+column)
}

// TestCaret: the message shows the line of the file, marks the place and knows a remedy.
func TestCaret(t *testing.T) {
	text := strings.Replace(read(t, oscillator), "w0^2*u = 0", "w0^2*v = 0", 1)
	path := filepath.Join(t.TempDir(), "job.toml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	want := "fbpinn-mpi: " + path + `:15:41: unknown name v
    equations = ["u_tt + 2*delta*u_t + w0^2*v = 0"]
                                            ^
    the names known here are delta, e, phi, pi, t, u, w, w0
`
	for _, command := range []string{"run", "check"} {
		if o := must(t, exitInput, 0, command, path); o.stderr != want || o.stdout != "" {
			t.Errorf("%s says\n%v\nwant\n%s", command, o, want)
		}
	}
}

// TestBadCommandLines: slips of the command line end like bad jobs.
func TestBadCommandLines(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"train"}, `unknown command "train"`},
		{[]string{"run"}, "accepts 1 arg"},
		{[]string{"run", "nowhere.toml"}, "nowhere.toml:1:1: there is no such job file"},
		{[]string{"run", oscillator, "--stesp", "5"}, "unknown flag: --stesp"},
		{[]string{"run", oscillator, "--backend", "tpu"}, `no backend "tpu"`},
		{[]string{"run", oscillator, "--max-time", "soon"}, "soon"},
		{[]string{"run", oscillator, "--watchdog", "10ms"}, "--watchdog=10ms: give at least 1s"},
		{[]string{"check", oscillator, "--set", "train.stesp=5"}, "--set:1:7: unknown key stesp in [train]"},
		{[]string{"info", "nowhere.h5"}, "nowhere.h5"},
		{[]string{"plot", "nowhere"}, "nowhere"},
	} {
		o := must(t, exitInput, 0, c.args...)
		o.says(t, false, c.says)
	}
}
