package optim

import (
	"math"
	"strings"
	"testing"
)

func TestSchedule(t *testing.T) {
	const near = 1e-15 // one rounding of a rate of order 1e-3, with room
	for _, k := range []struct {
		name        string
		s           Schedule
		step, level int
		want        float64
	}{
		{"constant", Schedule{Rate: 1e-3}, 12345, 2, 1e-3},
		{"exponential start", Schedule{Decay: Exponential, Rate: 1e-3, Factor: 0.5, Every: 100}, 1, 0, 1e-3},
		{"exponential half way", Schedule{Decay: Exponential, Rate: 1e-3, Factor: 0.25, Every: 100}, 51, 0, 0.5e-3},
		{"exponential floor", Schedule{Decay: Exponential, Rate: 1e-3, Factor: 0.5, Every: 1, Floor: 1e-5}, 1000, 0, 1e-5},
		{"step before", Schedule{Decay: Steps, Rate: 1e-3, Factor: 0.1, Every: 100}, 100, 0, 1e-3},
		{"step after", Schedule{Decay: Steps, Rate: 1e-3, Factor: 0.1, Every: 100}, 101, 0, 1e-4},
		{"cosine start", Schedule{Decay: Cosine, Rate: 1e-3, Floor: 1e-4, Every: 1000}, 1, 0, 1e-3},
		{"cosine middle", Schedule{Decay: Cosine, Rate: 1e-3, Floor: 1e-4, Every: 1000}, 501, 0, 5.5e-4},
		{"cosine end", Schedule{Decay: Cosine, Rate: 1e-3, Floor: 1e-4, Every: 1000}, 5000, 0, 1e-4},
		{"warm-up", Schedule{Rate: 1e-3, Warmup: 10}, 1, 0, 1e-4},
		{"after warm-up", Schedule{Rate: 1e-3, Warmup: 10}, 10, 0, 1e-3},
		{"level", Schedule{Rate: 1e-3, Levels: []float64{1, 3}}, 1, 1, 3e-3},
		{"level without factor", Schedule{Rate: 1e-3, Levels: []float64{7, 3}}, 1, 2, 1e-3},
	} {
		if err := k.s.Check(); err != nil {
			t.Errorf("%s: %v", k.name, err)
		}
		if got := k.s.At(k.step, k.level); math.Abs(got-k.want) > near {
			t.Errorf("%s: %v, want %v", k.name, got, k.want)
		}
	}
}

func TestScheduleCheck(t *testing.T) {
	for words, s := range map[string]Schedule{
		"rate NaN must be":             {Rate: math.NaN()},
		"rate 0 must be":               {},
		"needs a positive number":      {Rate: 1, Decay: Cosine},
		"decay factor 1.5 must lie":    {Rate: 1, Decay: Steps, Every: 1, Factor: 1.5},
		"last rate 2 must lie between": {Rate: 1, Floor: 2},
		"warm-up of -1":                {Rate: 1, Warmup: -1},
		"of level 2":                   {Rate: 1, Levels: []float64{1, math.Inf(1)}},
		"decay 9 does not exist":       {Rate: 1, Decay: 9},
	} {
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("want %q, got %v", words, err)
		}
	}
	for _, n := range DecayNames() {
		if d, err := ParseDecay(n); err != nil || d.String() != n {
			t.Errorf("%s: %v, %v", n, d, err)
		}
	}
	if _, err := ParseDecay("cosin"); err == nil {
		t.Error("a misspelt decay was accepted")
	}
}
