package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/io/plot"
	"fbpinn-mpi/io/runlog"
	"fbpinn-mpi/io/snapshot"
	"fbpinn-mpi/solver"
)

// Files of a comparison.
const (
	comparePicture = "compare.png"
	compareTable   = "compare.csv"
)

// metric is a norm of errors, with the column of the history that holds it and its place in a solver.Error.
type metric struct {
	name, column, long string
	of                 func(e solver.Error) float64
}

var metrics = []metric{
	{"nl1", "error_", "normalised L1 error", func(e solver.Error) float64 { return e.NL1 }},
	{"l1", "l1_", "mean absolute error", func(e solver.Error) float64 { return e.L1 }},
	{"l2", "l2_", "relative L2 error", func(e solver.Error) float64 { return e.L2 }},
	{"max", "max_", "largest absolute error", func(e solver.Error) float64 { return e.Max }},
}

type compareOptions struct {
	metric, out string
	force       bool
	classical   time.Duration
}

func compareCommand() *cobra.Command {
	var o compareOptions
	c := &cobra.Command{
		Use:   "compare RUN [RUN...]",
		Short: "Draw error against time of several runs of one problem, and of the classical solver",
		Long: `Draw a work-precision figure: error against time, a curve for each run and one for the classical solver of
the first run's job, which is run on this machine on grids that double until its error stops falling or its time
is spent. RUN is the folder of a run or its solution.h5. The error is that of the first unknown with an exact solution.
Times of runs are those of training; a cross marks the time of the whole program. The classical solver uses one core.

  fbpinn-mpi compare runs/adam runs/least-squares runs/gauss-newton --out comparison

writes comparison/compare.png and comparison/compare.csv and prints times to 1e-1, 1e-2, ... and who is faster at equal error.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return compareRuns(c.OutOrStdout(), args, o) },
	}
	c.Flags().StringVar(&o.metric, "metric", "nl1", "nl1 (normalised L1), l1 (mean absolute), l2 (relative) or max")
	c.Flags().StringVar(&o.out, "out", ".", "folder to write compare.png and compare.csv into")
	c.Flags().BoolVar(&o.force, "force", false, "replace these two files if they are there")
	c.Flags().DurationVar(&o.classical, "classical", 10*time.Second, "time that the classical solver may take in all; 0 leaves it out")
	return c
}

// curve is error against seconds of a run or of the classical solver.
type curve struct {
	name           string
	solvers        string
	at             []string // step or grid of each point
	seconds, error []float64
	whole          float64 // seconds of the program from start to file
	cores          string
}

func (c *curve) final() float64 { return c.error[len(c.error)-1] }

// fastest is the point of least time with an error of at most e; -1: there is none.
func (c *curve) fastest(e float64) int {
	at := -1
	for k, x := range c.error {
		if x <= e && (at < 0 || c.seconds[k] < c.seconds[at]) {
			at = k
		}
	}
	return at
}

func compareRuns(w io.Writer, runs []string, o compareOptions) error {
	m := slices.IndexFunc(metrics, func(m metric) bool { return m.name == o.metric })
	if m < 0 {
		return fmt.Errorf("--metric %s: there are nl1, l1, l2 and max", o.metric)
	}
	for _, name := range []string{comparePicture, compareTable} {
		if _, err := os.Lstat(filepath.Join(o.out, name)); err == nil && !o.force {
			return fmt.Errorf("%s: %w; give another --out, or --force to replace it", filepath.Join(o.out, name), os.ErrExist)
		}
	}
	var curves []*curve
	var first *snapshot.Snapshot
	unknown, names := "", short(runs)
	for i, run := range runs {
		path := run
		if s, err := os.Stat(path); err == nil && s.IsDir() {
			path = filepath.Join(path, runlog.SolutionName)
		}
		s, err := snapshot.Read(path)
		if err != nil {
			return err
		}
		if first == nil {
			first = s
			if unknown = compared(s, metrics[m].column); unknown == "" {
				return fmt.Errorf("%s: no unknown has an exact solution to compare with", path)
			}
		} else if err := sameProblem(first, s, unknown); err != nil {
			return fmt.Errorf("%s solves another problem than %s: %w", run, runs[0], err)
		}
		c, err := curveOf(s, unknown, metrics[m])
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		c.name = names[i]
		curves = append(curves, c)
	}
	var classical *curve
	if o.classical > 0 {
		var err error
		if classical, err = ladder(first, unknown, metrics[m].of, o.classical); err != nil {
			fmt.Fprintln(os.Stderr, "fbpinn-mpi: warning:", err)
		}
	}
	title, _ := first.Attr("title").(string)
	if title != "" {
		fmt.Fprintln(w, title)
	}
	quantity := metrics[m].long + " of " + unknown
	fmt.Fprintf(w, "%s against seconds of training\n\n", quantity)
	table(w, curves, classical)
	if classical != nil {
		verdict(w, curves, classical)
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	csvPath, picture := filepath.Join(o.out, compareTable), filepath.Join(o.out, comparePicture)
	if err := os.WriteFile(csvPath, []byte(rows(curves, classical)), 0o644); err != nil {
		return err
	}
	var works []plot.Work
	for _, c := range curves {
		works = append(works, plot.Work{Name: c.name + ": " + c.solvers, Seconds: c.seconds, Error: c.error, Whole: c.whole})
	}
	if classical != nil {
		works = append(works, plot.Work{Name: classical.name, Seconds: classical.seconds, Error: classical.error, Other: true})
	}
	if title != "" {
		quantity = title + ": " + quantity
	}
	if err := plot.WorkPrecision(picture, quantity, works); err != nil {
		return err
	}
	fmt.Fprintf(w, "\ntable            %s\npicture          %s\n", csvPath, picture)
	return nil
}

// short names of runs: of their folders, where these tell them apart.
func short(runs []string) []string {
	var names []string
	for _, run := range runs {
		path, err := filepath.Abs(run)
		if err != nil {
			return runs
		}
		if filepath.Base(path) == runlog.SolutionName {
			path = filepath.Dir(path)
		}
		name := filepath.Base(path)
		if slices.Contains(names, name) {
			return runs
		}
		names = append(names, name)
	}
	return names
}

// compared is the first unknown of which the history has errors.
func compared(s *snapshot.Snapshot, column string) string {
	for _, u := range plot.Unknowns(s) {
		if series(s, column+u) != nil {
			return u
		}
	}
	return ""
}

func series(s *snapshot.Snapshot, name string) []float64 {
	for _, h := range s.History {
		if h.Name == name {
			return h.Values
		}
	}
	return nil
}

// sameProblem says in which way two files are not of one problem: coordinates, their ends, and the exact solution where the grids agree.
func sameProblem(a, b *snapshot.Snapshot, unknown string) error {
	const rounding = 1e-12
	if len(a.Coords) != len(b.Coords) {
		return fmt.Errorf("%d coordinates and %d", len(a.Coords), len(b.Coords))
	}
	grid := true
	for k, c := range a.Coords {
		d := b.Coords[k]
		n, m := len(c.Values), len(d.Values)
		size := math.Abs(c.Values[0]) + math.Abs(c.Values[n-1])
		if c.Name != d.Name || math.Abs(c.Values[0]-d.Values[0]) > rounding*size || math.Abs(c.Values[n-1]-d.Values[m-1]) > rounding*size {
			return fmt.Errorf("%s from %.6g to %.6g, and %s from %.6g to %.6g", c.Name, c.Values[0], c.Values[n-1], d.Name, d.Values[0], d.Values[m-1])
		}
		grid = grid && n == m
	}
	x, y := a.Field(unknown+"_exact"), b.Field(unknown+"_exact")
	if x == nil || y == nil {
		return fmt.Errorf("no exact solution %s", unknown)
	}
	if grid {
		top, apart := 0.0, 0.0
		for i, v := range x.Data {
			if !math.IsNaN(v) && !math.IsNaN(y.Data[i]) {
				top, apart = max(top, math.Abs(v)), max(apart, math.Abs(v-y.Data[i]))
			}
		}
		if apart > 1e-9*top { // what two machines may make of one formula is less
			return fmt.Errorf("exact solutions %s that differ by %.3g", unknown, apart)
		}
	}
	return nil
}

// curveOf turns the file of a run into a curve.
func curveOf(s *snapshot.Snapshot, unknown string, m metric) (*curve, error) {
	column := m.column + unknown
	errs, step, time := series(s, column), series(s, "step"), series(s, "time")
	if errs == nil || step == nil || time == nil {
		return nil, fmt.Errorf("its history has no %s", column)
	}
	text, _ := s.Attr("config_toml").(string)
	job, err := jobfile.Decode("config_toml", text, nil)
	if err != nil {
		return nil, err
	}
	c := &curve{}
	add := func(step, seconds, e float64) {
		c.at, c.seconds, c.error = append(c.at, strconv.FormatFloat(step, 'g', -1, 64)), append(c.seconds, seconds), append(c.error, e)
	}
	if job.Train.Windows != nil { // errors in its history are of single windows until the last, which is of all
		if err := marched(s, job, unknown, m, add); err != nil {
			return nil, err
		}
	}
	for k, e := range errs {
		if !math.IsNaN(e) && (job.Train.Windows == nil || k == len(errs)-1) {
			add(step[k], time[k], e)
		}
	}
	if n := len(errs); n > 0 && math.IsNaN(errs[n-1]) { // the run ended between two tests: its fields know
		at, _ := s.Attr("step").(int64)
		seconds, _ := s.Attr("train_seconds").(float64)
		if e := ended(s, unknown, m); !math.IsNaN(e) {
			add(float64(at), seconds, e)
		}
	}
	if len(c.error) == 0 {
		return nil, errors.New("it holds no error: nothing was tested, and there is no exact solution in it")
	}
	var names []string
	for _, stage := range job.Train.Stages {
		names = append(names, stage.Solver)
	}
	c.solvers = strings.Join(names, ", ")
	c.whole, _ = s.Attr("wall_seconds").(float64)
	ranks, _ := s.Attr("mpi_size").(int64)
	c.cores = fmt.Sprint(ranks)
	return c, nil
}

// ended is the error of the solution in the file, NaN where there is nothing to compare it with.
func ended(s *snapshot.Snapshot, unknown string, m metric) float64 {
	exact, wrong := s.Field(unknown+"_exact"), s.Field(unknown+"_error")
	if exact == nil || wrong == nil {
		return math.NaN()
	}
	return m.of(compareFields(exact, wrong, func(int) bool { return true }))
}

// compareFields is the error of a solution whose values count as 0 where it was not solved yet.
func compareFields(exact, wrong *snapshot.Field, solved func(i int) bool) solver.Error {
	var u, want []float64
	for i, x := range exact.Data {
		if math.IsNaN(x) { // outside of the domain
			continue
		}
		y := 0.0
		if solved(i) {
			y = x + wrong.Data[i]
		}
		u, want = append(u, y), append(want, x)
	}
	return solver.Compare(u, want)
}

// marched gives steps, seconds and the error on the whole domain at the end of each window but the last. What was not solved by then
// counts as 0, so that a run is not called accurate before it is done.
func marched(s *snapshot.Snapshot, job *jobfile.Job, unknown string, m metric, add func(step, seconds, e float64)) error {
	l, err := understand(job)
	if err != nil {
		return err
	}
	ends, _ := s.Attr(windowEnds).([]float64)
	exact, wrong := s.Field(unknown+"_exact"), s.Field(unknown+"_error")
	if len(ends) != 2*len(l.windows) || exact == nil || wrong == nil {
		return nil // a file of an earlier version
	}
	axis, shape := l.windows[0].axis, s.Shape()
	stride := 1 // of the windows' axis in a field, the last one fastest
	for _, n := range shape[axis+1:] {
		stride *= n
	}
	for k, v := range l.windows[:len(l.windows)-1] {
		now := compareFields(exact, wrong, func(i int) bool { return s.Coords[axis].Values[i/stride%shape[axis]] <= v.end })
		add(ends[2*k], ends[2*k+1], m.of(now))
	}
	return nil
}
