//go:build amd64

package device_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/device"
)

// networks are one for each family of kernels.
func networks() []kernels.Net {
	return []kernels.Net{
		{D: 2, Hidden: []int{16}, Out: 1},
		{D: 2, Hidden: []int{16, 16}, Out: 1},
		{D: 2, Hidden: []int{7, 5}, Out: 2, Act: kernels.AdaptiveTanh},
	}
}

// newPlan is four overlapping tiles of two subdomains on a line of points in two dimensions, with u, u_x, u_y, u_xx, u_yy; parameters
// are those that step uploads.
func newPlan[T kernels.Real](net kernels.Net, points int) kernels.Plan[T] {
	jets := kernels.NewJets(net.D, kernels.MultiIndex{2}, kernels.MultiIndex{0, 2})
	p := kernels.Plan[T]{Net: net, Jets: jets, Sections: []kernels.Section{{Base: 0, Stride: int64(2*points + 3)}}}
	draw := rand.New(rand.NewPCG(9, uint64(net.Params())))
	fill := func(n int) []T {
		v := make([]T, n)
		for i := range v {
			v[i] = T(draw.Float64() - .5)
		}
		return v
	}
	for i := range 4 {
		n := points + i
		pad := kernels.Pad(n)
		p.Tiles = append(p.Tiles, kernels.Tile{Sub: int32(i % 2), N: int32(n), Run: int32(len(p.Runs)), Runs: 1, X: int64(len(p.X)), W: int64(len(p.W))})
		p.Runs = append(p.Runs, kernels.Run{Point: int32(i * points / 4), N: int32(n)})
		p.X, p.W = append(p.X, fill(net.D*pad)...), append(p.W, fill(jets.N()*pad)...)
	}
	p.InvSigma, p.Scale, p.Shift = fill(2*net.D), fill(net.Out), fill(net.Out)
	p.Theta, p.U = fill(2*net.Params()), make([]T, net.Out*jets.N()*(2*points+3))
	return p
}

// step is what a solver asks of a backend in a step, small.
type step[T kernels.Real] struct {
	t                             testing.TB
	b                             *device.Backend[T]
	kernel                        kernels.Kernel[T]
	work                          kernels.Work[T]
	program                       kernels.Task
	squares                       kernels.Squares
	port                          kernels.Port[T]
	theta, grad, u, ubar, q, m, v []T
	n                             int
}

func newStep[T kernels.Real](t testing.TB, d device.Driver, net kernels.Net) *step[T] {
	plan := newPlan[T](net, 150)
	s := &step[T]{t: t, b: backend[T](t, d)}
	s.theta, s.grad = s.made(len(plan.Theta)), s.made(len(plan.Theta))
	s.m, s.v = s.made(len(plan.Theta)), s.made(len(plan.Theta))
	s.u, s.ubar = s.made(len(plan.U)), s.made(len(plan.U))
	s.must(s.b.Write(s.theta, plan.Theta))
	plan.Theta, plan.Grad, plan.U, plan.UBar = s.theta, s.grad, s.u, s.ubar
	var err error
	s.kernel, err = s.b.Open(&plan)
	s.must(err)
	t.Cleanup(s.kernel.Close)
	s.work, err = s.kernel.Select([]int32{2, 0, 3, 1})
	s.must(err)
	t.Cleanup(s.work.Close)

	s.n = int(plan.Sections[0].Stride)
	in, out := s.planes(s.u), s.planes(s.ubar)
	s.program, err = s.b.OpenProgram(residual(), in[:2], out[:2], s.n)
	s.must(err)
	t.Cleanup(s.program.Close)
	s.q = s.made(s.n)
	q := make([]T, s.n)
	for i := range q {
		q[i] = T(1 + math.Sin(float64(i)))
	}
	s.must(s.b.Write(s.q, q))
	s.squares, err = s.b.OpenSquares(s.q, out[:2])
	s.must(err)
	t.Cleanup(s.squares.Close)
	s.port, err = s.b.OpenPort([]kernels.Block{{At: 3, N: 40}, {At: 100, N: 1}, {At: 300, N: 77}}, false)
	s.must(err)
	t.Cleanup(s.port.Close)
	return s
}

// residual is the program (a, b) -> (a b + 1/2, tanh a).
func residual() *kernels.Program {
	return &kernels.Program{Inputs: 2, Constants: []float64{.5}, Registers: 5, Outputs: []int32{3, 4}, Code: []kernels.Instr{
		{Op: kernels.MulAdd, Dst: 3, A: 0, B: 1, C: 2}, {Op: kernels.TanhOp, Dst: 4, A: 0},
	}}
}

// planes cuts u into its components.
func (s *step[T]) planes(u []T) (ps [][]T) {
	for i := 0; i+s.n <= len(u); i += s.n {
		ps = append(ps, u[i:i+s.n])
	}
	return ps
}

// once is a step without its update: networks, residual and loss, message, gradient.
func (s *step[T]) once() {
	s.b.Clear(s.u)
	s.b.Clear(s.grad)
	s.work.Forward(nil)
	s.program.Run()
	s.squares.Run()
	s.port.Pack(s.u)
	s.work.Adjoint(nil)
}

func (s *step[T]) record() error { s.once(); return nil }

func (s *step[T]) adam() {
	s.b.Adam(kernels.AdamStep{Rate: 1e-3, Beta1: .9, Beta2: .999, Eps: 1e-8, Step: 1}, s.theta, s.grad, s.m, s.v)
}

func (s *step[T]) read(v []T) []T {
	s.t.Helper()
	host := make([]T, len(v))
	s.must(s.b.Read(host, v))
	return host
}

func (s *step[T]) made(n int) []T { return made[T](s.t, s.b, n) }

func (s *step[T]) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// made is memory of a backend for the length of a test.
func made[T kernels.Real](t testing.TB, b kernels.Backend[T], n int) []T {
	t.Helper()
	v, err := b.Make(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Free(v) })
	return v
}
