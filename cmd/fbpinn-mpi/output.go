package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"fbpinn-mpi/io/checkpoint"
	"fbpinn-mpi/io/plot"
	"fbpinn-mpi/io/report"
	"fbpinn-mpi/io/runlog"
	"fbpinn-mpi/io/snapshot"
	"fbpinn-mpi/jobs"
	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/problem"
)

// output is what rank 0 shows and writes: it observes a run.
type output[T kernels.Real] struct {
	l        *loaded
	comm     mpi.Comm
	dir      *runlog.Dir
	log      *runlog.Log
	events   *runlog.Events
	mute     bool // that an event could not be noted has been said
	progress *runlog.Progress
	stop     *deadline
	exact    [][]float64
	null     [][][]float64 // see solver.Modulo
	history  []solver.Report
	backend  string
	march    *march
	linear   *snapshot.Linear // nil without solvers of second order
	earlier  float64          // seconds of training that the checkpoint has behind it; what else its starts took is not known

	// Of all windows together.
	terms         []string
	termAt        []int // of the window in hand: places of its terms among all
	decomposition snapshot.Decomposition
	tasks         [len(solver.TaskNames)]float64 // seconds on this rank
	taskSteps     int
}

// openOutput locks the folder, and reads the checkpoint if the run is to go on.
func openOutput[T kernels.Real](comm mpi.Comm, l *loaded, o runOptions, stop *deadline) (*output[T], *solver.State[T], error) {
	dir, err := runlog.OpenDir(l.directory(o.out), o.force, o.resume)
	if err != nil {
		return nil, nil, err
	}
	out := &output[T]{l: l, comm: comm, dir: dir, stop: stop, march: l.newMarch()}
	from := int64(-1)
	var state *solver.State[T]
	if o.resume {
		c, warnings, err := checkpoint.Latest(dir.Path())
		if err != nil { // it has the warnings, too
			return nil, nil, err
		}
		if err := out.openEvents(); err != nil {
			return nil, nil, err
		}
		for _, w := range warnings {
			out.warn(w)
		}
		if state, err = out.restore(c); err != nil {
			return nil, nil, coded{err, exitInput}
		}
		if out.march, err = l.resume(c); err != nil {
			return nil, nil, coded{err, exitInput}
		}
		for _, v := range l.windows[:out.march.window] { // solved by an earlier run: its terms, and where its subdomains are now
			out.name(v.problem)
			points := solver.Draw(v.problem, v.settings.Seed)
			out.subdomains(v, v.model.Dec.Partition(points, comm.Size()), make([]bool, len(v.model.Nets)))
		}
		state.Step -= out.march.steps
		state.Seconds -= out.march.seconds
		// More steps or other reports are legitimate; anything else is the user's risk, but not behind the user's back.
		if c.JobSHA256 != l.job.SHA256 {
			out.warn(fmt.Sprintf("the job was changed since the checkpoint of step %d", c.Step))
		}
		from, out.earlier = c.Step, c.Seconds
	} else if err := out.openEvents(); err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(dir.File(runlog.JobName), []byte(l.job.Text), 0o644); err != nil {
		return nil, nil, coded{fmt.Errorf("write the job: %w", err), exitFailure}
	}
	if out.log, err = runlog.OpenLog(dir.File(runlog.LogName), from); err != nil {
		return nil, nil, coded{err, exitFailure}
	}
	out.event(runlog.Event{What: runlog.Started, Step: max(from, 0), Launch: out.launch()})
	return out, state, nil
}

func (o *output[T]) openEvents() (err error) {
	if o.events, err = runlog.OpenEvents(o.dir.File(runlog.EventsName)); err != nil {
		return coded{err, exitFailure}
	}
	return nil
}

// close says how the run ended, unless finish has.
func (o *output[T]) close(err error) {
	if o.progress != nil {
		o.progress.Close()
	}
	if err != nil {
		e := runlog.Event{What: runlog.Failed, Step: o.step(), Text: err.Error(), Code: exitFailure}
		if c := (coded{}); errors.As(err, &c) {
			e.Code = c.code
		}
		if e.Code == exitResubmit {
			e.What, e.Code = runlog.Stopped, 0
		}
		o.event(e)
	}
	o.events.Close()
	o.dir.Close()
}

// event notes what befalls the run. A full disk may keep it from doing so; the run goes on.
func (o *output[T]) event(e runlog.Event) {
	if err := o.events.Add(e); err != nil && !o.mute {
		fmt.Fprintln(os.Stderr, "fbpinn-mpi: warning:", err)
		o.mute = true
	}
}

// warn says something to the user, and to whoever looks at the run later.
func (o *output[T]) warn(text string) {
	if o.progress != nil {
		o.progress.Note("fbpinn-mpi: warning: %s", text)
	} else {
		fmt.Fprintln(os.Stderr, "fbpinn-mpi: warning:", text)
	}
	o.event(runlog.Event{What: runlog.Warned, Step: o.step(), Text: text})
}

// step is that of the last report.
func (o *output[T]) step() int64 {
	if n := len(o.history); n > 0 {
		return int64(o.history[n-1].Step)
	}
	return 0
}

// plan is what the run has before it when it starts.
func (l *loaded) plan() runlog.Plan {
	p := runlog.Plan{Windows: len(l.windows)}
	for _, s := range l.settings.Stages {
		p.Stages = append(p.Stages, runlog.Stage{Solver: s.Method, Steps: int64(s.Steps)})
	}
	return p
}

// launch says who runs what, where.
func (o *output[T]) launch() *runlog.Launch {
	return &runlog.Launch{Title: o.l.job.Title, Version: version(), Command: commandLine(), Host: o.comm.Hostname(), PID: os.Getpid(), Ranks: o.comm.Size(),
		Slurm: os.Getenv("SLURM_JOB_ID"), JobSHA256: o.l.job.SHA256, Plan: o.l.plan()}
}

// start prints what is about to happen in a window.
func (o *output[T]) start(v *window, r *solver.Run[T], backend string, traffic []model.Traffic) {
	l := o.l
	first := o.progress == nil
	o.backend = backend
	o.name(v.problem)
	o.termAt = o.termAt[:0]
	for _, name := range r.TermNames() {
		o.termAt = append(o.termAt, slices.Index(o.terms, name))
	}
	if first {
		o.introduce(v, r, traffic)
		if r.Done() > 0 || o.march.window > 0 {
			fmt.Printf("resuming after step %d\n", o.march.steps+r.Done())
		}
		done := int64(o.march.steps + r.Done())
		o.progress = runlog.NewProgress(os.Stderr, runlog.Terminal(os.Stderr), l.plan(), done, int64(l.settings.Steps()*len(l.windows))-done)
	}
	o.event(runlog.Event{What: runlog.WindowBegun, Step: int64(o.march.steps + r.Done()), Layout: o.layout(v, r, traffic)})
	if len(l.windows) > 1 {
		o.progress.Note("window %d of %d: %s to %.6g", o.march.window+1, len(l.windows), l.job.Domain[v.axis].Name, v.end)
	}
}

// name adds the terms of a window to those of the run: a condition may belong to some windows only.
func (o *output[T]) name(p *problem.Problem) {
	for _, t := range p.Terms {
		for _, label := range t.Labels {
			if !slices.Contains(o.terms, label) {
				o.terms = append(o.terms, label)
			}
		}
	}
}

// introduce prints what the job is, once.
func (o *output[T]) introduce(v *window, r *solver.Run[T], traffic []model.Traffic) {
	l := o.l
	fmt.Printf("%s\n%s\n", l.job.Title, l.job.Reference)
	for _, t := range l.problem.Terms {
		for _, text := range t.Echo {
			fmt.Printf("  %s: %s\n", t.Name, text)
		}
	}
	if n := len(l.windows); n > 1 {
		fmt.Printf("%d windows, one after another; each: ", n)
	}
	y := o.layout(v, r, traffic)
	fmt.Printf("%d subdomains on %d levels, %d points, %d pairs a step, %s on %s\n", y.Subdomains, y.Levels, y.Points, y.Pairs, l.job.Train.Precision, y.Backend)
	if n := len(traffic); n > 1 {
		fmt.Printf("%d ranks, imbalance %.3f; up to %d neighbours, which exchange %s: %s a step in all, %.3f of the minimum; %d values all-reduced\n",
			n, float64(y.PairsRank)*float64(n)/float64(max(y.Pairs, 1)), y.Neighbours, y.Exchange, bytes(float64(y.Bytes)),
			float64(y.Bytes)/math.Max(float64(y.Minimum), 1), y.Reduced)
	}
	for _, w := range l.problem.Warnings {
		fmt.Println("warning:", w)
		o.event(runlog.Event{What: runlog.Warned, Text: w})
	}
}

// layout sums up the work of a window and its messages.
func (o *output[T]) layout(v *window, r *solver.Run[T], traffic []model.Traffic) *runlog.Layout {
	y := &runlog.Layout{Window: o.march.window + 1, Backend: o.backend, Subdomains: v.model.Dec.Subdomains(), Levels: len(v.model.Dec.Levels), Points: r.Total,
		Exchange: r.Cloud.Mode.String(), Reduced: traffic[0].ReducedValues}
	for _, t := range traffic {
		y.Pairs, y.PairsRank = y.Pairs+t.Pairs, max(y.PairsRank, t.Pairs)
		y.Bytes, y.Minimum, y.Neighbours = y.Bytes+t.Bytes, y.Minimum+t.MinimumBytes, max(y.Neighbours, t.Neighbours)
	}
	return y
}

// Report logs, shows and keeps a report.
func (o *output[T]) Report(r solver.Report) {
	r.Step += o.march.steps
	r.Seconds += o.march.seconds
	terms := slices.Repeat([]float64{math.NaN()}, len(o.terms)) // NaN: not a term of this window
	for i, at := range o.termAt {
		terms[at] = r.Terms[i]
	}
	r.Terms = terms
	r.Left += o.l.settings.Steps() * (len(o.l.windows) - o.march.window - 1)
	o.history = append(o.history, r)
	v := o.line(o.march.window)
	if err := o.log.Write(v); err != nil {
		o.progress.Note("warning: %v", err)
	}
	o.progress.Report(v)
}

// line is the last report, of a window, as the log shows it.
func (o *output[T]) line(window int) runlog.Report {
	n := len(o.history) - 1
	r, last := o.history[n], solver.Report{}
	if n > 0 {
		last = o.history[n-1]
	}
	stage := o.l.settings.Stages[r.Stage]
	v := runlog.Report{Step: int64(r.Step), Seconds: r.Seconds, Loss: r.Loss, Learning: r.Rate, Window: window + 1, Stage: r.Stage + 1, Solver: stage.Method,
		Left: int64(r.Left), Time: time.Now()}
	if c := o.l.job.Train.Continuation; c.Parameter != "" && r.Linear != nil {
		value := o.l.problem.Params[c.Parameter]
		if r.Value < len(c.Values) {
			value = c.Values[r.Value]
		}
		v.Continuation = []runlog.Value{{Name: c.Parameter, Value: value}}
	}
	if dt := r.Seconds - last.Seconds; dt > 0 {
		v.Rate = float64(r.Step-last.Step) / dt
	}
	for i, name := range o.terms {
		v.Terms = append(v.Terms, runlog.Value{Name: name, Value: r.Terms[i]})
	}
	if r.Linear != nil {
		for _, c := range linearColumns {
			v.Linear = append(v.Linear, runlog.Value{Name: c.name, Value: *c.of(r.Linear)})
		}
	}
	for k, e := range r.Errors {
		v.Errors = append(v.Errors, runlog.Value{Name: o.compared()[k], Value: e.NL1})
	}
	return v
}

// linearColumns are the figures of linear problems that logs and files keep.
var linearColumns = []struct {
	name, long string
	of         func(l *solver.Linear) *float64
}{
	{"iterations", "iterations of the linear solve", func(l *solver.Linear) *float64 { return &l.Iterations }},
	{"gradient", "gradient after the linear solve over that before, in the norm of the preconditioner", func(l *solver.Linear) *float64 { return &l.Gradient }},
	{"condition", "condition number of the preconditioned problem, estimated", func(l *solver.Linear) *float64 { return &l.Condition }},
	{"unknowns", "columns that the filter kept", func(l *solver.Linear) *float64 { return &l.Unknowns }},
	{"fresh", "1 where filter and factor were computed in this step", func(l *solver.Linear) *float64 { return &l.Fresh }},
	{"damping", "Levenberg-Marquardt damping", func(l *solver.Linear) *float64 { return &l.Damping }},
	{"length", "length of the step taken, 1 = whole", func(l *solver.Linear) *float64 { return &l.Length }},
	{"gain", "decrease of the loss over what the linear model promised", func(l *solver.Linear) *float64 { return &l.Gain }},
	{"predicted", "share of the loss that the linear model promised to take away", func(l *solver.Linear) *float64 { return &l.Predicted }},
}

// compared lists the unknowns that have an exact solution.
func (o *output[T]) compared() []string {
	var names []string
	for k, u := range o.l.problem.Unknowns {
		if o.exact != nil && o.exact[k] != nil {
			names = append(names, u)
		}
	}
	return names
}

// Stop reports whether the run was asked to end.
func (o *output[T]) Stop() bool { return o.stop.over() }

// Checkpoint writes a generation.
func (o *output[T]) Checkpoint(s *solver.State[T]) error {
	c := &checkpoint.Checkpoint{Step: int64(o.march.steps + s.Step), Seconds: o.march.seconds + s.Seconds, Seed: o.l.settings.Seed, JobSHA256: o.l.job.SHA256,
		Precision: o.l.job.Train.Precision, State: []checkpoint.Number{{Name: "stage", Value: float64(s.Stage)},
			{Name: "began", Value: float64(s.Began)}, {Name: "damping", Value: s.Damping}, {Name: "continuation", Value: float64(s.Value)},
			{Name: "entered", Value: float64(s.Entered)}, {Name: "status", Value: float64(s.Status)},
			{Name: "scale", Value: s.Scale}}}
	for l, level := range s.Levels {
		p := o.l.model.Nets[l].Params()
		j := len(level.Theta) / p
		c.Levels = append(c.Levels, checkpoint.Level{Theta: checkpoint.Of("theta", []T(level.Theta), j, p),
			M: checkpoint.Of("m", []T(level.M), j, p), V: checkpoint.Of("v", []T(level.V), j, p)})
		for k, pair := range level.Pairs {
			c.Arrays = append(c.Arrays, checkpoint.Of(pairName(k, l), []T(pair), j, p))
		}
	}
	c.State, c.Arrays = append(c.State, o.march.numbers()...), append(c.Arrays, o.march.arrays()...)
	c.Arrays = append(c.Arrays, linearArrays(joined(o.linear, linearOf(s.Diagnosis, o.decomposition.N(), o.march.steps)))...)
	for _, h := range o.series() {
		c.History = append(c.History, checkpoint.Series{Name: h.Name, Values: h.Values})
	}
	began := time.Now()
	if err := checkpoint.Write(o.dir.Path(), c); err != nil {
		return fmt.Errorf("checkpoint of step %d: %w", s.Step, err)
	}
	o.stop.wrote(time.Since(began))
	o.event(runlog.Event{What: runlog.Checkpointed, Step: c.Step, Seconds: time.Since(began).Seconds()})
	return nil
}

// pairName names the k-th vector of LevelState.Pairs in a checkpoint, after their first use.
func pairName(k, level int) string { return fmt.Sprintf("lbfgs_%d_level_%d", k, level) }

// restore turns a checkpoint of this job into a state, and takes over its history.
func (o *output[T]) restore(c *checkpoint.Checkpoint) (*solver.State[T], error) {
	l := o.l
	switch {
	case c.Precision != l.job.Train.Precision:
		return nil, fmt.Errorf("the checkpoint is in %s, the job asks for %s", c.Precision, l.job.Train.Precision)
	case len(c.Levels) != len(l.model.Nets):
		return nil, fmt.Errorf("the checkpoint has %d levels, the job %d: it belongs to another job", len(c.Levels), len(l.model.Nets))
	case c.Seed != l.settings.Seed:
		return nil, fmt.Errorf("the checkpoint was made with seed %d, the job has %d", c.Seed, l.settings.Seed)
	}
	s := &solver.State[T]{Step: int(c.Step), Seconds: c.Seconds}
	number := func(name string) float64 { // files of older versions have one stage
		v, _ := c.Number(name)
		return v
	}
	s.Stage, s.Began, s.Damping, s.Value = int(number("stage")), int(number("began")), number("damping"), int(number("continuation"))
	s.Entered, s.Status, s.Scale = int(number("entered")), solver.Status(number("status")), number("scale")
	for i, level := range c.Levels {
		var v solver.LevelState[T]
		for _, a := range []struct {
			from checkpoint.Array
			to   *[]T
		}{{level.Theta, &v.Theta}, {level.M, &v.M}, {level.V, &v.V}} {
			numbers, err := checkpoint.As[T](a.from)
			if err != nil {
				return nil, err
			}
			*a.to = numbers
		}
		if want := l.model.Dec.Levels[i].Len() * l.model.Nets[i].Params(); len(v.Theta) != want {
			return nil, fmt.Errorf("level %d of the checkpoint has %d parameters, the job %d: it belongs to another job", i+1, len(v.Theta), want)
		}
		for k := 0; ; k++ {
			a, ok := c.Array(pairName(k, i))
			if !ok {
				break
			}
			numbers, err := checkpoint.As[T](a)
			if err != nil {
				return nil, err
			}
			v.Pairs = append(v.Pairs, numbers)
		}
		s.Levels = append(s.Levels, v)
	}
	var err error
	if o.linear, err = linearFrom(c); err != nil {
		return nil, err
	}
	o.history = reports(c.History, len(l.problem.Unknowns))
	return s, nil
}

// series turns the history into columns.
func (o *output[T]) series() []snapshot.Series {
	n := len(o.history)
	column := func(name, units, long string, f func(r *solver.Report) float64) snapshot.Series {
		s := snapshot.Series{Name: name, Units: units, LongName: long, Values: make([]float64, n)}
		for i := range o.history {
			s.Values[i] = f(&o.history[i])
		}
		return s
	}
	list := []snapshot.Series{
		column("step", "1", "training step", func(r *solver.Report) float64 { return float64(r.Step) }),
		column("time", "s", "training time", func(r *solver.Report) float64 { return r.Seconds }),
		column("rate", "1", "learning rate", func(r *solver.Report) float64 { return r.Rate }),
		column("loss", "1", "loss", func(r *solver.Report) float64 { return r.Loss }),
	}
	for t, name := range o.terms {
		list = append(list, column("loss_"+identifier(name), "1", "loss term "+name, func(r *solver.Report) float64 {
			if t >= len(r.Terms) { // of a window before the first that has this term
				return math.NaN()
			}
			return r.Terms[t]
		}))
	}
	if slices.ContainsFunc(o.history, func(r solver.Report) bool { return r.Linear != nil }) {
		for _, c := range linearColumns {
			list = append(list, column("linear_"+c.name, "1", c.long, func(r *solver.Report) float64 {
				if r.Linear == nil {
					return math.NaN()
				}
				return *c.of(r.Linear)
			}))
		}
	}
	for k, u := range o.compared() {
		at := func(pick func(e solver.Error) float64) func(r *solver.Report) float64 {
			return func(r *solver.Report) float64 {
				if r.Errors == nil {
					return math.NaN()
				}
				return pick(r.Errors[k])
			}
		}
		list = append(list,
			column("error_"+u, "1", "normalised L1 error of "+u, at(func(e solver.Error) float64 { return e.NL1 })),
			column("l1_"+u, "1", "mean absolute error of "+u, at(func(e solver.Error) float64 { return e.L1 })),
			column("l2_"+u, "1", "relative L2 error of "+u, at(func(e solver.Error) float64 { return e.L2 })),
			column("max_"+u, "1", "largest absolute error of "+u, at(func(e solver.Error) float64 { return e.Max })))
	}
	return list
}

// reports is the inverse of series.
func reports(columns []checkpoint.Series, unknowns int) []solver.Report {
	if len(columns) < 4 {
		return nil
	}
	list := make([]solver.Report, len(columns[0].Values))
	for i := range list {
		r := &list[i]
		r.Step, r.Seconds, r.Rate, r.Loss = int(columns[0].Values[i]), columns[1].Values[i], columns[2].Values[i], columns[3].Values[i]
		c := 4
		for ; c < len(columns) && len(columns[c].Name) > 5 && columns[c].Name[:5] == "loss_"; c++ {
			r.Terms = append(r.Terms, columns[c].Values[i])
		}
		for k := 0; c < len(columns) && strings.HasPrefix(columns[c].Name, "linear_"); c, k = c+1, k+1 {
			if x := columns[c].Values[i]; !math.IsNaN(x) && k < len(linearColumns) {
				if r.Linear == nil {
					r.Linear = &solver.Linear{}
				}
				*linearColumns[k].of(r.Linear) = x
			}
		}
		for ; c+3 < len(columns); c += 4 {
			if e := columns[c].Values[i]; !math.IsNaN(e) {
				r.Errors = append(r.Errors, solver.Error{NL1: e, L1: columns[c+1].Values[i], L2: columns[c+2].Values[i], Max: columns[c+3].Values[i]})
			}
		}
	}
	return list
}

// identifier keeps letters and digits.
func identifier(s string) string {
	b := []byte(s)
	for i, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			b[i] = '_'
		}
	}
	return string(b)
}

// ended notes what a window leaves for the files.
func (o *output[T]) ended(v *window, r *solver.Run[T], d *solver.Diagnosis) {
	o.linear = joined(o.linear, linearOf(d, o.decomposition.N(), o.march.steps))
	o.subdomains(v, r.Part, r.Cloud.Replicated())
	seconds, steps := r.Times()
	o.taskSteps += steps
	for t := range seconds {
		o.tasks[t] += seconds[t]
	}
}

// whole gives the last report the errors of all windows together, in the history and in the log, instead of those of its window.
func (o *output[T]) whole() error {
	n := len(o.history)
	if len(o.l.windows) == 1 || n == 0 {
		return nil
	}
	last := &o.history[n-1]
	last.Errors = nil
	for k := range o.march.solution {
		if o.exact != nil && o.exact[k] != nil {
			last.Errors = append(last.Errors, solver.Compare(solver.Modulo(o.march.solution[k], o.exact[k], o.null[k]), o.exact[k]))
		}
	}
	err := o.log.Close()
	if err == nil {
		o.log, err = runlog.OpenLog(o.dir.File(runlog.LogName), int64(last.Step)-1) // without its last line
	}
	if err != nil {
		return err
	}
	// A run that was resumed after its last step knows of it what its history holds.
	last.Stage, last.Value, last.Left = len(o.l.settings.Stages)-1, len(o.l.job.Train.Continuation.Values), 0
	v := o.line(len(o.l.windows) - 1)
	o.progress.Report(v)
	return o.log.Write(v)
}

// finish writes the files and prints the result.
func (o *output[T]) finish(status solver.Status, began time.Time) error {
	if err := o.whole(); err != nil {
		return err
	}
	wall := func() float64 { return o.earlier + time.Since(began).Seconds() }
	solution, residuals := o.march.solution, o.march.residuals
	o.progress.Close()
	o.progress = nil
	if err := o.log.Close(); err != nil {
		return err
	}
	l := o.l
	classical, classicalErrors, err := l.compare()
	if err != nil {
		o.warn(err.Error())
	}
	if n := l.settings.Newton; o.linear != nil && n.Library != nil {
		o.linear.Attrs = []snapshot.Attr{{Name: "blas", Value: n.Library.Describe()}, {Name: "dgemm_flops", Value: l.dgemm},
			{Name: "threads_per_rank", Value: int64(n.Linear.Workers)}}
	}
	s := &snapshot.Snapshot{History: o.series(), Linear: o.linear, Overwrite: true} // the folder is locked and was cleared or resumed
	for a, c := range l.job.Domain {
		s.Coords = append(s.Coords, snapshot.Coord{Name: c.Name, Units: "1", LongName: "coordinate " + c.Name, Values: l.axes[a]})
	}
	add := func(name, long string, data []float64) {
		s.Fields = append(s.Fields, snapshot.Field{Name: name, Units: "1", LongName: long, Data: l.onGrid(data)})
	}
	for k, u := range l.problem.Unknowns {
		add(u, "solution "+u, solution[k])
		if o.exact != nil && o.exact[k] != nil {
			e := make([]float64, len(solution[k]))
			for i, v := range solver.Modulo(solution[k], o.exact[k], o.null[k]) {
				e[i] = v - o.exact[k][i]
			}
			add(u+"_exact", "exact solution "+u, o.exact[k])
			add(u+"_error", "error of "+u, e)
		}
	}
	for e, v := range residuals {
		add(fmt.Sprintf("residual_%d", e+1), "residual of "+l.problem.Terms[0].Echo[e], v)
	}
	s.Decomposition = &o.decomposition
	for _, b := range jobs.Removed(l.job) {
		s.Removed = append(s.Removed, snapshot.Box(b))
	}
	s.Attrs = o.provenance(wall())
	path := o.dir.File(runlog.SolutionName)
	if err := snapshot.Write(path, s); err != nil {
		return err
	}
	var pictures []string
	if l.job.Output.Figures {
		if pictures, err = plot.All(o.dir.Path(), s); err != nil {
			return fmt.Errorf("draw pictures: %w", err)
		}
	}
	fmt.Printf("\n%s after %d steps, %.4g s of training, %.4g s in all\n", status, o.march.steps, o.march.seconds, wall())
	if text := l.onTheWay(o.march.reached); text != "" {
		o.warn(text)
	} else if advice := status.Advice(); advice != "" && l.secondOrder() {
		fmt.Println(advice)
	}
	if o.taskSteps > 0 {
		fmt.Print("milliseconds a step on this rank:")
		for t, name := range solver.TaskNames {
			fmt.Printf(" %s %.3g", name, 1e3*o.tasks[t]/float64(o.taskSteps))
			if t < len(solver.TaskNames)-1 {
				fmt.Print(",")
			}
		}
		fmt.Println()
	}
	summarise(os.Stdout, s)
	for k, u := range o.compared() {
		var last solver.Error
		for _, h := range o.history {
			if h.Errors != nil {
				last = h.Errors[k]
			}
		}
		fmt.Printf("error of %-8s %s\n", u, words(last))
		if classical != nil && k < len(classicalErrors) {
			fmt.Printf("classical solver %s, %.3g s (%s, %v points)\n", words(classicalErrors[k]), classical.Seconds, classical.Method, shape(classical.Axes))
		}
		// A published comparison may have been against the classical solver itself, on its own grid.
		if classical != nil && len(classical.U[k]) == len(solution[k]) {
			fmt.Printf("distance of %s from the classical solver: %s\n", u, words(solver.Compare(solution[k], classical.U[k])))
		}
	}
	end := runlog.Event{What: runlog.Ended, Step: int64(o.march.steps), Text: status.String(), Seconds: time.Since(began).Seconds()}
	for t, name := range solver.TaskNames {
		if o.taskSteps > 0 {
			end.Tasks = append(end.Tasks, runlog.Task{Name: name, Seconds: o.tasks[t], Steps: o.taskSteps})
		}
	}
	o.event(end)
	fmt.Printf("files            %s\n", path)
	for _, p := range pictures {
		fmt.Printf("picture          %s\n", p)
	}
	if l.job.Output.Figures {
		if page, err := o.report(s, pictures); err != nil {
			o.warn(err.Error()) // the solution is there
		} else {
			fmt.Printf("report           %s\n", page)
		}
	}
	return nil
}

// onTheWay says where on a continuation the steps were used up; empty where they were not.
func (l *loaded) onTheWay(reached int) string {
	c := l.job.Train.Continuation
	if reached >= len(c.Values) {
		return ""
	}
	return fmt.Sprintf("the steps were used up on the way: the solution is that of %s = %.6g, value %d of %d of train.continuation, not of %s = %.6g; "+
		"give more train.steps (--resume then goes on), or fewer values", c.Parameter, c.Values[reached], reached+1, len(c.Values), c.Parameter,
		l.problem.Params[c.Parameter])
}

// report makes one page of the files.
func (o *output[T]) report(s *snapshot.Snapshot, pictures []string) (path string, err error) {
	r, err := report.Read(o.dir.Path(), s)
	if err != nil {
		return "", err
	}
	path = o.dir.File(runlog.ReportName)
	return path, report.Write(path, r, pictures)
}

func words(e solver.Error) string {
	return fmt.Sprintf("normalised L1 %.3e, L1 %.3e, relative L2 %.3e, max %.3e", e.NL1, e.L1, e.L2, e.Max)
}

func shape(axes [][]float64) []int {
	var n []int
	for _, a := range axes {
		n = append(n, len(a))
	}
	return n
}

// subdomains adds those of a window with their owners.
func (o *output[T]) subdomains(v *window, part *decomp.Partition, replicated []bool) {
	dec, d := &o.decomposition, len(o.l.job.Domain)
	for l, level := range v.model.Dec.Levels {
		owner := level.Owners(part)
		for j := 0; j < level.Len(); j++ {
			if replicated[l] {
				owner[j] = -1
			}
			dec.Level, dec.Owner = append(dec.Level, int32(l)), append(dec.Owner, owner[j])
			centre, half := level.Centre(j), level.Half(j)
			for a := 0; a < d; a++ {
				dec.Centre, dec.Width = append(dec.Centre, centre[a]), append(dec.Width, 2*half[a])
			}
		}
	}
}

// provenance says who made the file, with what.
func (o *output[T]) provenance(wall float64) []snapshot.Attr {
	l := o.l
	list := []snapshot.Attr{
		{Name: "title", Value: l.job.Title},
		{Name: "references", Value: l.job.Reference},
		{Name: "history", Value: time.Now().UTC().Format(time.RFC3339) + " " + commandLine()},
		{Name: "program", Value: "fbpinn-mpi"},
		{Name: "program_version", Value: version()},
		{Name: "go_version", Value: runtime.Version()},
		{Name: "modules", Value: modules()},
		{Name: "config_toml", Value: l.job.Text},
		{Name: "config_sha256", Value: l.job.SHA256},
		{Name: "seed", Value: int64(l.settings.Seed)},
		{Name: "precision", Value: l.job.Train.Precision},
		{Name: "backend", Value: o.backend},
		{Name: "mpi_library", Value: o.comm.Library()},
		{Name: "mpi_size", Value: int64(o.comm.Size())},
		{Name: "hostname", Value: o.comm.Hostname()},
		{Name: "slurm_job_id", Value: os.Getenv("SLURM_JOB_ID")},
		{Name: "step", Value: int64(o.march.steps)},
		{Name: "train_seconds", Value: o.march.seconds},
		{Name: "wall_seconds", Value: wall},
	}
	if len(l.windows) > 1 {
		list = append(list, snapshot.Attr{Name: windowEnds, Value: o.march.ends})
	}
	return list
}

// windowEnds is the attribute that holds steps and seconds at the end of each window, in turn.
const windowEnds = "window_ends"

func commandLine() string {
	s := ""
	for i, a := range os.Args {
		if i > 0 {
			s += " "
		}
		s += a
	}
	return s
}
