package solver

import (
	"errors"
	"fmt"
	"math"

	"fbpinn-mpi/mpi"
)

// blowUp is the growth of the loss, over that of the first step or 1, at which training ends: residuals are then 10⁶ times those that a
// network starts with. What comes back from there was not seen; what goes on ends at 10²⁴ or in overflow, and looks like a result.
const blowUp = 1e12

// Blame is where training became not finite, or blew up.
type Blame struct {
	Step      int
	Term      string // empty: the rank that knows is another
	Residual  string
	Size      float64 // of the residual, where it is finite
	Point     []float64
	Rank      int
	Level     int  // of the subdomain to look at first, from 1
	Subdomain int  // in its level, from 1
	Broken    bool // its parameters are not finite any more
}

func (b *Blame) Error() string {
	if b.Term == "" {
		return fmt.Sprintf("training failed at step %d on rank %d", b.Step, b.Rank)
	}
	what, of := "became not finite", "residual"
	if b.Size > 0 {
		what, of = "blew up", fmt.Sprintf("the largest weighted residual, %.1e of", b.Size)
	}
	where := fmt.Sprintf("at the point %.6g", b.Point)
	if b.Level > 0 {
		where += fmt.Sprintf(" in subdomain %d of level %d", b.Subdomain, b.Level)
	}
	if b.Broken {
		where += ", whose parameters are not finite any more"
	}
	return fmt.Sprintf("training %s at step %d: term %q, %s %s, %s (rank %d); lower train.rate, check the expression at that point, or train in "+
		"float64", what, b.Step, b.Term, of, b.Residual, where, b.Rank)
}

// measure sums the loss of the step in hand, the scale of a blow-up. Collective.
func (r *Run[T]) measure() error {
	sums, err := r.step.stage.losses()
	if err != nil {
		return err
	}
	loss := []float64{0}
	for _, x := range sums {
		loss[0] += x
	}
	if err := mpi.Allreduce(r.comm, loss, mpi.Sum); err != nil {
		return err
	}
	r.scale = max(loss[0], 1)
	return nil
}

// blownUp tells whether a loss is absurd. Methods that measure no scale before get theirs from the first loss reported.
func (r *Run[T]) blownUp(loss float64) bool {
	if r.scale == 0 {
		r.scale = max(loss, 1)
	}
	return loss > blowUp*r.scale
}

// accuse agrees on the first place of a failure, or on the largest residual of a blow-up. The rank that has it knows all about it, the
// others which rank that is. Collective.
func (r *Run[T]) accuse(s Status) error {
	if s == BlewUp {
		if err := r.largest(); err != nil {
			return err
		}
	}
	// Smallest first: the step, and then the rank, of a failure; minus the size of a residual.
	mine := []float64{math.Inf(1)}
	switch {
	case r.blame == nil:
	case s == BlewUp:
		mine[0] = -r.blame.Size
	default:
		mine[0] = float64(r.blame.Step)
	}
	least := []float64{mine[0]}
	if err := mpi.Allreduce(r.comm, least, mpi.Min); err != nil {
		return err
	}
	if math.IsInf(least[0], 1) {
		return errors.New("the loss overflowed although every residual is finite; lower train.rate or the weights")
	}
	rank := []float64{float64(r.comm.Size())}
	if mine[0] == least[0] {
		rank[0] = float64(r.comm.Rank())
	}
	if err := mpi.Allreduce(r.comm, rank, mpi.Min); err != nil {
		return err
	}
	if int(rank[0]) != r.comm.Rank() {
		step := r.done
		if s == NotFinite {
			step = int(least[0])
		}
		return &Blame{Step: step, Rank: int(rank[0])}
	}
	if err := r.locate(r.blame); err != nil {
		return err
	}
	return r.blame
}

// largest blames the largest residual at this rank's points; none where it has none.
func (r *Run[T]) largest() error {
	r.blame = nil
	for _, v := range r.step.stage.terms {
		values := make([]T, v.n)
		for e := range v.residual {
			if err := r.backend.Read(values, v.residual[e]); err != nil {
				return err
			}
			for i, x := range values {
				size := math.Abs(float64(x))
				if size == 0 || r.blame != nil && size <= r.blame.Size {
					continue
				}
				r.blame = &Blame{Step: r.done, Term: v.term.Name, Residual: v.term.Echo[e], Size: size, Rank: r.comm.Rank()}
				for a := range r.points {
					r.blame.Point = append(r.blame.Point, r.points[a][v.lo+i])
				}
			}
		}
	}
	return nil
}

// locate names the subdomain at the place of a failure to look at first: the one nearest to it whose parameters are not finite, or else
// the nearest of the finest level. Distances are in half widths: 1 is the rim of the window.
func (r *Run[T]) locate(b *Blame) error {
	theta := make([]T, len(r.Cloud.Theta))
	if err := r.backend.Read(theta, r.Cloud.Theta); err != nil {
		return err
	}
	nearest := math.Inf(1)
	for l := len(r.Cloud.Levels) - 1; l >= 0; l-- {
		v, level := &r.Cloud.Levels[l], r.Model.Dec.Levels[l]
		for slot, j := range v.Subs {
			centre, half := level.Centre(j), level.Half(j)
			distance := 0.0
			for a, x := range b.Point {
				axis, d := r.Model.Dec.Axes[a], math.Abs(x-centre[a])
				if axis.Periodic {
					d = min(d, axis.Hi-axis.Lo-d)
				}
				distance = max(distance, d/half[a])
			}
			broken := false
			for _, x := range theta[v.At+slot*v.P:][:v.P] {
				broken = broken || x-x != 0
			}
			nearer := distance < nearest && (broken || b.Level == l+1)
			if distance > 1 || b.Broken && !broken || broken == b.Broken && b.Level > 0 && !nearer {
				continue
			}
			b.Level, b.Subdomain, b.Broken, nearest = l+1, j+1, broken, distance
		}
	}
	return nil
}
