package host

import (
	"math"
	"testing"

	"fbpinn-mpi/kernels"
)

// The first derivative of tanh keeps its relative accuracy where 1-t² has no digit left.
func TestTanhTail(t *testing.T) {
	const fewUlp = 1e-15
	for z := -40.; z <= 40; z += .37 {
		want := 1 / (math.Cosh(z) * math.Cosh(z))
		if got := tanhs(z)[1]; !(math.Abs(got-want) <= fewUlp*want) {
			t.Errorf("1 - tanh²(%v) = %v, 1/cosh² is %v", z, got, want)
		}
	}
}

// Every derivative is the difference of the one below, in z and in the slopes.
func TestActivationDerivatives(t *testing.T) {
	const (
		step      = 1e-2
		tolerance = 1e-7 // sixth-order differences: step⁶/140 times the derivative seven orders up (some 10⁴ for tanh)
		order     = kernels.MaxOrder
	)
	difference := func(f func(h float64) float64) float64 {
		return (45*(f(step)-f(-step)) - 9*(f(2*step)-f(-2*step)) + f(3*step) - f(-3*step)) / (60 * step)
	}
	slope := [2]float64{1.3, .8}
	for act := kernels.Tanh; act <= kernels.AdaptiveSin; act++ {
		for z := -3.; z <= 3; z += .23 {
			phi, bySlope := activate(act, slope, z, order)
			for n := 0; n <= order; n++ {
				inZ := difference(func(h float64) float64 { p, _ := activate(act, slope, z+h, order); return p[n] })
				if math.Abs(inZ-phi[n+1]) > tolerance*(1+math.Abs(inZ)) {
					t.Errorf("activation %d, derivative %d at %v: %v, difference %v", act, n+1, z, phi[n+1], inZ)
				}
				for s := range act.Slopes() {
					inSlope := difference(func(h float64) float64 {
						moved := slope
						moved[s] += h
						p, _ := activate(act, moved, z, order)
						return p[n]
					})
					if math.Abs(inSlope-bySlope[s][n]) > tolerance*(1+math.Abs(inSlope)) {
						t.Errorf("activation %d, derivative %d at %v by slope %d: %v, difference %v", act, n, z, s, bySlope[s][n], inSlope)
					}
				}
			}
		}
	}
}
