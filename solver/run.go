package solver

import (
	"math"
	"slices"
	"time"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/optim"
	"fbpinn-mpi/solver/problem"
	"fbpinn-mpi/solver/timeline"
)

// Settings say how to train. The zero value of an interval means only at the end of a stage, a negative one never.
type Settings struct {
	Stages     []Stage
	Report     int // steps between reports of the loss; solvers of second order report every step
	Test       int // steps between error tests
	Checkpoint int // steps between checkpoints; 0: at the end of a stage, and by time, see seldom
	Adam       optim.Betas
	LBFGS      optim.Settings
	Newton     Newton
	Seed       uint64
	Features   model.Features
	Active     *decomp.Schedule // nil: all subdomains are active for ever
	Choice     model.Choice
	WarmUp     int                // steps that Run.Timed leaves out
	Timeline   *timeline.Recorder // takes the times of all phases; nil: one of the run's own, which keeps sums
}

// Sharing is what a run of so many levels lets travel: Choice, but for solvers of second order, whose blocks live where the points are.
func (s *Settings) Sharing(levels int) model.Choice {
	if slices.ContainsFunc(s.Stages, Stage.secondOrder) {
		return model.Choice{Mode: "parameters", Like: make([]bool, levels)}
	}
	return s.Choice
}

// Stage is one solver of a sequence; the parameters go from one to the next, nothing else does.
type Stage struct {
	Method string // "adam", "lbfgs", "least-squares", "gauss-newton"
	Steps  int    // at most
	Rate   optim.Schedule
}

// Steps is the largest number of steps of all stages together.
func (s *Settings) Steps() (n int) {
	for _, stage := range s.Stages {
		n += stage.Steps
	}
	return n
}

// Status is how a run ended; all ranks agree on it.
type Status int

const (
	StepLimit Status = iota // all steps were done
	Converged               // the solver found no further decrease
	Stagnated               // no step along its direction decreases the loss, though the linear model promises it
	Singular                // the linear problem has no unknown that matters
	Stopped                 // the observer asked for it
	NotFinite               // a residual became NaN or infinite
	BlewUp                  // the loss grew beyond anything that training recovers from
	Unsolved                // a linear problem whose iterations, begun again and again, did not come to their end
)

// Failed tells whether there is no solution.
func (s Status) Failed() bool { return s == NotFinite || s == BlewUp }

func (s Status) String() string {
	return [...]string{"all steps done", "converged", "stagnated", "singular", "stopped on request", "stopped: not finite", "stopped: the loss blew up", "linear problem not solved"}[s]
}

// Advice says what helps against an unwelcome end; empty where there is nothing to say.
func (s Status) Advice() string {
	switch s {
	case StepLimit:
		return "it was still moving: allow more steps"
	case Stagnated:
		return "start closer (train.continuation, or a stage of adam first), or give train.damping"
	case Singular:
		return "check the ansatz and the points: no subdomain has a column that changes a residual"
	case Unsolved:
		return "in train.linear, give more iterations, layers or coarse vectors, or a larger filter; or use fewer ranks"
	}
	return ""
}

// Report is the state of training after a step. Losses are those that the step started from or, with solvers of second order, those
// that it led to.
type Report struct {
	Step    int
	Seconds float64 // of training, tests and files not counted
	Loss    float64
	Terms   []float64 // λ·mean r², one for each residual of each term, in the order of Run.TermNames
	Rate    float64   // learning rate
	Errors  []Error   // per unknown, nil unless this step was tested against an exact solution
	Linear  *Linear   // what the linear problem of the step was like; nil with adam and lbfgs

	Stage int // index in Settings.Stages
	Value int // of the continuation: index in Newton.Path of the problem in hand; their number at the job's own
	Left  int // steps that this and later stages may still make
}

// State is everything that a restart needs, gathered on rank 0 and keyed by level and subdomain.
type State[T kernels.Real] struct {
	Step    int
	Seconds float64
	Stage   int     // the stage to go on with
	Began   int     // the step after which it began
	Damping float64 // of second-order solvers
	Value   int     // of the continuation: the one to go on with
	Entered int     // the step after which its problem came into hand
	Status  Status  // how the last stage ended
	Scale   float64 // what a blow-up is measured by; 0: not known yet
	Levels  []LevelState[T]

	Diagnosis *Diagnosis // of the linear problems since the program started; nil for none. A run that goes on from here does not read it
}

// LevelState holds the parameters of one level, each array [J][P], and what its optimiser remembers: Adam's moments M, V, or
// the pairs of L-BFGS, s and y in turn, oldest first; or the parameters of the old factor that the next step of second order uses.
type LevelState[T kernels.Real] struct {
	Theta, M, V []T
	Pairs       [][]T
}

// Observer receives what happens, on rank 0 only.
type Observer[T kernels.Real] interface {
	// Report is called after steps chosen by Settings.
	Report(r Report)
	// Checkpoint shall store the state; its arrays are valid during the call only.
	Checkpoint(s *State[T]) error
	// Stop is asked at each report; true ends the run there.
	Stop() bool
}

// Run is one training, one object on each rank.
type Run[T kernels.Real] struct {
	Problem  *problem.Problem
	Model    *model.Model
	Settings Settings
	Cloud    *model.Cloud[T]
	Part     *decomp.Partition
	Total    int // training points on all ranks

	comm       mpi.Comm
	backend    kernels.Backend[T]
	step       step[T]
	adam       *adam[T]
	pairs      [][]T // of L-BFGS, like LevelState.Pairs but with the layout of Theta: views while it runs, read by a restart
	observer   Observer[T]
	evaluation *evaluation
	null       [][][]float64 // rank 0: per unknown, the functions on the test grid up to which it counts
	exact      [][]float64   // rank 0: per unknown on the test grid; nil where unknown
	points     [][]float64   // own training points [d][n]
	first      []int         // number among those of all ranks of the first point of each term, and their total
	done       int
	seconds    float64
	stage      int     // the stage in hand
	began      int     // steps done when it began
	ended      bool    // its solver found that it is done
	damping    float64 // of second-order solvers
	value      int     // of the continuation
	entered    int     // steps done when the problem in hand began
	status     Status  // of the last stage that ended
	reached    int     // see Reached
	diary      diary
	timing     timing

	blame  *Blame
	scale  float64 // see State
	sum    optim.Reducer
	start  int           // steps done before this run of the program
	save   bool          // a checkpoint is due by time
	saved  time.Time     // rank 0: when the last one was written, or the run made
	took   time.Duration // rank 0: how long it took
	pack   []float64     // sums of the terms, stop, not finite, save
	reduce mpi.Request
	report Report // under way while reduce is pending
}

// New builds a run. Every rank calls it with the same arguments but for the observer, which only rank 0 needs. test is the
// grid of error tests [d][n], exact the values there per unknown (rank 0; nil entries where none is known).
func New[T kernels.Real](comm mpi.Comm, backend kernels.Backend[T], double kernels.Backend[float64], p *problem.Problem,
	m *model.Model, set Settings, test, exact [][]float64, observer Observer[T]) (*Run[T], error) {
	points := Draw(p, set.Seed)
	r := &Run[T]{Problem: p, Model: m, Settings: set, comm: comm, backend: backend, observer: observer, exact: exact, Total: points.N(),
		first: points.First, damping: set.Newton.Damping, reached: len(set.Newton.Path)}
	set.Choice = set.Sharing(len(m.Nets))
	r.Settings.Choice = set.Choice
	r.Part = m.Dec.Partition(points, comm.Size())
	var err error
	if r.Cloud, err = model.NewCloud(comm, backend, m, p.Jets, r.Part, points, set.Choice); err != nil {
		return nil, err
	}
	c := r.Cloud
	if err := r.initialise(); err != nil {
		return nil, err
	}
	r.points = c.X
	st, err := newStage(p, backend, c.U, c.UBar, r.first, c.Points, c.X)
	if err != nil {
		return nil, err
	}
	if r.Settings.Timeline == nil {
		r.Settings.Timeline = timeline.New()
	}
	r.step = newStep(backend, c, st, comm.Size(), r.Settings.Timeline)
	r.observe()
	moments, err := optim.NewAdam(backend, set.Adam, len(c.Theta))
	if err != nil {
		return nil, err
	}
	r.adam = &adam[T]{Adam: moments, cloud: c}
	r.sum = mpi.NewTreeSum(comm, len(st.sums)+512, sumTag)
	r.pack, r.saved = kernels.Make[float64](len(st.sums)+3), time.Now()
	if len(test) > 0 && slices.Contains(p.HasExact(), true) {
		if comm.Rank() == 0 {
			if r.null, err = p.Nullspace(test); err != nil {
				return nil, err
			}
		}
		if r.evaluation, err = newEvaluation(comm, double, m, p, r.Part, test, r.like(), false); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// initialise draws the parameters of every slot, ghosts included: a draw depends on (seed, level, subdomain) only.
func (r *Run[T]) initialise() error {
	const together = 1 << 10 // slots that are written at once
	for l := range r.Cloud.Levels {
		v := &r.Cloud.Levels[l]
		theta, some := make([]float64, v.P), make([]T, 0, together*v.P)
		net, at := r.Model.Nets[l], v.At
		for slot, j := range v.Subs {
			model.Init(net, r.Settings.Features, r.Settings.Seed, l, j, theta)
			if r.Settings.Stages[0].secondOrder() { // it starts from the ansatz alone
				clear(theta[net.FirstColumn(kernels.OutputColumns):])
			}
			for _, x := range theta {
				some = append(some, T(x))
			}
			if len(some) < cap(some) && slot+1 < len(v.Subs) {
				continue
			}
			if err := r.backend.Write(r.Cloud.Theta[at:at+len(some)], some); err != nil {
				return err
			}
			at, some = at+len(some), some[:0]
		}
	}
	return nil
}

// TermNames labels Report.Terms.
func (r *Run[T]) TermNames() (names []string) {
	for _, t := range r.Problem.Terms {
		names = append(names, t.Labels...)
	}
	return names
}

// Reached is the problem of Newton.Path that the parameters solve: their number is that of the job's own, fewer mean that the steps were used
// up on the way to it.
func (r *Run[T]) Reached() int { return r.reached }

// Done is the number of steps made, Seconds the time of training: with finished reports that a step waited for, tests of the error
// included, but without checkpoints.
func (r *Run[T]) Done() int        { return r.done }
func (r *Run[T]) Seconds() float64 { return r.seconds }

// sumTag is the message tag of the sums of L-BFGS; the exchange uses lower ones.
const sumTag = 16

// Close frees the memory of the run.
func (r *Run[T]) Close() {
	r.evaluation.close()
	r.step.stage.close()
	r.Cloud.Close()
	for k := range r.adam.M {
		r.backend.Free(r.adam.M[k])
		r.backend.Free(r.adam.V[k])
	}
	kernels.Free(r.pack)
}

// Train makes the remaining steps, stage after stage. An error means trouble with MPI or files; NotFinite and BlewUp come with a
// *Blame as error.
func (r *Run[T]) Train() (status Status, err error) {
	status = r.status // of a run that was over when its state was saved
	if err := r.startClock(); err != nil {
		return 0, err
	}
	for r.stage < len(r.Settings.Stages) {
		switch r.Settings.Stages[r.stage].Method {
		case "lbfgs":
			status, err = r.trainLBFGS()
		case "least-squares", "gauss-newton":
			status, err = r.trainNewton()
		default:
			status, err = r.trainAdam()
		}
		if err != nil || status == Stopped || status.Failed() {
			return status, err
		}
	}
	return status, nil
}

// last is the step after which the stage in hand ends at the latest.
func (r *Run[T]) last() int { return r.began + r.Settings.Stages[r.stage].Steps }

// left is the number of steps that may still come. Only adam is sure to make all of its own.
func (r *Run[T]) left() (n int) {
	if !r.ended {
		n = r.last() - r.done
	}
	for _, stage := range r.Settings.Stages[r.stage+1:] {
		n += stage.Steps
	}
	return n
}

// advance begins the next stage. A state saved after it goes on there; one saved before, at the last step of a stage, goes on with
// that stage if the job was given more steps.
func (r *Run[T]) advance() {
	r.ended, r.status = false, StepLimit
	r.stage++
	r.began, r.entered, r.start = r.done, r.done, r.done
	r.pairs = nil
	r.adam.Step = 0
	r.backend.Clear(r.adam.M[0])
	r.backend.Clear(r.adam.V[0])
	r.damping, r.value = r.Settings.Newton.Damping, 0
}

func (r *Run[T]) trainAdam() (Status, error) {
	r.adam.rate = r.Settings.Stages[r.stage].Rate
	for r.done < r.last() {
		began := time.Now()
		if err := r.activate(r.done - r.began); err != nil {
			return 0, err
		}
		if err := r.step.adam(r.adam); err != nil {
			return 0, err
		}
		if err := r.stepped(); err != nil {
			return 0, err
		}
		if r.scale == 0 {
			if err := r.measure(); err != nil {
				return 0, err
			}
		}
		stop, err := r.finishReport()                                                    // of an earlier step, if one is under way
		if (stop == nil || *stop == Stopped) && err == nil && r.due(r.Settings.Report) { // of every step that a state has behind it
			err = r.startStageReport(r.adam.rate.At(r.done-r.began, 0))
		}
		r.seconds += time.Since(began).Seconds()
		if stop == nil && err == nil && (r.done == r.last() || r.saves()) {
			if stop, err = r.finishReport(); stop == nil && err == nil && r.saves() { // a file holds the history up to its step
				err = r.checkpoint()
			}
		}
		if err != nil {
			return 0, err
		}
		if stop != nil {
			last, err := r.finishReport()
			if err != nil {
				return 0, err
			}
			if last != nil {
				stop = last
			}
			return r.end(*stop)
		}
	}
	r.advance()
	return StepLimit, nil
}

// due tells whether something that happens every so many steps, and at the end of a stage, happens now.
func (r *Run[T]) due(every int) bool {
	return every >= 0 && (r.ended || r.done == r.last()) || every > 0 && r.done%every == 0
}

// saves tells whether a checkpoint is due: every so many steps, or by time.
func (r *Run[T]) saves() bool {
	return r.due(r.Settings.Checkpoint) || r.Settings.Checkpoint == 0 && r.save
}

// Where a job does not say how often, checkpoints are at least so far apart, and so many times as long as the last one took: they
// cost at most a hundredth of the time, and what a crash takes is little beside what was done.
const (
	apart  = 10 * time.Minute
	rarely = 100
)

// seldom tells rank 0 that the time for a checkpoint has come. The report that asks for it tells the others.
func (r *Run[T]) seldom() bool {
	return r.Settings.Checkpoint == 0 && time.Since(r.saved) >= max(apart, rarely*r.took)
}

// watch notes the first place where a residual was not finite, at a report: nobody could be told before.
func (r *Run[T]) watch() error {
	if r.blame != nil {
		return nil
	}
	run, t, e, i, err := r.step.stage.notFinite()
	if err != nil || run == 0 {
		return err
	}
	term := r.Problem.Terms[t]
	// Adam runs the stage once a step; other methods several times, and the step in hand is the one.
	r.blame = &Blame{Step: min(r.start+run, r.done), Term: term.Name, Residual: term.Echo[e], Rank: r.comm.Rank()}
	for a := range r.points {
		r.blame.Point = append(r.blame.Point, r.points[a][i])
	}
	return nil
}

// startStageReport reports what the point stage summed in its last run.
func (r *Run[T]) startStageReport(rate float64) error {
	sums, err := r.step.stage.losses()
	if err != nil {
		return err
	}
	if err := r.watch(); err != nil {
		return err
	}
	return r.startReport(sums, rate, nil)
}

// startReport sets the sum of this rank's losses over ranks going; the next step hides it.
func (r *Run[T]) startReport(sums []float64, rate float64, linear *Linear) error {
	r.readClock()
	n := copy(r.pack, sums)
	clear(r.pack[n:])
	if r.comm.Rank() == 0 {
		if r.observer.Stop() {
			r.pack[n] = 1
		}
		if r.seldom() {
			r.pack[n+2] = 1
		}
	}
	if r.blame != nil {
		r.pack[n+1] = 1
	}
	r.report = Report{Step: r.done, Seconds: r.seconds, Rate: rate, Linear: linear, Stage: r.stage, Value: r.value, Left: r.left()}
	if err := r.test(); err != nil {
		return err
	}
	return mpi.Iallreduce(r.comm, r.pack, mpi.Sum, &r.reduce)
}

// test adds the errors to the report where they are due.
func (r *Run[T]) test() error {
	if r.evaluation == nil || !r.due(r.Settings.Test) {
		return nil
	}
	defer r.during(timeline.Between, "test")()
	if err := load(r.evaluation, r); err != nil {
		return err
	}
	u, _, err := r.evaluation.fields()
	if err != nil {
		return err
	}
	for k := range u {
		if r.exact != nil && r.exact[k] != nil {
			r.report.Errors = append(r.report.Errors, Compare(Modulo(u[k], r.exact[k], r.null[k]), r.exact[k]))
		}
	}
	return nil
}

// finishReport completes a report that is under way. It returns a status if training must end, the same on all ranks.
func (r *Run[T]) finishReport() (*Status, error) {
	if !r.reduce.Pending() {
		return nil, nil
	}
	done := r.during(timeline.Between, "report")
	if err := r.reduce.Wait(); err != nil {
		return nil, err
	}
	defer done()
	n := len(r.pack) - 3
	r.save = r.pack[n+2] > 0
	r.report.Terms = append([]float64(nil), r.pack[:n]...)
	for _, v := range r.report.Terms {
		r.report.Loss += v
	}
	if r.comm.Rank() == 0 {
		r.observer.Report(r.report)
	}
	stop := Stopped
	switch {
	case r.pack[n+1] > 0 || math.IsNaN(r.report.Loss) || math.IsInf(r.report.Loss, 0):
		stop = NotFinite
	case r.blownUp(r.report.Loss):
		stop = BlewUp
	case r.pack[n] > 0:
	default:
		return nil, nil
	}
	return &stop, nil
}

// end settles a premature end: a state for a stop on request, the first cause for a failure.
func (r *Run[T]) end(s Status) (Status, error) {
	if s == Stopped {
		return s, r.checkpoint()
	}
	return s, r.accuse(s)
}
