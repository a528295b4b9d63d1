package host

import "fbpinn-mpi/kernels"

// algebra holds what can be computed once for a jet set: its tables of products and compositions.
type algebra struct {
	n            int // components n_c
	order        int // K
	products     []kernels.Product
	compositions []kernels.Composition
	first        [kernels.MaxD]int // component of ∂/∂x_a, -1 where the set has none
}

func newAlgebra(j kernels.Jets) *algebra {
	a := &algebra{n: j.N(), order: j.Order(), products: j.Products(), compositions: j.Compositions()}
	for x := range a.first {
		a.first[x] = j.First(x)
	}
	return a
}

// of returns the jet of neuron i in a layer [neuron][n_c].
func (a *algebra) of(layer []float64, i int) []float64 { return layer[i*a.n : (i+1)*a.n] }

// derivatives is a function with its derivatives at one z: φ, φ', ... to order K+1, which a reverse or tangent pass of order K
// needs.
type derivatives [kernels.MaxOrder + 2]float64
