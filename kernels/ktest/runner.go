package ktest

import (
	"testing"

	"fbpinn-mpi/kernels"
)

// runner is a kernel under test. The setup's plan holds parameters, gradient, jets and adjoints in host memory, where tests look
// at them and spoil them; each operation carries them to the backend's memory and back, guard bands included.
type runner[T kernels.Real] struct {
	s       *setup[T]
	b       kernels.Backend[T]
	kernel  kernels.Kernel[T]
	carried []carried[T]
}

// carried is an array in host memory and its twin in the backend's.
type carried[T kernels.Real] struct{ host, there []T }

// open opens the plan of the setup with twins of what the backend touches.
func (s *setup[T]) open(t *testing.T, b kernels.Backend[T]) *runner[T] {
	t.Helper()
	r := &runner[T]{s: s, b: b}
	plan := s.plan
	plan.Theta = r.carry(t, s.plan.Theta, 0)
	plan.UBar = r.carry(t, s.plan.UBar, 0)
	plan.Grad = r.carry(t, s.written[0], guard)
	plan.U = r.carry(t, s.written[1], guard)
	k, err := b.Open(&plan)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	r.kernel = k
	return r
}

// carry makes the twin of an array with guard bands and returns what lies between them.
func (r *runner[T]) carry(t *testing.T, host []T, guard int) []T {
	there := onBackend(t, r.b, host)
	r.carried = append(r.carried, carried[T]{host, there})
	end := len(host) - guard
	return there[guard:end:end]
}

// onBackend copies v to memory of the backend for the length of a test.
func onBackend[T kernels.Real](t *testing.T, b kernels.Backend[T], v []T) []T {
	t.Helper()
	there, err := b.Make(len(v))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Free(there) })
	if err := b.Write(there, v); err != nil {
		t.Fatal(err)
	}
	return there
}

func (r *runner[T]) Close() { r.kernel.Close() }

// Forward, Adjoint and Tangent run the operation on a list of tiles, from and to host memory.
func (r *runner[T]) Forward(tiles []int32) { r.run(tiles, func(w kernels.Work[T]) { w.Forward(nil) }) }

func (r *runner[T]) Adjoint(tiles []int32) {
	r.run(tiles, func(w kernels.Work[T]) { w.Adjoint(func() {}) })
}

func (r *runner[T]) Tangent(dir []T, tiles []int32) {
	there, err := r.b.Make(len(dir))
	must(err)
	defer r.b.Free(there)
	must(r.b.Write(there, dir))
	r.run(tiles, func(w kernels.Work[T]) { w.Tangent(there) })
}

func (r *runner[T]) run(tiles []int32, op func(kernels.Work[T])) {
	w, err := r.kernel.Select(tiles)
	must(err)
	defer w.Close()
	r.write()
	op(w)
	must(r.b.Sync())
	r.read()
}

// write carries all to the backend, read all back.
func (r *runner[T]) write() {
	for _, a := range r.carried {
		must(r.b.Write(a.there, a.host))
	}
}

func (r *runner[T]) read() {
	for _, a := range r.carried {
		must(r.b.Read(a.host, a.there))
	}
}

// must stops the test binary: a backend that cannot copy memory makes all that follows meaningless.
func must(err error) {
	if err != nil {
		panic("ktest: " + err.Error())
	}
}
