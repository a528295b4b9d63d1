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
// collects, and for the share of one other rank.
type gatherer[T kernels.Real] struct {
	r      *Run[T]
	level  *model.Level
	order  []int64 // rank 0: the subdomain of each row, rank after rank
	counts []int   // rows, by rank; nil: rank 0 has them all, in order
	share  []T     // rank 0: of another
	buffer []T     // of host
}

const gatherTag = 64 // of shares on their way to rank 0

func newGatherer[T kernels.Real](r *Run[T], l int) (g *gatherer[T], err error) {
	g = &gatherer[T]{r: r, level: &r.Cloud.Levels[l]}
	if g.level.Replicated || r.comm.Size() == 1 {
		return g, nil
	}
	if g.counts, err = mpi.Counted(r.comm, g.level.Owned); err != nil {
		return nil, err
	}
	ids := make([]int64, g.level.Owned)
	for slot := range ids {
		ids[slot] = int64(g.level.Subs[slot])
	}
	if r.comm.Rank() == 0 {
		g.order = make([]int64, r.Model.Dec.Levels[l].Len())
		g.share = make([]T, slices.Max(g.counts[1:])*g.level.P)
	}
	return g, mpi.Gatherv(r.comm, ids, g.order, g.counts, 0)
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
	case g.counts == nil && g.r.comm.Rank() != 0:
		return nil, nil
	case g.counts == nil:
		return slices.Clone(own), nil
	case g.r.comm.Rank() != 0 && len(own) == 0:
		return nil, nil
	case g.r.comm.Rank() != 0:
		return nil, mpi.Send(g.r.comm, own, 0, gatherTag)
	}
	p, order := g.level.P, g.order
	whole := make([]T, len(order)*p)
	for rank, n := range g.counts {
		share := own
		if rank > 0 && n > 0 {
			share = g.share[:n*p]
			if err := mpi.Recv(g.r.comm, share, rank, gatherTag); err != nil {
				return nil, err
			}
		}
		for k, j := range order[:n] {
			copy(whole[int(j)*p:][:p], share[k*p:][:p])
		}
		order = order[n:]
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
		for k, to := range arrays {
			var from []T
			if s != nil {
				v := &s.Levels[l]
				from = append([][]T{v.Theta, v.M, v.V}, v.Pairs...)[k]
			}
			if err := r.scatter(to, from, l, passing); err != nil {
				return err
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

const passing = 1 << 18 // numbers that go past all ranks at a time, when each takes a few of a level

// scatter gives each rank what it holds of level l, from an array [J][P] on rank 0, into one with the layout of Theta. All of the level
// goes past all ranks, about `most` numbers at a time. Collective.
func (r *Run[T]) scatter(to, from []T, l, most int) error {
	level, subs := &r.Cloud.Levels[l], r.Model.Dec.Levels[l].Len()
	p := level.P
	if r.comm.Rank() == 0 && len(from) != subs*p {
		return fmt.Errorf("solver: level %d of the checkpoint holds %d parameters, this job has %d", l+1, len(from), subs*p)
	}
	slots := make([]int, len(level.Subs)) // by subdomain
	for slot := range slots {
		slots[slot] = slot
	}
	slices.SortFunc(slots, func(a, b int) int { return level.Subs[a] - level.Subs[b] })
	rows := max(most/p, 1)
	part := make([]T, min(rows, subs)*p)
	for first := 0; first < subs; first += rows {
		part = part[:min(rows, subs-first)*p]
		if from != nil {
			copy(part, from[first*p:])
		}
		if err := mpi.Bcast(r.comm, part, 0); err != nil {
			return err
		}
		for len(slots) > 0 && level.Subs[slots[0]] < first+rows {
			slot := slots[0]
			copy(to[level.At+slot*p:][:p], part[(level.Subs[slot]-first)*p:][:p])
			slots = slots[1:]
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
