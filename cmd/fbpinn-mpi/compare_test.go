package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fbpinn-mpi/io/snapshot"
	"fbpinn-mpi/solver"
)

// secondOrder turns the oscillator of the tests into one for least squares.
var secondOrder = []string{"--set", "train.solver=least-squares", "--set", "train.steps=3", "--set", "points.interior.shape=[160]"}

// TestLinearProblems: a run of second order says what its linear problems were like, in words, in the file and in a picture, whatever the
// number of ranks.
func TestLinearProblems(t *testing.T) {
	var kept []int32
	for _, np := range []int{0, 3} {
		dir := t.TempDir()
		o := must(t, 0, np, append([]string{"run", oscillator, "--out", dir, "--set", "output.figures=true"}, secondOrder...)...)
		o.says(t, true, "linear problems  ", "columns kept", "condition with the preconditioner", "factor  ", "GFLOP/s a rank", "memory  ", "seconds  ",
			"linear.png")
		s, err := snapshot.Read(filepath.Join(dir, "solution.h5"))
		if err != nil {
			t.Fatal(err)
		}
		l := s.Linear
		if l == nil {
			t.Fatal("no linear problems in the file")
		}
		sum := 0.0
		for k, j := range l.Subdomain {
			sum += float64(l.Kept[k])
			if s.Decomposition.Level[j] > 1 || l.Kept[k] > l.Columns[k] || l.Kept[k] > 0 && !(l.Smallest[k] > 0 && l.Smallest[k] <= l.Largest[k]) {
				t.Errorf("subdomain %d: %d of %d columns, singular values %g to %g", j, l.Kept[k], l.Columns[k], l.Largest[k], l.Smallest[k])
			}
		}
		if v := l.Column("kept"); len(l.Subdomain) != 9 || v[len(v)-1] != sum {
			t.Errorf("%d subdomains keep %v columns, the factorisation says %v", len(l.Subdomain), sum, v)
		}
		if len(l.Gradient) == 0 || len(l.Gradient[0]) == 0 {
			t.Errorf("gradients %v", l.Gradient)
		}
		for _, a := range []string{"blas", "dgemm_flops", "threads_per_rank"} {
			if !slices.ContainsFunc(l.Attrs, func(x snapshot.Attr) bool { return x.Name == a }) {
				t.Errorf("no attribute %s", a)
			}
		}
		if kept != nil && !slices.Equal(kept, l.Kept) {
			t.Errorf("%d ranks keep %v, one keeps %v", np, l.Kept, kept)
		}
		kept = l.Kept
		picture := filepath.Join(dir, "linear.png")
		if err := os.Remove(picture); err != nil {
			t.Fatal(err)
		}
		must(t, 0, 0, "plot", dir).says(t, true, picture)
		if _, err := os.Stat(picture); err != nil {
			t.Error("plot does not draw it again:", err)
		}
	}
}

// TestCompare draws two runs and the classical solver, and checks the table against the files.
func TestCompare(t *testing.T) {
	dir := t.TempDir()
	adam, squares, other := filepath.Join(dir, "adam"), filepath.Join(dir, "squares"), filepath.Join(dir, "other")
	must(t, 0, 0, "run", oscillator, "--out", adam)
	must(t, 0, 0, append([]string{"run", oscillator, "--out", squares}, secondOrder...)...)
	must(t, 0, 0, "run", "testdata/poisson.toml", "--out", other, "--set", "train.steps=1")
	out := filepath.Join(dir, "out")
	o := must(t, 0, 0, "compare", adam, filepath.Join(squares, "solution.h5"), "--out", out, "--classical", "1s")
	o.says(t, true, "normalised L1 error of u", "to 1e-1", "final error", "classical solver: Runge-Kutta", "compare.png", "\nadam  ", "\nsquares  ")
	if n := strings.Count(o.stdout, "win"); n < 2 { // once for each run
		t.Errorf("it does not say who wins: %v", o)
	}
	if text := read(t, filepath.Join(out, "compare.png")); !strings.HasPrefix(text, "\x89PNG\r\n") {
		t.Error("no picture")
	}
	rows, err := csv.NewReader(strings.NewReader(read(t, filepath.Join(out, "compare.csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(rows[0], ","), "run,solver,ranks,kind,step_or_grid,seconds,error"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
	kinds := map[string]int{}
	for _, r := range rows[1:] {
		kinds[r[1]+" "+r[3]]++
		for _, x := range r[5:] {
			if v, err := strconv.ParseFloat(x, 64); err != nil || !(v > 0) {
				t.Errorf("%v: %s is no time or error", r, x)
			}
		}
	}
	if kinds["adam training"] != 3 || kinds["adam whole program"] != 1 || kinds["least-squares training"] < 1 || kinds["least-squares whole program"] != 1 ||
		kinds["Runge-Kutta of fourth order classical"] < 3 {
		t.Errorf("rows of each kind: %v", kinds)
	}
	s, err := snapshot.Read(filepath.Join(adam, "solution.h5"))
	if err != nil {
		t.Fatal(err)
	}
	if e := series(s, "error_u"); rows[3][6] != strconv.FormatFloat(e[len(e)-1], 'g', -1, 64) {
		t.Errorf("final error %s, the file says %v", rows[3][6], e)
	}

	short, untested := filepath.Join(dir, "short"), []string{"--out", filepath.Join(dir, "short"), "--set", "train.test=1000"}
	must(t, exitResubmit, 0, append([]string{"run", oscillator, asap}, untested...)...)
	must(t, 0, 0, append([]string{"run", oscillator, "--resume", "--set", "train.steps=41"}, untested...)...)
	must(t, 0, 0, "compare", short, "--out", filepath.Join(dir, "final"), "--classical", "0")
	if s, err = snapshot.Read(filepath.Join(short, "solution.h5")); err != nil {
		t.Fatal(err)
	}
	u, exact := s.Field("u").Data, s.Field("u_exact").Data
	if text, e := read(t, filepath.Join(dir, "final", "compare.csv")), solver.Compare(u, exact).NL1; !strings.Contains(text, "training,41,") ||
		!strings.Contains(text, strconv.FormatFloat(e, 'g', 6, 64)[:6]) {
		t.Errorf("a run that ended before its first test has the error %v of its solution, the table says\n%s", e, text)
	}

	must(t, exitInput, 0, "compare", adam, "--out", out).says(t, true, "file already exists", "--force")
	must(t, 0, 0, "compare", adam, "--out", out, "--force", "--metric", "l2", "--classical", "0").says(t, true, "relative L2 error of u")
	must(t, exitInput, 0, "compare", adam, other, "--out", filepath.Join(dir, "none")).says(t, true, "solves another problem")
	must(t, exitInput, 0, "compare", adam, "--metric", "l3").says(t, true, "there are nl1, l1, l2 and max")
	must(t, exitInput, 0, "compare").says(t, true, "requires at least 1 arg")
	must(t, 0, 0, "compare", "--help").says(t, true, "fbpinn-mpi compare runs/adam")
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("a comparison that fails leaves a folder")
	}
}

// TestVerdict: who wins at equal error, with training alone and with the whole program.
func TestVerdict(t *testing.T) {
	classical := &curve{solvers: "a method", at: []string{"8", "16", "32"}, seconds: []float64{0.3, 0.2, 2}, error: []float64{1e-2, 1e-3, 1e-6}}
	for _, c := range []struct {
		run  curve
		want string
	}{
		{curve{name: "slow", seconds: []float64{5}, error: []float64{2e-2}, whole: 6},
			"the classical solver wins against slow: 1.00e-03 in 0.2 s on 16 points, where 2.00e-02 took 5 s of training, 25 times as long\n"},
		{curve{name: "quick", seconds: []float64{0.5, 1}, error: []float64{1e-5, 2e-5}, whole: 1.5},
			"quick wins: 1.00e-05 in 0.5 s of training; the classical solver takes 2 s on 32 points for 1.00e-06, 4 times as long\n"},
		{curve{name: "late", seconds: []float64{1}, error: []float64{1e-5}, whole: 3},
			"late wins: 1.00e-05 in 1 s of training; the classical solver takes 2 s on 32 points for 1.00e-06, 2 times as long\n" +
				"  but the whole program took 3 s: the classical solver wins against that\n"},
		{curve{name: "exact", seconds: []float64{9}, error: []float64{1e-9}, whole: 10},
			"exact wins: 1.00e-09 in 9 s; the classical solver ends at 1.00e-06 after 2 s\n"},
	} {
		var b strings.Builder
		verdict(&b, []*curve{&c.run}, classical)
		_, got, _ := strings.Cut(b.String(), "one core\n")
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.run.name, got, c.want)
		}
	}
}

// TestTable: thresholds end with the best run, and every run has the time of its first fall below each.
func TestTable(t *testing.T) {
	var b strings.Builder
	table(&b, []*curve{{name: "a", cores: "4", seconds: []float64{1, 2, 3}, error: []float64{0.5, 0.01, 0.002}, whole: 4}},
		&curve{cores: "1", seconds: []float64{0.1}, error: []float64{0.05}})
	const want = `run               ranks  to 1e-1  to 1e-2  final error  seconds  whole program
a                 4      2        2        2.00e-03     3        4
classical solver  1      0.1      -        5.00e-02     0.1
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	b.Reset()
	table(&b, []*curve{{name: "exact", cores: "1", seconds: []float64{1}, error: []float64{0}, whole: 2}}, nil)
	if n := strings.Count(b.String(), "to 1e-"); n > mostColumns || !strings.Contains(b.String(), "to 1e-16") {
		t.Errorf("%d thresholds:\n%s", n, b.String())
	}
}

func TestShortNames(t *testing.T) {
	for _, c := range [][2]string{{"runs/a runs/b/solution.h5", "a b"}, {"x/a y/a", "x/a y/a"}, {"runs/a/", "a"}} {
		if got := strings.Join(short(strings.Fields(c[0])), " "); got != c[1] {
			t.Errorf("%s: %s, want %s", c[0], got, c[1])
		}
	}
}

func TestSameProblem(t *testing.T) {
	file := func(change func(s *snapshot.Snapshot)) *snapshot.Snapshot {
		s := &snapshot.Snapshot{Coords: []snapshot.Coord{{Name: "x", Values: []float64{0, 1, 2}}},
			Fields: []snapshot.Field{{Name: "u", Data: []float64{1, 2, 3}}, {Name: "u_exact", Data: []float64{1, 2, math.NaN()}}}}
		change(s)
		return s
	}
	a := file(func(*snapshot.Snapshot) {})
	for want, b := range map[string]*snapshot.Snapshot{
		"<nil>":                                file(func(s *snapshot.Snapshot) { s.Fields[1].Data[1] += 1e-13 }),
		"1 coordinates and 2":                  file(func(s *snapshot.Snapshot) { s.Coords = append(s.Coords, s.Coords[0]) }),
		"x from 0 to 2, and y from 0 to 2":     file(func(s *snapshot.Snapshot) { s.Coords[0].Name = "y" }),
		"x from 0 to 2, and x from 0 to 3":     file(func(s *snapshot.Snapshot) { s.Coords[0].Values = []float64{0, 3} }),
		"no exact solution u":                  file(func(s *snapshot.Snapshot) { s.Fields = s.Fields[:1] }),
		"exact solutions u that differ by 0.5": file(func(s *snapshot.Snapshot) { s.Fields[1].Data[0] = 1.5 }),
	} {
		if err := sameProblem(a, b, "u"); fmt.Sprint(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestLinearResumed: the diagnosis of a run that was stopped and goes on has every solve of one that ran through.
func TestLinearResumed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	whole, parts := filepath.Join(dir, "whole"), filepath.Join(dir, "parts")
	run := func(code int, out string, more ...string) {
		t.Helper()
		args := []string{"run", oscillator, "--out", out, "--set", "train.solver=gauss-newton", "--set", "train.steps=4", "--set", "points.interior.shape=[400]"}
		must(t, code, 0, append(args, more...)...)
	}
	run(0, whole)
	run(exitResubmit, parts, asap)
	run(exitResubmit, parts, asap, "--resume")
	run(0, parts, "--resume")
	want, got := fields(t, whole).Linear, fields(t, parts).Linear
	if len(want.Step) < 4 || !slices.Equal(got.Step, want.Step) || len(got.Gradient) != len(want.Gradient) {
		t.Errorf("solves of steps %v, without a stop %v", got.Step, want.Step)
	}
	for k := range got.Gradient {
		if !slices.Equal(got.Gradient[k], want.Gradient[k]) {
			t.Errorf("gradients of solve %d differ: %v, %v", k, got.Gradient[k], want.Gradient[k])
		}
	}
	if !slices.Equal(got.Subdomain, want.Subdomain) || !slices.Equal(got.Kept, want.Kept) {
		t.Errorf("kept %v of subdomains %v, without a stop %v of %v", got.Kept, got.Subdomain, want.Kept, want.Subdomain)
	}
	a, b := got.Column("step"), want.Column("step")
	if len(a) < len(b) || a[0] != b[0] || a[len(a)-1] != b[len(b)-1] {
		t.Errorf("factorisations of steps %v, without a stop %v", a, b)
	}
}
