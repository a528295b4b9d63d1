// Package ladder keeps the versions of the two hottest kernels from naive to best, one program a kernel: deep.cu, shallow.cu. Each rung
// states its idea, is checked against the naive one, and on a card timed (ladder.h). The tests run the programs on the processor.
package ladder

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestDeep(t *testing.T)    { climb(t, "deep.cu") }
func TestShallow(t *testing.T) { climb(t, "shallow.cu") }

// climb compiles a program for the processor and runs it; it fails by itself if a rung departs from the first.
func climb(t *testing.T, source string) {
	t.Parallel()
	compiler, err := exec.LookPath("g++")
	if err != nil {
		t.Skipf("SKIP: %s needs g++ to compile the rungs", t.Name())
	}
	program := filepath.Join(t.TempDir(), "ladder")
	flags := []string{"-O1", "-std=c++17", "-Wno-unknown-pragmas", "-x", "c++"}
	out, err := exec.Command(compiler, append(flags, source, "../emu/engine/emu.cpp", "-lpthread", "-o", program)...).CombinedOutput()
	if err != nil {
		t.Fatalf("compile %s: %v\n%s", source, err, out)
	}
	out, err = exec.Command(program).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", source, err, out)
	}
	const rungs = 4
	if n := bytes.Count(out, []byte("\n")); n != rungs {
		t.Errorf("%s printed %d lines for %d rungs:\n%s", source, n, rungs, out)
	}
	t.Logf("%s", out)
}
