package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fbpinn-mpi/io/scaling"
	"fbpinn-mpi/io/snapshot"
)

// needSlurm skips a test where nobody has offered a Slurm for it: a cluster's own is not for us to fill.
func needSlurm(t *testing.T) {
	t.Helper()
	if os.Getenv("FBPINN_TEST_SLURM") == "" {
		t.Skipf("SKIP: %s needs a Slurm; make test-slurm starts one", t.Name())
	}
	if out, err := exec.Command("sinfo", "-h", "-o", "%T").CombinedOutput(); err != nil || strings.TrimSpace(string(out)) == "" {
		t.Fatalf("no Slurm answers: %v %s", err, out)
	}
	// What mpirun wants to hear from root, and in containers; sbatch hands the environment on.
	t.Setenv("OMPI_ALLOW_RUN_AS_ROOT", "1")
	t.Setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
	t.Setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none")
}

// slurmJob is a submitted job.
type slurmJob struct {
	id, folder string
	submitted  time.Time
}

// submitted submits the oscillator, and cancels it if the test does not come to its end.
func submitted(t *testing.T, folder string, flags ...string) slurmJob {
	t.Helper()
	o := must(t, 0, 0, append([]string{"submit", oscillator, "--out", folder}, flags...)...)
	id := regexp.MustCompile(`(?m)^job (\d+): `).FindStringSubmatch(o.stdout)
	if id == nil {
		t.Fatalf("no number of a job: %v", o)
	}
	j := slurmJob{id[1], folder, time.Now()}
	t.Cleanup(func() {
		j.scancel(t)
		j.gone(t, patience) // the folder is about to be removed
		if t.Failed() {
			t.Logf("job %s: %v\n%s", j.id, j.record(t), j.log())
		}
	})
	return j
}

func (j slurmJob) scancel(t *testing.T, flags ...string) {
	t.Helper()
	if out, err := exec.Command("scancel", append(flags, j.id)...).CombinedOutput(); err != nil {
		t.Fatalf("scancel: %v %s", err, out)
	}
}

// record is what Slurm knows of a job.
func (j slurmJob) record(t *testing.T) map[string]string {
	t.Helper()
	time.Sleep(200 * time.Millisecond) // those who wait ask again and again
	out, err := exec.Command("scontrol", "show", "job", "-o", j.id).CombinedOutput()
	if err != nil {
		t.Fatalf("scontrol: %v %s", err, out)
	}
	m := map[string]string{}
	for _, word := range strings.Fields(string(out)) {
		if name, value, ok := strings.Cut(word, "="); ok {
			if _, there := m[name]; !there {
				m[name] = value
			}
		}
	}
	return m
}

// log is what the job has said.
func (j slurmJob) log() string {
	b, _ := os.ReadFile(filepath.Join(j.folder, "slurm", j.id+".out"))
	return string(b)
}

// until waits for a condition that costs little to look at.
func until(t *testing.T, what string, limit time.Duration, holds func() bool) {
	t.Helper()
	for began := time.Now(); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// ends waits for the end of a job, and wants its state, exit code and number of restarts.
func (j slurmJob) ends(t *testing.T, limit time.Duration, state, code string, restarts int) {
	t.Helper()
	var r map[string]string
	until(t, "end of job "+j.id, limit, func() bool {
		r = j.record(t)
		switch r["JobState"] {
		case "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY":
			return true
		}
		return false
	})
	if r["JobState"] != state || code != "" && r["ExitCode"] != code || r["Restarts"] != strconv.Itoa(restarts) {
		t.Fatalf("job %s: state %s, exit code %s, %s restarts; want %s, %s, %d", j.id, r["JobState"], r["ExitCode"], r["Restarts"], state, code, restarts)
	}
}

// trains waits until the job has reported n times.
func (j slurmJob) trains(t *testing.T, n int) {
	t.Helper()
	until(t, fmt.Sprintf("%d reports", n), patience, func() bool { return j.reports() >= n })
}

// reports counts those of the run so far.
func (j slurmJob) reports() int {
	text, _ := os.ReadFile(filepath.Join(j.folder, "log.jsonl"))
	return strings.Count(string(text), "\n")
}

// gone wants no process of a run after a while.
func (j slurmJob) gone(t *testing.T, limit time.Duration) {
	t.Helper()
	until(t, "end of ranks, launcher and script of "+j.folder, limit, func() bool {
		list, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range list {
			if line, _ := os.ReadFile(path); strings.Contains(string(line), j.folder) {
				return false
			}
		}
		return true
	})
}

const (
	endless    = "--set=train.steps=1000000000"
	queueing   = 90 * time.Second // a short job on a busy machine, from submission to its end
	tenSeconds = 10 * time.Second // in which all ranks are gone when one is
)

// TestSlurmSubmission: both launchers train to the same bits as a run without Slurm, and solution and log say who made them.
func TestSlurmSubmission(t *testing.T) {
	needSlurm(t)
	dir := t.TempDir()
	alone := filepath.Join(dir, "alone")
	must(t, 0, 2, "run", oscillator, "--out", alone, "--backend=cpu")
	for _, launcher := range []string{"srun", "mpirun"} {
		j := submitted(t, filepath.Join(dir, "it's "+launcher), "--ranks=2", "--time=5", "--launcher="+launcher)
		j.ends(t, queueing, "COMPLETED", "0:0", 0)
		sameState(t, newest(t, j.folder), newest(t, alone))
		if got, want := history(t, j.folder), history(t, alone); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: log:\n%v\nwithout Slurm:\n%v", launcher, got, want)
		}
		s, err := snapshot.Read(filepath.Join(j.folder, "solution.h5"))
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]any{"slurm_job_id": j.id, "mpi_size": int64(2)} {
			if got := attribute(s, name); got != want {
				t.Errorf("%s: %s is %v, want %v", launcher, name, got, want)
			}
		}
		outcome{stdout: j.log()}.says(t, true, "Slurm job "+j.id+", start 1, ranks: 2 on ", "fbpinn-mpi version ", ".toml: OK", "all steps done", "exit code 0")
	}
}

func attribute(s *snapshot.Snapshot, name string) any {
	for _, a := range s.Attrs {
		if a.Name == name {
			return a.Value
		}
	}
	return nil
}

// TestSlurmTimeLimit: a training that is too long for five time limits goes through as many starts, and ends with the bits, the log and
// the solution of one that was never stopped.
func TestSlurmTimeLimit(t *testing.T) {
	needSlurm(t)
	const (
		limit    = "--sbatch=--time=1" // the shortest there is; submit itself would refuse it
		margin   = "--margin=15s"      // Slurm looks every 30 s, and asks up to 30 s early: 15 to 45 s after the start
		requeues = 5
		reports  = 400
	)
	dir := t.TempDir()
	// Steps of a millisecond, so that ranks which wait for each other on a busy machine lose little.
	flags := []string{"--ranks=2", "--set=points.interior.shape=[10000]", "--set=output.checkpoint=0", "--set=train.steps=4000", "--set=train.report=10",
		"--set=train.test=10"}
	j := submitted(t, filepath.Join(dir, "parts"), append(flags, margin, limit, "--", "--watchdog=0")...) // which would miss ranks that are held
	for n, lines := 1, 0; n <= requeues; n++ {
		start := fmt.Sprintf("start %d,", n)
		until(t, start+" training", 2*patience, func() bool { return strings.Contains(j.log(), start) && j.reports() > lines })
		// On a fast machine the whole training would fit into the first start: it is held until Slurm asks for its end.
		ranks := program.Ranks(t, j.folder)
		for _, pid := range ranks {
			syscall.Kill(pid, syscall.SIGSTOP)
		}
		until(t, "Slurm's signal", time.Minute, func() bool {
			for _, pid := range ranks {
				if !pending(pid, syscall.SIGUSR1) {
					return false
				}
			}
			return true
		})
		for _, pid := range ranks {
			syscall.Kill(pid, syscall.SIGCONT)
		}
		until(t, "requeue", time.Minute, func() bool { return strings.Count(j.log(), "back into the queue") == n })
		lines = j.reports()
	}
	if out, err := exec.Command("scontrol", "update", "JobId="+j.id, "TimeLimit=60").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	const patient = 10 * time.Minute // of the training on a busy machine
	j.ends(t, patient, "COMPLETED", "0:0", requeues)
	whole := submitted(t, filepath.Join(dir, "whole"), append(flags, "--time=60")...)
	whole.ends(t, patient, "COMPLETED", "0:0", 0)
	sameState(t, newest(t, j.folder), newest(t, whole.folder))
	got, want := history(t, j.folder), history(t, whole.folder)
	if len(want) != reports || !reflect.DeepEqual(got, want) {
		t.Errorf("log of %d lines differs from %d without a stop", len(got), len(want))
	}
	a, errA := snapshot.Read(filepath.Join(j.folder, "solution.h5"))
	b, errB := snapshot.Read(filepath.Join(whole.folder, "solution.h5"))
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if len(a.Fields) != 4 || !reflect.DeepEqual(a.Fields, b.Fields) { // u, its exact solution, its error, the residual
		t.Errorf("solutions differ, or there are %d fields", len(a.Fields))
	}
}

// pending tells whether a signal waits for a process, as it does where that is stopped, or has ended it.
func pending(pid int, s syscall.Signal) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return true
	}
	_, mask, _ := strings.Cut(string(b), "ShdPnd:\t")
	mask, _, _ = strings.Cut(mask, "\n")
	bits, err := strconv.ParseUint(mask, 16, 64)
	return err == nil && bits&(1<<(s-1)) != 0
}

// TestSlurmSignal: USR1 by hand, and a job that Slurm takes back before its first checkpoint, through mpirun: both go on by themselves.
func TestSlurmSignal(t *testing.T) {
	needSlurm(t)
	j := submitted(t, filepath.Join(t.TempDir(), "run"), "--ranks=2", "--time=10", "--launcher=mpirun", endless, "--set=output.checkpoint=0")
	j.trains(t, 1)
	if out, err := exec.Command("scontrol", "requeue", j.id).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	restarted := func(n string) {
		t.Helper()
		until(t, "restart "+n, queueing, func() bool { r := j.record(t); return r["JobState"] == "RUNNING" && r["Restarts"] == n })
		until(t, "training", queueing, func() bool { return strings.Contains(j.log(), "start "+next(n)) })
		j.trains(t, 1)
	}
	restarted("1")
	j.scancel(t, "--batch", "--signal=USR1")
	restarted("2")
	until(t, "resuming", queueing, func() bool { return strings.Contains(j.log(), "resuming after step") })
	ascending(t, history(t, j.folder))
	if c := newest(t, j.folder); c.Step == 0 {
		t.Error("the signal left no checkpoint")
	}
}

func next(n string) string {
	k, _ := strconv.Atoi(n)
	return strconv.Itoa(k + 1)
}

// TestSlurmCancelled: scancel ends every process; the checkpoint before it serves a job that is submitted with --resume.
func TestSlurmCancelled(t *testing.T) {
	needSlurm(t)
	dir := filepath.Join(t.TempDir(), "run")
	j := submitted(t, dir, "--ranks=2", "--time=10", endless, "--set=output.checkpoint=4000")
	until(t, "a checkpoint", patience, func() bool {
		list, _ := filepath.Glob(filepath.Join(dir, "checkpoint-*.json"))
		return len(list) > 0
	})
	j.scancel(t)
	j.gone(t, tenSeconds)
	j.ends(t, tenSeconds, "CANCELLED", "", 0)
	step := newest(t, dir).Step
	again := submitted(t, dir, "--ranks=2", "--time=10", "--resume", fmt.Sprintf("--set=train.steps=%d", step+100))
	again.ends(t, queueing, "COMPLETED", "0:0", 0)
	outcome{stdout: again.log()}.says(t, true, fmt.Sprintf("resuming after step %d", step), fmt.Sprintf("all steps done after %d steps", step+100))
	ascending(t, history(t, dir))
}

// TestSlurmRank: a rank that is killed takes the others with it, and the job fails instead of waiting or coming back.
func TestSlurmRank(t *testing.T) {
	needSlurm(t)
	for launcher, cause := range map[string]string{"srun": "task 1: Killed", "mpirun": "exited on signal 9 (Killed)"} {
		t.Run(launcher, func(t *testing.T) {
			j := submitted(t, filepath.Join(t.TempDir(), "run"), "--ranks=2", "--time=10", "--launcher="+launcher, endless)
			j.trains(t, 1)
			ranks := program.Ranks(t, j.folder)
			if len(ranks) != 2 {
				t.Fatalf("ranks %v", ranks)
			}
			killed := time.Now()
			if err := syscall.Kill(ranks["1"], syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			j.gone(t, tenSeconds)
			t.Logf("all gone after %.2g s", time.Since(killed).Seconds())
			j.ends(t, tenSeconds, "FAILED", "", 0)
			outcome{stdout: j.log()}.says(t, true, cause)
		})
	}
}

// TestSlurmCards: a script for cards gets as many a node as ranks, and every rank sees all of them. What stands for the cards has no
// driver, which the program says.
func TestSlurmCards(t *testing.T) {
	needSlurm(t)
	if out, err := exec.Command("sinfo", "-h", "-o", "%G").Output(); err != nil || !strings.Contains(string(out), "gpu") {
		t.Skipf("SKIP: TestSlurmCards needs a node with gpu among its generic resources: %v %s", err, out)
	}
	sibling := filepath.Join(filepath.Dir(binary), siblingName) // submit wants to see it
	if err := os.WriteFile(sibling, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(sibling) })
	j := submitted(t, filepath.Join(t.TempDir(), "run"), "--ranks=2", "--gpu", "--time=10",
		"--setup=srun --ntasks=2 bash -c 'echo rank $SLURM_PROCID sees cards $CUDA_VISIBLE_DEVICES'")
	j.ends(t, queueing, "FAILED", fmt.Sprintf("%d:0", exitFailure), 0)
	outcome{stdout: j.log()}.says(t, true, "rank 0 sees cards 0,1\n", "rank 1 sees cards 0,1\n", "--backend=cuda: ")
}

// TestSlurmStudy: the points of a study run as tasks of arrays, the figures are collected behind them, and a study that is submitted
// again has nothing to run.
func TestSlurmStudy(t *testing.T) {
	needSlurm(t)
	dir := filepath.Join(t.TempDir(), "study")
	study := []string{"scale", "strong", oscillator, "--out", dir, "--ranks=1,2", "--repeat=2", "--steps=200", "--warm-up=10", "--slurm", "--time=5"}
	o := must(t, 0, 0, study...)
	ids := regexp.MustCompile(`(?m)^job (\d+): `).FindAllStringSubmatch(o.stdout, -1)
	if len(ids) != 3 {
		t.Fatalf("want two arrays and the job that collects: %v", o)
	}
	t.Cleanup(func() {
		for _, id := range ids {
			exec.Command("scancel", id[1]).Run()
		}
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(dir, "slurm", "*.out"))
			for _, log := range logs {
				t.Log(log, read(t, log))
			}
		}
	})
	slurmJob{id: ids[2][1], folder: dir}.ends(t, 2*queueing, "COMPLETED", "0:0", 0)
	for _, n := range []int{1, 2} {
		for k := 1; k <= 2; k++ {
			p, err := scaling.ReadPoint(scaling.PointFile(dir, n, k))
			if err != nil || p == nil || p.Ranks != n {
				t.Errorf("%d ranks, repetition %d: %v %+v", n, k, err, p)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "scale.h5")); err != nil {
		t.Error(err)
	}
	must(t, 0, 0, study...).says(t, true, "all points are measured")
}
