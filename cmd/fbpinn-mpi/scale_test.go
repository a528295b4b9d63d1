package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"fbpinn-mpi/io/h5"
	"fbpinn-mpi/io/scaling"
	"fbpinn-mpi/kernels/dense"
	"fbpinn-mpi/mpi/mpitest"
)

const poisson = "testdata/poisson.toml"

// scale runs a small study, whose launcher works anywhere, and wants an exit code.
func scale(t *testing.T, code int, kind, job, dir string, flags ...string) outcome {
	t.Helper()
	line := mpitest.Launcher(t, 1)
	for i, word := range line {
		if word == "-np" {
			line[i+1] = "{n}"
		}
	}
	return must(t, code, 0, append([]string{"scale", kind, job, "--out", dir, "--steps=4", "--warm-up=2", "--repeat=1", "--launcher", strings.Join(line, " ")}, flags...)...)
}

// pointOf reads a measurement that must be there.
func pointOf(t *testing.T, dir string, ranks, repeat int) *scaling.Point {
	t.Helper()
	p, err := scaling.ReadPoint(scaling.PointFile(dir, ranks, repeat))
	if err != nil || p == nil {
		t.Fatalf("%d ranks, repetition %d: %v, %v", ranks, repeat, p, err)
	}
	return p
}

// TestScaleStrong: one job on 1, 2 and 4 ranks. What was counted is what the exchange was built for; a study that was interrupted goes
// on, and one with other settings is not mixed with it.
func TestScaleStrong(t *testing.T) {
	// The same sums in another order, amplified by 6 steps.
	const regrouped = 1e-11
	dir := filepath.Join(t.TempDir(), "study")
	o := scale(t, 0, "strong", poisson, dir, "--ranks=1,2,4")
	if shares := strings.Contains(o.stdout, "ranks share cores"); shares != (runtime.NumCPU() < 4) {
		t.Errorf("ranks share cores: said %v on %d cores\n%v", shares, runtime.NumCPU(), o)
	}
	one := pointOf(t, dir, 1, 1)
	for _, ranks := range []int{1, 2, 4} {
		p := pointOf(t, dir, ranks, 1)
		if p.Ranks != ranks || len(p.Processes) != ranks || p.Steps != 4 || p.WarmUp != 2 || !(p.Seconds > 0) || p.Solver != "adam" || p.SecondOrder {
			t.Errorf("%d ranks: %+v", ranks, p)
		}
		near(t, fmt.Sprintf("loss on %d ranks", ranks), p.Loss, one.Loss, regrouped)
		pairs := 0
		for r, q := range p.Processes {
			pairs += q.Pairs
			reduced := int64(p.Steps) // one all-reduce of the replicated levels a step
			if ranks > 1 && (q.Neighbours == 0 || q.Messages != int64(2*p.Steps*q.Neighbours) || q.Bytes != q.StepBytes*int64(p.Steps) || q.Bytes == 0) {
				t.Errorf("%d ranks, rank %d: %+v", ranks, r, q)
			}
			if ranks == 1 {
				reduced = q.Collectives // with itself: its own affair
			}
			if q.Collectives != reduced {
				t.Errorf("%d ranks, rank %d: %d collectives, want %d", ranks, r, q.Collectives, reduced)
			}
			if q.Exposed > q.Seconds {
				t.Errorf("%d ranks, rank %d: waited %g of %g s", ranks, r, q.Exposed, q.Seconds)
			}
		}
		if want := one.Processes[0].Pairs; pairs != want {
			t.Errorf("%d ranks: %d pairs, want %d", ranks, pairs, want)
		}
		if sum := p.Sum("step", ""); !(sum > 0 && sum <= scaling.Time(p)) {
			t.Errorf("%d ranks: tasks take %g of %g s", ranks, sum, scaling.Time(p))
		}
	}
	for _, name := range []string{scaleFile, scaleTable, scalePicture} {
		if s, err := os.Stat(filepath.Join(dir, name)); err != nil || s.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	f, err := h5.Open(filepath.Join(dir, scaleFile))
	if err != nil {
		t.Fatal(err)
	}
	if v, dims, err := h5.Read[float64](f, "/run_seconds"); err != nil || !reflect.DeepEqual(dims, []int{3, 1}) || v[1] != pointOf(t, dir, 2, 1).Seconds {
		t.Errorf("run_seconds %v of shape %v: %v", v, dims, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	must(t, 0, 0, "info", filepath.Join(dir, scaleFile)).says(t, true, "config_sha256", "/efficiency ")

	kept := read(t, scaling.PointFile(dir, 1, 1))
	if err := os.Remove(scaling.PointFile(dir, 2, 1)); err != nil {
		t.Fatal(err)
	}
	scale(t, 0, "strong", poisson, dir, "--ranks=1,2,4", "--collect")
	if rows := strings.Count(read(t, filepath.Join(dir, scaleTable)), "strong,"); rows != 2 {
		t.Errorf("%d rows without the point of 2 ranks", rows)
	}
	o = scale(t, 0, "strong", poisson, dir, "--ranks=1,2,4", "--point=2")
	if strings.Contains(o.stdout, "scale.h5") {
		t.Errorf("one point, and yet the study was assembled: %v", o)
	}
	pointOf(t, dir, 2, 1)
	o = scale(t, 0, "strong", poisson, dir, "--ranks=1,2,4")
	if strings.Contains(o.stdout, "repetition") || read(t, scaling.PointFile(dir, 1, 1)) != kept {
		t.Errorf("a point that is there was measured again: %v", o)
	}
	scale(t, exitInput, "strong", poisson, dir, "--ranks=1", "--set", "network.hidden=[9]").says(t, true, "--force measures again, --out chooses another folder")
	scale(t, 0, "strong", poisson, dir, "--ranks=1", "--set", "network.hidden=[9]", "--force")
	if read(t, scaling.PointFile(dir, 1, 1)) == kept {
		t.Error("--force kept the old measurement")
	}
}

// TestScaleWeak: subdomains and points grow with the ranks, and with --grow the domain; pairs a rank stay about the same.
func TestScaleWeak(t *testing.T) {
	for _, c := range []struct {
		flags []string
		want  map[int][]string // by ranks: what the job says
	}{
		{nil, map[int][]string{
			1: {"levels = [[1, 1], [4, 4], [16, 16]]", "shape = [48, 48]", "x = [0, 1]"},
			2: {"levels = [[1, 1], [8, 4], [32, 16]]", "shape = [96, 48]", "x = [0, 1]"}}},
		{[]string{"--axes=y", "--grow", "--pairs=2000"}, map[int][]string{
			1: {"levels = [[1, 1], [2, 2], [5, 5]]", "shape = [16, 16]", "y = [0, 1]"},
			2: {"levels = [[1, 1], [2, 4], [5, 10]]", "shape = [16, 32]", "range = [0, 2]"}}},
	} {
		dir := filepath.Join(t.TempDir(), "study")
		scale(t, 0, "weak", poisson, dir, c.flags...)
		for ranks, texts := range c.want {
			p := pointOf(t, dir, ranks, 1)
			for _, text := range texts {
				if !strings.Contains(p.Config, text) {
					t.Errorf("%v, %d ranks: no %q in\n%s", c.flags, ranks, text, p.Config)
				}
			}
			// Subdomains at an end of the domain overlap fewer others than those between: the share of these grows.
			const ends = 0.1
			one := pointOf(t, dir, 1, 1).MeanPairs()
			if r := p.MeanPairs() / one; math.Abs(r-1) > ends {
				t.Errorf("%v, %d ranks: %.0f pairs a rank, %.0f on one", c.flags, ranks, p.MeanPairs(), one)
			}
		}
	}
}

// TestScaleStage: a job may give its one solver as a list of one stage.
func TestScaleStage(t *testing.T) {
	text := strings.Replace(read(t, poisson), "steps     = 20\n", "", 1) + "\n[[train.stages]]\nsolver = \"lbfgs\"\nsteps  = 20\n"
	job := filepath.Join(t.TempDir(), "stage.toml")
	if err := os.WriteFile(job, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "study")
	scale(t, 0, "strong", job, dir, "--ranks=1")
	if p := pointOf(t, dir, 1, 1); p.Solver != "lbfgs" || p.Steps != 4 || p.SecondOrder {
		t.Errorf("%+v", p)
	}
}

// TestScaleLeastSquares: iterations and the phases of the solver are kept, and times are those of the whole training.
func TestScaleLeastSquares(t *testing.T) {
	if _, err := dense.Open(); err != nil {
		t.Skipf("SKIP: %s: %v", t.Name(), err)
	}
	dir := filepath.Join(t.TempDir(), "study")
	o := scale(t, 0, "strong", poisson, dir, "--set=train.solver=least-squares", "--set=decomposition.levels=[2, 4]", "--set=points.interior.shape=[24, 24]")
	o.says(t, false, "iterations", "s an iteration")
	for _, ranks := range []int{1, 2} {
		p := pointOf(t, dir, ranks, 1)
		if !p.SecondOrder || p.Iterations == 0 || p.Unit() != 1 || p.WarmUp != 0 || p.Status != "converged" {
			t.Errorf("%d ranks: %+v", ranks, p)
		}
		for _, name := range []string{"residuals", "blocks", "filter", "normal matrix", "factor", "iterations"} {
			if !(p.Sum("solver", name) > 0) {
				t.Errorf("%d ranks: no time for %s: %+v", ranks, name, p.Phases)
			}
		}
		if sum := p.Sum("solver", ""); sum > p.Seconds {
			t.Errorf("%d ranks: phases take %g of %g s", ranks, sum, p.Seconds)
		}
	}
}

// TestScaleRefuses: what a study cannot measure is said before anything starts.
func TestScaleRefuses(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"up", poisson}, "there are weak and strong"},
		{[]string{"strong", poisson, "--pairs=10"}, "belong to scale weak"},
		{[]string{"strong", poisson, "--ranks=0"}, "give numbers from 1"},
		{[]string{"strong", poisson, "--ranks=2,2"}, "2 is there twice"},
		{[]string{"strong", poisson, "--point=11"}, "points 1 to 10, 2 numbers of ranks by 5 repetitions"},
		{[]string{"strong", poisson, "--collect", "--force"}, "--collect runs nothing"},
		{[]string{"strong", poisson, "--collect"}, "no point of this study has been measured yet"},
		{[]string{"weak", poisson, "--axes=z", "--collect"}, `the job has no coordinate "z"`},
		{[]string{"weak", "testdata/places.toml", "--collect"}, "weak scaling multiplies decomposition.levels"},
		{[]string{"strong", "testdata/windows.toml"}, "leave the windows out"},
	} {
		dir := filepath.Join(t.TempDir(), "study")
		must(t, exitInput, 0, append(append([]string{"scale"}, c.args...), "--out", dir)...).says(t, true, c.says)
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%v: wrote into %s", c.args, dir)
		}
	}
	must(t, exitInput, 0, "run", poisson, "--measure", "x", "--warm-up=20").says(t, true, "leaves nothing of the job's 20 steps to time")
	must(t, exitInput, 0, "run", poisson, "--warm-up=5").says(t, true, "--warm-up belongs to --measure")
}

// TestScaleFails: a run that fails ends the study with the place of its words, and leaves no measurement.
func TestScaleFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "study")
	o := must(t, exitFailure, 0, "scale", "strong", poisson, "--out", dir, "--launcher=false {n}")
	o.says(t, true, "1 rank, repetition 1: false: exit status 1; what it said is in "+filepath.Join(dir, "points", "1-1.txt"))
	if p, err := scaling.ReadPoint(scaling.PointFile(dir, 1, 1)); p != nil || err != nil {
		t.Errorf("%v, %v", p, err)
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		n    int
		axes []int
		want []int
	}{
		{1, []int{0, 1}, []int{1, 1, 1}}, {2, []int{0, 1}, []int{2, 1, 1}}, {12, []int{0, 1}, []int{3, 4, 1}}, {64, []int{0, 1, 2}, []int{4, 4, 4}},
		{7, []int{2}, []int{1, 1, 7}}, {18, []int{1, 2}, []int{1, 6, 3}},
	} {
		if got := spread(c.n, c.axes, 3); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%d along %v: %v, want %v", c.n, c.axes, got, c.want)
		}
	}
}

// TestTrace: the tasks of both ranks are in the trace, messages are under way while inner tiles are computed, and of more events than
// asked for the last ones stay.
func TestTrace(t *testing.T) {
	type event struct {
		Ph, Name string
		Pid, Tid int
		Ts, Dur  float64
		Args     struct{ Name string }
	}
	traced := func(flag string) (events []event) {
		dir := t.TempDir()
		must(t, 0, 2, "run", poisson, "--out", dir, flag)
		var got struct{ TraceEvents []event }
		if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, "trace.json"))), &got); err != nil {
			t.Fatal(err)
		}
		return got.TraceEvents
	}
	events := traced("--trace")
	rows := map[[2]int]string{}
	for _, e := range events {
		if e.Ph == "M" && e.Name == "thread_name" {
			rows[[2]int{e.Pid, e.Tid}] = e.Args.Name
		}
	}
	for rank := range 2 {
		var inner, flights []event
		for _, e := range events {
			switch row := rows[[2]int{e.Pid, e.Tid}]; {
			case e.Ph != "X" || e.Pid != rank:
			case row == "step" && e.Name == "forward inner":
				inner = append(inner, e)
			case row == "in flight: jets":
				flights = append(flights, e)
			}
		}
		if len(inner) != 20 || len(flights) != 20 {
			t.Fatalf("rank %d: %d tasks and %d exchanges in 20 steps", rank, len(inner), len(flights))
		}
		for i, e := range inner {
			if f := flights[i]; !(f.Ts <= e.Ts && e.Ts+e.Dur <= f.Ts+f.Dur) {
				t.Errorf("rank %d, step %d: inner tiles from %.3f for %.3f µs, messages from %.3f for %.3f", rank, i+1, e.Ts, e.Dur, f.Ts, f.Dur)
			}
		}
	}
	spans := map[int]int{}
	for _, e := range traced("--trace=50") {
		if e.Ph == "X" {
			spans[e.Pid]++
		}
	}
	if spans[0] != 50 || spans[1] != 50 {
		t.Errorf("events of the ranks: %v, want 50 each", spans)
	}
}
