package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fbpinn-mpi/io/checkpoint"
	"fbpinn-mpi/io/snapshot"
	"fbpinn-mpi/mpi/mpitest"
)

// Jobs of the tests: tiny takes well under a second, small some seconds; slabs has stages and windows.
const (
	tiny  = "testdata/tiny.toml"
	small = "testdata/small.toml"
	slabs = "testdata/slabs.toml"
)

// Exit codes of the program.
const (
	exitCheckpoint = 65
	exitFailure    = 71
	exitResubmit   = 75
)

// asap stops a run at its first report.
const asap = "--max-time=1ns"

// program is the one under test, built with faults to ask for (tag fault). A run that hangs for its patience is a failure.
var program mpitest.Program

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "reliability")
	if err == nil {
		program, err = mpitest.Build(dir, "fbpinn-mpi/cmd/fbpinn-mpi", "-tags", "fault")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// full tells whether the long variants run.
func full() bool { return os.Getenv("REL_FULL") == "1" }

// repetitions of the short variant and of the long one.
func repetitions(ci, long int) int {
	if full() {
		return long
	}
	return ci
}

// chance is the source of all random choices of a test. Its seed is printed, and may be given.
func chance(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("REL_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("REL_SEED: %v", err)
		}
	}
	t.Logf("REL_SEED=%d makes the same choices", seed)
	t.Attr("seed", strconv.FormatUint(seed, 10))
	return rand.New(rand.NewPCG(seed, 0))
}

// tally counts what a test tried, and keeps the worst of a figure beside what is allowed.
type tally struct {
	t              *testing.T
	tried, worst   float64
	figure         string
	allowed        float64
	skippedSubject []string
}

// count starts a tally; at the end of the test it becomes the test's attributes, which the results are made of.
func count(t *testing.T, figure string, allowed float64) *tally {
	c := &tally{t: t, figure: figure, allowed: allowed}
	t.Cleanup(func() {
		t.Attr("repetitions", fmt.Sprint(c.tried))
		t.Attr("figure", figure)
		t.Attr("worst", fmt.Sprintf("%.3g", c.worst))
		t.Attr("allowed", fmt.Sprintf("%.3g", allowed))
	})
	return c
}

// note takes one repetition's figure, which must not exceed what is allowed.
func (c *tally) note(t *testing.T, what string, x float64) {
	t.Helper()
	c.tried++
	if c.worst = max(c.worst, x); !(x <= c.allowed) {
		t.Errorf("%s: %s %.3g, allowed %.3g", what, c.figure, x, c.allowed)
		c.worst = math.Max(c.worst, x) // NaN stays
	}
}

// with is the program in a wider environment.
func with(env ...string) mpitest.Program {
	p := program
	p.Env = append(slices.Clone(p.Env), env...)
	return p
}

// line is one report of log.jsonl without its times. JSON numbers carry all digits: equal numbers were equal bits.
type line struct {
	Step   int
	Loss   float64
	Terms  map[string]float64
	Errors map[string]float64
}

func history(t *testing.T, dir string) (list []line) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.SplitAfter(string(text), "\n")
	for _, row := range rows {
		if !strings.HasSuffix(row, "\n") {
			continue // half written by a process that was killed
		}
		var l line
		if err := json.Unmarshal([]byte(row), &l); err != nil {
			t.Fatalf("%v: %q", err, row)
		}
		list = append(list, l)
	}
	return list
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

// newest is the newest checkpoint, which must be valid.
func newest(t *testing.T, dir string) *checkpoint.Checkpoint {
	t.Helper()
	c, warnings, err := checkpoint.Latest(dir)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v %q", err, warnings)
	}
	return c
}

// solution is what a finished run wrote.
func solution(t *testing.T, dir string) *snapshot.Snapshot {
	t.Helper()
	s, err := snapshot.Read(filepath.Join(dir, "solution.h5"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// content is all that a run computed, bit for bit, and nothing that depends on the clock: equal runs have equal content.
type content struct {
	Step    int64
	Levels  []checkpoint.Level
	Arrays  []checkpoint.Array
	Numbers map[string]uint64
	Columns map[string][]uint64
	Log     []line
	Fields  map[string][]uint64
}

// timed tells the arrays apart that hold seconds: the diagnosis of linear problems.
func timed(a checkpoint.Array) bool { return strings.HasPrefix(a.Name, "linear_") }

func read(t *testing.T, dir string) content {
	t.Helper()
	c := newest(t, dir)
	v := content{Step: c.Step, Levels: c.Levels, Arrays: slices.DeleteFunc(c.Arrays, timed), Numbers: map[string]uint64{}, Columns: map[string][]uint64{}, Log: history(t, dir),
		Fields: map[string][]uint64{}}
	for _, n := range c.State {
		if !strings.HasSuffix(n.Name, "seconds") {
			v.Numbers[n.Name] = math.Float64bits(n.Value)
		}
	}
	for _, h := range c.History {
		if h.Name != "time" {
			v.Columns[h.Name] = bits(h.Values)
		}
	}
	for _, f := range solution(t, dir).Fields {
		v.Fields[f.Name] = bits(f.Data)
	}
	if len(v.Levels) == 0 || len(v.Log) == 0 || len(v.Fields) == 0 {
		t.Fatal("nothing to compare")
	}
	return v
}

func bits(v []float64) []uint64 {
	b := make([]uint64, len(v))
	for i, x := range v {
		b[i] = math.Float64bits(x)
	}
	return b
}

// differs names the part in which two contents differ; empty for none.
func differs(a, b content) string {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			return x.Type().Field(i).Name
		}
	}
	return ""
}

// said waits until a condition holds of a run under way, and fails the test when it ends or hangs before.
func until(t *testing.T, p *mpitest.Running, what string, holds func() bool) {
	t.Helper()
	for began := time.Now(); time.Since(began) < program.Patience/2; time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	end(p)
	t.Fatalf("no %s: %v", what, p.End(t))
}

// reported waits for so many lines in the log.
func reported(t *testing.T, p *mpitest.Running, dir string, lines int) {
	t.Helper()
	until(t, p, "report", func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
		return err == nil && strings.Count(string(text), "\n") >= lines
	})
}

// end kills a run: launcher and ranks, at once.
func end(p *mpitest.Running, ranks ...int) {
	for _, pid := range append(ranks, p.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// endless lets a run go on until something ends it.
func endless(job, dir string, more ...string) []string {
	return append([]string{"run", job, "--out", dir, "--set", "train.steps=1000000000"}, more...)
}
