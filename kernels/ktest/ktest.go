// Package ktest is the suite that every backend of package kernels must pass. A backend's test file is one line a test:
//
//	func TestForward(t *testing.T) { ktest.Forward(t, cpu.New[float32]()) }
//
// or, all at once, ktest.Run. Operations are compared with the host reference in float64 on the same (rounded) inputs; the
// reference itself is held by finite differences in x and θ (Differences), which run on any backend in float64.
//
// All random numbers are drawn from fixed seeds: a failure repeats.
package ktest

import (
	"testing"
	"unsafe"

	"fbpinn-mpi/kernels"
)

// Run runs the whole suite, on Cases() if none are given.
func Run[T kernels.Real](t *testing.T, b kernels.Backend[T], cases ...Case) {
	t.Run("Forward", func(t *testing.T) { Forward(t, b, cases...) })
	t.Run("Adjoint", func(t *testing.T) { Adjoint(t, b, cases...) })
	t.Run("Tangent", func(t *testing.T) { Tangent(t, b, cases...) })
	t.Run("Transpose", func(t *testing.T) { Transpose(t, b, cases...) })
	t.Run("Block", func(t *testing.T) { Block(t, b, cases...) })
	t.Run("Differences", func(t *testing.T) { Differences(t, b, cases...) })
	t.Run("NaN", func(t *testing.T) { NaN(t, b, cases...) })
	t.Run("Rejects", func(t *testing.T) { Rejects(t, b) })
	t.Run("Program", func(t *testing.T) { Program(t, b) })
	t.Run("Adam", func(t *testing.T) { Adam(t, b) })
}

// epsilon is the distance from 1 to the next number of type T.
func epsilon[T kernels.Real]() float64 {
	if isFloat32[T]() {
		return 0x1p-23
	}
	return 0x1p-52
}

func isFloat32[T kernels.Real]() bool {
	var x T
	return unsafe.Sizeof(x) == 4
}

// Relative errors allowed against the reference, in units of epsilon. The errors of one layer (a dot product of some dozen
// terms, an activation good to 4 ulp) are amplified by the layers behind it and by every further derivative, so the
// bound grows with depth and order; the base is about four times the largest error seen.
const (
	baseUlps  = 12 // of one layer, value only
	orderUlps = 10 // added per order of derivative
	sumUlps   = 4  // factor for gradients: sums over points of either sign, and one more derivative of φ
)

func (c Case) tolerance(eps float64) float64 {
	return eps * float64(baseUlps+orderUlps*c.Jets.Order()) * float64(1+len(c.Net.Hidden))
}

// each opens the cases one after another as subtests.
func each[T kernels.Real](t *testing.T, b kernels.Backend[T], cases []Case, f func(t *testing.T, s *setup[T], k *runner[T])) {
	t.Helper()
	if len(cases) == 0 {
		cases = Cases()
	}
	for _, c := range cases {
		t.Run(c.Name(), func(t *testing.T) {
			s := newSetup[T](t, c, displacement{})
			k := s.open(t, b)
			defer k.Close()
			f(t, s, k)
			s.checkGuards(t)
		})
	}
}
