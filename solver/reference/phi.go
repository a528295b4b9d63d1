package reference

import (
	"math"
	"math/cmplx"
)

// phi returns φ₁, φ₂, φ₃ at z: φ_k(z) = Σ_j zʲ/(j+k)!, the weights of exponential integrators; e^z = 1 + z φ₁.
func phi(z complex128) (one, two, three complex128) {
	if cmplx.Abs(z) > 1 { // the recurrence φ_{k+1} = (φ_k - 1/k!)/z loses little here
		one = (cmplx.Exp(z) - 1) / z
		two = (one - 1) / z
		return one, two, (two - 0.5) / z
	}
	// Horner's rule, until terms of size 1/(j+1)! are below rounding.
	const terms = 19
	factorial := 1.0
	for j := 1; j <= terms; j++ {
		factorial *= float64(j)
	}
	for j := terms; j >= 1; j-- { // factorial is j!
		c := complex(1/factorial, 0)
		one = one*z + c
		two = two*z + c/complex(float64(j+1), 0)
		three = three*z + c/complex(float64((j+1)*(j+2)), 0)
		factorial /= float64(j)
	}
	return one, two, three
}

// etdrk4 integrates û' = λ û + N(û), one λ a component, by the exponential Runge-Kutta method of fourth order of Cox &
// Matthews 2002 in the form of Kassam & Trefethen 2005, section 3: exact for the linear part, however stiff.
type etdrk4 struct {
	lambda    []complex128
	nonlinear func(dst, u []complex128) // dst = N(u)

	h                          float64 // step for which the weights are
	whole, half, q, f1, f2, f3 []complex128
	nu, na, nb, nc, a, b       []complex128
}

func newETDRK4(lambda []complex128, nonlinear func(dst, u []complex128)) *etdrk4 {
	s := &etdrk4{lambda: lambda, nonlinear: nonlinear, h: math.NaN()}
	for _, v := range []*[]complex128{&s.whole, &s.half, &s.q, &s.f1, &s.f2, &s.f3, &s.nu, &s.na, &s.nb, &s.nc, &s.a, &s.b} {
		*v = make([]complex128, len(lambda))
	}
	return s
}

// weights prepares steps of length h.
func (s *etdrk4) weights(h float64) {
	if h == s.h {
		return
	}
	s.h = h
	step := complex(h, 0)
	for k, l := range s.lambda {
		z := step * l
		s.whole[k], s.half[k] = cmplx.Exp(z), cmplx.Exp(z/2)
		one, _, _ := phi(z / 2)
		s.q[k] = step / 2 * one
		one, two, three := phi(z)
		s.f1[k] = step * (one - 3*two + 4*three)
		s.f2[k] = step * 2 * (two - 2*three)
		s.f3[k] = step * (4*three - two)
	}
}

// step advances u by h, in place.
func (s *etdrk4) step(u []complex128, h float64) {
	s.weights(h)
	s.nonlinear(s.nu, u)
	for k := range u {
		s.a[k] = s.half[k]*u[k] + s.q[k]*s.nu[k]
	}
	s.nonlinear(s.na, s.a)
	for k := range u {
		s.b[k] = s.half[k]*u[k] + s.q[k]*s.na[k]
	}
	s.nonlinear(s.nb, s.b)
	for k := range u {
		s.b[k] = s.half[k]*s.a[k] + s.q[k]*(2*s.nb[k]-s.nu[k])
	}
	s.nonlinear(s.nc, s.b)
	for k := range u {
		u[k] = s.whole[k]*u[k] + s.f1[k]*s.nu[k] + s.f2[k]*(s.na[k]+s.nb[k]) + s.f3[k]*s.nc[k]
	}
}
