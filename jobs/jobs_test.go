// Package jobs tests the job files: every one is understood, and a shrunken variant of it trains to the error that its
// small.toml promises, or NAME.small.toml beside NAME.toml.
package jobs

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// small is the shrunken variant of a job.
type small struct {
	Set   []string `toml:"set"`   // overrides
	Error float64  `toml:"error"` // normalised L1 error that must be reached: twice what seed 0 reached, ten times by solvers of second order,
	// whose small errors are partly rounding, which differs between processors
}

// variant is the file that shrinks a job.
func variant(job string) string {
	if filepath.Base(job) == "job.toml" {
		return filepath.Join(filepath.Dir(job), "small.toml")
	}
	return strings.TrimSuffix(job, ".toml") + ".small.toml"
}

// files lists all job files.
func files(t *testing.T) (list []string) {
	all, err := filepath.Glob("*/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f != variant(f) && !strings.HasSuffix(f, "small.toml") {
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		t.Fatal("no job files")
	}
	return list
}

// program builds fbpinn-mpi once per test run.
func program(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "fbpinn-mpi")
	if out, err := exec.Command("go", "build", "-o", bin, "../cmd/fbpinn-mpi").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// TestSmall trains the shrunken variant of every job and holds its last error against the promise.
func TestSmall(t *testing.T) {
	bin := program(t)
	for _, file := range files(t) {
		t.Run(strings.TrimSuffix(strings.TrimSuffix(file, ".toml"), "/job"), func(t *testing.T) {
			text, err := os.ReadFile(variant(file))
			if err != nil {
				t.Fatal(err)
			}
			var s small
			if err := toml.Unmarshal(text, &s); err != nil {
				t.Fatal(err)
			}
			if s.Error <= 0 {
				t.Fatal("small.toml promises no error")
			}
			out := filepath.Join(t.TempDir(), "run")
			args := []string{"run", file, "--out", out, "--set", "output.figures=false"}
			for _, set := range s.Set {
				args = append(args, "--set", set)
			}
			if text, err := exec.Command(bin, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v\n%s", args, err, text)
			}
			got := lastError(t, filepath.Join(out, "log.jsonl"))
			t.Logf("normalised L1 %.3e, promised %.3e", got, s.Error)
			if !(got <= s.Error) {
				t.Errorf("normalised L1 %.3e is above %.3e", got, s.Error)
			}
		})
	}
}

// lastError reads the newest error from a log.
func lastError(t *testing.T, path string) float64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	last := -1.0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct {
			Errors map[string]float64 `json:"errors"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if e, ok := line.Errors["u"]; ok {
			last = e
		}
	}
	if last < 0 {
		t.Fatal("the log holds no error")
	}
	return last
}
