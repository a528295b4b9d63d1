package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests run the program as a user does: built once, started alone or by mpirun, judged by its exit code, its words and its
// files.
var (
	update = flag.Bool("update", false, "write the golden files anew")
	binary string // the program under test; set by TestMain
)

// patience ends a run that hangs. The longest, with 64 ranks on a busy machine, needs a quarter of it.
const patience = 90 * time.Second

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "fbpinn-mpi")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "fbpinn-mpi")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// outcome is how a run ended.
type outcome struct {
	code           int
	stdout, stderr string
}

func (o outcome) String() string {
	return fmt.Sprintf("exit code %d\n%s\n%s", o.code, o.stdout, o.stderr)
}

// launcher is the command line that starts np ranks: 0 is no launcher at all.
func launcher(t *testing.T, np int) []string {
	t.Helper()
	if np == 0 {
		return nil
	}
	if _, err := exec.LookPath("mpirun"); err != nil {
		t.Skipf("SKIP: %s needs mpirun", t.Name())
	}
	line := []string{"mpirun", "--oversubscribe", "--bind-to", "none", "-np", strconv.Itoa(np)}
	if os.Geteuid() == 0 {
		line = append(line, "--allow-run-as-root")
	}
	return line
}

// process is a run under way.
type process struct {
	*exec.Cmd
	out, err strings.Builder
}

// begin starts the program on np ranks.
func begin(t *testing.T, np int, args ...string) *process {
	t.Helper()
	line := append(append(launcher(t, np), binary), args...)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	p := &process{Cmd: exec.CommandContext(ctx, line[0], line[1:]...)}
	p.Stdout, p.Stderr = &p.out, &p.err
	// Open MPI keeps session folders in one place, and launchers that start and end at the same time lose them to each other.
	session, err := os.MkdirTemp("", "session")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(session) })
	p.Env = append(os.Environ(), "OMPI_MCA_btl_vader_single_copy_mechanism=none", "OMPI_MCA_orte_tmpdir_base="+session)
	// mpirun ends its ranks when asked to; a kill would leave them behind.
	p.Cancel = func() error { return p.Process.Signal(syscall.SIGTERM) }
	p.WaitDelay = 5 * time.Second
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// end waits for the program.
func (p *process) end(t *testing.T) outcome {
	t.Helper()
	err := p.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v\n%s\n%s", err, p.out.String(), p.err.String())
	}
	return outcome{p.ProcessState.ExitCode(), p.out.String(), p.err.String()}
}

// start runs the program to its end.
func start(t *testing.T, np int, args ...string) outcome {
	t.Helper()
	return begin(t, np, args...).end(t)
}

// must runs the program and wants an exit code.
func must(t *testing.T, code, np int, args ...string) outcome {
	t.Helper()
	o := start(t, np, args...)
	if o.code != code {
		t.Fatalf("%v: want exit code %d, got %v", args, code, o)
	}
	return o
}

// says wants each of the texts in what a run said, exactly once where once is set.
func (o outcome) says(t *testing.T, once bool, texts ...string) {
	t.Helper()
	all := o.stdout + o.stderr
	for _, text := range texts {
		if n := strings.Count(all, text); n == 0 || once && n > 1 {
			t.Errorf("%q said %d times\n%v", text, n, o)
		}
	}
}

// line is one report of log.jsonl without its times.
type line struct {
	Step   int
	Loss   float64
	Terms  map[string]float64
	Errors map[string]float64
}

// history reads the reports of a run. JSON floats carry all digits, so equal numbers were equal bits.
func history(t *testing.T, dir string) []line {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var list []line
	for _, row := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var l line
		if err := json.Unmarshal([]byte(row), &l); err != nil {
			t.Fatalf("%v: %q", err, row)
		}
		list = append(list, l)
	}
	return list
}

// near wants two losses to agree to a relative tolerance.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Abs(want)) {
		t.Errorf("%s: %.17g, want %.17g: relative difference %.1e, allowed %.0e", what, got, want, math.Abs(got-want)/math.Abs(want), tolerance)
	}
}

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
