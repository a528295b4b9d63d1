package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// agreed is what solvers of second order are to reach, seed 0: the job file, the column of the history, the error. The figures are the
// goals that we set ourselves before these solvers were written, some of them from sketches. The first ones take a second each.
var agreed = []struct {
	file, column string
	error        float64
}{
	{"oscillator-60/job", "error_u", 1e-10},
	{"oscillator-80-hard/least-squares", "error_u", 1e-9},
	{"oscillator-320/job", "error_u", 1e-9},
	{"oscillator-580/job", "error_u", 1e-8},
	{"multiscale-weak-4/least-squares", "error_u", 1e-7},
	{"helmholtz-weak-3/least-squares", "error_u", 1e-9},
	// Only in the long variant.
	{"l-shape/least-squares", "error_u", 1e-7},
	{"helmholtz-1-4/least-squares", "l2_u", 1e-10},
	{"helmholtz-weak-2/least-squares", "error_u", 1e-8},
	{"helmholtz-weak-4/least-squares", "error_u", 1e-7},
	{"helmholtz-weak-5/least-squares", "error_u", 1e-6},
	{"helmholtz-weak-6/least-squares", "error_u", 1e-5},
	{"helmholtz-weak-7/least-squares", "error_u", 1e-4},
	{"multiscale-weak-4/least-squares-fine", "error_u", 1e-9},
	{"multiscale-weak-6/least-squares", "error_u", 1e-5},
	{"multiscale-weak-6/least-squares-fine", "error_u", 1e-6},
	{"wave-2d/least-squares", "error_u", 1e-5},
	{"burgers/least-squares", "l2_u", 1e-7},
	{"burgers/least-squares-fine", "l2_u", 1e-8},
	{"allen-cahn/least-squares", "l2_u", 1e-5},
	{"kdv/least-squares", "l2_u", 1e-6},
}

// TestRel10Jobs: whole jobs, as they stand, against exact or converged solutions. What Adam reaches takes minutes to hours a job and
// is in benchmarks/results/accuracy.jsonl.
func TestRel10Jobs(t *testing.T) {
	over := count(t, "error over what was agreed for the job", 1)
	p := program
	p.Patience = 20 * time.Minute
	for _, a := range agreed[:repetitions(6, len(agreed))] {
		t.Run(a.file, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			p.Must(t, 0, 0, "run", filepath.Join("..", "..", "jobs", a.file+".toml"), "--out", dir, "--set", "output.figures=false")
			e := ended(t, dir, a.column)
			t.Logf("%s %.2g, agreed %.0e", strings.TrimSuffix(a.column, "_u"), e, a.error)
			over.note(t, a.file, e/a.error)
		})
	}
}
