package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/io/scaling"
	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/timeline"
)

// measurable refuses what --measure cannot time.
func (l *loaded) measurable(o runOptions) error {
	switch {
	case o.measure == "" && o.warmUp != 0:
		return errors.New("--warm-up belongs to --measure")
	case o.measure == "":
		return nil
	case o.resume || o.maxTime > 0:
		return errors.New("--measure times a training from its start: leave out --resume and --max-time")
	case len(l.windows) > 1:
		return complain(l.job, "train.windows", "--measure times one problem, not one after another", "leave the windows out")
	case o.warmUp < 0 || o.warmUp >= l.settings.Steps():
		return fmt.Errorf("--warm-up %d leaves nothing of the job's %d steps to time", o.warmUp, l.settings.Steps())
	}
	return nil
}

// observed settles what is observed of all windows: their times always, single events for a trace.
func (l *loaded) observed(o runOptions) *timeline.Recorder {
	t := timeline.New()
	if o.trace > 0 {
		t.Keep(o.trace)
	}
	for _, v := range l.windows {
		v.settings.Timeline = t
		if o.measure != "" { // nothing but steps
			v.settings.WarmUp, v.settings.Checkpoint, v.settings.Test, v.test = o.warmUp, -1, -1, nil
		}
	}
	return t
}

// ownTimes is what one rank measured.
type ownTimes struct {
	scaling.Process
	Phases []scaling.Phase // Mean and Most: its own
	On     []int           // the cores that it may use, as the system numbers them
}

// measured gathers the times of a training that is over, and writes them on rank 0. Collective.
func measured[T kernels.Real](comm mpi.Comm, l *loaded, r *solver.Run[T], traffic []model.Traffic, status solver.Status, out *output[T],
	o runOptions) error {
	timed, t := r.Timed(), traffic[comm.Rank()]
	own := ownTimes{On: usable(), Process: scaling.Process{Host: comm.Hostname(), Pairs: t.Pairs, Neighbours: t.Neighbours, StepBytes: t.Bytes,
		MinimumBytes: t.MinimumBytes, Messages: timed.Traffic.Messages, Bytes: timed.Traffic.Bytes, Collectives: timed.Traffic.Collectives,
		CollectiveBytes: timed.Traffic.CollectiveBytes, Seconds: timed.Seconds}}
	own.Cores = len(own.On)
	line := r.Timeline()
	for p := range line.Phases() {
		row, name := line.Name(timeline.Phase(p))
		s := line.Sum(timeline.Phase(p)).Seconds()
		own.Phases = append(own.Phases, scaling.Phase{Row: row, Name: name, Mean: s, Most: s})
		if row == timeline.Exposed {
			own.Exposed += s
		}
	}
	all, err := gatherAll(comm, own)
	if err != nil {
		return err
	}
	diagnosis, err := r.Diagnosis()
	if err != nil || out == nil {
		return err
	}
	stage := l.job.Train.Stages[0].Solver
	m := &scaling.Point{Title: l.job.Title, Config: l.job.Text, ConfigSHA256: l.job.SHA256, Solver: stage, SecondOrder: jobfile.SecondOrder(stage),
		Precision: l.job.Train.Precision, Backend: out.backend, Ranks: comm.Size(), WarmUp: o.warmUp, Steps: timed.Steps, Status: status.String(),
		Subdomains: l.model.Dec.Subdomains(), Points: r.Total, Reduced: traffic[0].ReducedValues, ValueBytes: 4, Provenance: map[string]string{}}
	if m.Precision == "float64" {
		m.ValueBytes = 8
	}
	for k, level := range l.model.Dec.Levels {
		m.Parameters += level.Len() * l.model.Nets[k].Params()
	}
	if n := len(out.history); n > 0 {
		m.Loss = out.history[n-1].Loss
	}
	if diagnosis != nil {
		for _, s := range diagnosis.Solves {
			m.Iterations += max(0, len(s.Gradient)-1) // one gradient stands before the first
		}
	}
	for _, a := range out.provenance(timed.Seconds) {
		if text, ok := a.Value.(string); ok {
			m.Provenance[a.Name] = text
		}
	}
	m.Provenance["cpu_model"] = cpuModel()
	m.Cores, m.SharedCores = cores(all)
	for _, v := range all {
		m.Processes = append(m.Processes, v.Process)
		m.Seconds = max(m.Seconds, v.Seconds)
		for _, p := range v.Phases {
			m.Add(p, 1/float64(len(all)))
		}
	}
	m.Phases = slices.DeleteFunc(m.Phases, func(p scaling.Phase) bool { return p.Most == 0 }) // there was nothing to do or to wait for
	if err := m.Write(o.measure); err != nil {
		return err
	}
	fmt.Printf("\n%s: %d steps in %.6g s; measured in %s\n", m.Status, m.Steps, m.Seconds, o.measure)
	return nil
}

// usable lists the cores that this process may use; none where the system does not tell.
func usable() (list []int) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	for i := range 64 * len(set) {
		if set.IsSet(i) {
			list = append(list, i)
		}
	}
	return list
}

// cores counts those that the ranks may use on all hosts, and tells whether some host has fewer than ranks.
func cores(all []ownTimes) (n int, shared bool) {
	on, ranks := map[string]map[int]bool{}, map[string]int{}
	for _, v := range all {
		if on[v.Host] == nil {
			on[v.Host] = map[int]bool{}
		}
		for _, c := range v.On {
			on[v.Host][c] = true
		}
		ranks[v.Host]++
	}
	for host, list := range on {
		n += len(list)
		shared = shared || len(list) < ranks[host]
	}
	return n, shared
}

// cpuModel is the name of the processor, empty where the system does not tell.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
