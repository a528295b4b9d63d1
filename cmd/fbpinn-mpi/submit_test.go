package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// standIn puts a program that notes its arguments, says what it is told and ends with an exit code in the place of sbatch, and returns
// the file of notes.
func standIn(t *testing.T, says string, code int) string {
	t.Helper()
	dir := t.TempDir()
	notes := filepath.Join(dir, "notes")
	text := fmt.Sprintf("#!/bin/bash\necho \"$@\" >>%q\n%s\nexit %d\n", notes, says, code)
	if err := os.WriteFile(filepath.Join(dir, "sbatch"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return notes
}

// TestSubmit: the job is copied under its digest, the script under its own, and sbatch gets the script; the run's folder is still free.
func TestSubmit(t *testing.T) {
	notes := standIn(t, "echo 42", 0)
	dir := filepath.Join(t.TempDir(), "run")
	o := must(t, 0, 0, "submit", oscillator, "--out", dir, "--set", "train.steps=7", "--ranks=4", "--ranks-per-node=2", "--time=1:00:00")
	o.says(t, true, "job 42: "+dir, "log    "+filepath.Join(dir, "slurm", "42.out"))
	path := strings.Fields(read(t, notes))
	if len(path) != 2 || path[0] != "--parsable" {
		t.Fatalf("sbatch got %q", path)
	}
	script := read(t, path[1])
	for _, want := range []string{"#SBATCH --nodes=2\n", "#SBATCH --ntasks-per-node=2\n", "#SBATCH --time=1:00:00\n", "#SBATCH --signal=B:USR1@120\n",
		"#SBATCH --requeue\n", "srun --mpi=pmix --ntasks=4 ", "--backend=cpu"} {
		if !strings.Contains(script, want) {
			t.Errorf("the script has no %q:\n%s", want, script)
		}
	}
	copies, err := filepath.Glob(filepath.Join(dir, "slurm", "job-*.toml"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("copies of the job: %v %v", copies, err)
	}
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte(read(t, copies[0]))))
	if filepath.Base(copies[0]) != "job-"+digest[:12]+".toml" || !strings.Contains(script, digest+"  $job") {
		t.Errorf("%s has digest %s; the script says\n%s", copies[0], digest, script)
	}
	// What the script starts.
	must(t, 0, 0, "run", copies[0], "--out", dir)
	if h := history(t, dir); h[len(h)-1].Step != 7 {
		t.Errorf("--set did not reach the copy: %v", h)
	}
	o = must(t, exitInput, 0, "submit", oscillator, "--out", dir)
	o.says(t, true, "--resume goes on, --out chooses another")
	must(t, 0, 0, "submit", oscillator, "--out", dir, "--resume")
}

// TestSubmitByHand: what --dry-run prints is what --write writes; the first leaves nothing, and neither calls sbatch.
func TestSubmitByHand(t *testing.T) {
	notes := standIn(t, "", 0)
	dir := t.TempDir()
	run, file := filepath.Join(dir, "it's a run"), filepath.Join(dir, "a script")
	flags := []string{"submit", oscillator, "--out", run, "--launcher=mpirun", "--cpus=2", "--margin=30s", "--partition=long", "--account=abc",
		"--sbatch=--mem=16G", "--setup=module load openmpi", "--", "--watchdog=5m"}
	shown := must(t, 0, 0, append([]string{flags[0], flags[1], "--dry-run"}, flags[2:]...)...).stdout
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("--dry-run left %v", left)
	}
	o := must(t, 0, 0, append([]string{flags[0], flags[1], "--write", file}, flags[2:]...)...)
	o.says(t, true, "sbatch '"+file+"'")
	if written := read(t, file); written != shown {
		t.Errorf("shown:\n%s\nwritten:\n%s", shown, written)
	}
	for _, want := range []string{"#SBATCH --signal=B:USR1@30\n", "#SBATCH --partition=long\n#SBATCH --account=abc\n#SBATCH --mem=16G\n", "\nmodule load openmpi\n",
		"mpirun -np 1 --map-by slot:PE=2 --bind-to core", " --watchdog=5m ", `'\''s a run'`} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q in\n%s", want, shown)
		}
	}
	bash := exec.Command("bash", "-n", file)
	if out, err := bash.CombinedOutput(); err != nil {
		t.Errorf("bash does not read it: %v %s", err, out)
	}
	o = must(t, exitInput, 0, append([]string{flags[0], flags[1], "--write", file}, flags[2:]...)...)
	o.says(t, true, "is there already")
	if _, err := os.Stat(notes); err == nil {
		t.Errorf("sbatch was called: %s", read(t, notes))
	}
}

// TestSubmitRefuses: what is wrong is said before anything waits in a queue, with what to do.
func TestSubmitRefuses(t *testing.T) {
	standIn(t, "echo 'Invalid partition name specified' >&2", 1)
	dir := filepath.Join(t.TempDir(), "run")
	for _, c := range []struct {
		flags []string
		says  string
	}{
		{[]string{"--set", "train.stesp=5"}, "unknown key"},
		{[]string{"--ranks=0"}, "--ranks 0: give at least 1"},
		{[]string{"--ranks=5", "--ranks-per-node=2"}, "5 ranks do not fill nodes of 2 (--ranks-per-node): give 4 or 6 ranks"},
		{[]string{"--ranks-per-node=-1"}, "--ranks-per-node -1: give at least 1"},
		{[]string{"--cpus=0"}, "--cpus 0: give at least 1"},
		{[]string{"--gpu"}, "make cuda"},
		{[]string{"--launcher=aprun"}, "give srun or mpirun"},
		{[]string{"--time=2h"}, "give minutes, such as 90, or 1:30:00"},
		{[]string{"--time=3"}, "give at least 4m0s, or a smaller margin"},
		{[]string{"--margin=0s"}, "--margin 0s: give 1s to"},
		{[]string{"--sbatch=mem=16G"}, "with its dashes"},
		{[]string{"--setup=a\nb"}, "more than one line"},
		{[]string{"--dry-run", "--write=x"}, "give one of them"},
		{[]string{"--resume"}, "there is no run in " + dir},
		{[]string{"--", "--stesp=5"}, "unknown flag: --stesp"},
		{[]string{"--", "--force"}, "--out chooses another folder"},
		{[]string{"--", "--resume"}, "give --resume to submit itself"},
		{[]string{"--", "other.toml"}, `"other.toml" is no flag of run`},
	} {
		o := must(t, exitInput, 0, append([]string{"submit", oscillator, "--out", dir}, c.flags...)...)
		o.says(t, true, c.says)
		if _, err := os.Stat(dir); err == nil {
			t.Fatalf("%v left something", c.flags)
		}
	}
	o := must(t, exitInput, 0, "submit", oscillator, "--out", dir)
	o.says(t, true, "Invalid partition name specified")
	t.Setenv("PATH", "/nowhere")
	o = must(t, exitInput, 0, "submit", oscillator, "--out", dir)
	o.says(t, true, "there is no sbatch here")
}

func TestTimeLimit(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "unlimited": 0, "90": 90 * time.Minute, "1:30": 90 * time.Second, "1:30:00": 90 * time.Minute,
		"2-0": 48 * time.Hour, "1-12": 36 * time.Hour, "1-0:30": 24*time.Hour + 30*time.Minute, "0-00:00:05": 5 * time.Second} {
		if d, err := timeLimit(text); err != nil || d != want {
			t.Errorf("%q is %v (%v), want %v", text, d, err, want)
		}
	}
	for _, text := range []string{"0", "1h", "-5", "1:2:3:4", "1-", " 5", "99999999999999999999"} {
		if d, err := timeLimit(text); err == nil {
			t.Errorf("%q is %v", text, d)
		}
	}
}

// TestScaleSlurm: an array for each number of ranks with the numbers of its points, and behind them the job that collects.
func TestScaleSlurm(t *testing.T) {
	notes := standIn(t, `echo $((100 + $(wc -l <"${0%/*}/notes")))`, 0)
	dir := filepath.Join(t.TempDir(), "study")
	study := []string{"scale", "strong", oscillator, "--out", dir, "--ranks=1,2,4", "--repeat=2", "--steps=10", "--set", "train.rate=2e-3"}
	slurm := append(study[:len(study):len(study)], "--slurm", "--ranks-per-node=2", "--time=10", "--launcher=mpirun")
	must(t, 0, 0, append(slurm, "--dry-run")...)
	if _, err := os.Stat(dir); err == nil {
		t.Fatal("--dry-run left something")
	}
	must(t, 0, 0, slurm...)
	calls := strings.Split(strings.TrimSpace(read(t, notes)), "\n")
	if len(calls) != 4 || !strings.HasPrefix(calls[3], "--parsable --dependency=afterany:101:102:103 ") {
		t.Fatalf("sbatch got %q", calls)
	}
	for i, want := range [][]string{
		{"--nodes=1\n", "--ntasks-per-node=1\n", "--array=1,4\n", "'mpirun -np 1 ", " --ranks=1,2,4 --repeat=2 --steps=10 ", " --point "},
		{"--nodes=1\n", "--ntasks-per-node=2\n", "--array=2,5\n", "'mpirun -np 2 "},
		{"--nodes=2\n", "--ntasks-per-node=2\n", "--array=3,6\n", "'mpirun -np 4 "},
		{"--nodes=1\n", "--ntasks-per-node=1\n", " --collect\n"},
	} {
		words := strings.Fields(calls[i])
		script := read(t, words[len(words)-1])
		for _, text := range want {
			if !strings.Contains(script, text) {
				t.Errorf("script %d has no %q:\n%s", i, text, script)
			}
		}
		if _, command, _ := strings.Cut(script, "\nexec "); regexp.MustCompile(` --(slurm|time|set)\b`).MatchString(command) {
			t.Errorf("script %d repeats what is for Slurm or in the copy of the job:\n%s", i, script)
		}
	}
	for _, c := range []struct {
		flags []string
		says  string
	}{
		{append(study[:len(study):len(study)], "--time=10"), "--time belongs to --slurm"},
		{append(slurm[:len(slurm):len(slurm)], "--point=1"), "without --point and --collect"},
		{append(slurm[:len(slurm):len(slurm)], "--backend=cuda"), "cuda with --gpu"},
		{append(slurm[:len(slurm):len(slurm)], "--ranks=3"), "3 ranks do not fill nodes of 2"},
	} {
		must(t, exitInput, 0, c.flags...).says(t, true, c.says)
	}
}
