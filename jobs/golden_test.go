package jobs

import (
	"math"
	"testing"

	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/reference"
)

// golden are the standard deviation of the exact solution on the job's test grid and the normalised L1 error of u = 0 there,
// computed independently from the formulas, with the last digit given. 0: not known.
var golden = map[string]struct{ std, stdUnit, zero, zeroUnit float64 }{
	"laplace-1d":              {.29984728, 1e-8, 2.2170, 1e-4},
	"laplace-2d":              {.29587963, 1e-8, 1.4935, 1e-4},
	"multiscale-weak-1":       {.498571, 1e-6, .808, 1e-3},
	"multiscale-weak-2":       {.352543, 1e-6, .778, 1e-3},
	"multiscale-weak-3":       {.287850, 1e-6, .770, 1e-3},
	"multiscale-weak-4":       {.249286, 1e-6, .778, 1e-3},
	"multiscale-weak-5":       {.222968, 1e-6, .781, 1e-3},
	"multiscale-weak-6":       {.203541, 1e-6, .783, 1e-3},
	"multiscale-strong-2":     {.203541, 1e-6, .783, 1e-3},
	"multiscale-strong-3":     {.203541, 1e-6, .783, 1e-3},
	"multiscale-strong-4":     {.203541, 1e-6, .783, 1e-3},
	"multiscale-strong-5":     {.203541, 1e-6, .783, 1e-3},
	"multiscale-strong-6":     {.203541, 1e-6, .783, 1e-3},
	"multiscale-1-8-64":       {.203541, 1e-6, .783, 1e-3},
	"multiscale-1-8-64-rates": {.203541, 1e-6, .783, 1e-3},
	"multiscale-64":           {.203541, 1e-6, .783, 1e-3},
	"oscillator-20-soft":      {.359825, 1e-6, .783, 1e-3},
	"oscillator-20-hard":      {.359825, 1e-6, .783, 1e-3},
	"oscillator-60":           {.351683, 1e-6, .785, 1e-3},
	"oscillator-320":          {.350587, 1e-6, .785, 1e-3},
	"oscillator-580":          {.350571, 1e-6, .785, 1e-3},
	"oscillator-80-soft":      {.351846, 1e-6, .785, 1e-3},
	"oscillator-80-hard":      {.351846, 1e-6, .785, 1e-3},
	"oscillator-80-cosine":    {.351846, 1e-6, .785, 1e-3},
	"burgers":                 {.613383, 1e-6, .874, 1e-3},
	"burgers-2023":            {.613383, 1e-6, .874, 1e-3},
	"cosine-1":                {.706753, 1e-6, .900, 1e-3},
	"cosine-15":               {.0471357, 1e-7, .900, 1e-3},
	"cosine-multiscale":       {.99990, 1e-5, .811, 1e-3},
	"cosine-2d":               {.0666333, 1e-7, .811, 1e-3},
	"l-shape":                 {.823137, 1e-6, .814, 1e-3},
	"helmholtz":               {3.58977e-2, 1e-7, 0, 0},
	"helmholtz-rates":         {3.58977e-2, 1e-7, 0, 0},
	"helmholtz-weak-2":        {1.58813e-2, 1e-7, 0, 0},
	"helmholtz-weak-3":        {8.02358e-2, 1e-7, 0, 0},
	"helmholtz-weak-4":        {3.58977e-2, 1e-7, 0, 0},
	"helmholtz-weak-5":        {2.08890e-2, 1e-7, 0, 0},
	"helmholtz-weak-6":        {4.54318e-2, 1e-7, .80, 1e-2},
	"helmholtz-weak-7":        {1.479384e-2, 1e-8, 0, 0},
	"helmholtz-shifted-3":     {1.561152e-1, 1e-7, 0, 0},
	"helmholtz-shifted-4":     {3.134172e-2, 1e-8, 0, 0},
	"helmholtz-shifted-5":     {2.043400e-2, 1e-8, 0, 0},
	"helmholtz-shifted-6":     {5.807590e-2, 1e-8, 0, 0},
	"helmholtz-shifted-7":     {1.531538e-2, 1e-8, 0, 0},
	"helmholtz-1-4":           {.4984375, 1e-7, .808023, 1e-6},
	"wave-2d":                 {.114593, 1e-6, .569, 1e-3},
	"allen-cahn":              {.6751788761, 1e-10, .881383, 1e-6},
	"kdv":                     {.7070330731, 1e-10, .817467, 1e-6},
}

// An exact solution that is right on the test grid to six digits leaves no room for a wrong formula, parameter or grid.
func TestExactSolutions(t *testing.T) {
	for _, name := range names(t) {
		t.Run(name, func(t *testing.T) {
			want, ok := golden[name]
			if !ok {
				t.Fatal("no golden values: add them")
			}
			job, p, err := load(name + "/job.toml")
			if err != nil {
				t.Fatal(err)
			}
			points, _ := p.Remaining(p.TestGrid(job.Points.Test))
			u, err := p.Exact(points)
			if err != nil {
				t.Fatal(err)
			}
			if u[0] == nil {
				t.Fatal("no exact solution")
			}
			// Half a unit of the last digit, and a little for the order of summation next to a rounding boundary.
			const half = 0.51
			std := deviation(u[0])
			if math.Abs(std-want.std) > half*want.stdUnit {
				t.Errorf("std(u) = %.9g, want %.9g", std, want.std)
			}
			if zero := meanAbs(u[0]) / std; want.zero > 0 && math.Abs(zero-want.zero) > half*want.zeroUnit {
				t.Errorf("normalised L1 of u = 0 is %.6g, want %.6g", zero, want.zero)
			}
		})
	}
}

// Every job on a whole box names a classical solver that takes it. The grids are small: reference has its own tests of accuracy.
func TestClassicalSolvers(t *testing.T) {
	for _, name := range names(t) {
		t.Run(name, func(t *testing.T) {
			job, p, err := load(name + "/job.toml")
			if err != nil {
				t.Fatal(err)
			}
			c := job.Problem.Reference
			if c.Solver == "" && len(p.Removed) > 0 {
				t.Skip("SKIP: no classical solver of ours takes a domain with removed parts")
			}
			options := map[string]float64{}
			for _, s := range c.Options {
				options[s.Name] = s.Value
			}
			shape := map[int][]int{1: {401}, 2: {81, 81}, 3: {41, 41, 41}}[len(job.Domain)]
			if len(shape) > 1 {
				options["n"] = float64(shape[0])
			}
			r, err := reference.Solve(p, c.Solver, options, shape)
			if err != nil {
				t.Fatal(err)
			}
			exact, err := p.Exact(r.Points())
			if err != nil {
				t.Fatal(err)
			}
			difference := make([]float64, len(exact[0]))
			for i := range difference {
				difference[i] = r.U[0][i] - exact[0][i]
			}
			e := meanAbs(difference) / deviation(exact[0])
			t.Logf("%s: normalised L1 %.2g", r.Method, e)
			// Resolved everywhere but at the highest wave numbers: only the absence of nonsense is checked.
			if math.IsNaN(e) || e > 5 {
				t.Errorf("normalised L1 %g", e)
			}
		})
	}
}

// Words that one package checks and another understands.
func TestWindowNamesAgree(t *testing.T) {
	for _, k := range jobfile.Keys() {
		if k.Name != "decomposition.window" {
			continue
		}
		for _, name := range k.Words {
			if _, err := decomp.ParseWindow(name); err != nil {
				t.Errorf("job files allow a window that decomp does not know: %v", err)
			}
		}
		return
	}
	t.Error("no key decomposition.window")
}
