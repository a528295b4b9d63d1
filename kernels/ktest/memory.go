package ktest

import (
	"math"
	"testing"

	"fbpinn-mpi/kernels"
)

// owned copies v to memory outside the Go heap for the length of a test.
func owned[T any](t *testing.T, v []T) []T {
	m := kernels.From(v)
	t.Cleanup(func() { kernels.Free(m) })
	return m
}

// guarded returns n values between two guard bands; checkGuards tells whether these still hold.
func guarded[T kernels.Real](t *testing.T, n int) (whole, inner []T) {
	whole = kernels.Make[T](n + 2*guard)
	t.Cleanup(func() { kernels.Free(whole) })
	for i := range guard {
		whole[i], whole[guard+n+i] = T(alarm), T(alarm)
	}
	return whole, whole[guard : guard+n : guard+n]
}

func (s *setup[T]) guarded(t *testing.T, n int) []T {
	whole, inner := guarded[T](t, n)
	s.written = append(s.written, whole)
	return inner
}

func (s *setup[T]) checkGuards(t *testing.T) {
	t.Helper()
	for _, whole := range s.written {
		checkGuard(t, whole)
	}
}

func checkGuard[T kernels.Real](t *testing.T, whole []T) {
	t.Helper()
	n := len(whole) - 2*guard
	for i := range guard {
		if whole[i] != T(alarm) {
			t.Fatalf("wrote %d values before an array of %d", guard-i, n)
		}
		if whole[guard+n+i] != T(alarm) {
			t.Fatalf("wrote %d values behind an array of %d", i+1, n)
		}
	}
}

func rounded[T kernels.Real](v []float64) []T {
	r := make([]T, len(v))
	for i, x := range v {
		r[i] = T(x)
	}
	return r
}

func widened[T kernels.Real](v []T) []float64 {
	r := make([]float64, len(v))
	copyTo(r, v)
	return r
}

func copyTo[T kernels.Real](to []float64, from []T) {
	for i, x := range from {
		to[i] = float64(x)
	}
}

// largest is the largest magnitude in v.
func largest[T kernels.Real](v []T) float64 {
	m := 0.0
	for _, x := range v {
		m = max(m, math.Abs(float64(x)))
	}
	return m
}

// sameBits tells whether a and b are equal to the last bit.
func sameBits[T kernels.Real](a, b []T) bool {
	for i := range a {
		if math.Float64bits(float64(a[i])) != math.Float64bits(float64(b[i])) {
			return false
		}
	}
	return len(a) == len(b)
}
