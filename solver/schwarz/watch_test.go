package schwarz

import (
	"math"
	"testing"

	"fbpinn-mpi/mpi"
)

// Every status that a history of gradients can give.
func TestWatch(t *testing.T) {
	geometric := func(from, by float64, n int) []float64 {
		var g []float64
		for range n {
			g = append(g, from)
			from *= by
		}
		return g
	}
	then := func(a []float64, b ...float64) []float64 { return append(a, b...) }
	rest := geometric(1e-3, 1, 200)
	for _, k := range []struct {
		name     string
		gradient []float64
		rr       float64
		want     Status
		at       int
	}{
		{"tolerance", geometric(1, 0.1, 30), 2e-4, Converged, 9},
		{"orthogonal to all columns", []float64{0}, 1, Converged, 0},
		{"rounding of a consistent system", then(geometric(1, 1e-3, 5), 1e-12, 2e-12, 1e-12, 1.5e-12), 0, Converged, 7},
		{"plateau, then down", then(append(geometric(1, 0.5, 3), geometric(0.2, 1, 75)...), geometric(1e-3, 0.1, 20)...), 1, Converged, 83},
		{"plateau for ever", rest, 1, Stagnated, longPatience},
		{"not finite", []float64{1, math.NaN()}, 1, Stagnated, 1},
		{"slow", geometric(1, 0.99, 400), 1, OutOfIterations, 300},
		{"as slow as a condition of 2e4", then(geometric(1, 0.993, 290), 1e-12), 2e-10, Converged, 290},
	} {
		w := watch{patience: longPatience}
		set := Settings{MaxIterations: 300}.filled()
		for i, g := range k.gradient {
			st, over := w.judge(g*g, k.rr, k.gradient[0]*k.gradient[0], set, i)
			if over {
				if st != k.want || i != k.at {
					t.Errorf("%s: %v after %d, want %v after %d", k.name, st, i, k.want, k.at)
				}
				break
			}
			if i == len(k.gradient)-1 {
				t.Errorf("%s: never over", k.name)
			}
		}
	}
	one := watch{patience: directPatience}
	for i, g := range rest {
		if st, over := one.judge(g*g, 1, 1, Settings{MaxIterations: 300}.filled(), i); over {
			if st != Stagnated || i != directPatience {
				t.Errorf("plateau on one rank: %v after %d", st, i)
			}
			return
		}
	}
	t.Error("plateau on one rank: never over")
}

func TestStatus(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		m := cases(c.Size())[2].m
		s, _, _, out := solve(t, c, m, Settings{MaxIterations: 1, Layers: 1, Tolerance: 1e-15}, 0)
		if out.Status != OutOfIterations || out.Iterations != 1 || len(out.Gradient) != 2 {
			t.Errorf("one iteration allowed: %+v", out)
		}
		s.Close()
		zero := newMade(1, 3, 30, 4, false)
		zero.axes[0].a = make([][3]float64, len(zero.axes[0].a)) // windows that are zero
		even := make([]float64, c.Size())
		for r := range even {
			even[r] = 1
		}
		zero.owner = strips(even...)
		s, _, d, out := solve(t, c, zero, Settings{}, 0)
		defer s.Close()
		if out.Status != Singular || out.Iterations != 0 || out.After != out.Before || s.Report().Unknowns != 0 {
			t.Errorf("nothing kept: %+v", out)
		}
		for _, v := range d {
			for _, x := range v {
				if x != 0 {
					t.Fatal("nothing kept, yet the solution is not zero")
				}
			}
		}
	})
}
