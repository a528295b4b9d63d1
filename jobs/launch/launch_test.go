package launch

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the examples anew")

// cpu and gpu are what the examples show.
func cpu() Run {
	return Run{
		Allocation: Allocation{Name: "burgers", Log: "/scratch/ada/runs/burgers/slurm/%j.out", Nodes: 2, RanksPerNode: 128, CPUs: 1,
			Time: "12:00:00", Partition: "long", Setup: []string{"module load openmpi"}, Launcher: "mpirun"},
		Input: Input{Program: "/home/ada/fbpinn-mpi/bin/fbpinn-mpi", Job: "/scratch/ada/runs/burgers/slurm/job-5feceb66ffc8.toml",
			SHA256: "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"},
		Margin: 120,
		Folder: "/scratch/ada/runs/burgers",
	}
}

func gpu() Run {
	r := cpu()
	r.Nodes, r.RanksPerNode, r.CPUs, r.GPU, r.Launcher = 2, 4, 16, true, "srun"
	r.Partition, r.Setup, r.Account, r.Options = "", nil, "abc123", []string{"--mem=200G", "--qos=high"}
	return r
}

// study is a study of cpu's job; without an array it is collected.
func study(array string) Study {
	r := cpu()
	s := Study{Allocation: r.Allocation, Input: r.Input, Kind: "strong", Array: array,
		Flags: []string{"--ranks=128,256", "--backend=cpu", "--out=/scratch/ada/scaling/burgers-strong"}}
	s.Name, s.Log = "burgers-strong", "/scratch/ada/scaling/burgers-strong/slurm/%A-%a.out"
	s.Job = "/scratch/ada/scaling/burgers-strong/slurm/job-5feceb66ffc8.toml"
	if array == "" {
		s.Nodes, s.RanksPerNode, s.Log = 1, 1, "/scratch/ada/scaling/burgers-strong/slurm/%j.out"
	}
	return s
}

// TestExamples: the examples are what the templates give, and bash reads them.
func TestExamples(t *testing.T) {
	for name, write := range map[string]func(*strings.Builder) error{
		"run-cpu-mpirun.sbatch": func(b *strings.Builder) error { return WriteRun(b, cpu()) },
		"run-gpu-srun.sbatch":   func(b *strings.Builder) error { return WriteRun(b, gpu()) },
		"study-points.sbatch":   func(b *strings.Builder) error { return WriteStudy(b, study("2,4,6,8,10")) },
		"study-collect.sbatch":  func(b *strings.Builder) error { return WriteStudy(b, study("")) },
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("examples", name)
			if *update {
				if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil || string(want) != b.String() {
				t.Errorf("%v; written:\n%s\n(go test ./jobs/launch -update, if that is right)", err, b.String())
			}
			readable(t, b.String())
		})
	}
}

// readable wants a script without an error of syntax.
func readable(t *testing.T, script string) {
	t.Helper()
	c := exec.Command(bash(t), "-n")
	c.Stdin = strings.NewReader(script)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %s\n%s", err, out, script)
	}
}

func bash(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("bash")
	if err != nil {
		t.Skipf("SKIP: %s needs bash", t.Name())
	}
	return path
}

// stage is a folder in which the script of a run plays with stand-ins for Slurm and for the program: they note their arguments, and
// the program does what a test tells it.
type stage struct {
	run    Run
	script string
	calls  string // file: one line a call
}

// newStage prepares a script whose program does the given lines of shell, in the folder $run.
func newStage(t *testing.T, does string) *stage {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "it's a place") // what needs quotes in a script
	r := gpu()
	r.Folder, r.Program, r.Job = filepath.Join(dir, "run"), filepath.Join(dir, "bin", "program"), filepath.Join(dir, "job.toml")
	r.Setup = []string{`export PATH="$stage/bin:$PATH"`}
	s := &stage{run: r, script: filepath.Join(dir, "script"), calls: filepath.Join(dir, "calls")}
	const job = "title = 'a job'\n"
	s.run.SHA256 = fmt.Sprintf("%x", sha256.Sum256([]byte(job)))
	s.put(t, r.Job, job)
	s.put(t, filepath.Join(r.Folder, ".lock"), "")
	s.put(t, r.Program, "#!/bin/bash\n[ $1 != --version ] || exit 0\necho program \"${@:5}\" >>\"$stage/calls\"; run=$stage/run\n"+does)
	s.put(t, filepath.Join(dir, "bin", "srun"), "#!/bin/bash\nwhile [ \"${1#-}\" != \"$1\" ]; do shift; done; exec \"$@\"\n")
	s.put(t, filepath.Join(dir, "bin", "scontrol"), "#!/bin/bash\necho scontrol \"$@\" >>\"$stage/calls\"; [ ! -e \"$stage/refuse\" ]\n")
	var b strings.Builder
	if err := WriteRun(&b, s.run); err != nil {
		t.Fatal(err)
	}
	s.put(t, s.script, b.String())
	return s
}

func (s *stage) put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// plays runs the script, sends it what is given once the program runs, and returns exit code, calls, and what was said.
func (s *stage) plays(t *testing.T, signals ...os.Signal) (int, string, string) {
	t.Helper()
	c := exec.Command(bash(t), s.script)
	c.Env = append(os.Environ(), "stage="+filepath.Dir(s.script), "SLURM_JOB_ID=17", "SLURM_JOB_NODELIST=n[1-2]")
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(30*time.Second, func() { c.Process.Kill() })
	defer timer.Stop()
	for _, sig := range signals {
		for range 3000 {
			if _, err := os.Stat(filepath.Join(s.run.Folder, "ready")); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		c.Process.Signal(sig)
		time.Sleep(50 * time.Millisecond) // equal signals that wait are one
	}
	c.Wait()
	calls, _ := os.ReadFile(s.calls)
	return c.ProcessState.ExitCode(), string(calls), said.String()
}

// TestRunScript: where a start begins, what becomes of its exit code, and when the job goes back into the queue.
func TestRunScript(t *testing.T) {
	t.Parallel()
	const (
		checkpoint = `touch "$run/checkpoint-$step.json"; `
		stopped    = "step=100; " + checkpoint + "exit 75\n"
		requeued   = "scontrol requeue 17\n"
	)
	job := func(s *stage, t *testing.T) {
		text, _ := os.ReadFile(s.run.Job)
		s.put(t, filepath.Join(s.run.Folder, "job.toml"), string(text))
	}
	file := func(name string) func(*stage, *testing.T) {
		return func(s *stage, t *testing.T) { s.put(t, filepath.Join(s.run.Folder, name), "x") }
	}
	type prepared = []func(*stage, *testing.T)
	for _, c := range []struct {
		name  string
		first prepared
		does  string
		code  int
		calls string
	}{
		{"done", nil, "exit 0", 0, "program --backend=cuda\n"},
		{"failed", nil, "exit 71", 71, "program --backend=cuda\n"},
		{"killed", nil, "kill -9 $$", 137, "program --backend=cuda\n"},
		{"stopped", nil, stopped, 75, "program --backend=cuda\n" + requeued},
		{"goes on", prepared{job, file("checkpoint-90.json")}, stopped, 75, "program --backend=cuda --resume\n" + requeued},
		{"no progress", prepared{file("checkpoint-100.json")}, "exit 75", 75, "program --backend=cuda --resume\n"},
		{"refused", nil, "touch \"$stage/refuse\"; " + stopped, 75, "program --backend=cuda\n" + requeued},
		{"nothing to keep", prepared{job, file("log.jsonl")}, "exit 0", 0, "program --backend=cuda --force\n"},
		{"a result", prepared{job, file("solution.h5")}, "exit 64", 64, "program --backend=cuda\n"},
		{"another job", prepared{file("job.toml")}, "exit 64", 64, "program --backend=cuda\n"},
		{"job changed", prepared{func(s *stage, t *testing.T) { s.put(t, s.run.Job, "title = 'other'\n") }}, "exit 0", 64, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, c.does)
			for _, f := range c.first {
				f(s, t)
			}
			code, calls, said := s.plays(t)
			if code != c.code || calls != c.calls {
				t.Errorf("exit code %d, want %d; calls\n%swant\n%s\n%s", code, c.code, calls, c.calls, said)
			}
		})
	}
}

// TestRunScriptSignal: USR1 to the script reaches the program once that has started, however often it comes, and the script waits for the end.
func TestRunScriptSignal(t *testing.T) {
	t.Parallel()
	// Before its job.toml is there, the signal would kill the program.
	s := newStage(t, `touch "$run/ready"; sleep 1; trap 'got=yes' USR1; touch "$run/job.toml"
for i in {1..200}; do [ "$got" = yes ] && { sleep 0.2; touch "$run/checkpoint-1.json"; exit 75; }; sleep 0.05; done; exit 1`)
	code, calls, said := s.plays(t, syscall.SIGUSR1, syscall.SIGUSR1)
	if want := "program --backend=cuda\nscontrol requeue 17\n"; code != 75 || calls != want {
		t.Errorf("exit code %d; calls\n%swant\n%s\n%s", code, calls, want, said)
	}
}

func TestQuote(t *testing.T) {
	for _, text := range []string{"", "plain-1.2", "a b", "it's", `"$HOME"`, "a\\b", "~", "*"} {
		out, err := exec.Command(bash(t), "-c", "printf %s "+Quote(text)).Output()
		if err != nil || string(out) != text {
			t.Errorf("%q became %q (%v)", text, out, err)
		}
	}
}
