package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestPredict: every measured number of ranks gets a prediction whose bytes, from a plan, are those that the run counted; what cannot be
// predicted is refused before anything is timed.
func TestPredict(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "study")
	must(t, exitInput, 0, "predict", dir).says(t, true, "no measurements in")
	scale(t, 0, "strong", poisson, dir, "--ranks=1,2,4")
	must(t, exitInput, 0, "predict", dir).says(t, true, "messages need two ranks")
	o := must(t, 0, 2, "predict", dir)
	for _, ranks := range []int{1, 2, 4} {
		p := pointOf(t, dir, ranks, 1)
		var bytes int64
		pairs := 0
		for _, q := range p.Processes {
			bytes, pairs = max(bytes, q.StepBytes), max(pairs, q.Pairs)
		}
		row := fmt.Sprintf(`(?m)^ *%d +%d +\d+ +\d+ +%d +%d +[\d.]`, ranks, pairs, bytes, bytes)
		if !regexp.MustCompile(row).MatchString(o.stdout) {
			t.Errorf("%d ranks: no line with %d pairs, %d bytes planned and counted\n%v", ranks, pairs, bytes, o)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, predictPicture)); err != nil {
		t.Error(err)
	}
}

// TestCheckRanks: what check says of ranks that are not there is what they say themselves.
func TestCheckRanks(t *testing.T) {
	must(t, exitInput, 0, "check", poisson, "--ranks=0").says(t, true, "positive")
	o := must(t, 0, 0, "check", poisson, "--ranks=1,2")
	run := must(t, 0, 2, "run", poisson, "--set", "train.steps=1", "--out", filepath.Join(t.TempDir(), "run"))
	said := regexp.MustCompile(`2 ranks, (imbalance [\d.]+; up to \d+ neighbours, which exchange \w+): .* a step in all, ([\d.]+ of the minimum)`).FindStringSubmatch(run.stdout)
	if said == nil {
		t.Fatalf("the run does not say what it exchanges\n%v", run)
	}
	for _, words := range append([]string{"ranks       1, imbalance 1.000; up to 0 neighbours", "ranks       2, "}, said[1:]...) {
		o.says(t, true, words)
	}
}
