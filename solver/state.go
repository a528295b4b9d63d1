package solver

import (
	"fmt"
	"slices"
	"time"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/timeline"
)

// State gathers parameters and moments on rank 0, keyed by level and subdomain; other ranks get nil. Collective.
func (r *Run[T]) State() (*State[T], error) {
	s := &State[T]{Step: r.done, Seconds: r.seconds, Stage: r.stage, Began: r.began, Damping: r.damping, Value: r.value, Entered: r.entered,
		Status: r.status, Scale: r.scale}
	for l := range r.Cloud.Levels {
		g, err := newGatherer[T](r, l)
		if err != nil {
			return nil, fmt.Errorf("solver: gather level %d: %w", l+1, err)
		}
		var level LevelState[T]
		for _, a := range []struct {
			from []T
			to   *[]T
		}{{r.Cloud.Theta, &level.Theta}, {r.adam.M[0], &level.M}, {r.adam.V[0], &level.V}} {
			own, err := g.host(a.from)
			if err != nil {
				return nil, err
			}
			if *a.to, err = g.gather(own); err != nil {
				return nil, fmt.Errorf("solver: gather level %d: %w", l+1, err)
			}
		}
		for _, pair := range r.pairs {
			whole, err := g.gather(g.stretch(pair))
			if err != nil {
				return nil, fmt.Errorf("solver: gather pairs of level %d: %w", l+1, err)
			}
			level.Pairs = append(level.Pairs, whole)
		}
		s.Levels = append(s.Levels, level)
	}
	var err error
	if s.Diagnosis, err = r.Diagnosis(); err != nil {
		return nil, err
	}
	if r.comm.Rank() != 0 {
		return nil, nil
	}
	return s, nil
}

// gatherer collects one level of arrays with the layout of Theta: [J][P] on rank 0, nil elsewhere. Rank 0 needs room for what it
// collects, and once more for one array while it sorts.
type gatherer[T kernels.Real] struct {
	r       *Run[T]
	level   *model.Level
	order   []int64 // rank 0: the subdomain of each row as it comes; nil: they come in order
	lengths []int   // by rank
	packed  []T     // rank 0
	buffer  []T     // of host
}

func newGatherer[T kernels.Real](r *Run[T], l int) (*gatherer[T], error) {
	g := &gatherer[T]{r: r, level: &r.Cloud.Levels[l]}
	if g.level.Replicated || r.comm.Size() == 1 {
		return g, nil
	}
	counts, err := mpi.Counted(r.comm, g.level.Owned)
	if err != nil {
		return nil, err
	}
	for _, n := range counts {
		g.lengths = append(g.lengths, n*g.level.P)
	}
	ids := make([]int64, g.level.Owned)
	for slot := range ids {
		ids[slot] = int64(g.level.Subs[slot])
	}
	if r.comm.Rank() == 0 {
		g.order = make([]int64, r.Model.Dec.Levels[l].Len())
		g.packed = make([]T, len(g.order)*g.level.P)
	}
	return g, mpi.Gatherv(r.comm, ids, g.order, counts, 0)
}

// stretch is what this rank owns of the level in an array.
func (g *gatherer[T]) stretch(from []T) []T {
	return from[g.level.At:][:g.level.Owned*g.level.P]
}

// host brings the stretch of an array in memory of the backend to host memory, where it stays until the next call.
func (g *gatherer[T]) host(from []T) ([]T, error) {
	own := g.stretch(from)
	if g.r.backend.Host() {
		return own, nil
	}
	if g.buffer == nil {
		g.buffer = make([]T, len(own))
	}
	return g.buffer, g.r.backend.Read(g.buffer, own)
}

// gather is collective.
func (g *gatherer[T]) gather(own []T) ([]T, error) {
	switch {
	case g.level.Replicated && g.r.comm.Rank() != 0:
		return nil, nil
	case g.level.Replicated || g.r.comm.Size() == 1:
		return slices.Clone(own), nil
	}
	if err := mpi.Gatherv(g.r.comm, own, g.packed, g.lengths, 0); err != nil || g.r.comm.Rank() != 0 {
		return nil, err
	}
	whole, p := make([]T, len(g.packed)), g.level.P
	for k, j := range g.order {
		copy(whole[int(j)*p:][:p], g.packed[k*p:][:p])
	}
	return whole, nil
}

// Restore continues from a state that rank 0 read; other ranks pass nil. Shapes must be those of this job. Collective.
func (r *Run[T]) Restore(s *State[T]) error {
	head := make([]float64, 10)
	if s != nil {
		copy(head, []float64{float64(s.Step), s.Seconds, float64(len(s.Levels[0].Pairs)), float64(s.Stage), float64(s.Began), s.Damping,
			float64(s.Value), float64(s.Entered), float64(s.Status), s.Scale})
	}
	if err := mpi.Bcast(r.comm, head, 0); err != nil {
		return err
	}
	r.done, r.seconds = int(head[0]), head[1]
	r.stage, r.began, r.damping, r.value = int(head[3]), int(head[4]), head[5], int(head[6])
	r.entered, r.status, r.scale = int(head[7]), Status(head[8]), head[9]
	r.start, r.adam.Step = r.done, r.done-r.began
	there := [][]T{r.Cloud.Theta, r.adam.M[0], r.adam.V[0]}
	var arrays [][]T
	for range there {
		arrays = append(arrays, make([]T, len(r.Cloud.Theta)))
	}
	for range int(head[2]) {
		r.pairs = append(r.pairs, make([]T, len(r.Cloud.Theta)))
	}
	arrays = append(arrays, r.pairs...)
	for l := range r.Cloud.Levels {
		level := &r.Cloud.Levels[l]
		whole := make([]T, r.Model.Dec.Levels[l].Len()*level.P)
		for k, to := range arrays {
			if s != nil {
				v := &s.Levels[l]
				from := append([][]T{v.Theta, v.M, v.V}, v.Pairs...)[k]
				if len(from) != len(whole) {
					return fmt.Errorf("solver: level %d of the checkpoint holds %d parameters, this job has %d", l+1, len(from), len(whole))
				}
				copy(whole, from)
			}
			if err := mpi.Bcast(r.comm, whole, 0); err != nil {
				return err
			}
			for slot, j := range level.Subs {
				copy(to[level.At+slot*level.P:][:level.P], whole[j*level.P:][:level.P])
			}
		}
	}
	for k, to := range there {
		if err := r.backend.Write(to, arrays[k]); err != nil {
			return err
		}
	}
	return nil
}

// checkpoint hands the state to the observer. Collective.
func (r *Run[T]) checkpoint() error {
	defer r.during(timeline.Between, "checkpoint")()
	began := time.Now()
	r.save = false
	s, err := r.State()
	if err != nil || r.comm.Rank() != 0 {
		return err
	}
	err = r.observer.Checkpoint(s)
	r.saved, r.took = time.Now(), time.Since(began)
	return err
}
