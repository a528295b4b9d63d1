package host

import "fbpinn-mpi/kernels"

// network computes the jets of one network at one point and keeps what the tangent and adjoint need of them. The affine layers
// act on every component alike, z_c = W y_c, with the bias on the value only; the activations mix components (compose.go).
type network struct {
	net     kernels.Net
	layers  []kernels.Layer
	algebra *algebra

	v   []float64   // inputs of the Fourier features [Inputs][n_c]
	jet []float64   // work space of embed [n_c]
	y   [][]float64 // y[l]: what enters layer l [In][n_c]
	z   [][]float64 // z[l]: what leaves it, before the activation [Out][n_c]
	// Tangents and adjoints of the layer in hand, and the ones that the pass makes from them.
	yd, zd []float64
}

func newNetwork(net kernels.Net, a *algebra) *network {
	n := &network{net: net, layers: net.Layers(), algebra: a}
	n.v, n.jet = make([]float64, net.Inputs()*a.n), make([]float64, a.n)
	widest := 0
	for _, l := range n.layers {
		n.y = append(n.y, make([]float64, l.In*a.n))
		n.z = append(n.z, make([]float64, l.Out*a.n))
		widest = max(widest, l.In, l.Out)
	}
	n.yd, n.zd = make([]float64, widest*a.n), make([]float64, widest*a.n)
	return n
}

// forward returns the jets v [Out][n_c]; they stay valid until the next call.
func (n *network) forward(theta, invSigma, xhat []float64) []float64 {
	n.embed(theta, invSigma, xhat)
	a := n.algebra
	last := len(n.layers) - 1
	for l, layer := range n.layers {
		clear(n.z[l])
		n.affine(layer, theta, n.y[l], n.z[l])
		if l == last {
			break
		}
		for i := range layer.Out {
			z := a.of(n.z[l], i)
			phi, _ := activate(n.net.Act, n.slopes(layer, theta, i), z[0], a.order)
			a.compose(&phi, z, a.of(n.y[l+1], i))
		}
	}
	return n.z[last]
}

// tangent returns v̇ [Out][n_c], the derivative of the last forward along dir: ż = Ẇ y + ḃ + W ẏ, then ẏ by the activation.
func (n *network) tangent(theta, dir []float64) []float64 {
	a := n.algebra
	last := len(n.layers) - 1
	for l, layer := range n.layers {
		zDot := n.zd[:layer.Out*a.n]
		clear(zDot)
		n.affine(layer, dir, n.y[l], zDot)
		if l > 0 { // the embedding does not move
			n.weigh(layer, theta, n.yd, zDot)
		}
		if l == last {
			break
		}
		for i := range layer.Out {
			z := a.of(n.z[l], i)
			phi, bySlope := activate(n.net.Act, n.slopes(layer, theta, i), z[0], a.order)
			slopeDot := n.slopes(layer, dir, i)
			var phiDot derivatives
			for order := 0; order <= a.order; order++ {
				phiDot[order] = phi[order+1]*a.of(zDot, i)[0] + bySlope[0][order]*slopeDot[0] + bySlope[1][order]*slopeDot[1]
			}
			a.composeTangent(&phi, &phiDot, z, a.of(zDot, i), a.of(n.yd, i))
		}
	}
	return n.zd[:n.layers[last].Out*a.n]
}

// adjoint adds (∂v/∂θ)ᵀ vBar of the last forward to grad, from the last layer to the first:
//
//	W̄ += Σ_c z̄_c y_cᵀ,   b̄ += z̄_0,   ȳ_c = Wᵀ z̄_c
func (n *network) adjoint(theta, vBar, grad []float64) {
	a := n.algebra
	zBar := n.zd
	copy(zBar, vBar)
	for l := len(n.layers) - 1; l >= 0; l-- {
		layer := n.layers[l]
		for i := range layer.Out {
			zi := a.of(zBar, i)
			grad[layer.B+i] += zi[0]
			for j := range layer.In {
				for c, y := range a.of(n.y[l], j) {
					grad[layer.W+i*layer.In+j] += zi[c] * y
				}
			}
		}
		if l == 0 {
			return // the embedding and the Fourier features are frozen
		}
		yBar := n.yd[:layer.In*a.n]
		clear(yBar)
		for i := range layer.Out {
			for j := range layer.In {
				w := theta[layer.W+i*layer.In+j]
				for c, z := range a.of(zBar, i) {
					yBar[j*a.n+c] += w * z
				}
			}
		}
		n.activateAdjoint(l-1, theta, yBar, zBar, grad)
	}
}

// activateAdjoint takes ȳ behind the activation of layer l to z̄ before it, and adds the gradient of its slopes.
func (n *network) activateAdjoint(l int, theta, yBar, zBar, grad []float64) {
	a, layer := n.algebra, n.layers[l]
	for i := range layer.Out {
		z, zi := a.of(n.z[l], i), a.of(zBar, i)
		phi, bySlope := activate(n.net.Act, n.slopes(layer, theta, i), z[0], a.order)
		var phiBar derivatives
		clear(zi)
		a.composeAdjoint(&phi, z, a.of(yBar, i), zi, &phiBar)
		for order := 0; order <= a.order; order++ {
			zi[0] += phi[order+1] * phiBar[order]
			for s := range n.net.Act.Slopes() {
				grad[layer.Slope+s*layer.Out+i] += bySlope[s][order] * phiBar[order]
			}
		}
	}
}

// affine adds W y + b to z, with the W and b that theta (parameters or a direction) holds for the layer.
func (n *network) affine(layer kernels.Layer, theta, y, z []float64) {
	n.weigh(layer, theta, y, z)
	for i := range layer.Out {
		z[i*n.algebra.n] += theta[layer.B+i]
	}
}

// weigh adds W y to z.
func (n *network) weigh(layer kernels.Layer, theta, y, z []float64) {
	a := n.algebra
	for i := range layer.Out {
		zi := a.of(z, i)
		for j := range layer.In {
			w := theta[layer.W+i*layer.In+j]
			for c, yc := range a.of(y, j) {
				zi[c] += w * yc
			}
		}
	}
}

// slopes returns the activation parameters of neuron i: none, a, or c and o.
func (n *network) slopes(layer kernels.Layer, theta []float64, i int) (s [2]float64) {
	for k := range n.net.Act.Slopes() {
		s[k] = theta[layer.Slope+k*layer.Out+i]
	}
	return s
}
