package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// inspect reads a solution with h5py and xarray, as a user would, and answers in JSON.
const inspect = `
import json, sys, warnings
import h5py, numpy as np, xarray as xr
warnings.simplefilter("error")
path = sys.argv[1]
with xr.open_dataset(path, engine="h5netcdf") as d:
    assert d.u.dims == ("y", "x") or d.u.dims == ("x", "y"), d.u.dims
    assert np.array_equal(d.x.values, np.linspace(0, 1, 20)) and np.array_equal(d.y.values, np.linspace(0, 1, 20))
    X, Y = xr.broadcast(d.x, d.y)
    exact = 16*X*(1 - X)*Y*(1 - Y)
    formula = float(abs(d.u_exact - exact).max())
    assert float(abs(d.u_error - (d.u - d.u_exact)).max()) < 1e-15
    error = float(abs(d.u - exact).mean()/exact.std())
with h5py.File(path, "r") as f:
    attrs = {k: v.item() if hasattr(v, "item") else v for k, v in f.attrs.items() if isinstance(v, (str, int, float, np.number))}
    assert {"step", "time", "rate", "loss", "loss_equations", "error_u"} <= set(f["history"]), set(f["history"])
    history = {k: list(map(float, f["history"][k][...])) for k in ("step", "loss")}
    subdomains = f["decomposition/centre"].shape
    residual = float(np.sqrt(np.mean(f["residual_1"][...]**2)))
print(json.dumps(dict(error=error, formula=formula, attrs=attrs, history=history, subdomains=subdomains, residual=residual)))
`

// TestSolutionInPython: coordinates, fields, history and provenance are there, and the error computed outside is the printed one.
func TestSolutionInPython(t *testing.T) {
	python := os.Getenv("FBPINN_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import h5py, numpy, xarray, h5netcdf").CombinedOutput(); err != nil {
		t.Skipf("SKIP: TestSolutionInPython: set FBPINN_PYTHON to a Python with h5py, xarray and h5netcdf: %v %s", err, out)
	}
	dir := t.TempDir()
	const job = "testdata/poisson.toml"
	run := must(t, 0, 2, "run", job, "--out", dir, "--set", "train.steps=15", "--set", "train.seed=3")
	command := exec.Command(python, "-c", inspect, filepath.Join(dir, "solution.h5"))
	var complaint strings.Builder
	command.Stderr = &complaint
	text, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaint.String())
	}
	var seen struct {
		Error, Formula, Residual float64
		Attrs                    map[string]any
		History                  map[string][]float64
		Subdomains               []int
	}
	if err := json.Unmarshal(text, &seen); err != nil {
		t.Fatal(err)
	}
	const (
		rounding = 1e-12 // sums of 400 numbers in another order
		printed  = 6e-4  // four digits are printed
	)
	if seen.Formula > rounding {
		t.Errorf("u_exact is off by %g", seen.Formula)
	}
	log := history(t, dir)
	last := log[len(log)-1]
	near(t, "error in the log", last.Errors["u"], seen.Error, rounding)
	match := regexp.MustCompile(`error of u +normalised L1 (\S+),`).FindStringSubmatch(run.stdout)
	if match == nil {
		t.Fatalf("no error printed: %v", run)
	}
	said, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "printed error", said, seen.Error, printed)
	if !(seen.Residual > 0) {
		t.Errorf("residual %g", seen.Residual)
	}
	if len(log) != 15 || len(seen.History["loss"]) != 15 {
		t.Fatalf("%d reports in the log, %d in the file", len(log), len(seen.History["loss"]))
	}
	for i, l := range log {
		if seen.History["loss"][i] != l.Loss || seen.History["step"][i] != float64(l.Step) {
			t.Errorf("history of step %d: loss %g, the log says %g", l.Step, seen.History["loss"][i], l.Loss)
		}
	}
	if n := seen.Subdomains; len(n) != 2 || n[0] != 1+16+256 || n[1] != 2 {
		t.Errorf("decomposition/centre has shape %v", n)
	}
	for name, want := range map[string]any{"title": "Poisson's equation on 16 x 16 subdomains", "seed": 3.0, "precision": "float64",
		"mpi_size": 2.0, "step": 15.0, "program": "fbpinn-mpi", "Conventions": "CF-1.10"} {
		if seen.Attrs[name] != want {
			t.Errorf("attribute %s is %v, want %v", name, seen.Attrs[name], want)
		}
	}
	for _, name := range []string{"history", "program_version", "go_version", "modules", "config_sha256", "backend", "mpi_library", "hostname"} {
		if v, ok := seen.Attrs[name].(string); !ok || v == "" {
			t.Errorf("attribute %s is %v", name, seen.Attrs[name])
		}
	}
	if toml, _ := seen.Attrs["config_toml"].(string); !strings.Contains(toml, "seed = 3") || !strings.Contains(toml, "u_xx + u_yy") {
		t.Errorf("config_toml is not the job as it ran:\n%s", toml)
	}
}
