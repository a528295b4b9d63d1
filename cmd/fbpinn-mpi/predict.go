package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	predict "fbpinn-mpi/benchmarks/model"
	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/io/plot"
	"fbpinn-mpi/io/scaling"
	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver"
	"fbpinn-mpi/solver/timeline"
)

// predictPicture is written beside the points of a study.
const predictPicture = "predict.png"

func predictCommand() *cobra.Command {
	var backend string
	c := &cobra.Command{
		Use:   "predict STUDY",
		Short: "Predict the points of a scaling study, and larger machines, from a model of the step",
		Long: `Predict the points of a scaling study, and larger machines, from a model of the step (benchmarks/model).

STUDY is the folder of fbpinn-mpi scale. The job's own step is timed first, on one rank alone and on all ranks at once, each with
the whole job, and messages between ranks 0 and 1. From these rates and the exchange plan of every number of ranks, built and
not run, follows each measured time; the error of each is printed. Then the same job, as large for each rank as said, on 64 to
16384 ranks of stated machines, with their figures, assumptions and a range. STUDY/predict.png shows both on one pair of axes.

Start it as the ranks of the study were, with as many as share a node and at least two: mpirun -np 2 fbpinn-mpi predict STUDY`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return predictStudy(c.OutOrStdout(), args[0], backend) },
	}
	c.Flags().StringVar(&backend, "backend", "cpu", "what to time steps on: cpu, cuda or auto")
	return c
}

// measurements reads the points of a study, by ranks.
func measurements(dir string) (byRanks map[int][]*scaling.Point, ranks []int, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "points", "*.json"))
	if err != nil {
		return nil, nil, err
	}
	byRanks = map[int][]*scaling.Point{}
	for _, f := range files {
		p, err := scaling.ReadPoint(f)
		switch {
		case err != nil:
			return nil, nil, err
		case p == nil:
			continue
		case p.SecondOrder:
			return nil, nil, fmt.Errorf("%s: %s is a solver of second order; the model speaks of steps of first order", f, p.Solver)
		}
		byRanks[p.Ranks] = append(byRanks[p.Ranks], p)
	}
	for n := range byRanks {
		ranks = append(ranks, n)
	}
	slices.Sort(ranks)
	if len(ranks) == 0 {
		return nil, nil, fmt.Errorf("no measurements in %s: make them with fbpinn-mpi scale", filepath.Join(dir, "points"))
	}
	return byRanks, ranks, nil
}

// jobOf is the job that a point measured.
func jobOf(p *scaling.Point) (*loaded, error) {
	job, err := jobfile.Decode(fmt.Sprintf("job of the point of %d ranks", p.Ranks), p.Config, nil)
	if err != nil {
		return nil, err
	}
	return understand(job)
}

func predictStudy(w io.Writer, dir, backend string) error {
	points, ranks, err := measurements(dir)
	if err != nil {
		return alone(err)
	}
	l, err := jobOf(points[ranks[0]][0])
	if err != nil {
		return alone(err)
	}
	comm, err := mpi.Init()
	if err != nil {
		return coded{fmt.Errorf("start MPI: %w", err), exitFailure}
	}
	defer recovered(comm)
	if comm.Size() < 2 {
		return errors.Join(errors.New("messages need two ranks: mpirun -np 2 fbpinn-mpi predict "+dir), comm.Finalize())
	}
	if err := predictOn(comm, w, dir, backend, l, points, ranks); err != nil {
		abort(comm, err)
	}
	return comm.Finalize()
}

// predictOn measures on all ranks and speaks on rank 0.
func predictOn(comm mpi.Comm, w io.Writer, dir, backend string, l *loaded, points map[int][]*scaling.Point, ranks []int) error {
	measure := machineHere[float32]
	if l.job.Train.Precision == "float64" {
		measure = machineHere[float64]
	}
	here, err := measure(comm, l, backend)
	if err != nil || comm.Rank() != 0 {
		return err
	}
	curves, err := compareModel(w, &here, points, ranks)
	if err != nil {
		return err
	}
	far, err := clusters(w, l)
	if err != nil {
		return err
	}
	picture := filepath.Join(dir, predictPicture)
	if err := plot.Prediction(picture, "measured and predicted: "+l.job.Title, append(curves, far...)); err != nil {
		return err
	}
	fmt.Fprintln(w, "\npicture", picture)
	return nil
}

// machineHere measures rates: a pair with one rank busy and with all, and messages. Collective.
func machineHere[T kernels.Real](comm mpi.Comm, l *loaded, backend string) (m predict.Machine, err error) {
	on, double, done, err := openBackends[T](comm, runOptions{backend: backend})
	if err != nil {
		return m, err
	}
	defer done()
	single, err := comm.Alone()
	if err != nil {
		return m, err
	}
	m = predict.Machine{Name: "here", Node: comm.LocalSize()}
	pair := []float64{0, 0} // alone, with all
	comm.Barrier()
	if comm.Rank() == 0 {
		if pair[0], err = pairSeconds(single, l, on, double); err != nil {
			return m, err
		}
	}
	comm.Barrier()
	if pair[1], err = pairSeconds(single, l, on, double); err != nil {
		return m, err
	}
	if err := mpi.Allreduce(comm, pair, mpi.Max); err != nil {
		return m, err
	}
	m.Pair, m.Busy = pair[0], pair[1]
	m.Link.Samples, err = pingPong(comm)
	return m, err
}

// quiet hears nothing of a training.
type quiet[T kernels.Real] struct{}

func (quiet[T]) Report(solver.Report)              {}
func (quiet[T]) Checkpoint(*solver.State[T]) error { return nil }
func (quiet[T]) Stop() bool                        { return false }

// pairSeconds times steps of the whole job on one rank: the median of some trainings, in seconds a pair.
func pairSeconds[T kernels.Real](single mpi.Comm, l *loaded, on kernels.Backend[T], double kernels.Backend[float64]) (float64, error) {
	const warmUp, least, repeats = 5, 0.3, 5 // steps; s; trainings
	v := l.windows[0]
	steps := 5
	var times []float64
	for len(times) < repeats {
		set := v.settings
		set.Stages = []solver.Stage{set.Stages[0]}
		set.Stages[0].Steps = warmUp + steps
		set.WarmUp, set.Report, set.Test, set.Checkpoint, set.Timeline = warmUp, 0, -1, -1, timeline.New()
		r, err := solver.New[T](single, on, double, v.problem, v.model, set, nil, nil, quiet[T]{})
		if err != nil {
			return 0, err
		}
		_, err = r.Train()
		t, pairs := r.Timed(), r.Cloud.Pairs
		r.Close()
		if err != nil {
			return 0, err
		}
		if steps == 5 && t.Seconds < least { // too short to time: once more, with enough of them
			steps = 5 + int(math.Ceil(least/max(t.Seconds, 1e-6)*5))
			continue
		}
		times = append(times, t.Seconds/float64(t.Steps)/float64(pairs))
	}
	return middle(times), nil
}

// middle is the median.
func middle(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// pingPong times messages between ranks 0 and 1, one way. Collective.
func pingPong(comm mpi.Comm) (samples []predict.Sample, err error) {
	const tag, warmUp, least = 3, 10, 0.02 // s
	for bytes := int64(64); bytes <= 4<<20; bytes *= 4 {
		seconds := []float64{0}
		if r := comm.Rank(); r < 2 {
			buffer := kernels.Make[uint8](int(bytes))
			once := func() error {
				if r == 0 {
					return errors.Join(mpi.Send(comm, buffer, 1, tag), mpi.Recv(comm, buffer, 1, tag))
				}
				return errors.Join(mpi.Recv(comm, buffer, 0, tag), mpi.Send(comm, buffer, 0, tag))
			}
			n := max(warmUp, int(least/(1e-6+float64(bytes)*1e-10))) // the same on both
			for range warmUp {
				if err := once(); err != nil {
					return nil, err
				}
			}
			began := time.Now()
			for range n {
				if err := once(); err != nil {
					return nil, err
				}
			}
			seconds[0] = time.Since(began).Seconds() / float64(2*n)
			kernels.Free(buffer)
		}
		if err := mpi.Bcast(comm, seconds, 0); err != nil {
			return nil, err
		}
		samples = append(samples, predict.Sample{Bytes: bytes, Seconds: seconds[0]})
	}
	return samples, nil
}

// compareModel prints the prediction of each measured number of ranks, and its error.
func compareModel(w io.Writer, here *predict.Machine, points map[int][]*scaling.Point, ranks []int) ([]plot.Curve, error) {
	fmt.Fprintf(w, "here        %.4g ns a pair on one rank, %.4g with %d busy; messages", 1e9*here.Pair, 1e9*here.Busy, here.Node)
	for _, s := range here.Link.Samples {
		fmt.Fprintf(w, " %s %.3g us,", bytes(float64(s.Bytes)), 1e6*s.Seconds)
	}
	fmt.Fprintln(w, " one way")
	measured, modelled := plot.Curve{Name: "measured", Measured: true}, plot.Curve{Name: "model"}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\nranks\tpairs\tinner\tmessages\tbytes\tbytes counted\tms measured\t(range)\tms model\twork\texposed\terror, %\t")
	worst, n := 0.0, 0
	for _, np := range ranks {
		p := points[np][0]
		l, err := jobOf(p)
		if err != nil {
			return nil, err
		}
		c := l.windows[0].laidOut(np).Counts
		var seconds []float64
		for _, q := range points[np] {
			seconds = append(seconds, q.Seconds/q.Unit())
		}
		var counted int64
		for _, q := range p.Processes {
			counted = max(counted, q.StepBytes)
		}
		at, got := here.Step(c), middle(seconds)
		note := fmt.Sprintf("%.1f", 100*(at.Total()/got-1))
		if p.SharedCores {
			note = "ranks shared cores"
		} else {
			worst, n = max(worst, math.Abs(at.Total()/got-1)), n+1
			measured.Ranks, measured.Seconds = append(measured.Ranks, float64(np)), append(measured.Seconds, got)
			modelled.Ranks, modelled.Seconds = append(modelled.Ranks, float64(np)), append(modelled.Seconds, at.Total())
		}
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%d\t%d\t%.4g\t%.4g to %.4g\t%.4g\t%.4g\t%.3g\t%s\t\n", np, c.Pairs, c.Inner, c.Messages, c.Bytes, counted,
			1e3*got, 1e3*slices.Min(seconds), 1e3*slices.Max(seconds), 1e3*at.Total(), 1e3*at.Work, 1e3*at.Exposed, note)
	}
	if err := t.Flush(); err != nil {
		return nil, err
	}
	if n > 0 {
		fmt.Fprintf(w, "largest error %.1f %%, of %d numbers of ranks with cores of their own\n", 100*worst, n)
	}
	return []plot.Curve{measured, modelled}, nil
}

// shareOf is what a rank in the middle of a job like this one has: the finest level, with the others copied to all.
func shareOf(l *loaded) (predict.Share, error) {
	v := l.windows[0]
	m := v.model
	finest := len(m.Nets) - 1
	level := m.Dec.Levels[finest]
	d := level.D()
	s := predict.Share{D: d, Values: v.problem.Jets.N() * len(m.Scale), Parameters: m.Nets[finest].Params(), ValueBytes: 4, Coarse: finest}
	if l.job.Train.Precision == "float64" {
		s.ValueBytes = 8
	}
	overlap, half := 1.0, level.Half(level.Len()/2)
	for a, n := range level.Counts() {
		overlap *= max(1, 2*half[a]*float64(max(1, n-1))/m.Dec.Axes[a].Length())
	}
	if level.Counts() == nil {
		return s, errors.New("the finest level is no grid: larger machines are predicted for grids")
	}
	s.Overlap = math.Pow(overlap, 1/float64(d))
	s.Density = math.Pow(float64(solver.Draw(v.problem, v.settings.Seed).N())/float64(level.Len()), 1/float64(d))
	for k := range finest {
		s.Reduced += m.Dec.Levels[k].Len() * m.Nets[k].Params()
	}
	return s, nil
}

// clusters prints predictions for machines that were not there.
func clusters(w io.Writer, l *loaded) (curves []plot.Curve, err error) {
	share, err := shareOf(l)
	if err != nil {
		return nil, err
	}
	net := l.model.Nets[len(l.model.Nets)-1]
	work := predict.Work(l.problem.Jets.N(), net.Out, net.Hidden)
	fmt.Fprintf(w, "\nPredictions, not measurements: weak scaling of this job in float32, %.4g operations a pair; the expected time of a step in ms and, in brackets,\n"+
		"the least and the most that the ranges of all figures together allow. Efficiency compares with one card, expected.\n", work)
	for _, n := range []predict.Network{predict.InfiniBand, predict.NVLink} {
		fmt.Fprintf(w, "  %s: %.0f GB/s a rank one way (%s); %s\n", n.Name, n.Bandwidth/1e9, n.Source, n.Assumptions)
	}
	card := predict.Hopper
	fmt.Fprintf(w, "  %s: %.0f TFLOP/s (%s)\n", card.Name, card.Peak/1e12, card.Source)
	fmt.Fprintf(w, "  a step reaches %.0f to %.0f %% of the peak, %.0f %% expected; every message crosses the network between nodes; one rank a card\n",
		100*predict.Shares[0], 100*predict.Shares[2], 100*predict.Shares[1])
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\npairs a rank\tranks\tmessages\tbytes\tms\t\texposed\tefficiency, %\t")
	for _, pairs := range []float64{1e5, 1e6, 1e7} {
		s := share.Sized(pairs)
		if s.Side < s.Overlap { // a rank would reach beyond its neighbours
			fmt.Fprintf(t, "%.0e\t\t\t\tfewer than %.2g subdomains along an axis: too few for the model\t\t\t\t\n", pairs, s.Overlap)
			continue
		}
		curve := plot.Curve{Name: fmt.Sprintf("%s, %.0e pairs a rank", card.Name, pairs)}
		for _, n := range []int{1, 8, 64, 512, 4096, 16384} {
			network := predict.InfiniBand
			if n <= 8 {
				network = predict.NVLink
			}
			c := s.Counts(n)
			var at [3]predict.Time
			var alone float64
			for which := range at {
				m := predict.Cluster(card, network, work, which)
				at[which] = m.Step(c)
				if which == 1 {
					alone = m.Step(s.Counts(1)).Total()
				}
			}
			expected := at[1]
			curve.Ranks, curve.Seconds = append(curve.Ranks, float64(n)), append(curve.Seconds, expected.Total())
			curve.Low, curve.High = append(curve.Low, at[2].Total()), append(curve.High, at[0].Total())
			fmt.Fprintf(t, "%.0e\t%d\t%d\t%d\t%.3g\t[%.3g, %.3g]\t%.2g\t%.0f\t\n", pairs, n, c.Messages, c.Bytes, 1e3*expected.Total(),
				1e3*at[2].Total(), 1e3*at[0].Total(), 1e3*expected.Exposed, 100*alone/expected.Total())
		}
		curves = append(curves, curve)
	}
	return curves, t.Flush()
}
