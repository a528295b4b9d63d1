package solver

import (
	"fmt"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/timeline"
)

// State gathers parameters and moments on rank 0, keyed by level and subdomain; other ranks get nil. Collective.
func (r *Run[T]) State() (*State[T], error) {
	s := &State[T]{Step: r.done, Seconds: r.seconds, Stage: r.stage, Began: r.began, Damping: r.damping, Value: r.value, Entered: r.entered,
		Status: r.status, Scale: r.scale}
	theta, m, v := make([]T, len(r.Cloud.Theta)), make([]T, len(r.Cloud.Theta)), make([]T, len(r.Cloud.Theta))
	for _, a := range [][2][]T{{theta, r.Cloud.Theta}, {m, r.adam.M[0]}, {v, r.adam.V[0]}} {
		if err := r.backend.Read(a[0], a[1]); err != nil {
			return nil, err
		}
	}
	for l := range r.Cloud.Levels {
		var level LevelState[T]
		for _, a := range []struct {
			from []T
			to   *[]T
		}{{theta, &level.Theta}, {m, &level.M}, {v, &level.V}} {
			whole, err := gather(r.comm, r.Cloud, l, r.Model.Dec.Levels[l].Len(), a.from)
			if err != nil {
				return nil, fmt.Errorf("solver: gather level %d: %w", l+1, err)
			}
			*a.to = whole
		}
		for _, pair := range r.pairs {
			whole, err := gather(r.comm, r.Cloud, l, r.Model.Dec.Levels[l].Len(), pair)
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

// gather collects one level of an array with the layout of Theta: [J][P] on rank 0, nil elsewhere.
func gather[T kernels.Real](comm mpi.Comm, c *model.Cloud[T], l, subdomains int, from []T) ([]T, error) {
	v := &c.Levels[l]
	own := from[v.At : v.At+v.Owned*v.P]
	if v.Replicated {
		if comm.Rank() != 0 {
			return nil, nil
		}
		return append([]T(nil), own...), nil
	}
	counts, err := mpi.Counted(comm, v.Owned)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, v.Owned)
	for slot := range ids {
		ids[slot] = int64(v.Subs[slot])
	}
	var whole, packed []T
	var all []int64
	lengths := make([]int, len(counts))
	if comm.Rank() == 0 {
		whole, packed, all = make([]T, subdomains*v.P), make([]T, subdomains*v.P), make([]int64, subdomains)
	}
	for k, n := range counts {
		lengths[k] = n * v.P
	}
	if err := mpi.Gatherv(comm, ids, all, counts, 0); err != nil {
		return nil, err
	}
	if err := mpi.Gatherv(comm, own, packed, lengths, 0); err != nil {
		return nil, err
	}
	for k, j := range all {
		copy(whole[int(j)*v.P:][:v.P], packed[k*v.P:][:v.P])
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
	s, err := r.State()
	if err != nil || r.comm.Rank() != 0 {
		return err
	}
	return r.observer.Checkpoint(s)
}
