package reference

import "math"

// stepsPerWidth of the narrowest peak: the rule's error is about exp(-2π²·3²), and 6 changes nothing above rounding.
const stepsPerWidth = 3

// ColeHopf is the solution of Burgers' equation u_t + u u_x = ν u_xx on the line with u(x, 0) = -sin πx, which also satisfies
// u(±1, t) = 0. By the Cole-Hopf transform (docs/theory.md, section 14)
//
//	u = -∫ sin(πη) E dz / ∫ E dz,   η = x - z√(4νt),   E = exp(-cos(πη)/(2πν) - z²).
//
// The trapezoidal rule converges exponentially for this analytic, decaying integrand. Its step resolves the narrowest peak of
// E, whose curvature is at most 2 + π²(4νt)/(2πν) = 2 + 2πt, whatever ν; the range ends where E has fallen to 1e-18 of its
// largest value. The largest exponent is subtracted, so nothing overflows.
func ColeHopf(x, t, nu float64) float64 {
	if t <= 0 {
		return -math.Sin(math.Pi * x)
	}
	scale, strength := math.Sqrt(4*nu*t), 1/(2*math.Pi*nu)
	// Beyond |z| = reach, E is below its maximum times 1e-18: z² > 2·strength + 42.
	reach := math.Sqrt(2*strength + 42)
	h := 1 / (stepsPerWidth * math.Sqrt(2+2*math.Pi*t))
	n := int(reach/h) + 1
	top := math.Inf(-1)
	for k := -n; k <= n; k++ {
		z := float64(k) * h
		top = math.Max(top, -strength*math.Cos(math.Pi*(x-z*scale))-z*z)
	}
	var above, below float64
	for k := -n; k <= n; k++ {
		z := float64(k) * h
		sin, cos := math.Sincos(math.Pi * (x - z*scale))
		if e := -strength*cos - z*z - top; e > -45 {
			w := math.Exp(e)
			above += sin * w
			below += w
		}
	}
	return -above / below
}
