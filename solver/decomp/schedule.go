package decomp

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// States of a subdomain (docs/theory.md, section 9).
const (
	Inactive uint8 = iota // not yet asked for
	Active                // its points are trained on
	Fixed                 // the front has passed; never returns
)

// ScheduleSpec describes a moving front of active subdomains. Kind is "all" (or empty), "point" (distance in all axes), "line"
// (one axis free), "plane" (two free), or "time" (all axes free but Axis).
type ScheduleSpec struct {
	Kind  string
	Point []float64 // where the front starts [d]; entries of free axes are ignored; "time" may leave it out: the lower end
	Free  []string  // free axes of "line" and "plane"
	Axis  string    // the axis of "time"; "t" if empty
	Steps int       // K, the number of steps that the front takes to cross the domain
}

// Schedule knows the state of every subdomain at every step. The front moves at constant speed, so a state depends on the step
// alone and a restarted run needs no memory of it.
type Schedule struct {
	dec   *Decomposition
	on    [][]int32 // [level][j] first step at which the subdomain is active; -1: at all steps; off if never
	off   [][]int32 // [level][j] first step at which it is no longer
	steps []int     // steps at which any state changes, ascending, step 0 excluded
}

// NewSchedule prepares a schedule. Each level has its own front, which crosses all its core cells in K steps.
func (dec *Decomposition) NewSchedule(spec ScheduleSpec) (*Schedule, error) {
	s := &Schedule{dec: dec}
	bound, err := dec.constrained(&spec)
	if err != nil {
		return nil, err
	}
	events := map[int]bool{}
	for _, l := range dec.Levels {
		on, off := make([]int32, l.n), make([]int32, l.n)
		if bound == nil {
			for j := range on {
				on[j], off[j] = -1, math.MaxInt32
			}
		} else {
			l.front(&spec, bound, on, off)
		}
		for j := range on {
			if on[j] < off[j] {
				events[int(on[j])] = true
				events[int(off[j])] = true
			}
		}
		s.on, s.off = append(s.on, on), append(s.off, off)
	}
	for k := range events {
		if k > 0 && k < math.MaxInt32 {
			s.steps = append(s.steps, k)
		}
	}
	slices.Sort(s.steps)
	return s, nil
}

// constrained returns the axes along which distance from the point counts, nil for "all".
func (dec *Decomposition) constrained(spec *ScheduleSpec) ([]int, error) {
	d := len(dec.Axes)
	free := make([]bool, d)
	want := 0
	switch spec.Kind {
	case "", "all":
		return nil, nil
	case "point":
	case "line":
		want = 1
	case "plane":
		want = 2
	case "time":
		name := spec.Axis
		if name == "" {
			name = "t"
		}
		t, err := dec.axis(name)
		if err != nil {
			return nil, fmt.Errorf("schedule time: %w", err)
		}
		for a := range free {
			free[a] = a != t
		}
		if len(spec.Point) == 0 {
			spec.Point = make([]float64, d)
			spec.Point[t] = dec.Axes[t].Lo
		}
	default:
		return nil, fmt.Errorf("unknown schedule %q: use all, point, line, plane or time", spec.Kind)
	}
	if spec.Kind != "time" {
		if len(spec.Free) != want || want >= d {
			return nil, fmt.Errorf("schedule %s: %d free axes named in %d dimensions: it needs %d, and at least one axis more", spec.Kind, len(spec.Free), d, want)
		}
		for _, name := range spec.Free {
			a, err := dec.axis(name)
			if err != nil {
				return nil, fmt.Errorf("schedule %s: %w", spec.Kind, err)
			}
			if free[a] {
				return nil, fmt.Errorf("schedule %s: axis %s named twice", spec.Kind, name)
			}
			free[a] = true
		}
	}
	if spec.Steps < 1 || spec.Steps >= math.MaxInt32 {
		return nil, fmt.Errorf("schedule %s: %d steps: the front needs at least 1", spec.Kind, spec.Steps)
	}
	if len(spec.Point) != d {
		return nil, fmt.Errorf("schedule %s: point with %d coordinates in %d dimensions", spec.Kind, len(spec.Point), d)
	}
	var bound []int
	for a := range free {
		if !free[a] {
			bound = append(bound, a)
			if x := spec.Point[a]; math.IsNaN(x) || math.IsInf(x, 0) {
				return nil, fmt.Errorf("schedule %s: coordinate %s of the point is %g", spec.Kind, dec.Axes[a].Name, x)
			}
		}
	}
	return bound, nil
}

func (dec *Decomposition) axis(name string) (int, error) {
	var names []string
	for a, axis := range dec.Axes {
		if axis.Name == name {
			return a, nil
		}
		names = append(names, axis.Name)
	}
	return 0, fmt.Errorf("no axis %q: the axes are %s", name, strings.Join(names, ", "))
}

// front finds when each subdomain turns active and fixed. r_min and r_max are the smallest and largest distance from the point
// to the core cell in the constrained axes; at step k of K the front is at R = min r_min + (max r_max - min r_min)·k/K, and a
// subdomain is active while r_min <= R < r_max.
func (l *Level) front(spec *ScheduleSpec, bound []int, on, off []int32) {
	near, far := make([]float64, l.n), make([]float64, l.n)
	first, last := math.Inf(1), 0.0
	for j := range near {
		var n2, f2 float64
		for _, a := range bound {
			lo, hi := l.interval(j, a).core()
			n, f := l.axes[a].distances(spec.Point[a], lo, hi)
			n2 += n * n
			f2 += f * f
		}
		near[j], far[j] = math.Sqrt(n2), math.Sqrt(f2)
		first, last = math.Min(first, near[j]), math.Max(last, far[j])
	}
	front := func(k int) float64 {
		if k == spec.Steps {
			return last // without rounding, so that the front leaves the last cell
		}
		return first + (last-first)*float64(k)/float64(spec.Steps)
	}
	reach := func(r float64) int32 { // first step with R >= r
		lo, hi := 0, spec.Steps+1
		for lo < hi {
			if m := (lo + hi) / 2; front(m) >= r {
				hi = m
			} else {
				lo = m + 1
			}
		}
		return int32(lo)
	}
	for j := range near {
		on[j], off[j] = reach(near[j]), reach(far[j])
	}
}

// distances returns the smallest and largest distance from x to [lo, hi] along the axis, around the period if it has one.
func (a Axis) distances(x, lo, hi float64) (near, far float64) {
	if a.Periodic {
		p, half := a.Length(), (hi-lo)/2
		r := math.Abs(math.Remainder(x-lo-half, p))
		return math.Max(0, r-half), math.Min(p/2, r+half)
	}
	return math.Max(0, math.Max(lo-x, x-hi)), math.Max(math.Abs(x-lo), math.Abs(hi-x))
}

// State returns the states [J_l] of a level at a step, counted from 0.
func (s *Schedule) State(step, level int) []uint8 {
	state := make([]uint8, len(s.on[level]))
	for j := range state {
		switch on, off := int(s.on[level][j]), int(s.off[level][j]); {
		case step < on || on >= off:
			state[j] = Inactive
		case step < off:
			state[j] = Active
		default:
			state[j] = Fixed
		}
	}
	return state
}

// Changed reports whether any state at this step differs from the step before.
func (s *Schedule) Changed(step int) bool {
	_, found := slices.BinarySearch(s.steps, step)
	return found
}

// Changes lists the steps at which states change, ascending.
func (s *Schedule) Changes() []int { return s.steps }

// Trained marks the points that a step trains on: those inside (closed, full extent) at least one active subdomain of any
// level. It needs nothing but the coordinates, so a rank can ask about its own points and about others' alike.
func (s *Schedule) Trained(step int, points [][]float64) []bool {
	in := make([]bool, len(points[0]))
	for k, l := range s.dec.Levels {
		state := s.State(step, k)
		l.Cover(points, func(i int, subs []int32) {
			for _, j := range subs {
				if state[j] == Active {
					in[i] = true
					return
				}
			}
		})
	}
	return in
}

// Select applies the rest of the rule to subdomains subs of a level (nil: all of them) with their pairs: evaluated are those
// that hold a trained point; of these, the ones in state 0 or 1 are also updated, for 0 means "not yet asked for", not
// "frozen". All other subdomains are skipped.
func (s *Schedule) Select(step, level int, subs []int, pairs Pairs, trained []bool) (evaluated, updated []bool) {
	state := s.State(step, level)
	n := len(pairs.Start) - 1
	evaluated, updated = make([]bool, n), make([]bool, n)
	for k := 0; k < n; k++ {
		for _, i := range pairs.Of(k) {
			if trained[i] {
				evaluated[k] = true
				break
			}
		}
		j := k
		if subs != nil {
			j = subs[k]
		}
		updated[k] = evaluated[k] && state[j] != Fixed
	}
	return evaluated, updated
}
