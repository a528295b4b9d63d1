package host

import "fbpinn-mpi/kernels"

// A function of a jet, y = φ(z), by the table of Faà di Bruno's formula (kernels.Composition). The rules treat φ_n = φ⁽ⁿ⁾(z_0)
// as variables of their own: that z_0 and the slopes of the activation move them is added by the caller through chain.

// compose writes y_C = Σ coef φ_n Π_i z_Fi.
func (a *algebra) compose(phi *derivatives, z, y []float64) {
	clear(y)
	for i := range a.compositions {
		t := &a.compositions[i]
		y[t.C] += t.Coef * phi[t.Order] * product(t, z, -1)
	}
}

// composeTangent writes ẏ_C = Σ coef (φ̇_n Π_i z_Fi + φ_n Σ_i ż_Fi Π_{j≠i} z_Fj).
func (a *algebra) composeTangent(phi, phiDot *derivatives, z, zDot, yDot []float64) {
	clear(yDot)
	for i := range a.compositions {
		t := &a.compositions[i]
		yDot[t.C] += t.Coef * phiDot[t.Order] * product(t, z, -1)
		for f, c := range t.Factors() {
			yDot[t.C] += t.Coef * phi[t.Order] * zDot[c] * product(t, z, f)
		}
	}
}

// composeAdjoint adds to z̄ (components above the value) and φ̄ what ȳ asks of them:
//
//	φ̄_n += coef ȳ_C Π_i z_Fi,   z̄_Fi += coef ȳ_C φ_n Π_{j≠i} z_Fj
func (a *algebra) composeAdjoint(phi *derivatives, z, yBar, zBar []float64, phiBar *derivatives) {
	for i := range a.compositions {
		t := &a.compositions[i]
		phiBar[t.Order] += t.Coef * yBar[t.C] * product(t, z, -1)
		for f, c := range t.Factors() {
			zBar[c] += t.Coef * yBar[t.C] * phi[t.Order] * product(t, z, f)
		}
	}
}

// product multiplies the factors of a term, all but the one at position skip.
func product(t *kernels.Composition, z []float64, skip int) float64 {
	p := 1.0
	for f, c := range t.Factors() {
		if f != skip {
			p *= z[c]
		}
	}
	return p
}
