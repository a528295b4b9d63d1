package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"fbpinn-mpi/mpi/mpitest"
)

// methods are the ways to train whose state a restart must bring back.
var methods = []struct {
	name, job string
	set       []string
	steps     int // evaluations at least: a stop falls among the first three quarters; 0: the run is stopped at every chance
}{
	{"adam", tiny, nil, 200},
	{"adam, float32", tiny, []string{`train.precision="float32"`}, 200},
	{"lbfgs", tiny, []string{`train.solver="lbfgs"`, "train.steps=60"}, 60},
	{"gauss-newton", tiny, []string{`train.solver="gauss-newton"`, "train.steps=4", "network.hidden=[8]"}, 0},
	{"adam and least squares, in slabs", slabs, nil, 0},
}

// TestRel1: a training that is stopped and resumed ends with the bits and the log of one that ran through: parameters, moments, pairs of
// L-BFGS, Newton's state, fields.
func TestRel1(t *testing.T) {
	r := chance(t)
	diff := count(t, "runs that differ", 0)
	for _, np := range []int{0, 2, 4} {
		wholes := make([]*content, len(methods))
		for k := range repetitions(len(methods), 100) {
			m := methods[k%len(methods)]
			t.Run(fmt.Sprintf("np%d/%d/%s", max(np, 1), k, m.name), func(t *testing.T) {
				args := func(dir string, more ...string) []string {
					line := []string{"run", m.job, "--out", dir}
					for _, s := range m.set {
						line = append(line, "--set", s)
					}
					return append(line, more...)
				}
				dir := t.TempDir()
				if wholes[k%len(methods)] == nil {
					program.Must(t, 0, np, args(filepath.Join(dir, "whole"))...)
					c := read(t, filepath.Join(dir, "whole"))
					wholes[k%len(methods)] = &c
				}
				parts := filepath.Join(dir, "parts")
				stop := func(more ...string) mpitest.Outcome {
					if m.steps == 0 {
						return program.Run(t, np, args(parts, append(more, asap)...)...)
					}
					return with(fmt.Sprintf("FBPINN_FAULT=0:%d:usr1", 1+r.IntN(3*m.steps/4))).Run(t, np, args(parts, more...)...)
				}
				most := 1
				if m.steps == 0 {
					most += r.IntN(4)
				}
				o, stops := stop(), 0
				for ; o.Code == exitResubmit && stops < most; stops++ {
					o = stop("--resume")
				}
				if o.Code == exitResubmit {
					o = program.Run(t, np, args(parts, "--resume")...)
				}
				if o.Code != 0 || stops == 0 {
					t.Fatalf("%d stops, then %v", stops, o)
				}
				differ := 0.0
				if part := differs(read(t, parts), *wholes[k%len(methods)]); part != "" {
					t.Errorf("%s differs", part)
					differ = 1
				}
				ascending(t, history(t, parts))
				diff.note(t, m.name, differ)
			})
		}
	}
}

// TestRel2: a checkpoint of 4 ranks serves any number, with any method: the same error in the end and, with Adam, whose reports are of
// the state that a step starts from, the same first loss, hence the same points. Where Gauss-Newton ends on this job depends on the
// number of ranks, resumed or not: it only has to end at a solution.
func TestRel2(t *testing.T) {
	const (
		good  = 0.02 // of the final error
		sound = 0.05 // relative L2 error
	)
	// Sums of the same numbers in another order; the weights are in them.
	first := map[string]float64{"adam": 1e-12, "adam, float32": 1e-6}
	r := chance(t)
	final := count(t, "relative difference of the final L2 error", good)
	for _, m := range methods {
		t.Run(m.name, func(t *testing.T) {
			if full() && m.job == tiny {
				m.job = small
			}
			args := []string{"run", m.job, "--set", "train.report=1"}
			for _, s := range m.set {
				args = append(args, "--set", s)
			}
			from := filepath.Join(t.TempDir(), "from")
			stop, more := program, []string{asap}
			if m.steps > 0 {
				stop, more = with(fmt.Sprintf("FBPINN_FAULT=0:%d:usr1", m.steps/10+r.IntN(m.steps/2))), nil
			}
			if o := stop.Run(t, 4, slices.Concat(args, []string{"--out", from}, more)...); o.Code != exitResubmit {
				t.Fatal(o)
			}
			at := newest(t, from).Step
			var loss, last float64
			for _, np := range []int{4, 0, 2, 3, 8}[:map[bool]int{true: 5, false: 3}[full() || first[m.name] > 0]] {
				to := filepath.Join(t.TempDir(), "to")
				if err := os.CopyFS(to, os.DirFS(from)); err != nil {
					t.Fatal(err)
				}
				program.Must(t, 0, np, append(args, "--out", to, "--resume")...)
				list := history(t, to)
				i := slices.IndexFunc(list, func(l line) bool { return l.Step == int(at)+1 })
				if i < 0 {
					t.Fatalf("no report of step %d", at+1)
				}
				ascending(t, list)
				e := ended(t, to, "l2_u")
				if np == 4 {
					loss, last = list[i].Loss, e
					continue
				}
				if d := relative(list[i].Loss, loss); first[m.name] > 0 && !(d <= first[m.name]) {
					t.Errorf("np %d: first loss differs by %.1e, allowed %.0e", max(np, 1), d, first[m.name])
				}
				if m.name == "gauss-newton" {
					if !(e < sound) {
						t.Errorf("np %d: error %.2g", max(np, 1), e)
					}
					continue
				}
				final.note(t, fmt.Sprintf("np %d", max(np, 1)), relative(e, last))
			}
		})
	}
}

// ended is the last value of a column of the history.
func ended(t *testing.T, dir, column string) float64 {
	t.Helper()
	for _, h := range solution(t, dir).History {
		if h.Name == column {
			return h.Values[len(h.Values)-1]
		}
	}
	t.Fatal("no ", column)
	return 0
}

func relative(x, y float64) float64 { return max(x-y, y-x) / max(y, -y) }

// TestRel7: --max-time and SIGUSR1 end a run with a checkpoint and exit code 75, in time; a resubmission goes on.
func TestRel7(t *testing.T) {
	const soon = 5.0 // s after the signal, and no second after --max-time
	r := chance(t)
	late := count(t, "seconds from the signal to the end", soon)
	for k := range repetitions(10, 100) {
		np := []int{0, 2}[k/2%2]
		t.Run(fmt.Sprintf("%d/np%d", k, max(np, 1)), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			wait := time.Duration(300+r.IntN(1500)) * time.Millisecond
			var o mpitest.Outcome
			if k%2 == 0 {
				limit := 3*time.Second + wait
				p := program.Begin(t, np, endless(tiny, dir, "--max-time", limit.String())...)
				began := time.Now() // of the launcher, if there is one: its ranks begin later
				if np > 0 {
					until(t, p, "start", func() bool { return len(p.Ranks(t, dir)) == np })
					began = time.Now()
				}
				until(t, p, "end", func() bool { return len(p.Ranks(t, dir)) == 0 })
				if d := time.Since(began); d > limit {
					t.Errorf("--max-time %v, ended after %v", limit, d)
				}
				o = p.End(t)
			} else {
				p := program.Begin(t, np, endless(tiny, dir)...)
				reported(t, p, dir, 1)
				time.Sleep(wait)
				asked := time.Now()
				if err := p.Process.Signal(syscall.SIGUSR1); err != nil {
					t.Fatal(err)
				}
				o = p.End(t)
				late.note(t, "USR1", time.Since(asked).Seconds())
			}
			if o.Code != exitResubmit {
				t.Fatalf("want exit code %d, got %v", exitResubmit, o)
			}
			c := newest(t, dir)
			o = program.Must(t, 0, np, "run", tiny, "--out", dir, "--resume", "--set", fmt.Sprintf("train.steps=%d", c.Step+10))
			o.Says(t, true, fmt.Sprintf("resuming after step %d", c.Step))
			ascending(t, history(t, dir))
		})
	}
}

// TestRel9: the same seed gives the same bits on the same number of ranks; another seed gives others.
func TestRel9(t *testing.T) {
	diff := count(t, "repetitions that differ", 0)
	for _, np := range []int{0, 2, 4} {
		t.Run(fmt.Sprintf("np%d", max(np, 1)), func(t *testing.T) {
			run := func(seed int) content {
				dir := filepath.Join(t.TempDir(), "run")
				program.Must(t, 0, np, "run", tiny, "--out", dir, "--set", fmt.Sprintf("train.seed=%d", seed))
				return read(t, dir)
			}
			one := run(1)
			for range repetitions(2, 19) {
				differ := 0.0
				if part := differs(run(1), one); part != "" {
					t.Errorf("%s differs", part)
					differ = 1
				}
				diff.note(t, "same seed", differ)
			}
			if differs(run(2), one) == "" {
				t.Error("another seed makes no difference")
			}
		})
	}
}

// TestRel3: killed at any instant, inside the writer of checkpoints, too, a run goes on from a valid checkpoint that is at most one
// interval old, and nobody has to clean up.
func TestRel3(t *testing.T) {
	const interval = 5
	r := chance(t)
	// Adam's report of a step is complete with the next one, which may be the checkpoint's: it is then written first.
	lost := count(t, "steps lost", interval)
	dir := filepath.Join(t.TempDir(), "run")
	args := endless(tiny, dir, "--set", "train.report=1", "--set", "train.test=0", "--set", fmt.Sprintf("output.checkpoint=%d", interval))
	for k := range repetitions(12, 200) {
		np := []int{0, 2}[k%2]
		p, where := program, ""
		if k%4 == 3 { // inside the writer
			where = []string{"write:checkpoint-*.h5", "sync:checkpoint-*.h5", "rename:checkpoint-*.h5", "rename:checkpoint-*.json", "done:checkpoint-*.json"}[r.IntN(5)]
			p = with("FBPINN_DISK=" + where + ":pause")
		}
		lines := 0
		if k > 0 {
			lines = len(history(t, dir))
		}
		run := p.Begin(t, np, append(args, fmt.Sprintf("--resume=%t", k > 0))...)
		if where == "" {
			reported(t, run, dir, max(interval+1, lines)+1)
			time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond)
		} else {
			until(t, run, "pause", func() bool { return os.Remove(filepath.Join(dir, "paused")) == nil })
		}
		var pids []int
		for _, pid := range run.Ranks(t, dir) {
			pids = append(pids, pid)
		}
		end(run, pids...)
		o := run.End(t)
		until(t, run, "death", func() bool { return len(run.Ranks(t, dir)) == 0 })
		if strings.Contains(o.Stderr, "passed over") {
			t.Errorf("kill %d: a checkpoint was not whole: %v", k, o)
		}
		list := history(t, dir)
		ascending(t, list)
		c := newest(t, dir)
		lost.note(t, fmt.Sprintf("kill %d %s: at step %d, newest checkpoint %d", k, where, list[len(list)-1].Step, c.Step),
			float64(list[len(list)-1].Step)-float64(c.Step))
	}
	c := newest(t, dir)
	o := program.Must(t, 0, 2, "run", tiny, "--out", dir, "--resume", "--set", fmt.Sprintf("train.steps=%d", c.Step+interval))
	o.Says(t, true, fmt.Sprintf("resuming after step %d", c.Step))
}
