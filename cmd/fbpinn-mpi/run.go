package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"fbpinn-mpi/io/checkpoint"
	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/io/runlog"
	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/cpu"
	"fbpinn-mpi/kernels/dense"
	"fbpinn-mpi/kernels/device"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver"
)

// runOptions are the flags of run.
type runOptions struct {
	set           []string
	out           string
	resume, force bool
	maxTime       time.Duration
	watch         time.Duration
	backend       string
	oversubscribe bool
	measure       string // file of a scaling.Point; empty: an ordinary run
	warmUp        int
	trace         int // events that each rank keeps for a trace
}

func runCommand() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run JOB",
		Short: "Train, and write solution.h5, checkpoints and pictures",
		Long: `Train, and write solution.h5, checkpoints and pictures.

Start it alone, or on many ranks with mpirun or srun: mpirun -np 4 fbpinn-mpi run JOB. The answer does not
depend on the number of ranks. A folder that holds an earlier run is refused unless --resume or --force is given.
SIGUSR1 (mpirun forwards it) ends the run at the next report with a checkpoint and exit code 75; --max-time does so early enough
to be done by then. If a rank gives no sign of life for the time of --watchdog, the others end with exit code 71.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return run(args[0], o) },
	}
	setFlag(c, &o.set)
	c.Flags().StringVar(&o.out, "out", "", "folder to write into (default: output.directory of the job, else runs/<name of the job>)")
	c.Flags().BoolVar(&o.resume, "resume", false, "go on from the newest valid checkpoint in the folder")
	c.Flags().BoolVar(&o.force, "force", false, "delete the files of an earlier run in the folder")
	c.Flags().DurationVar(&o.maxTime, "max-time", 0, "be over, with a checkpoint, within this time, such as 55m")
	c.Flags().DurationVar(&o.watch, "watchdog", defaultWatch, "end all ranks when one gives no sign of life for this time; 0: wait for ever")
	c.Flags().StringVar(&o.backend, "backend", "auto", "auto, cpu or cuda; auto takes a card where there is one")
	c.Flags().BoolVar(&o.oversubscribe, "oversubscribe-gpu", false, "allow several ranks on one card")
	c.Flags().StringVar(&o.measure, "measure", "", "time the training and write what was measured into this file, but no solution (see scale)")
	c.Flags().IntVar(&o.warmUp, "warm-up", 0, "with --measure: steps that are not timed")
	c.Flags().IntVar(&o.trace, "trace", 0, "write trace.json with the last so many phases of each rank, for ui.perfetto.dev (default without a number: 16384)")
	c.Flags().Lookup("trace").NoOptDefVal = "16384"
	return c
}

// run reads and checks the job on every rank before MPI starts, so that a bad job costs nothing.
func run(path string, o runOptions) error {
	began := time.Now()
	stop := newDeadline(o.maxTime)
	if err := handOver(o.backend, stop.requested); err != nil {
		return alone(err)
	}
	if o.resume && o.force {
		return alone(errors.New("--resume goes on with an earlier run, --force deletes it: give one of them"))
	}
	if o.watch != 0 && o.watch < leastWatch {
		return alone(fmt.Errorf("--watchdog=%v: give at least %v, which a busy rank may need for a sign of life, or 0", o.watch, leastWatch))
	}
	l, err := load(path, o.set)
	if err == nil {
		err = l.measurable(o)
	}
	if err != nil {
		return alone(err)
	}
	comm, err := mpi.Init()
	if err != nil {
		return coded{fmt.Errorf("start MPI: %w", err), exitFailure}
	}
	defer recovered(comm)
	stop.arrived()
	ring, err := guard(comm, o.watch)
	if err != nil {
		abort(comm, err)
	}
	if l.job.Train.Precision == "float64" {
		err = runOn[float64](comm, l, o, stop, began)
	} else {
		err = runOn[float32](comm, l, o, stop, began)
	}
	if agreed(err) {
		if err != nil { // srun ends all ranks when rank 0 ends with a code, and makes the largest its own: not that of a signal
			signal.Ignore(syscall.SIGTERM)
		}
		if e := comm.Finalize(); e != nil {
			return coded{e, exitFailure}
		}
		ring.Stop()
		if comm.Rank() != 0 { // launchers kill all ranks when one fails: only the rank with the message may
			return nil
		}
		return err
	}
	abort(comm, err)
	return coded{errQuiet, exitFailure}
}

// grace is how long a rank leaves the word to rank 0. Launchers kill all ranks as soon as one fails.
const grace = 2 * time.Second

// alone is the error of a rank that failed before MPI started. The others usually met the same: rank 0 says it at once. A
// rank that is still there after a while may be the only one, say because it does not see the file; it says so in a line.
func alone(err error) error {
	rank, ok := rankHint()
	if !ok || rank == "0" {
		return err
	}
	code := exitInput
	if c := (coded{}); errors.As(err, &c) {
		code = c.code
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	select {
	case <-ended: // rank 0 has spoken
		return coded{errQuiet, code}
	case <-time.After(grace):
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return coded{fmt.Errorf("rank %s: %s", rank, line), code}
}

// rankHint is what the launcher tells about the rank before MPI has started; nothing where there is no launcher.
func rankHint() (rank string, ok bool) {
	for _, name := range []string{"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID", "PMI_RANK"} {
		if rank = os.Getenv(name); rank != "" {
			return rank, true
		}
	}
	return "", false
}

// runOn trains in the precision T. Rank 0 talks, reads and writes; the others only compute.
func runOn[T kernels.Real](comm mpi.Comm, l *loaded, o runOptions, stop *deadline, began time.Time) (err error) {
	var out *output[T]
	var state *solver.State[T]
	m := l.newMarch()
	if comm.Rank() == 0 {
		if out, state, err = openOutput[T](comm, l, o, stop); err != nil {
			return agree(comm, err)
		}
		defer func() { out.close(err) }()
		m = out.march
	}
	if err := agree(comm, nil); err != nil {
		return err
	}
	times := l.observed(o)
	if out != nil && o.measure == "" {
		var err error
		if out.exact, err = l.problem.Exact(l.test); err != nil {
			return err
		}
		if out.null, err = l.problem.Nullspace(l.test); err != nil {
			return err
		}
	}
	resumed := []int64{0}
	if state != nil {
		resumed[0] = 1
	}
	if err := mpi.Bcast(comm, resumed, 0); err != nil {
		return err
	}
	if err := l.share(m, func(x []float64) error { return mpi.Bcast(comm, x, 0) }); err != nil {
		return err
	}
	if l.secondOrder() {
		if err := l.openLibrary(comm); err != nil {
			return agree(comm, err)
		}
	}
	if err := l.fits(comm); err != nil {
		return err
	}
	backend, double, closeBackends, err := openBackends[T](comm, o)
	if err != nil {
		return err
	}
	defer closeBackends()
	if backend, err = faulty(comm, backend); err != nil {
		return err
	}
	for m.window < len(l.windows) {
		if err = solveWindow(comm, l, m, out, backend, double, state, resumed[0] == 1, o); err != nil {
			break
		}
		state, resumed[0] = nil, 0
	}
	if o.trace > 0 && agreed(err) { // all ranks come here
		if e := writeTrace(comm, times, filepath.Join(l.directory(o.out), runlog.TraceName)); e != nil {
			return e
		}
	}
	if err != nil || out == nil || o.measure != "" {
		return err
	}
	return out.finish(m.status, began)
}

// solveWindow trains the window in hand and moves on to the next. Collective.
func solveWindow[T kernels.Real](comm mpi.Comm, l *loaded, m *march, out *output[T], backend kernels.Backend[T],
	double kernels.Backend[float64], state *solver.State[T], resumed bool, o runOptions) (err error) {
	v := l.windows[m.window]
	if m.trace != nil {
		v.begin(m.trace)
	}
	var exact [][]float64
	if out != nil {
		exact = make([][]float64, len(out.exact))
		for k := range exact {
			if out.exact[k] != nil {
				exact[k] = v.pick(out.exact[k])
			}
		}
	}
	v.settings.Newton.Library, v.settings.Newton.Linear.Workers = l.settings.Newton.Library, l.settings.Newton.Linear.Workers
	r, err := solver.New[T](comm, backend, double, v.problem, v.model, v.settings, v.test, exact, observe(out))
	if err != nil {
		return err
	}
	defer func() {
		if agreed(err) { // else messages are under way, and nobody waits for them
			r.Close()
		}
	}()
	if resumed {
		if err := r.Restore(state); err != nil {
			return err
		}
	}
	traffic, err := r.Traffic()
	if err != nil {
		return err
	}
	var needs []*solver.Need
	if v.secondOrder() {
		if needs, err = r.Needs(); err != nil {
			return err
		}
	}
	if out != nil {
		if out.progress == nil { // the first window speaks for all
			for k, n := range needs {
				if n != nil {
					fmt.Printf("%s: %s\n", v.settings.Stages[k].Method, n)
				}
			}
		}
		out.start(v, r, backend.Name(), traffic)
	}
	status, err := r.Train()
	if status.Failed() {
		var blame *solver.Blame // where it began; nil if finite terms have a sum that is not
		if errors.As(err, &blame) && blame.Rank == comm.Rank() || blame == nil && comm.Rank() == 0 {
			fmt.Fprintln(os.Stderr, "fbpinn-mpi:", err)
		}
		if out != nil {
			out.event(runlog.Event{What: runlog.Warned, Step: out.step(), Text: err.Error()})
		}
		return coded{errors.New("no solution was written; older checkpoints, if any, stay"), exitNumerical}
	}
	if err != nil {
		return err
	}
	if status == solver.Stopped {
		if r.Done() < v.settings.Steps() || m.window+1 < len(l.windows) {
			return coded{fmt.Errorf("stopped after step %d of %d; go on with --resume", m.steps+r.Done(), l.settings.Steps()*len(l.windows)), exitResubmit}
		}
		status = solver.StepLimit // the request came with the last step
	}
	if o.measure != "" {
		m.window++
		return measured(comm, l, r, traffic, status, out, o)
	}
	solution, residuals, err := r.Solve(double, v.test)
	if err != nil {
		return err
	}
	m.collect(v, solution, residuals)
	if m.window+1 < len(l.windows) {
		next := l.windows[m.window+1]
		if m.trace, err = r.Trace(double, next.problem.States, v.axis, l.edgesAt(v)); err != nil {
			return err
		}
	}
	diagnosis, err := r.Diagnosis()
	if err != nil {
		return err
	}
	if out != nil {
		out.ended(v, r, diagnosis)
	}
	m.next(status, r.Reached(), r.Done(), r.Seconds())
	return nil
}

// secondOrder tells whether some stage works on linearised residuals.
func (l *loaded) secondOrder() bool {
	return slices.ContainsFunc(l.job.Train.Stages, func(s jobfile.Stage) bool { return jobfile.SecondOrder(s.Solver) })
}

// openLibrary finds BLAS and says on rank 0 what it can do: a library that does not know the processor is five times slower.
func (l *loaded) openLibrary(comm mpi.Comm) error {
	library, err := dense.Open()
	if err != nil {
		return coded{err, exitFailure}
	}
	n := &l.settings.Newton
	n.Library, n.Linear.Workers = library, runtime.GOMAXPROCS(0)
	if comm.Rank() == 0 {
		rate := library.Rate()
		l.dgemm = rate
		fmt.Printf("%s: %.1f GFLOP/s a core, %d threads a rank\n", library.Describe(), rate/1e9, n.Linear.Workers)
		if w := library.Warning(rate, cpu.PeakFMA[float64]()); w != "" {
			fmt.Fprintln(os.Stderr, "fbpinn-mpi: warning:", w)
		}
	}
	return nil
}

// openBackends chooses what to compute on: a card where this program and --backend allow it, else the processor. Errors are
// evaluated in float64 on the same. Collective.
func openBackends[T kernels.Real](comm mpi.Comm, o runOptions) (kernels.Backend[T], kernels.Backend[float64], func(), error) {
	onCPU := func() (kernels.Backend[T], kernels.Backend[float64], func(), error) {
		return cpu.New[T](), cpu.New[float64](), func() {}, nil
	}
	if o.backend == "cpu" {
		return onCPU()
	}
	driver, rows, err := openDriver(comm, o.oversubscribe)
	if err != nil {
		return nil, nil, nil, err
	}
	if comm.Rank() == 0 {
		fmt.Print(deviceTable(rows))
	}
	if driver == nil {
		return onCPU()
	}
	var with []device.Option
	if comm.TakesDeviceMemory() {
		with = append(with, device.WithDeviceMessages())
	}
	backend, double := device.New[T](driver, with...), device.New[float64](driver, with...)
	return backend, double, func() { backend.Close(); double.Close(); driver.Close() }, nil
}

// agreed tells whether all ranks come to this end; with other errors each is alone.
func agreed(err error) bool {
	var c coded
	return err == nil || errors.As(err, &c)
}

// agree lets all ranks learn whether rank 0 met an error that concerns the user; on the others it gives a quiet one.
func agree(comm mpi.Comm, err error) error {
	code := []int64{0}
	if err != nil {
		code[0] = exitInput
		var c coded
		switch {
		case errors.As(err, &c):
			code[0] = int64(c.code)
		case errors.Is(err, checkpoint.ErrNone):
			code[0] = exitCheckpoint
		}
	}
	if e := mpi.Bcast(comm, code, 0); e != nil {
		return e
	}
	switch {
	case code[0] == 0:
		return nil
	case err == nil:
		err = errQuiet
	}
	return coded{err, int(code[0])}
}

// observe avoids an interface that holds a nil pointer.
func observe[T kernels.Real](out *output[T]) solver.Observer[T] {
	if out == nil {
		return nil
	}
	return out
}
