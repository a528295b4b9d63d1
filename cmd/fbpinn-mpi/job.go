package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/jobs"
	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/optim"
	"fbpinn-mpi/solver/problem"
	"fbpinn-mpi/solver/schwarz"
)

// loaded is a job that has been read, understood and checked in every respect that needs neither ranks nor time.
type loaded struct {
	job      *jobfile.Job
	problem  *problem.Problem
	model    *model.Model
	settings solver.Settings
	windows  []*window   // solved one after another; one where the job is not cut
	edges    [][]float64 // places of the states between windows, see solver.Places
	spec     func() problem.Spec
	axes     [][]float64 // coordinates of the test grid
	test     [][]float64 // its points in the domain [d][n]
	numbers  []int       // of these points in the grid; nil: all of them
	dgemm    float64     // FLOP/s of matrix products on one core, measured on rank 0 for solvers of second order
}

// load reads a job. Every fault of the job is a *jobfile.Error.
func load(path string, set []string) (*loaded, error) {
	job, err := jobfile.Load(path, set)
	if err != nil {
		return nil, err
	}
	return understand(job)
}

// understand is load for a job that has been read.
func understand(job *jobfile.Job) (*loaded, error) {
	if err := jobs.Resolve(job); err != nil {
		return nil, err
	}
	// Points may follow the subdomains, so these come first; but what is wrong with the mathematics is said first.
	dec, wrong := decompose(job)
	s := jobs.Spec(job)
	switch {
	case wrong == nil:
		s.Cells = cells(dec)
	case followed(job):
		return nil, wrong
	}
	p, err := problem.Build(s)
	if err != nil {
		return nil, jobs.Place(job, err)
	}
	if wrong != nil {
		return nil, wrong
	}
	l := &loaded{job: job, problem: p, spec: func() problem.Spec {
		s := jobs.Spec(job)
		s.Cells = cells(dec)
		return s
	}}
	l.networks(dec)
	if err := l.train(); err != nil {
		return nil, err
	}
	if err := l.rehearse(); err != nil {
		return nil, err
	}
	if err := l.testGrid(); err != nil {
		return nil, err
	}
	return l, l.cut()
}

// testGrid lays the test grid, and checks that no point lies among subdomains which were removed.
func (l *loaded) testGrid() error {
	job, p := l.job, l.problem
	l.test, l.numbers = p.Remaining(p.TestGrid(job.Points.Test))
	if len(l.test[0]) == 0 {
		return complain(job, "points.test", "all points of the test grid lie in removed parts of the domain", "give more points, or remove less")
	}
	for a, n := range job.Points.Test {
		one := make([]int, len(job.Points.Test))
		for b := range one {
			one[b] = 1
		}
		one[a] = n
		l.axes = append(l.axes, p.TestGrid(one)[a])
	}
	if l.numbers == nil {
		return nil
	}
	points, _ := solver.Sample(p, l.settings.Seed)
	for _, of := range [][][]float64{points, l.test} {
		if err := l.model.Dec.Covers(of); err != nil {
			return complain(job, "decomposition", err.Error(), "")
		}
	}
	return nil
}

// onGrid puts values at the test points into their places on the whole grid; what was removed is NaN.
func (l *loaded) onGrid(values []float64) []float64 {
	if l.numbers == nil || values == nil {
		return values
	}
	n := 1
	for _, k := range l.job.Points.Test {
		n *= k
	}
	grid := make([]float64, n)
	for i := range grid {
		grid[i] = math.NaN()
	}
	for k, i := range l.numbers {
		grid[i] = values[k]
	}
	return grid
}

// complain is an error about a key.
func complain(job *jobfile.Job, key, msg, remedy string) error {
	e := job.Locate(key, 0)
	e.Msg, e.Remedy = msg, remedy
	return e
}

// decompose builds the subdomains.
func decompose(job *jobfile.Job) (*decomp.Decomposition, error) {
	var axes []decomp.Axis
	for _, a := range job.Domain {
		axes = append(axes, decomp.Axis(a))
	}
	specs, err := levels(job)
	if err != nil {
		return nil, err
	}
	dec, err := decomp.New(axes, specs, jobs.Removed(job)...)
	if err != nil {
		return nil, complain(job, "decomposition", err.Error(), "")
	}
	return dec, nil
}

// cells are the ends of the cells of the finest level along every axis, nil where it is no grid.
func cells(dec *decomp.Decomposition) (edges [][]float64) {
	finest := dec.Levels[len(dec.Levels)-1]
	for a := range dec.Axes {
		e := finest.Edges(a)
		if e == nil {
			return nil
		}
		edges = append(edges, e)
	}
	return edges
}

// followed tells whether points of the job follow the subdomains.
func followed(job *jobfile.Job) bool {
	for _, c := range job.Problem.Conditions {
		if c.Sampler == "cells" {
			return true
		}
	}
	return job.Points.Interior.Sampler == "cells"
}

// networks chooses the networks of the levels.
func (l *loaded) networks(dec *decomp.Decomposition) {
	job, d := l.job, len(l.job.Domain)
	n := job.Network
	act := map[string]kernels.Activation{"tanh": kernels.Tanh, "sin": kernels.Sin, "adaptive-tanh": kernels.AdaptiveTanh,
		"adaptive-sin": kernels.AdaptiveSin}[n.Activation]
	m := &model.Model{Dec: dec}
	for _, level := range dec.Levels {
		net := kernels.Net{D: d, Hidden: n.Hidden, Out: len(job.Problem.Unknowns), Act: act}
		for a := 0; a < d; a++ {
			net.Periodic[a] = level.Embedded(a)
		}
		if n.Fourier != nil {
			net.Fourier = n.Fourier.Features
		}
		m.Nets = append(m.Nets, net)
	}
	for _, u := range n.Unnorm {
		m.Shift, m.Scale = append(m.Shift, u[0]), append(m.Scale, u[1])
	}
	for len(m.Scale) < len(job.Problem.Unknowns) { // one pair counts for all
		m.Shift, m.Scale = append(m.Shift, n.Unnorm[0][0]), append(m.Scale, n.Unnorm[0][1])
	}
	l.model = m
}

// levels translates the ways to describe a decomposition.
func levels(job *jobfile.Job) ([]decomp.LevelSpec, error) {
	c := job.Decomposition
	window, err := decomp.ParseWindow(c.Window)
	if err != nil {
		return nil, complain(job, "decomposition.window", err.Error(), "")
	}
	var specs []decomp.LevelSpec
	switch {
	case len(c.Subdomains) > 0:
		for _, s := range c.Subdomains {
			for len(specs) < s.Level {
				specs = append(specs, decomp.LevelSpec{Window: window})
			}
			v := &specs[s.Level-1]
			v.Free = append(v.Free, decomp.Box{Centre: s.Centre, Width: s.Width})
		}
	default:
		graded := make([]decomp.Grading, len(job.Domain))
		for _, g := range c.Graded {
			for a := range job.Domain {
				if job.Domain[a].Name == g.Axis {
					graded[a] = decomp.Grading{Towards: g.Towards, Factor: g.Factor}
				}
			}
		}
		for i, counts := range c.Levels {
			specs = append(specs, decomp.LevelSpec{Window: window, Counts: counts, Overlap: c.Overlap[i], Graded: graded})
		}
		if len(c.Centres) == 0 {
			break
		}
		if len(specs) == 0 {
			specs = append(specs, decomp.LevelSpec{Window: window})
			if len(c.Overlap) > 0 {
				specs[0].Overlap = c.Overlap[0]
			}
		}
		finest := &specs[len(specs)-1]
		for a := range c.Centres {
			finest.Centres, finest.Widths = append(finest.Centres, c.Centres[a].Values), append(finest.Widths, c.Widths[a].Values)
		}
	}
	return specs, nil
}

// train translates the settings of training.
func (l *loaded) train() error {
	job, t := l.job, l.job.Train
	s := &l.settings
	*s = solver.Settings{Report: t.Report, Test: t.Test, Checkpoint: job.Output.Checkpoint,
		Seed: uint64(t.Seed), Choice: model.Choice{Mode: job.Parallel.Exchange, Replicate: job.Parallel.Replicate},
		LBFGS: optim.Settings{Memory: t.Memory}}
	s.Adam = optim.Betas{Beta1: t.Beta1, Beta2: t.Beta2, Epsilon: t.Epsilon}
	decay, err := optim.ParseDecay(t.Schedule.Kind)
	if err != nil {
		return complain(job, "train.schedule", err.Error(), "")
	}
	for _, stage := range t.Stages {
		rate := optim.Schedule{Decay: decay, Rate: stage.Rate, Factor: t.Schedule.Factor, Every: t.Schedule.Every, Warmup: t.Schedule.Warmup}
		if decay == optim.Cosine {
			rate.Every, rate.Floor = stage.Steps, t.Schedule.Final*stage.Rate
		}
		for _, r := range t.Rates {
			rate.Levels = append(rate.Levels, r/stage.Rate)
		}
		if err := rate.Check(); err != nil {
			return complain(job, "train.schedule", err.Error(), "")
		}
		s.Stages = append(s.Stages, solver.Stage{Method: stage.Solver, Steps: stage.Steps, Rate: rate})
	}
	s.Features = model.Features{Scale: job.Network.Scale}
	if f := job.Network.Fourier; f != nil {
		s.Features.Mean, s.Features.Sigma = f.Mean, f.Sigma
	}
	if err := l.newton(); err != nil {
		return err
	}
	if a := t.Active; a.Scheduler != "all" {
		steps := a.Steps
		if steps == 0 {
			steps = t.Steps
		}
		s.Active, err = l.model.Dec.NewSchedule(decomp.ScheduleSpec{Kind: a.Scheduler, Point: a.Point, Free: a.Free, Steps: steps})
		if err != nil {
			return complain(job, "train.active", err.Error(), "")
		}
		for _, stage := range t.Stages {
			if stage.Solver != "adam" {
				return complain(job, "train.active", stage.Solver+" trains all subdomains at once", "set train.active = { scheduler = \"all\" } or use adam alone")
			}
		}
	}
	return nil
}

// newton translates the settings of the solvers of second order, and builds the problems of the continuation.
func (l *loaded) newton() error {
	job, t := l.job, l.job.Train
	coarse := t.Linear.Coarse // of package schwarz: 0 = chosen, negative = none
	switch {
	case coarse == 0:
		coarse = -1
	case coarse < 0:
		coarse = 0
	}
	l.settings.Newton = solver.Newton{Damping: t.Damping, Matrix: t.Linear.Matrix, Memory: t.Linear.Memory * (1 << 30),
		Linear: schwarz.Settings{Tau: t.Linear.Filter, MaxIterations: t.Linear.Iterations, Layers: t.Linear.Layers, CoarseVectors: coarse}}
	for i, v := range t.Continuation.Values {
		s := l.spec()
		for k := range s.Parameters {
			if s.Parameters[k].Name == t.Continuation.Parameter {
				s.Parameters[k].Text = strconv.FormatFloat(v, 'g', -1, 64)
			}
		}
		key := fmt.Sprintf("train.continuation.values[%d]", i)
		p, err := problem.Build(s)
		if err != nil {
			return complain(job, key, fmt.Sprintf("with %s = %g: %v", t.Continuation.Parameter, v, err), "")
		}
		if !reflect.DeepEqual(p.Jets, l.problem.Jets) {
			return complain(job, key, fmt.Sprintf("with %s = %g the equations need other derivatives", t.Continuation.Parameter, v), "leave this value out")
		}
		l.settings.Newton.Path = append(l.settings.Newton.Path, p)
	}
	return nil
}

// name is the job's short name: its folder if the file is called job.toml; the folder and the file where a job.toml stands beside
// it; else the file.
func (l *loaded) name() string {
	base := strings.TrimSuffix(filepath.Base(l.job.File), ".toml")
	path, err := filepath.Abs(l.job.File)
	if err != nil {
		return base
	}
	folder := filepath.Dir(path)
	if base == "job" {
		return filepath.Base(folder)
	}
	if _, err := os.Stat(filepath.Join(folder, "job.toml")); err == nil {
		return filepath.Base(folder) + "-" + base
	}
	return base
}

// directory is where the run writes.
func (l *loaded) directory(out string) string {
	switch {
	case out != "":
		return out
	case l.job.Output.Directory != "":
		return l.job.Output.Directory
	}
	return filepath.Join("runs", l.name())
}

// pairsPerStep counts the pairs of all levels at the training points.
func (l *loaded) pairsPerStep(points [][]float64) (total int64, byLevel []int64) {
	for _, level := range l.model.Dec.Levels {
		n := level.Count(points)
		byLevel = append(byLevel, n)
		total += n
	}
	return total, byLevel
}

// bytes in words.
func bytes(n float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if n < 1024 {
			return fmt.Sprintf("%.3g %s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.3g TiB", n)
}
