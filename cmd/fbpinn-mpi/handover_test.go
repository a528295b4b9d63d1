//go:build !cuda

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestHandOver starts a copy of the program beside a stand-in for fbpinn-mpi-cuda, with a stand-in for the driver.
func TestHandOver(t *testing.T) {
	driver := driverFolder(t)
	alone, beside := t.TempDir(), t.TempDir()
	for _, dir := range []string{alone, beside} {
		copyProgram(t, filepath.Join(dir, "fbpinn-mpi"))
	}
	const sibling = "#!/bin/sh\necho \"taken over: $* [$FBPINN_HANDOVER] [$UCX_ERROR_SIGNALS]\"\n"
	if err := os.WriteFile(filepath.Join(beside, siblingName), []byte(sibling), 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(binary, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(text))
	build := words[len(words)-1]

	const job = "no-such-job.toml" // where the program goes on by itself, it stops there
	for _, c := range []struct {
		name, dir   string
		environment []string
		arguments   []string
		code        int
		says        string
	}{
		{"card", beside, []string{"FAKE_CARDS=2"}, []string{"run", job, "--force"}, 0,
			"taken over: run " + job + " --force [" + build + "] [SIGILL,SIGBUS,SIGFPE]"},
		{"own signals", beside, []string{"FAKE_CARDS=1", "UCX_ERROR_SIGNALS=SIGILL"}, []string{"run", job}, 0, "[SIGILL]"},
		{"bench", beside, []string{"FAKE_CARDS=1"}, []string{"bench", "--backend=cuda"}, 0, "taken over: bench --backend=cuda"},
		{"not asked for", beside, []string{"FAKE_CARDS=1"}, []string{"run", job, "--backend=cpu"}, exitInput, job},
		{"no card", beside, []string{"FAKE_CODE=100"}, []string{"run", job}, exitInput, job},
		{"no visible card", beside, nil, []string{"run", job}, exitInput, job},
		{"no card, but asked for", beside, []string{"FAKE_CODE=100"}, []string{"run", job, "--backend=cuda"}, exitFailure, "finds no card"},
		{"broken driver", beside, []string{"FAKE_CODE=803"}, []string{"run", job}, exitInput, "do not match, code 803"},
		{"broken driver, asked for", beside, []string{"FAKE_CODE=803"}, []string{"run", job, "--backend=cuda"}, exitFailure, "code 803"},
		{"no program for it", alone, []string{"FAKE_CARDS=1"}, []string{"run", job}, exitInput, "make cuda"},
		{"no program for it, asked for", alone, []string{"FAKE_CARDS=1"}, []string{"run", job, "--backend=cuda"}, exitFailure, "make cuda"},
		{"no way round", beside, []string{"FAKE_CARDS=1", handoverKey + "=x"}, []string{"run", job}, exitFailure, "build for the CPU"},
		{"unknown", beside, nil, []string{"run", job, "--backend=tpu"}, exitInput, "auto, cpu or cuda"},
		{"check stays here", beside, []string{"FAKE_CARDS=1"}, []string{"check", job}, exitInput, job},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := exec.Command(filepath.Join(c.dir, "fbpinn-mpi"), c.arguments...)
			p.Env = append(append(os.Environ(), "LD_LIBRARY_PATH="+driver), c.environment...)
			text, err := p.CombinedOutput()
			code := 0
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != c.code || !strings.Contains(string(text), c.says) {
				t.Errorf("exit code %d, not %d; does not say %q:\n%s", code, c.code, c.says, text)
			}
			if taken := strings.Contains(string(text), "taken over"); taken != (c.code == 0) {
				t.Errorf("taken over: %v\n%s", taken, text)
			}
		})
	}
}

// TestHandOverSignal: SIGUSR1 between exec and the successor's Notify neither kills nor gets lost. The stand-in sends it to itself, then
// makes way for a program that trains until it is told to stop.
func TestHandOverSignal(t *testing.T) {
	driver, dir := driverFolder(t), t.TempDir()
	copyProgram(t, filepath.Join(dir, "fbpinn-mpi"))
	sibling := "#!/bin/sh\nkill -USR1 $$ && unset FBPINN_HANDOVER && exec '" + binary + "' \"$@\" --backend=cpu\n"
	if err := os.WriteFile(filepath.Join(dir, siblingName), []byte(sibling), 0o755); err != nil {
		t.Fatal(err)
	}
	p := exec.Command(filepath.Join(dir, "fbpinn-mpi"), "run", oscillator, "--out", filepath.Join(dir, "run"))
	p.Env = append(os.Environ(), "LD_LIBRARY_PATH="+driver, "FAKE_CARDS=1")
	text, err := p.CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != exitResubmit || !strings.Contains(string(text), "stopped after step 41 of 100") {
		t.Errorf("want exit code %d after the first report, got %v:\n%s", exitResubmit, err, text)
	}
}

// driverFolder holds a stand-in for the driver's library, which counts FAKE_CARDS cards.
func driverFolder(t *testing.T) string {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skipf("SKIP: %s needs a C compiler", t.Name())
	}
	driver := t.TempDir()
	if text, err := exec.Command(compiler, "-shared", "-fPIC", "-o", filepath.Join(driver, "libcuda.so.1"), "testdata/driver.c").CombinedOutput(); err != nil {
		t.Fatalf("compile the driver: %v\n%s", err, text)
	}
	return driver
}

// copyProgram copies the program under test, so that what lies beside it can be chosen.
func copyProgram(t *testing.T, to string) {
	t.Helper()
	from, err := os.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = io.Copy(f, from); err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
