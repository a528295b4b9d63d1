//go:build amd64

package cpu

import (
	"math"
	"testing"

	"fbpinn-mpi/kernels"
)

// Errors of the vector functions, in units of the last place of the result, rounded up from the worst seen on the three
// instruction sets: t 3.3 (4.1 without fused multiply-add), s 4.5 (it is a product of three rounded factors), exp 2.0.
const (
	tanhUlps  = 4.5
	slopeUlps = 5
	expUlps   = 2.5
	// The reference 1/cosh² in float64 is rounded four times itself, which counts where the result is as precise.
	referenceUlps = 3
	// sin and cos are summed with numbers of order one: their error is absolute, in units of epsilon.
	sincosUlps = 1.5
)

const (
	tanhPair = iota
	sincosPair
	expPair
)

func TestElementary(t *testing.T) {
	for _, isa := range Available() {
		t.Run(isa+"/float32", func(t *testing.T) { elementaryErrors[float32](t, isa, 0x1p-23) })
		t.Run(isa+"/float64", func(t *testing.T) { elementaryErrors[float64](t, isa, 0x1p-52) })
	}
}

func elementaryErrors[T kernels.Real](t *testing.T, isa string, epsilon float64) {
	b, err := NewISA[T](isa)
	if err != nil {
		t.Fatal(err)
	}
	const n = 1 << 16
	z, f, g := make([]T, n), make([]T, n), make([]T, n)
	slopeBound := float64(slopeUlps)
	if epsilon < 0x1p-50 {
		slopeBound += referenceUlps
	}
	slope := func(x float64) float64 { c := math.Cosh(x); return 1 / (c * c) }
	measure := func(what string, which int, lo, hi, bound float64, second, relative bool, want func(float64) float64) {
		t.Helper()
		for i := range z {
			z[i] = T(lo + (hi-lo)*(float64(i)+.5)/n)
		}
		b.elementary(which, z, f, g)
		got := f
		if second {
			got = g
		}
		worst, at := 0.0, T(0)
		for i, x := range z {
			w := want(float64(x))
			unit := epsilon
			if relative {
				_, e := math.Frexp(w)
				unit = math.Ldexp(epsilon, e-1)
			}
			if e := math.Abs(float64(got[i])-w) / unit; !(e <= worst) {
				worst, at = e, x
			}
		}
		t.Logf("%s on [%g, %g]: %.2f ulp at %v", what, lo, hi, worst, at)
		if !(worst <= bound) {
			t.Errorf("%s on [%g, %g]: %.2f ulp at %v, allowed %g", what, lo, hi, worst, at, bound)
		}
	}
	measure("tanh", tanhPair, -1e-3, 1e-3, tanhUlps, false, true, math.Tanh)
	measure("tanh", tanhPair, -9, 9, tanhUlps, false, true, math.Tanh)
	measure("tanh", tanhPair, -1e4, 1e4, tanhUlps, false, true, math.Tanh)
	measure("1-tanh²", tanhPair, -4, 4, slopeBound, true, true, slope)
	measure("1-tanh²", tanhPair, -9, 9, slopeBound, true, true, slope)
	measure("sin", sincosPair, -10, 10, sincosUlps, false, false, math.Sin)
	measure("cos", sincosPair, -10, 10, sincosUlps, true, false, math.Cos)
	measure("sin", sincosPair, -1e4, 1e4, sincosUlps, false, false, math.Sin)
	measure("cos", sincosPair, -1e4, 1e4, sincosUlps, true, false, math.Cos)
	measure("exp", expPair, -20, 20, expUlps, false, true, math.Exp)

	nan := T(math.NaN())
	for i := range z {
		z[i] = nan
	}
	for which := range 3 {
		b.elementary(which, z, f, g)
		if f[0] == f[0] || g[n-1] == g[n-1] {
			t.Errorf("function %d of NaN is %v, %v", which, f[0], g[n-1])
		}
	}
	z[0], z[1] = T(math.Inf(1)), T(math.Inf(-1))
	b.elementary(expPair, z, f, g)
	if !math.IsInf(float64(f[0]), 1) || f[1] != 0 {
		t.Errorf("exp of ±infinity is %v and %v", f[0], f[1])
	}
	b.elementary(tanhPair, z, f, g)
	if f[0] != 1 || f[1] != -1 {
		t.Errorf("tanh of ±infinity is %v and %v", f[0], f[1])
	}
}
