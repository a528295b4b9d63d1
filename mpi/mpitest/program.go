package mpitest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Program is a binary under test, started as a user does: alone or by mpirun, and judged by its exit code, its words and its files.
type Program struct {
	Path string
	Env  []string // beside that of the test
	// Patience ends a run that hangs.
	Patience time.Duration
}

// Build compiles a main package into dir.
func Build(dir, pkg string, flags ...string) (Program, error) {
	p := Program{Path: filepath.Join(dir, filepath.Base(pkg)), Patience: 90 * time.Second}
	if pkg == "." {
		p.Path = filepath.Join(dir, "program")
	}
	args := append(append([]string{"build"}, flags...), "-o", p.Path, pkg)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return p, fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return p, nil
}

// Launcher is the command line that starts np ranks: 0 is no launcher at all.
func Launcher(t testing.TB, np int) []string {
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

// Running is a run under way.
type Running struct {
	*exec.Cmd
	Out, Err strings.Builder // complete after End

	program string
}

// Begin starts the program on np ranks.
func (p Program) Begin(t testing.TB, np int, args ...string) *Running {
	t.Helper()
	line := append(append(Launcher(t, np), p.Path), args...)
	ctx, cancel := context.WithTimeout(context.Background(), p.Patience)
	t.Cleanup(cancel)
	r := &Running{Cmd: exec.CommandContext(ctx, line[0], line[1:]...), program: p.Path}
	r.Stdout, r.Stderr = &r.Out, &r.Err
	// Open MPI keeps session folders in one place, and launchers that start and end at the same time lose them to each other.
	session, err := os.MkdirTemp("", "session")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(session) })
	r.Env = append(append(os.Environ(), "OMPI_MCA_btl_vader_single_copy_mechanism=none", "OMPI_MCA_orte_tmpdir_base="+session), p.Env...)
	// mpirun ends its ranks when asked to; a kill would leave them behind.
	r.Cancel = func() error { return r.Process.Signal(syscall.SIGTERM) }
	r.WaitDelay = 5 * time.Second
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

// End waits for the program.
func (p *Running) End(t testing.TB) Outcome {
	t.Helper()
	err := p.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v\n%s\n%s", err, p.Out.String(), p.Err.String())
	}
	return Outcome{p.ProcessState.ExitCode(), p.Out.String(), p.Err.String()}
}

// Ranks finds the processes of the run that has this argument on its command line: process id by rank, "" for one without a launcher.
func (p *Running) Ranks(t testing.TB, argument string) map[string]int {
	t.Helper()
	return Program{Path: p.program}.Ranks(t, argument)
}

// Ranks is Running.Ranks of a run that somebody else has started, such as Slurm.
func (p Program) Ranks(t testing.TB, argument string) map[string]int {
	t.Helper()
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skipf("SKIP: %s finds the ranks in /proc", t.Name())
	}
	ranks := map[string]int{}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range processes {
		line, err := os.ReadFile(process + "/cmdline")
		if err != nil || !strings.HasPrefix(string(line), p.Path+"\x00") || !strings.Contains(string(line), "\x00"+argument+"\x00") {
			continue
		}
		environ, err := os.ReadFile(process + "/environ")
		if err != nil {
			continue // gone meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil {
			t.Fatal(err)
		}
		of := ""
		for _, v := range strings.Split(string(environ), "\x00") {
			if rank, ok := strings.CutPrefix(v, "PMIX_RANK="); ok {
				of = rank
			}
		}
		ranks[of] = pid
	}
	return ranks
}

// Outcome is how a run ended.
type Outcome struct {
	Code           int
	Stdout, Stderr string
}

func (o Outcome) String() string {
	return fmt.Sprintf("exit code %d\n%s\n%s", o.Code, o.Stdout, o.Stderr)
}

// Run runs the program to its end.
func (p Program) Run(t testing.TB, np int, args ...string) Outcome {
	t.Helper()
	return p.Begin(t, np, args...).End(t)
}

// Must runs the program and wants an exit code.
func (p Program) Must(t testing.TB, code, np int, args ...string) Outcome {
	t.Helper()
	o := p.Run(t, np, args...)
	if o.Code != code {
		t.Fatalf("%v: want exit code %d, got %v", args, code, o)
	}
	return o
}

// Says wants each of the texts in what a run said, exactly once where once is set.
func (o Outcome) Says(t testing.TB, once bool, texts ...string) {
	t.Helper()
	all := o.Stdout + o.Stderr
	for _, text := range texts {
		if n := strings.Count(all, text); n == 0 || once && n > 1 {
			t.Errorf("%q said %d times\n%v", text, n, o)
		}
	}
}
