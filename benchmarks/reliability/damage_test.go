package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fbpinn-mpi/io/checkpoint"
	"fbpinn-mpi/io/h5/h5test"
	"fbpinn-mpi/io/snapshot"
)

// damage flips one bit of a file, or cuts it, at a random place; undo puts it right again.
func damage(t *testing.T, r *rand.Rand, path string) (what string, undo func()) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := append([]byte(nil), raw...)
	if r.IntN(4) == 0 {
		bad = bad[:r.IntN(len(bad))]
		what = fmt.Sprintf("%s cut to %d bytes", filepath.Base(path), len(bad))
	} else {
		bit := r.IntN(8 * len(bad))
		bad[bit/8] ^= 1 << (bit % 8)
		what = fmt.Sprintf("bit %d of %s", bit, filepath.Base(path))
	}
	write := func(b []byte) {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(bad)
	return what, func() { write(raw) }
}

// TestRel4: every damage of the newest checkpoint is noticed before training, and the one before serves; without any, the exit code says
// so, soon.
func TestRel4(t *testing.T) {
	const soon = 10 * time.Second
	r := chance(t)
	missed := count(t, "damages not noticed", 0)
	dir := filepath.Join(t.TempDir(), "run")
	program.Must(t, 0, 0, "run", tiny, "--out", dir)
	files := func(step int) []string {
		return []string{filepath.Join(dir, fmt.Sprintf("checkpoint-%d.h5", step)), filepath.Join(dir, fmt.Sprintf("checkpoint-%d.json", step))}
	}
	for k := range repetitions(150, 1000) { // without starting the program
		what, undo := damage(t, r, files(200)[k%2])
		c, warnings, err := checkpoint.Latest(dir)
		miss := 0.0
		if err != nil || c.Step != 150 || len(warnings) != 1 {
			t.Errorf("%s: %v %q", what, err, warnings)
			miss = 1
		}
		missed.note(t, what, miss)
		undo()
	}
	for k := range repetitions(5, 50) { // by the program
		np := []int{0, 2}[k%2]
		what, undo := damage(t, r, files(200)[r.IntN(2)])
		to := filepath.Join(t.TempDir(), "run")
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		undo()
		o := program.Must(t, exitResubmit, np, "run", tiny, "--out", to, "--resume", asap)
		o.Says(t, true, "warning: checkpoint of step 200 passed over", "resuming after step 150")
		missed.note(t, what, 0)
	}
	log := history(t, dir)
	for _, step := range []int{150, 200} {
		damage(t, r, files(step)[r.IntN(2)])
	}
	for _, np := range []int{0, 4} {
		began := time.Now()
		o := program.Must(t, exitCheckpoint, np, "run", tiny, "--out", dir, "--resume")
		if d := time.Since(began); d > soon {
			t.Errorf("np %d: ended only after %v", np, d)
		}
		o.Says(t, true, "fbpinn-mpi: checkpoint: no valid checkpoint in "+dir)
	}
	if len(history(t, dir)) != len(log) {
		t.Error("a run that could not resume touched the log")
	}
}

// TestRel5: whatever a disk refuses, and when, no file under a final name is partial, the checkpoint before stays, one message says why,
// and the next run goes on without a clean-up.
func TestRel5(t *testing.T) {
	r := chance(t)
	wrong := count(t, "files lost or partial", 0)
	whats, refusals := []string{"write", "sync", "rename"}, []string{"full", "quota", "read-only", "broken"}
	words := map[string]string{"full": "no space left", "quota": "quota exceeded", "read-only": "read-only file system", "broken": "input/output error"}
	names := []string{"checkpoint-100.h5", "checkpoint-100.json", "solution.h5"}
	for k := range repetitions(6, 40) {
		what, refusal, name := whats[k%len(whats)], refusals[r.IntN(len(refusals))], names[r.IntN(len(names))]
		if name == "checkpoint-100.json" && what == "write" {
			name = "checkpoint-100.h5" // manifests are written by other means: the full disk below meets them, too
		}
		t.Run(fmt.Sprintf("%d/%s_%s_%s", k, what, name, refusal), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			p := with(fmt.Sprintf("FBPINN_DISK=%s:%s:%s", what, name, refusal))
			o := p.Must(t, exitFailure, []int{0, 2}[r.IntN(2)], "run", tiny, "--out", dir)
			o.Says(t, true, words[refusal])
			wrong.note(t, "", refused(t, dir, name))
		})
	}
	for k := range repetitions(2, 10) {
		t.Run(fmt.Sprintf("%d/full_disk", k), func(t *testing.T) {
			disk := h5test.Disk(t, "1m")
			dir := filepath.Join(disk, "run")
			o := program.Must(t, exitResubmit, 0, "run", tiny, "--out", dir, "--set", "train.report=50", asap) // stops after step 51
			at := newest(t, dir).Step
			if err := fill(filepath.Join(disk, "filler"), r.IntN(16)<<10); err != nil { // less than a checkpoint is left
				t.Fatal(err)
			}
			o = program.Must(t, exitFailure, 2, "run", tiny, "--out", dir, "--resume")
			o.Says(t, false, words["full"])
			lost := 0.0
			if c := newest(t, dir); c.Step != at {
				t.Errorf("checkpoint of step %d instead of %d", c.Step, at)
				lost = 1
			}
			if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
				t.Fatal(err)
			}
			program.Must(t, 0, 2, "run", tiny, "--out", dir, "--resume")
			wrong.note(t, "full disk", lost)
		})
	}
	t.Run("read-only", func(t *testing.T) {
		disk := h5test.Disk(t, "4m")
		dir := filepath.Join(disk, "run")
		program.Must(t, exitResubmit, 0, "run", tiny, "--out", dir, asap)
		at := newest(t, dir).Step
		if out, err := exec.Command("mount", "-o", "remount,ro", disk).CombinedOutput(); err != nil {
			t.Skipf("SKIP: cannot remount: %v %s", err, out)
		}
		o := program.Run(t, 2, "run", tiny, "--out", dir, "--resume")
		if o.Code == 0 || o.Code == exitResubmit {
			t.Errorf("a run on a read-only disk: %v", o)
		}
		o.Says(t, true, words["read-only"])
		if c := newest(t, dir); c.Step != at {
			t.Errorf("checkpoint of step %d instead of %d", c.Step, at)
		}
	})
}

// refused looks at a folder after a file was refused: 1 if something is lost or partial.
func refused(t *testing.T, dir, name string) float64 {
	t.Helper()
	before := int64(50)
	if name == "solution.h5" {
		before = 200
	}
	lost := 0.0
	if c := newest(t, dir); c.Step != before {
		t.Errorf("newest checkpoint of step %d, want %d", c.Step, before)
		lost = 1
	}
	for _, read := range []struct {
		name string
		open func(string) error
	}{
		{"solution.h5", func(p string) error { _, err := snapshot.Read(p); return err }},
		{"checkpoint-100.h5", func(p string) error { _, err := snapshot.Info(p); return err }},
	} {
		if err := read.open(filepath.Join(dir, read.name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			if _, e := os.Stat(filepath.Join(dir, read.name)); e == nil {
				t.Errorf("%s is there and not whole: %v", read.name, err)
				lost = 1
			}
		}
	}
	program.Must(t, 0, 0, "run", tiny, "--out", dir, "--resume")
	if entries, err := os.ReadDir(dir); err == nil {
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".tmp") {
				t.Errorf("%s stays", e.Name())
			}
		}
	}
	return lost
}

// fill writes into path until only free bytes are left on its disk.
func fill(path string, free int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	size, page := 0, make([]byte, 4096)
	for {
		n, err := f.Write(page)
		if size += n; err != nil {
			return f.Truncate(int64(max(0, size-free)))
		}
	}
}

// TestRel11: a process that dies right after a solution has its name leaves a file that opens, whole.
func TestRel11(t *testing.T) {
	r := chance(t)
	bad := count(t, "unreadable files", 0)
	for k := range repetitions(20, 500) {
		dir := filepath.Join(t.TempDir(), "run")
		p := with("FBPINN_DISK=done:solution.h5:pause").Begin(t, 0, "run", tiny, "--out", dir, "--set", fmt.Sprintf("train.steps=%d", 1+r.IntN(20)))
		until(t, p, "solution", func() bool { _, err := os.Stat(filepath.Join(dir, "paused")); return err == nil })
		end(p)
		p.End(t)
		unreadable := 0.0
		if s := solution(t, dir); len(s.Fields) != 4 || len(s.History) < 4 {
			t.Errorf("exit %d: %d fields, %d series", k, len(s.Fields), len(s.History))
			unreadable = 1
		}
		bad.note(t, "exit", unreadable)
	}
}
