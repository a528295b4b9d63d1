package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fbpinn-mpi/mpi/mpitest"
)

// The tests run the program as a user does: built once, started alone or by mpirun, judged by its exit code, its words and its
// files.
var (
	update  = flag.Bool("update", false, "write the golden files anew")
	program mpitest.Program // under test; set by TestMain
	binary  string          // its file
)

// patience ends a run that hangs. The longest, with 64 ranks on a busy machine, needs a quarter of it.
const patience = 90 * time.Second

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "fbpinn-mpi")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if program, err = mpitest.Build(dir, "."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	program.Patience, binary = patience, program.Path
	return m.Run()
}

// outcome is how a run ended.
type outcome struct {
	code           int
	stdout, stderr string
}

func (o outcome) String() string {
	return mpitest.Outcome{Code: o.code, Stdout: o.stdout, Stderr: o.stderr}.String()
}

// process is a run under way.
type process struct{ *mpitest.Running }

// begin starts the program on np ranks: 0 is no launcher at all.
func begin(t *testing.T, np int, args ...string) *process {
	t.Helper()
	return &process{program.Begin(t, np, args...)}
}

// end waits for the program.
func (p *process) end(t *testing.T) outcome {
	t.Helper()
	o := p.End(t)
	return outcome{o.Code, o.Stdout, o.Stderr}
}

// start runs the program to its end.
func start(t *testing.T, np int, args ...string) outcome {
	t.Helper()
	return begin(t, np, args...).end(t)
}

// must runs the program and wants an exit code.
func must(t *testing.T, code, np int, args ...string) outcome {
	t.Helper()
	o := start(t, np, args...)
	if o.code != code {
		t.Fatalf("%v: want exit code %d, got %v", args, code, o)
	}
	return o
}

// says wants each of the texts in what a run said, exactly once where once is set.
func (o outcome) says(t *testing.T, once bool, texts ...string) {
	t.Helper()
	mpitest.Outcome{Code: o.code, Stdout: o.stdout, Stderr: o.stderr}.Says(t, once, texts...)
}

// line is one report of log.jsonl without its times.
type line struct {
	Step   int
	Loss   float64
	Terms  map[string]float64
	Errors map[string]float64
}

// history reads the reports of a run. JSON floats carry all digits, so equal numbers were equal bits.
func history(t *testing.T, dir string) []line {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var list []line
	for _, row := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var l line
		if err := json.Unmarshal([]byte(row), &l); err != nil {
			t.Fatalf("%v: %q", err, row)
		}
		list = append(list, l)
	}
	return list
}

// near wants two losses to agree to a relative tolerance.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Abs(want)) {
		t.Errorf("%s: %.17g, want %.17g: relative difference %.1e, allowed %.0e", what, got, want, math.Abs(got-want)/math.Abs(want), tolerance)
	}
}

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
