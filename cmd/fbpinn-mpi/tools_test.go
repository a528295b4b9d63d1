package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// kernelNames depend on the machine.
var kernelNames = regexp.MustCompile(`(?m)(^ +\d+ +\d+ +\d+ +\d+  ).*$`)

// TestCheck compares what the program understands of a job with a golden text.
func TestCheck(t *testing.T) {
	const golden = "testdata/oscillator.check.txt"
	o := must(t, 0, 0, "check", oscillator)
	got := kernelNames.ReplaceAllString(o.stdout, "${1}KERNEL")
	if strings.Count(got, "KERNEL") != 2 {
		t.Errorf("want a kernel for each of 2 levels:\n%s", o.stdout)
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, golden); got != want {
		t.Errorf("check says\n%s\nwant\n%s\n(go test ./cmd/fbpinn-mpi -run TestCheck -update, if that is right)", got, want)
	}
	if entries, err := os.ReadDir("."); err == nil {
		for _, e := range entries {
			if e.Name() == "runs" {
				t.Error("check writes files")
			}
		}
	}
}

// TestClassicalWarning: what is wrong with the classical solver of a job is said before training, not after.
func TestClassicalWarning(t *testing.T) {
	o := must(t, 0, 0, "check", oscillator, "--set", "problem.reference.v=5")
	o.says(t, true, `warning     classical solver runge-kutta has no option "v"`)
}

// TestWithoutMPI: everything but run works where there is no launcher, and where a launcher's variables mean nothing.
func TestWithoutMPI(t *testing.T) {
	dir := t.TempDir()
	must(t, 0, 0, "run", oscillator, "--out", dir)
	picture := filepath.Join(dir, "solution-u.png")
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"--help"}, []string{"Exit codes: 0 done, 64 bad input", "check ", "info ", "keys ", "plot ", "run "}},
		{[]string{"run", "--help"}, []string{"--resume", "--force", "--max-time", "--set", "exit code 75"}},
		{[]string{"--version"}, []string{"fbpinn-mpi version "}},
		{[]string{"keys"}, []string{"[decomposition]", "decomposition.overlap\n", "number, or list [spacings]; above 0, up to 1000; default 1.9",
			"train.precision\n", "float32 | float64\n"}},
		{[]string{"info", filepath.Join(dir, "solution.h5")}, []string{"Damped oscillator on two levels", "config_sha256", "/u ", "/history/loss"}},
		{[]string{"info", filepath.Join(dir, "checkpoint-100.h5")}, []string{"fbpinn-mpi checkpoint", "/level_1/theta", "8 x 49"}},
		{[]string{"plot", dir}, []string{picture, "history.png", "decomposition.png"}},
		{[]string{"check", oscillator}, []string{"400*u + 4*u_t + u_tt = 0"}},
	} {
		command := exec.Command(binary, c.args...)
		command.Env = []string{"PATH=/nowhere", "HOME=" + dir}
		text, err := command.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %v\n%s", c.args, err, text)
		}
		for _, want := range c.says {
			if !strings.Contains(string(text), want) {
				t.Errorf("%v does not say %q:\n%s", c.args, want, text)
			}
		}
	}
	const pngMagic = "\x89PNG\r\n"
	if !strings.HasPrefix(read(t, picture), pngMagic) {
		t.Error("plot drew no picture")
	}
}
