package host

import "fbpinn-mpi/kernels"

// Block writes row i of J_j, the gradient of Σ_kc Ū_kc U_kc at point i alone, for every point of the tile: Adjoint without its sum.
// Work space is made for each call, so that calls may overlap.
func (k *kernel) Block(tile int32, columns kernels.Columns, ubar, out []float64, ld int) {
	k.plan.CheckBlock(tile, columns, ubar, out, ld)
	n := int(k.plan.Tiles[tile].N)
	if n == 0 {
		return
	}
	own := newKernel(k.plan, k.algebra)
	first := k.plan.Net.FirstColumn(columns)
	grad := make([]float64, k.params)
	own.visit([]int32{tile}, func(at place) {
		own.gatherWindowed(at, ubar, own.out)
		own.scale(own.out, own.out)
		own.net.forward(own.theta(at.sub), own.invSigma(at.sub), own.coordinates(at))
		clear(grad)
		own.net.adjoint(own.theta(at.sub), own.out, grad)
		for p, g := range grad[first:] {
			out[p*ld+at.i] = g
		}
	})
	for p := range k.plan.Net.Columns(columns) {
		clear(out[p*ld+n : p*ld+kernels.Pad(n)])
	}
}
