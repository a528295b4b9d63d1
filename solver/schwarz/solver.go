package schwarz

import (
	"fmt"
	"time"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/dense"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/exchange"
	"fbpinn-mpi/solver/timeline"
)

// Solver holds a System in factored form. Its methods are collective: all ranks call them in the same order, on the thread of MPI.
type Solver struct {
	comm    mpi.Comm
	lib     *dense.Library
	set     Settings
	workers []worker
	sum     *mpi.TreeSum
	summed  int // length that sum is prepared for

	sys     *System
	cover   *cover
	pattern *pattern
	patches [][]int32 // [ranks] blocks of each patch
	hold    [][]int32 // [ranks] blocks whose unknowns each rank keeps
	kept    []int64   // [blocks] r_j
	blocks  []block   // [touch]
	at      []int     // [touch+1] place of each touched block's unknowns in vectors of this rank

	damping  float64
	singular bool
	patch    *patch
	exchange *exchange.Exchange[float64]
	coarse   *coarse
	covered  []float64 // rows of all touched blocks one after the other
	vectors  vectors
	report   Report
	summing  timeline.Phase
}

// New prepares a solver; lib does the dense algebra.
func New(comm mpi.Comm, lib *dense.Library, set Settings) *Solver {
	set = set.filled()
	return &Solver{comm: comm, lib: lib, set: set, workers: make([]worker, set.Workers), summing: set.Timeline.Phase(timeline.Exposed, "sums")}
}

// Factor filters the blocks, forms and factors the normal matrix of the patch with damping ν, and finds the coarse space. What was
// factored before is forgotten.
func (s *Solver) Factor(sys *System, damping float64) error {
	sys.check(s.comm.Rank(), s.comm.Size())
	s.Close()
	s.sys, s.damping, s.report = sys, damping, Report{}
	began := time.Now()
	defer func() { s.report.Seconds.Total += time.Since(began).Seconds() }()
	s.cover = newCover(sys)
	var err error
	if s.pattern, err = sys.share(s.comm, s.cover); err != nil {
		return err
	}
	for k := range s.workers {
		s.workers[k].filling = 0
	}
	done := s.clock("filter", &s.report.Seconds.Filter)
	if err := s.filter(); err != nil {
		return err
	}
	if sys.Damped != nil {
		if err := s.turn(); err != nil {
			return err
		}
	}
	done()
	s.apart()
	total := int64(0)
	for _, n := range s.kept {
		total += n
	}
	s.report.Unknowns = total
	s.at = make([]int, len(sys.Touch)+1)
	for t, v := range sys.Touch {
		s.at[t+1] = s.at[t] + int(s.kept[v.Block])
		if !s.sys.touches(t) {
			s.blocks[t].b = dense.Of(nil, 0, int(s.kept[v.Block]))
		}
	}
	vectors := s.choose()
	s.patch = s.newPatch()
	if err := s.weigh(); err != nil {
		return err
	}
	s.covered = make([]float64, s.cover.block[len(sys.Touch)])
	s.vectors = newVectors(sys.Rows, s.at[len(sys.Touch)], s.patch.at[len(s.patch.blocks)])
	if err := s.connect(); err != nil {
		return err
	}
	done = s.clock("normal matrix", &s.report.Seconds.Normal)
	mine, err := s.products()
	if err != nil {
		return err
	}
	if err := s.assemble(mine); err != nil {
		return err
	}
	done()
	if total > 0 && vectors > 0 {
		done = s.clock("coarse space", &s.report.Seconds.Coarse)
		if err := s.newCoarse(mine, vectors); err != nil {
			return err
		}
		done()
	}
	return s.Damp(damping)
}

// Damp changes ν: blocks, normal matrix and coarse vectors stay, the patch is factored again.
func (s *Solver) Damp(damping float64) error {
	s.ready()
	if !(damping >= 0) {
		panic("schwarz: negative damping")
	}
	s.damping = damping
	done := s.clock("factor", &s.report.Seconds.Factor)
	ok, err := s.decompose()
	if err != nil {
		return err
	}
	done()
	bad := []int64{0}
	if !ok {
		bad[0] = 1
	}
	if err := s.sumInts(bad); err != nil {
		return fmt.Errorf("schwarz: ask whether all patches have factors: %w", err)
	}
	s.singular = bad[0] > 0 || s.report.Unknowns == 0
	return s.project()
}

// Tolerate changes Settings.Tolerance for the solves to come; 0 is its default.
func (s *Solver) Tolerate(tolerance float64) {
	set := s.set
	set.Tolerance = tolerance
	s.set.Tolerance = set.filled().Tolerance
}

func (s *Solver) ready() {
	if s.sys == nil {
		panic("schwarz: Factor comes first")
	}
}

// Close frees the factor and the memory of messages; Factor may follow.
func (s *Solver) Close() {
	if s.patch != nil && s.patch.factor != nil {
		s.patch.factor.Free()
	}
	if s.exchange != nil {
		s.exchange.Close()
	}
	s.vectors.free()
	s.patch, s.exchange, s.coarse, s.sys = nil, nil, nil, nil
}

// clock adds the seconds of a phase until its result is called.
func (s *Solver) clock(phase string, to *float64) func() {
	t := s.set.Timeline
	p, at, began := t.Phase(timeline.Solver, phase), t.Now(), time.Now()
	return func() {
		*to += time.Since(began).Seconds()
		t.Add(p, at)
	}
}

// apart says what of the filter's time was spent in System.Fill: filling and filtering take turns on every worker.
func (s *Solver) apart() {
	for k := range s.workers {
		s.report.Seconds.Blocks += s.workers[k].filling.Seconds() / float64(len(s.workers))
	}
	s.report.Seconds.Filter -= s.report.Seconds.Blocks
	t := s.set.Timeline
	t.Move(t.Phase(timeline.Solver, "filter"), t.Phase(timeline.Solver, "blocks"), time.Duration(s.report.Seconds.Blocks*float64(time.Second)))
}

// vectors of the iteration. Those that messages touch lie outside the Go heap.
type vectors struct {
	r, v, q             []float64 // own rows: residual, B u, B p
	g, u, p, y          []float64 // unknowns of touched blocks: share of the gradient, correction, direction, solution
	gradient, corrected []float64 // unknowns of the patch
}

func newVectors(rows, touched, patch int) vectors {
	n := func(k int) []float64 { return kernels.Make[float64](k)[:k] }
	return vectors{r: n(rows), v: n(rows), q: n(rows), g: n(touched), u: n(touched), p: n(touched), y: n(touched),
		gradient: n(patch), corrected: n(patch)}
}

func (v *vectors) free() {
	for _, x := range [][]float64{v.r, v.v, v.q, v.g, v.u, v.p, v.y, v.gradient, v.corrected} {
		kernels.Free(x)
	}
	*v = vectors{}
}

// sums adds x over all ranks, in place, the same bits everywhere.
func (s *Solver) sums(x []float64) error {
	if s.summed < len(x) {
		s.sum, s.summed = mpi.NewTreeSum(s.comm, len(x), s.set.Tag+2), len(x)
	}
	t := s.set.Timeline
	at := t.Now()
	err := s.sum.Sum(x)
	t.Add(s.summing, at)
	return err
}
