package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"fbpinn-mpi/solver"
)

// TestNotFinite: a residual that is NaN at one point ends the run with the term, the place, the step and the rank, said once.
func TestNotFinite(t *testing.T) {
	for _, np := range []int{0, 2} {
		t.Run(fmt.Sprintf("np%d", max(np, 1)), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "run")
			// The points have a spacing of 1/79: the square root is not real at the last one. That u is in it, keeps it from being
			// noticed before training.
			o := must(t, exitNumerical, np, "run", oscillator, "--out", dir, "--set", `problem.equations=["u_tt + sqrt(0.99 - t + 1e-9*u) = 0"]`)
			o.says(t, true, "training became not finite at step 1: term \"equations\"", fmt.Sprintf("at the point [1] in subdomain 8 of level 2, whose parameters are not finite any more (rank %d)", max(np-1, 0)),
				"no solution was written")
			if _, err := os.Stat(filepath.Join(dir, "solution.h5")); err == nil {
				t.Error("a solution was written")
			}
		})
	}
}

// TestManyRanks_np64: 64 ranks, more than cores, give the history of one.
func TestManyRanks_np64(t *testing.T) {
	// The same sums in another order, amplified by 20 steps.
	const regrouped = 1e-11
	dir := t.TempDir()
	histories := map[int][]line{}
	for _, np := range []int{0, 64} {
		to := filepath.Join(dir, strconv.Itoa(np))
		o := must(t, 0, np, "run", "testdata/poisson.toml", "--out", to)
		o.says(t, true, "all steps done after 20 steps")
		if np > 0 {
			o.says(t, true, "64 ranks")
		}
		histories[np] = history(t, to)
	}
	if len(histories[0]) != 20 || len(histories[64]) != 20 {
		t.Fatalf("%d and %d reports", len(histories[0]), len(histories[64]))
	}
	for i, l := range histories[0] {
		near(t, fmt.Sprintf("loss at step %d", l.Step), histories[64][i].Loss, l.Loss, regrouped)
	}
	if histories[0][19].Loss >= histories[0][0].Loss {
		t.Error("the loss does not fall: nothing was trained")
	}
}

// TestBlowUp: a training whose loss grows beyond all bounds, yet stays finite, ends with the term, the place and the step, and is no
// success.
func TestBlowUp(t *testing.T) {
	for _, np := range []int{0, 2} {
		t.Run(fmt.Sprintf("np%d", max(np, 1)), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "run")
			o := must(t, exitNumerical, np, "run", oscillator, "--out", dir, "--set", "train.rate=1e3", "--set", "train.report=10")
			o.says(t, true, "training blew up at step ", "the largest weighted residual, ", " in subdomain ", "no solution was written")
			if _, err := os.Stat(filepath.Join(dir, "solution.h5")); err == nil {
				t.Error("a solution was written")
			}
		})
	}
}

// TestOutOfMemory: a job that the machine has no room for is refused before it is built, with sizes and remedies, said once.
func TestOutOfMemory(t *testing.T) {
	if room, err := solver.Memory(1); err != nil || room > 400<<30 {
		t.Skipf("SKIP: TestOutOfMemory needs a machine with less memory: %d bytes, %v", room, err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	o := must(t, exitFailure, 2, "run", oscillator, "--out", dir, "--set", "decomposition.levels=[1,100000]", "--set", "network.hidden=[256,256,256,256]")
	o.says(t, true, "out of memory: training takes about 591 GiB, 295 GiB a rank on 2, and a rank has ", "take more nodes")
}
