package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/io/scaling"
)

// scaleOptions are the flags of scale.
type scaleOptions struct {
	ranks          []int
	repeat         int
	steps, warmUp  int
	axes           []string
	pairs          int
	grow           bool
	launcher       string
	set            []string
	out, backend   string
	force, collect bool
	point          int
	onSlurm        bool
	slurm          slurmOptions
}

func scaleCommand() *cobra.Command {
	o := scaleOptions{}
	slurm := pflag.NewFlagSet("slurm", pflag.ContinueOnError)
	o.slurm.flags(slurm)
	c := &cobra.Command{
		Use:   "scale weak|strong JOB",
		Short: "Measure how a job scales over numbers of ranks: tables, HDF5, a figure",
		Long: `Measure how a job scales over numbers of ranks.

strong   the same job on every number of ranks
weak     on n ranks, n times the subdomains and points along --axes (the prime factors of n go to these axes in turn),
         so that pairs a rank stay the same. A level keeps one subdomain where it has one. The domain stays as it is, and
         so the subdomains become smaller; with --grow it grows by the same factors instead, and they keep their size:
         then ansatz and coefficients no longer fit the problem, and only times and iterations mean something.
         --pairs first refines or coarsens the job to about so many pairs a rank. Points of conditions stay as they are.

Every point of the study, a number of ranks and a repetition, is a run of its own: --launcher starts fbpinn-mpi run
--measure, which times --steps steps after --warm-up (solvers of second order: all steps of the job), and writes
DIR/points/<ranks>-<repetition>.json. Points that are there already are kept unless --force is given, so that an
interrupted study goes on. --point K runs only the K-th point of the list (from 1; for arrays of jobs), --collect runs none.
Then DIR/scale.h5, scale.csv and scale.png are made from the points that are there.

With --slurm the runs are jobs: an array for each number of ranks, whose tasks are its points, and a job that collects when all
have ended. The scripts and a copy of the job go into DIR/slurm/. Given again, it submits the points that are missing.

Times mean something only where each rank has a core of its own. Where ranks share cores, the study says so and reports
work and messages, and efficiency in work.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.onlySlurm(slurm); err != nil {
				return err
			}
			s, err := newStudy(args[0], args[1], o)
			if err != nil {
				return err
			}
			if o.onSlurm {
				return s.submit(c.OutOrStdout(), repeated(c.Flags(), slurm))
			}
			return s.run(c.OutOrStdout())
		},
	}
	c.Flags().IntSliceVar(&o.ranks, "ranks", []int{1, 2}, "numbers of ranks; efficiencies compare with the first")
	c.Flags().IntVar(&o.repeat, "repeat", 5, "runs for each of them; figures are medians")
	c.Flags().IntVar(&o.steps, "steps", 200, "steps that are timed")
	c.Flags().IntVar(&o.warmUp, "warm-up", 50, "steps before them")
	c.Flags().StringSliceVar(&o.axes, "axes", nil, "weak: coordinates along which the job grows (default: all)")
	c.Flags().IntVar(&o.pairs, "pairs", 0, "weak: pairs a rank, about; 0 = those of the job")
	c.Flags().BoolVar(&o.grow, "grow", false, "weak: the domain grows, not only what is in it")
	c.Flags().StringVar(&o.launcher, "launcher", "", "command that starts {n} ranks, cut at blanks (default: mpirun, a core a rank where there are enough)")
	setFlag(c, &o.set)
	c.Flags().StringVar(&o.out, "out", "", "folder of the study (default: scaling/<name of the job>-<weak or strong>)")
	c.Flags().StringVar(&o.backend, "backend", "auto", "auto, cpu or cuda, for the runs")
	c.Flags().BoolVar(&o.force, "force", false, "measure again what is there already")
	c.Flags().IntVar(&o.point, "point", 0, "run only the K-th point, and collect nothing")
	c.Flags().BoolVar(&o.collect, "collect", false, "run nothing, only collect")
	c.Flags().BoolVar(&o.onSlurm, "slurm", false, "submit the runs to Slurm; --launcher is srun, or mpirun, and what follows belongs to it")
	slurm.VisitAll(func(f *pflag.Flag) { f.Usage = "--slurm: " + f.Usage })
	c.Flags().AddFlagSet(slurm)
	return c
}

// study is a scaling study of one job.
type study struct {
	scaleOptions
	kind  string
	job   string  // path
	base  *loaded // the job as it is given, with --set
	along []int   // weak: axes along which the job grows
	dir   string
	self  string // this program
}

// scalePoint is one measurement of a study.
type scalePoint struct{ ranks, repeat int } // repetitions count from 1

func (p scalePoint) String() string {
	if p.ranks == 1 {
		return fmt.Sprintf("1 rank, repetition %d", p.repeat)
	}
	return fmt.Sprintf("%d ranks, repetition %d", p.ranks, p.repeat)
}

// newStudy checks the command line and the job.
func newStudy(kind, job string, o scaleOptions) (*study, error) {
	s := &study{scaleOptions: o, kind: kind, job: job}
	switch {
	case kind != "weak" && kind != "strong":
		return nil, fmt.Errorf("scale %s: there are weak and strong", kind)
	case kind == "strong" && (o.pairs != 0 || o.axes != nil || o.grow):
		return nil, errors.New("--pairs, --axes and --grow belong to scale weak; strong scaling takes the job as it is: change it with --set")
	case len(o.ranks) == 0 || slices.Min(o.ranks) < 1:
		return nil, errors.New("--ranks: give numbers from 1, such as --ranks 1,2,4")
	case o.repeat < 1 || o.steps < 1 || o.warmUp < 0 || o.pairs < 0:
		return nil, errors.New("--repeat and --steps start at 1, --warm-up and --pairs at 0")
	case o.collect && (o.point != 0 || o.force):
		return nil, errors.New("--collect runs nothing: give it without --point and --force")
	case o.point < 0 || o.point > len(s.points()):
		return nil, fmt.Errorf("--point %d: the study has points 1 to %d, %d numbers of ranks by %d repetitions", o.point, len(s.points()), len(o.ranks), o.repeat)
	}
	for i, n := range o.ranks {
		if slices.Contains(o.ranks[:i], n) {
			return nil, fmt.Errorf("--ranks: %d is there twice", n)
		}
	}
	var err error
	if s.base, err = load(job, o.set); err != nil {
		return nil, err
	}
	switch j := s.base.job; {
	case len(j.Train.Stages) > 1:
		return nil, complain(j, "train.stages", "a scaling study measures one solver", "give one stage, or --set train.solver, with another job file")
	case j.Train.Windows != nil:
		return nil, complain(j, "train.windows", "a scaling study measures one problem, not one after another", "leave the windows out")
	}
	if kind == "weak" {
		if s.along, err = s.growing(); err != nil {
			return nil, err
		}
	}
	if s.dir = o.out; s.dir == "" {
		s.dir = filepath.Join("scaling", s.base.name()+"-"+kind)
	}
	if s.self, err = os.Executable(); err != nil {
		return nil, coded{fmt.Errorf("find this program: %w", err), exitFailure}
	}
	return s, nil
}

// points lists the points of the study in the order in which they run: repetition after repetition, so that what changes on the
// machine in the meantime meets all numbers of ranks alike.
func (s *study) points() (list []scalePoint) {
	for k := range s.repeat {
		for _, n := range s.ranks {
			list = append(list, scalePoint{n, k + 1})
		}
	}
	return list
}

// file is where the measurement of a point goes.
func (s *study) file(p scalePoint) string { return scaling.PointFile(s.dir, p.ranks, p.repeat) }

// run measures what is missing, and collects.
func (s *study) run(w io.Writer) error {
	list := s.points()
	if s.point > 0 {
		return s.measure(w, list[s.point-1])
	}
	if !s.collect {
		warnOfLoad()
	}
	for _, p := range list {
		if s.collect {
			break
		}
		if err := s.measure(w, p); err != nil {
			return err
		}
	}
	return s.assemble(w)
}

// launcherGrace is how long a launcher may take to end its ranks.
const launcherGrace = 15 * time.Second

// idle is the load of a machine on which nobody else computes, at most.
const idle = 0.5

// warnOfLoad says that others compute on this machine.
func warnOfLoad() {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return
	}
	minute, _, _ := strings.Cut(string(text), " ")
	if load, err := strconv.ParseFloat(minute, 64); err == nil && load > idle {
		fmt.Fprintf(os.Stderr, "fbpinn-mpi: warning: the load of this machine is %s before the first run: if the ranks run here, their times compare nothing\n", minute)
	}
}

// measure runs one point, unless its measurement is there.
func (s *study) measure(w io.Writer, p scalePoint) error {
	file := s.file(p)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return coded{err, exitFailure}
	}
	if !s.force {
		if old, err := s.read(p); old != nil || err != nil {
			return err
		}
	}
	// Points of a study may run at the same time, and each run has a folder of its own.
	folder := strings.TrimSuffix(file, ".json")
	line := append(s.command(p.ranks), s.self, "run", s.job, "--measure", file, "--warm-up", strconv.Itoa(s.warmSteps()),
		"--out", folder, "--force", "--backend", s.backend)
	for _, v := range s.overrides(p.ranks) {
		line = append(line, "--set", v)
	}
	output, err := os.Create(folder + ".txt")
	if err != nil {
		return coded{err, exitFailure}
	}
	defer output.Close()
	fmt.Fprintf(output, "%q\n", line)
	ctx, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer done()
	c := exec.CommandContext(ctx, line[0], line[1:]...)
	c.Stdout, c.Stderr = output, output
	c.Env = s.environment()
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) } // a launcher ends its ranks when asked to
	c.WaitDelay = launcherGrace
	err = c.Run()
	if ctx.Err() != nil {
		return coded{fmt.Errorf("stopped during %s; the same command goes on there", p), exitResubmit}
	}
	if err != nil {
		return coded{fmt.Errorf("%s: %s: %w; what it said is in %s", p, line[0], err, output.Name()), exitFailure}
	}
	m, err := s.read(p)
	if err == nil && m == nil {
		err = coded{fmt.Errorf("%s: the run left no %s; what it said is in %s", p, file, output.Name()), exitFailure}
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(w, said(p, m))
	return nil
}

// command starts so many ranks.
func (s *study) command(ranks int) []string {
	if s.launcher != "" {
		return strings.Fields(strings.ReplaceAll(s.launcher, "{n}", strconv.Itoa(ranks)))
	}
	line := []string{"mpirun", "-np", strconv.Itoa(ranks)}
	if os.Geteuid() == 0 {
		line = append(line, "--allow-run-as-root")
	}
	if ranks > runtime.NumCPU() {
		return append(line, "--oversubscribe", "--bind-to", "none")
	}
	return append(line, "--bind-to", "core")
}

// environment gives each rank one thread, unless the caller's says otherwise: with one core a rank more would stand in their way.
func (s *study) environment() []string {
	e := os.Environ()
	for _, name := range []string{"GOMAXPROCS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"} {
		if _, set := os.LookupEnv(name); !set {
			e = append(e, name+"=1")
		}
	}
	return e
}

// firstOrder tells whether the solver takes steps that are alike, of which some are warm-up.
func (s *study) firstOrder() bool { return !jobfile.SecondOrder(s.base.job.Train.Stages[0].Solver) }

func (s *study) warmSteps() int {
	if s.firstOrder() {
		return s.warmUp
	}
	return 0
}

// overrides are what a run of the study changes in the job: it writes nothing but its measurement, and grows with the ranks.
func (s *study) overrides(ranks int) []string {
	set := append(slices.Clone(s.set), "train.test=0", "output.figures=false", "output.checkpoint=0")
	if s.firstOrder() {
		n, key := s.warmUp+s.steps, "train.steps"
		if s.base.job.Train.Solver == "" { // a list of one stage
			key = "train.stages.0.steps"
		}
		set = append(set, fmt.Sprintf("%s=%d", key, n), fmt.Sprintf("train.report=%d", n))
	}
	if s.kind == "weak" {
		set = append(set, s.grown(ranks)...)
	}
	return set
}
