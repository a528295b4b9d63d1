package solver

import (
	"testing"
	"time"

	"fbpinn-mpi/mpi"
)

// Checkpoints by time: none while the last one is recent or was dear, one at the next report where it is neither, on all ranks at the
// same step; and the one at the end.
func TestSave_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { saves(t, c) }) }
func TestSave_n3(t *testing.T) { world.Run(t, 3, func(c mpi.Comm) { saves(t, c) }) }

func saves(t *testing.T, c mpi.Comm) {
	const steps = 9
	for _, k := range []struct {
		name        string
		ago, took   time.Duration
		every, want int // checkpoints
	}{
		{"recent", apart / 2, 0, 0, 1},
		{"due", apart, 0, 0, 2}, // the second at the end: the first is recent
		{"dear", apart, apart / rarely * 2, 0, 1},
		{"dear, but long ago", 3 * apart, apart / rarely * 2, 0, 2},
		{"by steps", apart, 0, 4, 3},
		{"never", apart, 0, -1, 0},
	} {
		for _, method := range []string{"adam", "lbfgs"} {
			o := &record{}
			r := laplace().build(t, c, Settings{Stages: []Stage{{Method: method, Steps: steps}}, Report: 3, Test: -1, Checkpoint: k.every}, o)
			r.saved, r.took = time.Now().Add(-k.ago), k.took
			if _, err := r.Train(); err != nil {
				t.Fatal(err)
			}
			if c.Rank() == 0 && len(o.states) != k.want {
				t.Errorf("%s, %s: %d checkpoints, want %d", method, k.name, len(o.states), k.want)
			}
			r.Close()
		}
	}
}
