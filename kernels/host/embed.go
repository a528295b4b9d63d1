package host

import "math"

// embed writes the jets that enter the first layer, [In][n_c], from x̂ and 1/σ (docs/theory.md, sections 5 and 6):
//
//	x̂_a                  value x̂_a, ∂x̂_a/∂x_a = 1/σ_a, the rest zero
//	periodic axis         sin(π x̂_a), cos(π x̂_a)
//	Fourier features      [sin F v ; cos F v] of the inputs v so far; the rows of F contain their factor 2π
//
// Nothing here is trained.
func (n *network) embed(theta, invSigma, xhat []float64) {
	a := n.algebra
	v := n.y[0]
	if n.net.Fourier > 0 {
		v = n.v
	}
	x := n.jet
	at := 0
	for axis := range n.net.D {
		clear(x)
		x[0] = xhat[axis]
		if c := a.first[axis]; c >= 0 {
			x[c] = invSigma[axis]
		}
		if !n.net.Periodic[axis] {
			copy(a.of(v, at), x)
			at++
			continue
		}
		sin, cos := scaled(sines(math.Pi*x[0]), math.Pi), scaled(cosines(math.Pi*x[0]), math.Pi)
		a.compose(&sin, x, a.of(v, at))
		a.compose(&cos, x, a.of(v, at+1))
		at += 2
	}
	for r := range n.net.Fourier {
		clear(x)
		for i := range n.net.Inputs() {
			f := theta[r*n.net.Inputs()+i]
			for c, y := range a.of(v, i) {
				x[c] += f * y
			}
		}
		sin, cos := sines(x[0]), cosines(x[0])
		a.compose(&sin, x, a.of(n.y[0], r))
		a.compose(&cos, x, a.of(n.y[0], n.net.Fourier+r))
	}
}
