package ktest

import (
	"math"
	"testing"

	"fbpinn-mpi/kernels"
)

// Differences are central and of sixth order, see accumulate. Where u varies on a scale ℓ their error is (h/ℓ)⁶/140, and
// rounding adds 1e-16/h = 5e-14, both relative to the largest value. Steep networks (deep, sine, Fourier features with ℓ down to
// 0.05, each further derivative) decide the tolerance.
const (
	differenceStep      = 2e-3
	differenceTolerance = 2e-8
	differenceParams    = 5000 // more are left out
)

// Differences holds the jets by differences in x (each component against that of one order less) and the tangent by
// differences in θ. It needs float64.
func Differences[T kernels.Real](t *testing.T, b kernels.Backend[T], cases ...Case) {
	if isFloat32[T]() {
		t.Skip("differences need float64; float32 is held by the comparison with the reference")
	}
	each(t, b, cases, func(t *testing.T, s *setup[T], k *runner[T]) {
		if s.c.Net.Params() > differenceParams {
			t.Skip("a wide network has the formulas of a narrow one")
		}
		clear(s.plan.U)
		k.Forward(s.tiles)
		u := widened(s.plan.U)
		for axis := range s.c.Net.D {
			s.differencesInX(t, b, axis, u)
		}
		s.differencesInTheta(t, k)
	})
}

func (s *setup[T]) differencesInX(t *testing.T, b kernels.Backend[T], axis int, u []float64) {
	t.Helper()
	slope := make([]float64, len(u))
	for k := -3; k <= 3; k++ {
		if k == 0 {
			continue
		}
		moved := newSetup[T](t, s.c, displacement{axis, float64(k) * differenceStep})
		kernel := moved.open(t, b)
		kernel.Forward(moved.tiles)
		kernel.Close()
		accumulate(slope, k, moved.plan.U)
	}
	for _, p := range s.planes() {
		above := s.c.Jets.Find(s.c.Jets.Index[p.component].Plus(axis))
		if above < 0 {
			continue
		}
		higher := u[p.first+(above-p.component)*(p.end-p.first):][:p.end-p.first]
		agree(t, s.c.Jets.Index[above], higher, slope[p.first:p.end])
	}
}

func (s *setup[T]) differencesInTheta(t *testing.T, k *runner[T]) {
	t.Helper()
	dir := s.direction(t)
	for sub := range slots { // frozen parameters stay
		clear(dir[sub*s.c.Net.Params():][:s.c.Net.Frozen()])
	}
	clear(s.plan.U)
	k.Tangent(dir, s.tiles)
	tangent := widened(s.plan.U)
	slope := make([]float64, len(tangent))
	theta := append([]T{}, s.plan.Theta...)
	for n := -3; n <= 3; n++ {
		for i := range theta {
			s.plan.Theta[i] = theta[i] + T(n)*differenceStep*dir[i]
		}
		clear(s.plan.U)
		k.Forward(s.tiles)
		accumulate(slope, n, s.plan.U)
	}
	copy(s.plan.Theta, theta)
	for _, p := range s.planes() {
		agree(t, "tangent", tangent[p.first:p.end], slope[p.first:p.end])
	}
}

// accumulate adds the term of U at k steps to f' ≈ [45 (f₁-f₋₁) - 9 (f₂-f₋₂) + (f₃-f₋₃)]/60h.
func accumulate[T kernels.Real](slope []float64, k int, u []T) {
	weight := [4]float64{0, 45, -9, 1}[max(k, -k)] / (60 * differenceStep)
	if k < 0 {
		weight = -weight
	}
	for i, x := range u {
		slope[i] += weight * float64(x)
	}
}

func agree(t *testing.T, what any, got, want []float64) {
	t.Helper()
	size := largest(want)
	if size == 0 {
		t.Errorf("%v: the difference is zero everywhere: nothing was tested", what)
	}
	for i := range got {
		if e := math.Abs(got[i]-want[i]) / size; !(e <= differenceTolerance) {
			t.Errorf("%v at point %d: %v, difference quotient %v, error %.1e of the largest", what, i, got[i], want[i], e)
			return
		}
	}
}
