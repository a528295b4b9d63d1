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
	"syscall"
	"testing"

	"fbpinn-mpi/io/snapshot"
)

// heat is a linear equation in four windows, solved by least squares.
const heat = "testdata/windows.toml"

// fields reads what a run wrote on the test grid.
func fields(t *testing.T, dir string) *snapshot.Snapshot {
	t.Helper()
	s, err := snapshot.Read(filepath.Join(dir, "solution.h5"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// identical compares the fields of two solutions bit for bit.
func identical(t *testing.T, got, want *snapshot.Snapshot) {
	t.Helper()
	if len(got.Fields) != len(want.Fields) {
		t.Fatalf("%d and %d fields", len(got.Fields), len(want.Fields))
	}
	for k, w := range want.Fields {
		for i, x := range w.Data {
			if math.Float64bits(got.Fields[k].Data[i]) != math.Float64bits(x) {
				t.Fatalf("%s: value %d is %.17g, without a stop %.17g", w.Name, i, got.Fields[k].Data[i], x)
			}
		}
	}
}

// TestWindows: the job cut in four and whole have errors alike, on any number of ranks; one file covers all of time; steps ascend in
// the log, whose last line has the error of the whole.
func TestWindows(t *testing.T) {
	for _, np := range []int{0, 2} {
		t.Run(fmt.Sprintf("np%d", max(np, 1)), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			last := map[string]float64{}
			for name, count := range map[string]string{"cut": "4", "whole": "1"} {
				to := filepath.Join(dir, name)
				o := must(t, 0, np, "run", heat, "--out", to, "--set", "train.windows.count="+count)
				o.says(t, true, "converged after")
				s := fields(t, to)
				if c := s.Coords[1]; c.Name != "t" || len(c.Values) != 25 || c.Values[0] != 0 || c.Values[24] != 0.4 {
					t.Errorf("%s: coordinate %+v", name, c)
				}
				for _, f := range s.Fields {
					if len(f.Data) != 15*25 {
						t.Errorf("%s: %s has %d values", name, f.Name, len(f.Data))
					}
					for i, x := range f.Data {
						if x-x != 0 {
							t.Fatalf("%s: %s is %v at %d", name, f.Name, x, i)
						}
					}
				}
				list := history(t, to)
				ascending(t, list)
				last[name] = list[len(list)-1].Errors["u"]
				for _, h := range s.History {
					if h.Name == "step" && (len(h.Values) != len(list) || h.Values[len(list)-1] != float64(list[len(list)-1].Step)) {
						t.Errorf("%s: history of steps %v, log %v", name, h.Values, list)
					}
					if h.Name == "error_u" && h.Values[len(list)-1] != last[name] {
						t.Errorf("%s: last error %g in the file, %g in the log", name, h.Values[len(list)-1], last[name])
					}
				}
			}
			// Slabs have more unknowns for their time: no worse, but for what a start known by numbers adds.
			const worse, good = 10, 1e-3
			if !(last["cut"] <= worse*last["whole"]) || !(last["whole"] < good) {
				t.Errorf("error %g in four windows, %g in one", last["cut"], last["whole"])
			}
		})
	}
}

// TestWindowsResume: stopped at every chance and resumed, a run ends with the bits and the log of one that ran through, however it was
// trained.
func TestWindowsResume(t *testing.T) {
	const solver, equation = "solver = \"least-squares\"\nsteps  = 5\n", "u_t - u_xx/pi^2 = 0"
	for _, v := range []struct {
		name     string
		np       int
		old, new string
	}{
		{"linear", 0, solver, solver},
		{"linear", 2, solver, solver},
		{"stages", 0, solver, "stages = [{ solver = \"adam\", steps = 3 }, { solver = \"least-squares\", steps = 5 }]\n"},
		{"non-linear", 0, equation, "u_t - u_xx/pi^2 + (u - exp(-t)*sin(pi*x))^2 = 0"},
	} {
		t.Run(fmt.Sprintf("%s/np%d", v.name, max(v.np, 1)), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			job, whole, parts := filepath.Join(dir, "job.toml"), filepath.Join(dir, "whole"), filepath.Join(dir, "parts")
			text := strings.Replace(read(t, heat), v.old, v.new, 1)
			if !strings.Contains(text, v.new) {
				t.Fatalf("the job does not hold %q", v.old)
			}
			if err := os.WriteFile(job, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{"run", job, "--set", "train.report=1", "--out"}
			must(t, 0, v.np, append(args, whole)...)
			stops, code := 0, exitResubmit
			const most = 60
			for ; code == exitResubmit && stops < most; stops++ {
				o := start(t, v.np, append(args, parts, asap, fmt.Sprintf("--resume=%t", stops > 0))...)
				code = o.code
				if code != 0 && code != exitResubmit {
					t.Fatal(o)
				}
			}
			const windows = 4
			if code != 0 || stops < windows {
				t.Fatalf("exit code %d after %d parts", code, stops)
			}
			identical(t, fields(t, parts), fields(t, whole))
			got, want := history(t, parts), history(t, whole)
			ascending(t, got)
			if len(got) != len(want) {
				t.Fatalf("log:\n%v\nwithout a stop:\n%v", got, want)
			}
			for i := range want {
				if got[i].Step != want[i].Step || got[i].Loss != want[i].Loss || got[i].Errors["u"] != want[i].Errors["u"] {
					t.Errorf("log line %d: %v, without a stop %v", i+1, got[i], want[i])
				}
			}
			// The finished run, resumed once more, changes nothing.
			must(t, 0, v.np, append(args, parts, "--resume")...)
			identical(t, fields(t, parts), fields(t, whole))
			ascending(t, history(t, parts))
		})
	}
}

// TestWindowsSignal: SIGUSR1 in the first window, and on from there.
func TestWindowsSignal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	endless := []string{"run", heat, "--out", dir, "--set", "train.solver='adam'", "--set", "train.report=10"}
	p := begin(t, 2, append(endless, "--set", "train.steps=100000000")...)
	reported(t, p, dir)
	if err := p.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if o := p.end(t); o.code != exitResubmit {
		t.Fatalf("want exit code %d, got %v", exitResubmit, o)
	}
	c := newest(t, dir)
	must(t, 0, 2, append(endless, "--resume", "--set", fmt.Sprintf("train.steps=%d", c.Step+5))...)
	ascending(t, history(t, dir))
}

// TestWindowsTerms: a condition that some windows only have is a column of its own in the history of all.
func TestWindowsTerms(t *testing.T) {
	text := read(t, heat) + "\n[[problem.conditions]]\nname = \"late\"\non = \"t = 0.3\"\nresidual = \"u - exp(-t)*sin(pi*x)\"\npoints = 9\n"
	path := filepath.Join(t.TempDir(), "job.toml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	must(t, 0, 0, "run", path, "--out", dir)
	with, without := 0, 0
	for _, h := range fields(t, dir).History {
		for _, x := range h.Values {
			switch {
			case h.Name == "loss_late" && x == x:
				with++
			case h.Name == "loss_late":
				without++
			}
		}
	}
	if with == 0 || without == 0 {
		t.Errorf("the condition is in %d reports, and not in %d", with, without)
	}
}

// TestBadWindows: what is wrong with windows is said before anything starts.
func TestBadWindows(t *testing.T) {
	good := read(t, heat)
	for _, bad := range []struct{ name, old, new, says string }{
		{"no_axis", "count = 4", "count = 4\naxis = \"z\"", "z"},
		{"count_and_at", "count = 4", "count = 4\nat = [0.1]", "at"},
		{"outside", "count = 4", "at = [0.1, 0.7]", "0.7"},
		{"descending", "count = 4", "at = [0.3, 0.1]", "at"},
		{"no_test_point", "count = 4", "count = 400", "no test point lies in the window"},
		{"no_start", `start = { u = "sin(pi*x)" }`, "", "start"},
		{"start_of_t", `"sin(pi*x)"`, `"sin(pi*t)"`, "t"},
		{"single", "[train]\n", "[train]\nprecision = \"float32\"\n", "float64"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			if strings.Count(good, bad.old) != 1 {
				t.Fatalf("the job does not hold %q once", bad.old)
			}
			path := filepath.Join(t.TempDir(), "job.toml")
			if err := os.WriteFile(path, []byte(strings.Replace(good, bad.old, bad.new, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "run")
			o := must(t, exitInput, 2, "run", path, "--out", out)
			o.says(t, false, path+":", bad.says)
			if _, err := os.Stat(out); err == nil {
				t.Error("a bad job made a folder")
			}
		})
	}
}

// TestMarched: a run in windows has a point in a comparison at the end of each, over the whole domain, and the last is that of its history.
func TestMarched(t *testing.T) {
	dir := t.TempDir()
	run, out := filepath.Join(dir, "run"), filepath.Join(dir, "out")
	// The second part goes on from the file of the first, which knows when its windows ended.
	must(t, exitResubmit, 0, "run", heat, "--out", run, asap)
	must(t, 0, 0, "run", heat, "--out", run, "--resume")
	must(t, 0, 0, "compare", run, "--out", out, "--classical", "0").says(t, true, "normalised L1 error of u")
	rows, err := csv.NewReader(strings.NewReader(read(t, filepath.Join(out, "compare.csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var seconds, errs []float64
	for _, r := range rows[1:] {
		if r[3] == "training" {
			s, _ := strconv.ParseFloat(r[5], 64)
			e, _ := strconv.ParseFloat(r[6], 64)
			seconds, errs = append(seconds, s), append(errs, e)
		}
	}
	if len(errs) != 4 || !slices.IsSorted(seconds) || seconds[0] <= 0 {
		t.Fatalf("seconds %v, errors %v", seconds, errs)
	}
	// u = exp(-t) sin(pi x): with the quarters of [0, 0.4] that are not solved counted as 0, mean |e| is the mean of u over these.
	s := fields(t, run)
	u := s.Field("u_exact").Data
	mean, squares, sum := make([]float64, 4), 0.0, 0.0
	for i, x := range u {
		sum += x
		squares += x * x
		for k, end := range []float64{0.1, 0.2, 0.3} {
			if s.Coords[1].Values[i%25] > end {
				mean[k] += math.Abs(x)
			}
		}
	}
	n := float64(len(u))
	std := math.Sqrt(squares/n - sum*sum/n/n)
	const solved = 1e-3 // the errors of what is solved are below
	for k := range 3 {
		near(t, fmt.Sprintf("error after window %d", k+1), errs[k], mean[k]/n/std, solved)
	}
	if h := series(s, "error_u"); errs[3] != h[len(h)-1] || errs[3] > solved {
		t.Errorf("final error %v, the history says %v", errs[3], h)
	}
}
