package host

import (
	"math"

	"fbpinn-mpi/kernels"
)

// Adam does one update of θ in place (Kingma & Ba 2015, Algorithm 1, with ε outside the root):
//
//	m = β₁ m + (1-β₁) g,  v = β₂ v + (1-β₂) g²,  θ -= Rate · m̂/(√v̂ + ε),  m̂ = m/(1-β₁ᵗ),  v̂ = v/(1-β₂ᵗ)
func (*Backend) Adam(a kernels.AdamStep, theta, grad, m, v []float64) {
	if len(grad) < len(theta) || len(m) < len(theta) || len(v) < len(theta) {
		panic("host: gradient or moments shorter than the parameters")
	}
	bias1, bias2 := 1-math.Pow(a.Beta1, float64(a.Step)), 1-math.Pow(a.Beta2, float64(a.Step))
	for i, g := range grad[:len(theta)] {
		m[i] = a.Beta1*m[i] + (1-a.Beta1)*g
		v[i] = a.Beta2*v[i] + (1-a.Beta2)*g*g
		theta[i] -= a.Rate * (m[i] / bias1) / (math.Sqrt(v[i]/bias2) + a.Eps)
	}
}
