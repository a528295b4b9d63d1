package main

import (
	"fmt"
	"slices"

	"fbpinn-mpi/io/checkpoint"
	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/jobs"
	"fbpinn-mpi/solver"
	"fbpinn-mpi/solver/expr"
	"fbpinn-mpi/solver/problem"
)

// window is a slab of time that is solved by itself, from the state in which the one before ended. A job that is not cut has one
// window, the whole.
type window struct {
	*loaded               // problem, model, settings and test points of the slab
	at      []int         // places of its test points among those of the job
	states  []*expr.Field // by problem.States: filled from the end of the window before
	axis    int           // the coordinate that is cut; -1: none
	end     float64       // upper end of the slab
}

// cut makes the windows of the job, and checks each of them.
func (l *loaded) cut() error {
	w := l.job.Train.Windows
	if w == nil {
		l.windows = []*window{{loaded: l, at: count(len(l.test[0])), axis: -1}}
		return nil
	}
	axis := slices.IndexFunc(l.job.Domain, func(a jobfile.Axis) bool { return a.Name == w.Axis })
	edges, err := problem.Edges(problem.Axis(l.job.Domain[axis]), w.Count, w.At)
	if err != nil {
		return jobs.Place(l.job, err)
	}
	for k := range edges[1:] {
		v, err := l.slab(axis, edges[k], edges[k+1], k == 0)
		if err != nil {
			return err
		}
		l.windows = append(l.windows, v)
	}
	var points [][]float64 = slices.Clone(l.test)
	for _, v := range l.windows {
		sample, _ := solver.Sample(v.problem, v.settings.Seed)
		for a := range points {
			points[a] = slices.Concat(points[a], sample[a])
		}
	}
	l.edges = solver.Places(points, axis, 0)
	return nil
}

// slab builds the window of one stretch of the axis.
func (l *loaded) slab(axis int, lo, hi float64, first bool) (*window, error) {
	job := *l.job
	job.Domain = slices.Clone(job.Domain)
	job.Domain[axis].Lo, job.Domain[axis].Hi = lo, hi
	dec, err := decompose(&job)
	if err != nil {
		return nil, err
	}
	v := &window{loaded: &loaded{job: &job}, axis: axis, end: hi}
	v.spec = func() problem.Spec {
		s := jobs.Spec(l.job)
		s.Cells = cells(dec)
		s.Slab.Lo, s.Slab.Hi = lo, hi
		if !first {
			s.Slab.Fields = map[string]*expr.Field{}
			for i, n := range s.Slab.Start {
				if i == len(v.states) {
					v.states = append(v.states, &expr.Field{})
				}
				s.Slab.Fields[n.Name] = v.states[i]
			}
		}
		return s
	}
	if v.problem, err = problem.Build(v.spec()); err != nil {
		return nil, jobs.Place(l.job, err)
	}
	v.networks(dec)
	if err := v.train(); err != nil {
		return nil, err
	}
	v.test = make([][]float64, len(l.test))
	for i, t := range l.test[axis] {
		if t > lo && t <= hi || first && t <= lo {
			v.at = append(v.at, i)
			for a := range v.test {
				v.test[a] = append(v.test[a], l.test[a][i])
			}
		}
	}
	if len(v.at) == 0 {
		return nil, complain(l.job, "train.windows", fmt.Sprintf("no test point lies in the window from %.6g to %.6g", lo, hi), "give more points to points.test along "+job.Domain[axis].Name)
	}
	return v, nil
}

// begin lets a window start from the state in which the one before ended.
func (v *window) begin(t *solver.Trace) {
	for i := range v.states {
		v.states[i].Eval = t.Eval(i)
	}
}

// edgesAt are the places of the state at the end of the window.
func (l *loaded) edgesAt(v *window) [][]float64 {
	places := slices.Clone(l.edges)
	places[v.axis] = slices.Repeat([]float64{v.end}, len(places[v.axis]))
	return places
}

// pick takes the values of the window's test points.
func (v *window) pick(values []float64) []float64 {
	out := make([]float64, len(v.at))
	for k, i := range v.at {
		out[k] = values[i]
	}
	return out
}

func count(n int) []int {
	v := make([]int, n)
	for i := range v {
		v[i] = i
	}
	return v
}

// march is the state between windows, on rank 0 but for the trace, which all ranks have.
type march struct {
	window  int           // in hand
	steps   int           // of the windows before
	seconds float64       // of the windows before
	reached int           // of the continuation: the least solver.Run.Reached of the windows before
	ends    []float64     // steps and seconds at the end of each window before, in turn
	status  solver.Status // how they ended: that of the last one which did not converge, if any
	trace   *solver.Trace // state at the start of the window; nil in the first

	solution, residuals [][]float64 // at the test points of the job, of the windows before
}

// arrays are what a checkpoint holds of the windows before; their numbers are in numbers.
func (m *march) arrays() (list []checkpoint.Array) {
	if m.trace == nil {
		return nil
	}
	for s := range m.trace.Values {
		for k, v := range m.trace.Values[s] {
			list = append(list, checkpoint.Of(traceName(s, k), v))
		}
	}
	for k, v := range m.solution {
		list = append(list, checkpoint.Of(fmt.Sprintf("windows_solution_%d", k), v))
	}
	for k, v := range m.residuals {
		list = append(list, checkpoint.Of(fmt.Sprintf("windows_residual_%d", k), v))
	}
	return list
}

func traceName(state, k int) string { return fmt.Sprintf("windows_state_%d_%d", state, k) }

func (m *march) numbers() []checkpoint.Number {
	list := []checkpoint.Number{{Name: "window", Value: float64(m.window)}, {Name: "window_steps", Value: float64(m.steps)},
		{Name: "window_seconds", Value: m.seconds}, {Name: "window_status", Value: float64(m.status)},
		{Name: "window_reached", Value: float64(m.reached)}}
	for k := range m.window {
		list = append(list, checkpoint.Number{Name: endName(k, "steps"), Value: m.ends[2*k]}, checkpoint.Number{Name: endName(k, "seconds"), Value: m.ends[2*k+1]})
	}
	return list
}

func endName(window int, what string) string { return fmt.Sprintf("window_%d_%s", window+1, what) }

// resume reads the state between windows from a checkpoint.
func (l *loaded) resume(c *checkpoint.Checkpoint) (*march, error) {
	number := func(name string) float64 { v, _ := c.Number(name); return v }
	m := l.newMarch()
	m.window, m.steps, m.seconds = int(number("window")), int(number("window_steps")), number("window_seconds")
	m.status = solver.Status(number("window_status"))
	if m.window == 0 {
		return m, nil
	}
	m.reached = int(number("window_reached"))
	if m.window >= len(l.windows) {
		return nil, fmt.Errorf("the checkpoint is of window %d, the job has %d", m.window+1, len(l.windows))
	}
	read := func(name string, n int) ([]float64, error) {
		a, ok := c.Array(name)
		if !ok {
			return nil, fmt.Errorf("the checkpoint lacks %s: it belongs to another job", name)
		}
		v, err := checkpoint.As[float64](a)
		if err == nil && len(v) != n {
			err = fmt.Errorf("%s of the checkpoint has %d numbers, this job needs %d", name, len(v), n)
		}
		return v, err
	}
	for k := range m.window {
		m.ends = append(m.ends, number(endName(k, "steps")), number(endName(k, "seconds")))
	}
	v := l.windows[m.window]
	values := make([][][]float64, len(v.problem.States))
	for s, state := range v.problem.States {
		for k := range state.Needs {
			x, err := read(traceName(s, k), len(l.edges[0]))
			if err != nil {
				return nil, err
			}
			values[s] = append(values[s], x)
		}
	}
	m.trace = solver.NewTrace(v.problem.States, v.axis, l.edges, values)
	for name, fields := range map[string][][]float64{"windows_solution_%d": m.solution, "windows_residual_%d": m.residuals} {
		for k := range fields {
			x, err := read(fmt.Sprintf(name, k), len(l.test[0]))
			if err != nil {
				return nil, err
			}
			copy(fields[k], x)
		}
	}
	return m, nil
}

func (l *loaded) newMarch() *march {
	m := &march{reached: len(l.job.Train.Continuation.Values)}
	n := len(l.test[0])
	for range l.problem.Unknowns {
		m.solution = append(m.solution, make([]float64, n))
	}
	for range l.problem.Terms[0].Raw {
		m.residuals = append(m.residuals, make([]float64, n))
	}
	return m
}

// next moves on from the window in hand, which ended so, there on its continuation, after so many steps and seconds.
func (m *march) next(s solver.Status, reached, steps int, seconds float64) {
	m.reached = min(m.reached, reached)
	if m.window == 0 || s != solver.Converged {
		m.status = s
	}
	m.window, m.steps, m.seconds = m.window+1, m.steps+steps, m.seconds+seconds
	m.ends = append(m.ends, float64(m.steps), m.seconds)
}

// collect puts the solution of a window in its place.
func (m *march) collect(v *window, solution, residuals [][]float64) {
	for k, list := range [][][]float64{solution, residuals} {
		to := [][][]float64{m.solution, m.residuals}[k]
		for f := range list {
			for i, at := range v.at {
				to[f][at] = list[f][i]
			}
		}
	}
}

// share gives all ranks what rank 0 read of the windows before.
func (l *loaded) share(m *march, bcast func([]float64) error) error {
	head := []float64{float64(m.window), float64(m.steps), m.seconds}
	if err := bcast(head); err != nil {
		return err
	}
	m.window, m.steps, m.seconds = int(head[0]), int(head[1]), head[2]
	if m.window == 0 {
		return nil
	}
	v := l.windows[m.window]
	if m.trace == nil {
		values := make([][][]float64, len(v.problem.States))
		for s, state := range v.problem.States {
			for range state.Needs {
				values[s] = append(values[s], make([]float64, len(l.edges[0])))
			}
		}
		m.trace = solver.NewTrace(v.problem.States, v.axis, l.edges, values)
	}
	for s := range m.trace.Values {
		for _, x := range m.trace.Values[s] {
			if err := bcast(x); err != nil {
				return err
			}
		}
	}
	return nil
}
