package optim

import (
	"errors"
	"math"
	"testing"

	"fbpinn-mpi/mpi"
)

// rosenbrock is the chained Rosenbrock function Σ 100(x_{i+1} − x_i²)² + (1 − x_i)² over pairs (2k, 2k+1), minimum 0 at 1. Each
// rank holds some pairs, preceded by `shared` replicated parameters of the quadratic Σ (j+1)(z_j − j)².
type rosenbrock[T interface{ float32 | float64 }] struct {
	sum    Reducer
	first  bool // this rank counts the replicated ones
	shared int
	grad   []T
	limit  float64 // NaN beyond this x of any pair; 0 = none
	loss   [1]float64
}

func (r *rosenbrock[T]) Evaluate(theta []T) (float64, []T, error) {
	if r.grad == nil {
		r.grad = make([]T, len(theta))
	}
	f := &r.loss
	f[0] = 0
	for j, z := range theta[:r.shared] {
		e := float64(z) - float64(j)
		if r.first {
			f[0] += float64(j+1) * e * e
		}
		r.grad[j] = T(2 * float64(j+1) * e)
	}
	for i := r.shared; i < len(theta); i += 2 {
		x, y := float64(theta[i]), float64(theta[i+1])
		if r.limit > 0 && x > r.limit {
			f[0] = math.NaN()
		}
		f[0] += 100*(y-x*x)*(y-x*x) + (1-x)*(1-x)
		r.grad[i] = T(-400*x*(y-x*x) - 2*(1-x))
		r.grad[i+1] = T(200 * (y - x*x))
	}
	err := r.sum.Sum(f[:])
	return f[0], r.grad, err
}

// start is the classical point (-1.2, 1), pair by pair a little different; a function of the global index only.
func start(global int) (x, y float64) { return -1.2 + 0.05*float64(global), 1 - 0.03*float64(global) }

func serial(pairs, shared int) (*rosenbrock[float64], []float64) {
	theta := make([]float64, shared+2*pairs)
	for k := 0; k < pairs; k++ {
		theta[shared+2*k], theta[shared+2*k+1] = start(k)
	}
	return &rosenbrock[float64]{sum: Alone{}, first: true, shared: shared}, theta
}

func TestRosenbrock(t *testing.T) {
	const tolerance = 1e-8 // ‖g‖ <= 1e-9 over the smallest eigenvalue of the Hessian at the minimum, about 0.4, with room
	// Evaluations: gonum's optimize.LBFGS with the same memory and tolerance needs 403, 287 and 155 from here.
	for memory, most := range map[int]int{3: 450, 10: 350, 50: 170} {
		f, theta := serial(6, 2)
		l := NewLBFGS[float64](len(theta), Whole(len(theta)), Alone{}, Settings{Memory: memory, GradientTol: 1e-9})
		st, err := l.Minimise(f, theta, 500)
		if err != nil || st != Converged || l.Evaluations > most {
			t.Errorf("memory %d: %v, %v after %d evaluations", memory, st, err, l.Evaluations)
		}
		for i, v := range theta {
			want := 1.0
			if i < 2 {
				want = float64(i)
			}
			if math.Abs(v-want) > tolerance {
				t.Errorf("memory %d: parameter %d is %v", memory, i, v)
			}
		}
		l.Close()
	}
}

// The same iterates on every number of ranks: pairs are dealt in blocks, replicated parameters count on rank 0 only.
func TestRosenbrockRanks(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		const (
			pairs, shared, steps = 12, 3, 25
			// Products are added in other orders: 1e-16 relative at first, amplified along 25 iterations in a curved valley.
			tolerance = 1e-8
		)
		ref, want := serial(pairs, shared)
		one := NewLBFGS[float64](len(want), Whole(len(want)), Alone{}, Settings{})

		from, to := pairs*c.Rank()/c.Size(), pairs*(c.Rank()+1)/c.Size()
		theta := make([]float64, shared+2*(to-from))
		copy(theta[shared:], want[shared+2*from:shared+2*to])
		counted := []Range{{shared, len(theta)}}
		if c.Rank() == 0 {
			counted = Whole(len(theta))
		}
		sum := mpi.NewTreeSum(c, 256, 7)
		f := &rosenbrock[float64]{sum: sum, first: c.Rank() == 0, shared: shared}
		l := NewLBFGS[float64](len(theta), counted, sum, Settings{})
		for k := 0; k < steps; k++ {
			s1, err1 := one.Step(ref, want)
			s2, err2 := l.Step(f, theta)
			if err1 != nil || err2 != nil || s1 != Running || s2 != Running {
				t.Fatalf("iteration %d: %v %v %v %v", k, s1, err1, s2, err2)
			}
			for i, v := range theta {
				w := want[i]
				if i >= shared {
					w = want[i+2*from]
				}
				if math.Abs(v-w) > tolerance {
					t.Fatalf("iteration %d, parameter %d: %v on %d ranks, %v on one", k, i, v, c.Size(), w)
				}
			}
			if l.Evaluations != one.Evaluations {
				t.Fatalf("iteration %d: %d evaluations, %d on one rank", k, l.Evaluations, one.Evaluations)
			}
		}
	})
}

// With exact products the method is the textbook's: compare the direction with the two-loop recursion on vectors.
func TestTwoLoop(t *testing.T) {
	const tolerance = 1e-9 // relative; the Gram form rounds differently, amplified by the condition number of H, about 1e3
	f, theta := serial(5, 0)
	l := NewLBFGS[float64](len(theta), Whole(len(theta)), Alone{}, Settings{Memory: 4})
	dot := newInner[float64](len(theta), Whole(len(theta)), Alone{}).local
	for k := 0; k < 15; k++ {
		if st, err := l.Step(f, theta); st != Running || err != nil {
			t.Fatal(st, err)
		}
		s, y := l.Pairs()
		r := append([]float64(nil), l.g...)
		alpha := make([]float64, len(s))
		for i := len(s) - 1; i >= 0; i-- {
			alpha[i] = dot(s[i], r) / dot(s[i], y[i])
			for j := range r {
				r[j] -= alpha[i] * y[i][j]
			}
		}
		if n := len(s) - 1; n >= 0 {
			gamma := dot(s[n], y[n]) / dot(y[n], y[n])
			for j := range r {
				r[j] *= gamma
			}
		}
		for i := range s {
			beta := dot(y[i], r) / dot(s[i], y[i])
			for j := range r {
				r[j] += (alpha[i] - beta) * s[i][j]
			}
		}
		l.direction()
		norm := math.Sqrt(dot(r, r))
		for j := range r {
			if math.Abs(l.d[j]+r[j]) > tolerance*norm {
				t.Fatalf("iteration %d: direction %v, two-loop %v", k, l.d[j], -r[j])
			}
		}
	}
	if s, _ := l.Pairs(); len(s) != 4 {
		t.Fatalf("%d pairs after 15 iterations", len(s))
	}
}

// 20 iterations = 10, stop, 10 more from saved pairs, bit for bit.
func TestResume(t *testing.T) {
	f, whole := serial(4, 1)
	n := len(whole)
	a := NewLBFGS[float64](n, Whole(n), Alone{}, Settings{Memory: 5})
	var theta []float64
	var s, y [][]float64
	for k := 0; k < 20; k++ {
		if k == 10 {
			theta = append(theta, whole...)
			vs, vy := a.Pairs()
			for i := range vs {
				s, y = append(s, append([]float64(nil), vs[i]...)), append(y, append([]float64(nil), vy[i]...))
			}
		}
		if st, err := a.Step(f, whole); st != Running || err != nil {
			t.Fatal(k, st, err)
		}
	}
	b := NewLBFGS[float64](n, Whole(n), Alone{}, Settings{Memory: 5})
	b.SetPairs(s, y)
	for k := 0; k < 10; k++ {
		if st, err := b.Step(f, theta); st != Running || err != nil {
			t.Fatal(k, st, err)
		}
	}
	for i := range theta {
		if math.Float64bits(theta[i]) != math.Float64bits(whole[i]) {
			t.Errorf("parameter %d: %v after a resume, %v without", i, theta[i], whole[i])
		}
	}
}

func TestStatuses(t *testing.T) {
	f, theta := serial(1, 0)
	l := NewLBFGS[float64](2, Whole(2), Alone{}, Settings{})
	if st, err := l.Minimise(f, theta, 3); st != StepLimit || err != nil {
		t.Errorf("3 iterations: %v, %v", st, err)
	}
	// Down to rounding without a tolerance: an honest end, at the minimum.
	st, err := l.Minimise(f, theta, 1000)
	if err != nil || (st != LineSearchFailed && st != Converged) || l.Loss() > 1e-20 {
		t.Errorf("to the bottom: %v, %v, loss %v", st, err, l.Loss())
	}
	f, theta = serial(1, 0)
	theta[0] = math.NaN()
	l = NewLBFGS[float64](2, Whole(2), Alone{}, Settings{})
	if st, err := l.Step(f, theta); st != NotFinite || err != nil {
		t.Errorf("from NaN: %v, %v", st, err)
	}
	// A function that is NaN beyond a wall close to its minimum: trials there are shortened, not taken.
	f, theta = serial(3, 0)
	f.limit = 1.05
	l = NewLBFGS[float64](6, Whole(6), Alone{}, Settings{GradientTol: 1e-6})
	if st, err := l.Minimise(f, theta, 300); st != Converged || err != nil {
		t.Errorf("beside a wall: %v, %v, loss %v", st, err, l.Loss())
	}
	broken := errors.New("no network")
	f.sum = failing{broken}
	l.Forget()
	if _, err := l.Step(f, theta); !errors.Is(err, broken) {
		t.Errorf("a failed reduction became %v", err)
	}
}

type failing struct{ err error }

func (f failing) Sum([]float64) error { return f.err }

// In float32 the method still reaches what float32 can represent.
func TestFloat32(t *testing.T) {
	const reach = 1e-5 // loss; rounding of x by 6e-8 alone changes it by 1e2·(6e-8)², line searches stop a little earlier
	theta := []float32{-1.2, 1, 0.5, -0.3}
	f := &rosenbrock[float32]{sum: Alone{}, first: true}
	l := NewLBFGS[float32](4, Whole(4), Alone{}, Settings{})
	st, err := l.Minimise(f, theta, 300)
	if err != nil || l.Loss() > reach {
		t.Errorf("%v, %v, loss %v", st, err, l.Loss())
	}
}

func TestNoAllocation(t *testing.T) {
	f, theta := serial(500, 10)
	l := NewLBFGS[float64](len(theta), Whole(len(theta)), Alone{}, Settings{})
	step := func() {
		if st, err := l.Step(f, theta); st != Running || err != nil {
			t.Fatal(st, err)
		}
	}
	for k := 0; k < 3; k++ {
		step()
	}
	if n := testing.AllocsPerRun(10, step); n != 0 {
		t.Errorf("%v allocations an iteration", n)
	}
}
