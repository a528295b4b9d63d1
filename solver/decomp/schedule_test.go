package decomp

import (
	"math"
	"strings"
	"testing"
)

// march replays the rule of docs/theory.md, section 9, step by step with remembered states.
func march(l *Level, point []float64, bound []int, steps int, visit func(step int, state []uint8)) {
	near, far := make([]float64, l.Len()), make([]float64, l.Len())
	first, last := math.Inf(1), math.Inf(-1)
	for j := range near {
		lo, hi := l.Core(j)
		for _, a := range bound {
			below, above := lo[a]-point[a], point[a]-hi[a]
			near[j] = math.Hypot(near[j], math.Max(0, math.Max(below, above)))
			far[j] = math.Hypot(far[j], math.Max(math.Abs(point[a]-lo[a]), math.Abs(hi[a]-point[a])))
		}
		first, last = math.Min(first, near[j]), math.Max(last, far[j])
	}
	state := make([]uint8, l.Len())
	for k := 0; k <= steps; k++ {
		r := first + (last-first)*float64(k)/float64(steps)
		if k == steps {
			r = last
		}
		for j := range state {
			in := near[j] <= r && r < far[j]
			switch {
			case state[j] == Inactive && in:
				state[j] = Active
			case state[j] == Active && !in:
				state[j] = Fixed
			}
		}
		visit(k, state)
	}
}

func TestScheduleFront(t *testing.T) {
	axes := []Axis{{Name: "x", Lo: -1, Hi: 1}, {Name: "t", Lo: 0, Hi: 1}}
	dec := must(t, axes, LevelSpec{Counts: []int{4, 2}, Overlap: []float64{1.9}}, LevelSpec{Counts: []int{20, 10}, Overlap: []float64{2.9}})
	for _, c := range []struct {
		spec  ScheduleSpec
		bound []int
	}{
		{ScheduleSpec{Kind: "point", Point: []float64{-0.31, 0.17}, Steps: 97}, []int{0, 1}},
		{ScheduleSpec{Kind: "point", Point: []float64{0, 0}, Steps: 7}, []int{0, 1}}, // some subdomains fall between two steps
		{ScheduleSpec{Kind: "line", Point: []float64{0, 0}, Free: []string{"x"}, Steps: 200}, []int{1}},
		{ScheduleSpec{Kind: "time", Steps: 200}, []int{1}},
	} {
		s, err := dec.NewSchedule(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		point := c.spec.Point
		if point == nil {
			point = []float64{0, 0}
		}
		changed := make([]bool, c.spec.Steps+1)
		for k, l := range dec.Levels {
			var before []uint8
			seen := [3]int{}
			march(l, point, c.bound, c.spec.Steps, func(step int, state []uint8) {
				got := s.State(step, k)
				for j := range got {
					if got[j] != state[j] {
						t.Fatalf("%+v level %d step %d subdomain %d: state %d, want %d", c.spec, k+1, step, j, got[j], state[j])
					}
					seen[got[j]]++
					if before != nil && before[j] != state[j] {
						changed[step] = true
					}
				}
				before = append(before[:0], state...)
			})
			if seen[0] == 0 || seen[1] == 0 || seen[2] == 0 {
				t.Errorf("%+v level %d: states seen %v", c.spec, k+1, seen)
			}
		}
		for step := range changed {
			if s.Changed(step) != changed[step] {
				t.Errorf("%+v step %d: changed %v", c.spec, step, s.Changed(step))
			}
		}
	}
}

func TestScheduleSelect(t *testing.T) {
	axes := []Axis{{Name: "x", Lo: -1, Hi: 1}, {Name: "t", Lo: 0, Hi: 1}}
	dec := must(t, axes, LevelSpec{Counts: []int{3, 9}, Overlap: []float64{1.9}})
	points := grid(axes, 20, 40)
	l := dec.Levels[0]
	pairs := l.Pairs(points)
	s, err := dec.NewSchedule(ScheduleSpec{Kind: "time", Steps: 90})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []int{0, 40, 89} {
		state := s.State(step, 0)
		trained := s.Trained(step, points)
		evaluated, updated := s.Select(step, 0, nil, pairs, trained)
		want := make([]bool, len(trained))
		in := brute(l, points)
		for j := range in {
			for _, i := range in[j] {
				want[i] = want[i] || state[j] == Active
			}
		}
		n, kinds := 0, map[uint8]int{}
		for i := range want {
			if want[i] != trained[i] {
				t.Fatalf("step %d point %d: trained %v", step, i, trained[i])
			}
			if want[i] {
				n++
			}
		}
		for j := range in {
			holds := false
			for _, i := range in[j] {
				holds = holds || want[i]
			}
			if evaluated[j] != holds || updated[j] != (holds && state[j] != Fixed) {
				t.Fatalf("step %d subdomain %d in state %d: evaluated %v, updated %v", step, j, state[j], evaluated[j], updated[j])
			}
			if holds {
				kinds[state[j]]++
			}
		}
		if n == 0 || n == len(want) {
			t.Errorf("step %d: %d of %d points trained", step, n, len(want))
		}
		if step == 40 && (kinds[Inactive] == 0 || kinds[Active] == 0 || kinds[Fixed] == 0) {
			t.Errorf("step %d evaluates subdomains of states %v", step, kinds)
		}
		some := []int{14, 3}
		e, u := s.Select(step, 0, some, l.PairsOf(some, points), trained)
		for k, j := range some {
			if e[k] != evaluated[j] || u[k] != updated[j] {
				t.Errorf("step %d: subset disagrees on subdomain %d", step, j)
			}
		}
	}
}

func TestScheduleAll(t *testing.T) {
	dec := must(t, unitBox(1), LevelSpec{Counts: []int{4}, Overlap: []float64{1.9}})
	s, err := dec.NewSchedule(ScheduleSpec{})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []int{0, 1, 1 << 30} {
		for _, v := range s.State(step, 0) {
			if v != Active || s.Changed(step) {
				t.Errorf("step %d: state %d, changed %v", step, v, s.Changed(step))
			}
		}
	}
}

func TestScheduleErrors(t *testing.T) {
	dec := must(t, unitBox(2), LevelSpec{Counts: []int{4, 4}, Overlap: []float64{1.9}})
	for _, c := range []struct {
		spec ScheduleSpec
		want string
	}{
		{ScheduleSpec{Kind: "sphere", Steps: 1}, "unknown schedule"},
		{ScheduleSpec{Kind: "time", Steps: 1}, `no axis "t"`},
		{ScheduleSpec{Kind: "line", Point: []float64{0, 0}, Steps: 1}, "0 free axes"},
		{ScheduleSpec{Kind: "line", Point: []float64{0, 0}, Free: []string{"q"}, Steps: 1}, `no axis "q"`},
		{ScheduleSpec{Kind: "plane", Point: []float64{0, 0}, Free: []string{"x", "y"}, Steps: 1}, "at least one axis more"},
		{ScheduleSpec{Kind: "point", Point: []float64{0}, Steps: 1}, "1 coordinates in 2"},
		{ScheduleSpec{Kind: "point", Point: []float64{0, math.NaN()}, Steps: 1}, "is NaN"},
		{ScheduleSpec{Kind: "point", Point: []float64{0, 0}}, "0 steps"},
	} {
		if _, err := dec.NewSchedule(c.spec); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one with %q", c.spec, err, c.want)
		}
	}
}
