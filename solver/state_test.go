package solver

import (
	"testing"

	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/model"
)

// TestScatter: whatever goes past at a time, a state comes back as it was gathered, to owners and to ghosts.
func TestScatter_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { scatter(t, c) }) }
func TestScatter_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { scatter(t, c) }) }
func TestScatter_n4(t *testing.T) { world.Run(t, 4, func(c mpi.Comm) { scatter(t, c) }) }

func scatter(t *testing.T, c mpi.Comm) {
	r := laplace().build(t, c, Settings{Stages: []Stage{{Method: "adam", Steps: 1}}, Choice: model.Choice{Replicate: -1}}, nil)
	s, err := r.State()
	if err != nil {
		t.Fatal(err)
	}
	for l, level := range r.Cloud.Levels {
		var from []float64
		if c.Rank() == 0 {
			from = s.Levels[l].Theta
		}
		for _, most := range []int{1, level.P, 3*level.P + 1, 1 << 20} {
			got := make([]float64, len(r.Cloud.Theta))
			if err := r.scatter(got, from, l, most); err != nil {
				t.Fatal(err)
			}
			for i := range level.P * len(level.Subs) {
				if at := level.At + i; got[at] != r.Cloud.Theta[at] {
					t.Fatalf("level %d, %d numbers at a time: slot %d, parameter %d is %g, was %g", l, most, i/level.P, i%level.P, got[at], r.Cloud.Theta[at])
				}
			}
		}
	}
}
