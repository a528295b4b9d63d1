package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestNothingIsOverwritten: a folder with results is refused; --force replaces them and nothing else.
func TestNothingIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	must(t, 0, 0, "run", oscillator, "--out", dir, "--set", "train.steps=10")
	solution := filepath.Join(dir, "solution.h5")
	first := read(t, solution)
	o := must(t, exitInput, 2, "run", oscillator, "--out", dir)
	o.says(t, true, "run folder "+dir, "--resume goes on, --force replaces its results, --out chooses another")
	if read(t, solution) != first {
		t.Fatal("a refused run wrote")
	}
	foreign := map[string]string{"notes.txt": "mine", "solution.h5.bak": "mine, too", "checkpoint-final.h5": "not of this program"}
	for name, text := range foreign {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must(t, 0, 2, "run", oscillator, "--out", dir, "--force", "--set", "train.steps=20")
	for name, text := range foreign {
		if got := read(t, filepath.Join(dir, name)); got != text {
			t.Errorf("%s: %q", name, got)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "checkpoint-10.h5")); err == nil {
		t.Error("a checkpoint of the replaced run stays: --resume could take it")
	}
	if h := history(t, dir); len(h) != 1 || h[0].Step != 20 {
		t.Errorf("the log mixes two runs: %v", h)
	}
	o = must(t, exitInput, 0, "run", oscillator, "--out", dir, "--force", "--resume")
	o.says(t, true, "give one of them")
}

// TestOneRunPerFolder: a second run is refused while the first one writes, even with --force or --resume.
func TestOneRunPerFolder(t *testing.T) {
	dir := t.TempDir()
	p := begin(t, 2, "run", oscillator, "--out", dir, "--set", "train.steps=100000000")
	reported(t, p, dir)
	for _, flag := range []string{"--force", "--resume"} {
		o := must(t, exitInput, 0, "run", oscillator, "--out", dir, flag)
		o.says(t, true, "another run is writing into it")
	}
	if err := p.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if o := p.end(t); o.code != exitResubmit {
		t.Errorf("the first run was disturbed: %v", o)
	}
	must(t, 0, 0, "run", oscillator, "--out", dir, "--force", "--set", "train.steps=10") // the lock is gone
}
