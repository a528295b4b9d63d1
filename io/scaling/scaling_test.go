package scaling

import (
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"fbpinn-mpi/io/h5"
)

var update = flag.Bool("update", false, "write the golden files anew")

// point is a made measurement of 100 steps: each rank has pairs/ranks pairs, rank 0 a tenth more.
func point(ranks int, seconds float64) *Point {
	p := &Point{Title: "made", Solver: "adam", Precision: "float32", Ranks: ranks, Steps: 100, Seconds: seconds, Loss: 1, Cores: 4,
		Subdomains: 65, Points: 1000, Provenance: map[string]string{"program": "fbpinn-mpi"}}
	for r := range ranks {
		pairs := 12000 / ranks
		if r == 0 && ranks > 1 {
			pairs += pairs / 10
		}
		p.Processes = append(p.Processes, Process{Host: "here", Cores: 1, Pairs: pairs, Neighbours: min(ranks-1, 2), StepBytes: 400 * int64(min(ranks-1, 2)),
			MinimumBytes: 400 * int64(min(ranks-1, 2)), Messages: 200 * int64(min(ranks-1, 2)), Bytes: 40000 * int64(min(ranks-1, 2)), Seconds: seconds, Exposed: 0.1 * seconds * float64(1+3*r)})
		for _, v := range []Phase{{"step", "forward inner", 0.6 * seconds, 0.6 * seconds}, {"step", "residual", 0.3 * seconds, 0.3 * seconds},
			{"exposed", "jets", 0.05 * seconds, 0.05 * seconds}} {
			p.Add(v, 1/float64(ranks))
		}
	}
	return p
}

// example is a strong study of 1, 2 and 4 ranks, of which one repetition is missing and the last shared cores.
func example() *Study {
	shared := point(4, 9)
	shared.SharedCores = true
	return &Study{Kind: "strong", Rule: "the same job on all ranks", Rows: []Row{
		{1, []*Point{point(1, 8), point(1, 10), point(1, 9)}},
		{2, []*Point{point(2, 5), nil, point(2, 4)}},
		{4, []*Point{shared, nil, nil}},
	}}
}

func values(t *testing.T, s *Study, name string) []float64 {
	t.Helper()
	for _, c := range append(s.Columns(), s.PhaseColumns()...) {
		if c.Name == name {
			return c.Values
		}
	}
	t.Fatalf("no column %s", name)
	return nil
}

// near allows for the rounding of a few operations.
func near(a, b float64) bool {
	return math.Abs(a-b) <= 1e-12*math.Abs(b) || math.IsNaN(a) && math.IsNaN(b)
}

// TestColumns: medians, ranges and efficiencies of known times; where ranks shared cores there is efficiency in work, none in time.
func TestColumns(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		kind, name string
		want       [3]float64
	}{
		{"strong", "repeats", [3]float64{3, 2, 1}},
		{"strong", "seconds", [3]float64{0.09, 0.045, 0.09}},
		{"strong", "seconds_least", [3]float64{0.08, 0.04, 0.09}},
		{"strong", "seconds_most", [3]float64{0.1, 0.05, 0.09}},
		{"strong", "efficiency", [3]float64{1, 1, nan}},
		{"weak", "efficiency", [3]float64{1, 2, nan}},
		{"strong", "work_efficiency", [3]float64{1, 1 / 1.1, 1 / 1.1}},
		{"weak", "work_efficiency", [3]float64{1, 12000. / 6600, 12000. / 3300}},
		{"strong", "imbalance", [3]float64{1, 6600. / 6300, 3300. / 3075}},
		{"strong", "imbalance_time", [3]float64{1, 0.9 / 0.75, nan}},
		{"strong", "messages_most", [3]float64{0, 2, 4}},
		{"strong", "bytes_mean", [3]float64{0, 400, 800}},
		{"strong", "bytes_over_minimum", [3]float64{nan, 1, 1}},
		{"strong", "shared_cores", [3]float64{0, 0, 1}},
		{"strong", "step_forward_inner", [3]float64{0.054, 0.027, 0.054}},
		{"strong", "exposed", [3]float64{0.0045, 0.00225, 0.0045}},
		{"strong", "seconds_iteration", [3]float64{nan, nan, nan}},
	} {
		s := example()
		s.Kind = c.kind
		for i, v := range values(t, s, c.name) {
			if !near(v, c.want[i]) {
				t.Errorf("%s, %s of %d ranks: %.17g, want %.17g", c.kind, c.name, s.Rows[i].Ranks, v, c.want[i])
			}
		}
	}
}

// TestSecondOrder: times of a solver of second order are those of the whole training, and of one iteration.
func TestSecondOrder(t *testing.T) {
	s := example()
	for i := range s.Rows {
		for _, p := range s.Rows[i].Points {
			if p != nil {
				p.SecondOrder, p.Iterations = true, 10*p.Ranks
				p.Add(Phase{"solver", "iterations", p.Seconds / 2, p.Seconds / 2}, 1)
			}
		}
	}
	for name, want := range map[string][3]float64{
		"seconds":              {9, 4.5, 9},
		"iterations":           {10, 20, 40},
		"seconds_iteration":    {0.45, 0.1125, 0.1125},
		"efficiency_iteration": {1, 2, math.NaN()},
	} {
		for i, v := range values(t, s, name) {
			if !near(v, want[i]) {
				t.Errorf("%s of %d ranks: %.17g, want %.17g", name, s.Rows[i].Ranks, v, want[i])
			}
		}
	}
}

// TestCSV compares with a golden file: others read the columns by name.
func TestCSV(t *testing.T) {
	const golden = "testdata/scale.csv"
	var got strings.Builder
	if err := example().WriteCSV(&got); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s\n(go test ./io/scaling -run CSV -update, if that is right)", got.String(), want)
	}
}

// TestPoint: a measurement comes back from its file as it was; where none is there is nil, and what is none is an error.
func TestPoint(t *testing.T) {
	dir := t.TempDir()
	path := PointFile(dir, 2, 1)
	if p, err := ReadPoint(path); p != nil || err != nil {
		t.Errorf("%v, %v", p, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	want := point(2, 5)
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadPoint(path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v\n%+v", err, got, want)
	}
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPoint(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("half a file: %v", err)
	}
}

// TestH5 reads the file back.
func TestH5(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scale.h5")
	if err := example().WriteH5(path, []h5.Attr{{Name: "kind", Value: "strong"}}); err != nil {
		t.Fatal(err)
	}
	f, err := h5.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string]string{
		"/seconds":            "[0.09 0.045 0.09] [3]",
		"/run_seconds":        "[8 10 9 5 NaN 4 9 NaN NaN] [3 3]",
		"/process_pairs":      "[12000 NaN NaN NaN 6600 6000 NaN NaN 3300 3000 3000 3000] [3 4]",
		"/step_forward_inner": "[4.8 6 5.4 3 NaN 2.4 5.4 NaN NaN] [3 3]",
	} {
		v, dims, err := h5.Read[float64](f, name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range v {
			v[i] = math.Round(1e9*v[i]) / 1e9
		}
		if got := fmt.Sprint(v, dims); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestOpensInXarray(t *testing.T) {
	python := os.Getenv("FBPINN_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import xarray, h5netcdf").CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Skipf("SKIP: %s (set FBPINN_PYTHON to a Python with xarray, h5netcdf): %v %s", t.Name(), err, lines[len(lines)-1])
	}
	path := filepath.Join(t.TempDir(), "scale.h5")
	if err := example().WriteH5(path, []h5.Attr{{Name: "kind", Value: "strong"}}); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", `
import xarray as xr, sys, warnings
warnings.simplefilter("error")
d = xr.open_dataset(sys.argv[1], engine="h5netcdf")
assert list(d.ranks.values) == [1, 2, 4] and list(d.repeat.values) == [1, 2, 3] and list(d.process.values) == [0, 1, 2, 3]
assert d.seconds.dims == ("ranks",) and d.seconds.attrs["units"] == "s"
assert d.run_seconds.dims == ("ranks", "repeat") and list(d.run_seconds.count("repeat").values) == [3, 2, 1]
assert d.process_pairs.sel(ranks=2, process=0) == 6600
assert d.step_residual.dims == ("ranks", "repeat") and d.attrs["kind"] == "strong"
print("good")
`, path).CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "good") {
		t.Errorf("%v\n%s", err, out)
	}
}
