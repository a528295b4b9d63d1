package host

import (
	"math"

	"fbpinn-mpi/kernels"
)

// activate returns φ⁽ⁿ⁾(z) for n = 0..order+1, and for adaptive activations bySlope[s][n] = ∂φ⁽ⁿ⁾/∂(slope s) for n = 0..order
// (docs/theory.md, section 5):
//
//	a·tanh(z/a):  φ⁽ⁿ⁾ = a¹⁻ⁿ T_n(z/a)   ∂/∂a = (1-n) a⁻ⁿ T_n - a⁻ⁿ (z/a) T_{n+1}
//	c·sin(o z):   φ⁽ⁿ⁾ = c oⁿ S_n(o z)   ∂/∂c = oⁿ S_n,   ∂/∂o = c (n oⁿ⁻¹ S_n + oⁿ z S_{n+1})
func activate(act kernels.Activation, slope [2]float64, z float64, order int) (phi derivatives, bySlope [2]derivatives) {
	switch act {
	case kernels.Tanh:
		return tanhs(z), bySlope
	case kernels.Sin:
		return sines(z), bySlope
	case kernels.AdaptiveTanh:
		a := slope[0]
		t := tanhs(z / a)
		power := a // a¹⁻ⁿ
		for n := 0; n <= order+1; n++ {
			phi[n] = power * t[n]
			if n <= order {
				bySlope[0][n] = power / a * (float64(1-n)*t[n] - z/a*t[n+1])
			}
			power /= a
		}
	case kernels.AdaptiveSin:
		c, o := slope[0], slope[1]
		s := sines(o * z)
		power := 1.0 // oⁿ
		below := 0.0 // n oⁿ⁻¹
		for n := 0; n <= order+1; n++ {
			phi[n] = c * power * s[n]
			if n <= order {
				bySlope[0][n] = power * s[n]
				bySlope[1][n] = c * (below*s[n] + power*z*s[n+1])
			}
			below = float64(n+1) * power
			power *= o
		}
	}
	return phi, bySlope
}

// tanhs returns tanh and its first five derivatives. The first, e = 1-t², is computed without cancellation as 4E/(1+E)² with
// E = exp(-2|z|): 1-t² has lost all digits by |z| = 19 in float64, by 9 in float32.
func tanhs(z float64) derivatives {
	E := math.Exp(-2 * math.Abs(z))
	t, e := math.Tanh(z), 4*E/((1+E)*(1+E))
	tt := t * t
	return derivatives{t, e, -2 * t * e, e * (6*tt - 2), e * t * (16 - 24*tt), e * (16 - 120*tt + 120*tt*tt)}
}

// sines returns sin and its first five derivatives.
func sines(z float64) derivatives {
	s, c := math.Sincos(z)
	return derivatives{s, c, -s, -c, s, c}
}

// cosines returns cos and its first five derivatives.
func cosines(z float64) derivatives {
	s, c := math.Sincos(z)
	return derivatives{c, -s, -c, s, c, -s}
}

// scaled returns the derivatives of φ(k z) in z from those of φ at k z.
func scaled(phi derivatives, k float64) derivatives {
	power := 1.0
	for n := range phi {
		phi[n] *= power
		power *= k
	}
	return phi
}
