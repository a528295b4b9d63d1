package solver

import (
	"time"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/optim"
)

// adam updates the parameters of a cloud, those of replicated levels apart because their gradient arrives last.
type adam[T kernels.Real] struct {
	*optim.Adam[T] // one group: the whole of Theta
	rate           optim.Schedule
	cloud          *model.Cloud[T]
	ranges         []model.Range // what is trained; changes with the active set
}

// update moves what lies side by side and has the same rate at once.
func (a *adam[T]) update(replicated bool) {
	c := a.cloud
	for k := 0; k < len(a.ranges); {
		g := a.ranges[k]
		rate, end := a.rate.At(a.Step, g.Level), g.At
		for ; k < len(a.ranges) && a.ranges[k].At == end; k++ {
			next := a.ranges[k]
			if c.Levels[next.Level].Replicated != c.Levels[g.Level].Replicated || a.rate.At(a.Step, next.Level) != rate {
				break
			}
			end += next.N
		}
		if c.Levels[g.Level].Replicated == replicated {
			a.Update(0, g.At, rate, c.Theta[g.At:end], c.Grad[g.At:end])
		}
	}
}

// activate applies the active-set schedule at a step, counted from 0: which points count, which subdomains are evaluated and
// which are trained (docs/theory.md, section 9).
func (r *Run[T]) activate(step int) error {
	s := r.Settings.Active
	if s == nil {
		if r.adam.ranges == nil {
			r.adam.ranges = r.Cloud.Ranges()
		}
		return nil
	}
	if r.adam.ranges != nil && !s.Changed(step) {
		return nil
	}
	trained := s.Trained(step, r.points)
	counts := make([]float64, len(r.step.stage.terms))
	for t := range r.step.stage.terms {
		v := &r.step.stage.terms[t]
		for i := v.lo; i < v.lo+v.n; i++ {
			if trained[i] {
				counts[t] += v.count(i - v.lo)
			}
		}
	}
	if err := mpi.Allreduce(r.comm, counts, mpi.Sum); err != nil {
		return err
	}
	if err := r.step.stage.activate(trained, counts); err != nil {
		return err
	}
	// A subdomain's own points may lie on several ranks: it is in use if any of them says so.
	evaluate, train := make([][]bool, len(r.Cloud.Levels)), make([][]bool, len(r.Cloud.Levels))
	for l, level := range r.Model.Dec.Levels {
		e, u := s.Select(step, l, nil, level.Pairs(r.points), trained)
		flags := make([]int32, 2*len(e))
		for j := range e {
			flags[2*j], flags[2*j+1] = flag(e[j]), flag(u[j])
		}
		if err := mpi.Allreduce(r.comm, flags, mpi.Max); err != nil {
			return err
		}
		evaluate[l], train[l] = make([]bool, len(e)), make([]bool, len(e))
		for j := range e {
			evaluate[l][j], train[l][j] = flags[2*j] > 0, flags[2*j+1] > 0
		}
	}
	r.step.forget()
	if err := r.Cloud.Activate(func(l, j int) bool { return evaluate[l][j] }, func(l, j int) bool { return train[l][j] }); err != nil {
		return err
	}
	r.adam.ranges = r.adam.ranges[:0]
	for _, g := range r.Cloud.Ranges() {
		v := &r.Cloud.Levels[g.Level]
		for slot := 0; slot < v.Owned; slot++ {
			if !train[g.Level][v.Subs[slot]] {
				continue
			}
			at := v.At + slot*v.P
			if n := len(r.adam.ranges); n > 0 && r.adam.ranges[n-1].Level == g.Level && r.adam.ranges[n-1].At+r.adam.ranges[n-1].N == at {
				r.adam.ranges[n-1].N += v.P
			} else {
				r.adam.ranges = append(r.adam.ranges, model.Range{Level: g.Level, At: at, N: v.P})
			}
		}
	}
	if r.adam.ranges == nil {
		r.adam.ranges = []model.Range{}
	}
	return nil
}

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// objective lets L-BFGS, which works in host memory, see loss and gradient of a run.
type objective[T kernels.Real] struct {
	r    *Run[T]
	grad []T
}

// Evaluate puts the trial point in place.
func (o *objective[T]) Evaluate(theta []T) (float64, []T, error) {
	r := o.r
	if err := r.backend.Write(r.Cloud.Theta, theta); err != nil {
		return 0, nil, err
	}
	if err := r.step.gradient(); err != nil {
		return 0, nil, err
	}
	if err := r.Cloud.FinishReplicated(); err != nil {
		return 0, nil, err
	}
	sums, err := r.step.stage.losses()
	if err != nil {
		return 0, nil, err
	}
	n := copy(r.pack, sums)
	if err := r.sum.Sum(r.pack[:n]); err != nil {
		return 0, nil, err
	}
	loss := 0.0
	for _, v := range r.pack[:n] {
		loss += v
	}
	return loss, o.grad, r.backend.Read(o.grad, r.Cloud.Grad)
}

// trainLBFGS makes the remaining steps with L-BFGS on all parameters. Ghosts take part in no scalar product; the exchange
// overwrites them.
func (r *Run[T]) trainLBFGS() (Status, error) {
	var counted []optim.Range
	for _, g := range r.Cloud.Ranges() {
		if !r.Cloud.Levels[g.Level].Replicated || r.comm.Rank() == 0 {
			counted = append(counted, optim.Range{From: g.At, To: g.At + g.N})
		}
	}
	o := optim.NewLBFGS[T](len(r.Cloud.Theta), counted, r.sum, r.Settings.LBFGS)
	defer o.Close()
	theta := make([]T, len(r.Cloud.Theta))
	if err := r.backend.Read(theta, r.Cloud.Theta); err != nil {
		return 0, err
	}
	seen := &objective[T]{r: r, grad: make([]T, len(theta))}
	var s, y [][]T
	for k := 0; k+1 < len(r.pairs); k += 2 {
		s, y = append(s, r.pairs[k]), append(y, r.pairs[k+1])
	}
	o.SetPairs(s, y)
	settle := func() error { // the state of the method, for reports and files
		r.pairs = r.pairs[:0]
		s, y := o.Pairs()
		for k := range s {
			r.pairs = append(r.pairs, s[k], y[k])
		}
		return r.backend.Write(r.Cloud.Theta, theta)
	}
	for r.done < r.last() {
		began := time.Now()
		status, err := o.Step(seen, theta)
		if err != nil {
			return 0, err
		}
		if err := r.stepped(); err != nil {
			return 0, err
		}
		r.seconds += time.Since(began).Seconds()
		ended := status != optim.Running
		if ended || r.due(r.Settings.Report) {
			if err := settle(); err != nil {
				return 0, err
			}
			r.ended = ended
			if err := r.startStageReport(0); err != nil {
				return 0, err
			}
			stop, err := r.finishReport()
			if err != nil {
				return 0, err
			}
			if stop != nil {
				return r.end(*stop)
			}
		}
		if ended {
			r.advance()
			r.status = Converged
			if r.Settings.Checkpoint < 0 {
				return Converged, nil
			}
			return Converged, r.checkpoint()
		}
		if r.saves() {
			if err := settle(); err != nil {
				return 0, err
			}
			if err := r.checkpoint(); err != nil {
				return 0, err
			}
		}
	}
	r.advance()
	return StepLimit, nil
}
