// Package host is the reference backend: every operation of package kernels in plain Go and float64, one point after another,
// written to be read. The suite kernels/ktest compares all other backends with it.
//
// One file per operation: jets.go (tables of the jet set), compose.go (a function of a jet and its derivatives),
// activation.go (the functions), embed.go (inputs of the first layer), network.go (layers), window.go (product with the window
// and scatter to the points), block.go (the adjoint point by point), program.go, adam.go.
//
// Notation as in docs/theory.md: y_c component c of a jet, ẏ (Dot) its tangent along a direction in θ, ȳ (Bar) its adjoint.
// Jets of a layer lie as [neuron][n_c], components fastest.
package host

import "fbpinn-mpi/kernels"

// Backend is the host reference. It holds no state.
type Backend struct{ kernels.Processor[float64] }

// New returns the reference backend.
func New() *Backend { return &Backend{} }

// Name is "host".
func (*Backend) Name() string { return "host" }

// Open prepares the kernels of a plan. The plan may lie on the Go heap.
func (*Backend) Open(p *kernels.Plan[float64]) (kernels.Kernel[float64], error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	return newKernel(p, newAlgebra(p.Jets)), nil
}

func newKernel(p *kernels.Plan[float64], a *algebra) *kernel {
	return &kernel{
		plan:    p,
		algebra: a,
		net:     newNetwork(p.Net, a),
		params:  p.Net.Params(),
		out:     make([]float64, p.Net.Out*a.n),
		xhat:    make([]float64, p.Net.D),
	}
}

// kernel walks over tiles and their points; the work at a point is in network.go and window.go.
type kernel struct {
	plan    *kernels.Plan[float64]
	algebra *algebra
	net     *network
	params  int
	out     []float64 // network jets, or their adjoints, at the point in hand [Out][n_c]
	xhat    []float64 // [D]
}

func (k *kernel) Name() string { return "host" }

func (k *kernel) Close() {}

// Select copies the list.
func (k *kernel) Select(tiles []int32) (kernels.Work[float64], error) {
	return &work{k, append([]int32(nil), tiles...)}, nil
}

// work is a kernel with a list of tiles.
type work struct {
	*kernel
	tiles []int32
}

// Forward adds W ⊗ (s v + m) at each point of the tiles to U.
func (k *work) Forward(func()) {
	k.visit(k.tiles, func(at place) {
		v := k.net.forward(k.theta(at.sub), k.invSigma(at.sub), k.coordinates(at))
		k.unnormalise(v, k.out)
		k.addWindowed(at, k.out)
	})
}

// Tangent adds W ⊗ s v̇: the mean m does not depend on θ.
func (k *work) Tangent(dir []float64) {
	k.visit(k.tiles, func(at place) {
		k.net.forward(k.theta(at.sub), k.invSigma(at.sub), k.coordinates(at))
		vDot := k.net.tangent(k.theta(at.sub), k.slot(dir, at.sub))
		k.scale(vDot, k.out)
		k.addWindowed(at, k.out)
	})
}

// Adjoint gathers Ū at each point, v̄ = s Wᵀ Ū, and adds (∂v/∂θ)ᵀ v̄ to the gradient of the tile's subdomain.
func (k *work) Adjoint(func()) {
	k.visit(k.tiles, func(at place) {
		k.gatherWindowed(at, k.plan.UBar, k.out)
		k.scale(k.out, k.out)
		k.net.forward(k.theta(at.sub), k.invSigma(at.sub), k.coordinates(at))
		k.net.adjoint(k.theta(at.sub), k.out, k.slot(k.plan.Grad, at.sub))
	})
}

// place is one point seen by one tile.
type place struct {
	sub int   // slot of the network
	i   int   // point of the tile
	x   int64 // X[x + a·lanes] is x̂_a
	w   int64 // W[w + c·lanes] is the window jet
	u   int64 // U[u + (k·n_c + c)·stride] is the jet of unknown k

	lanes, stride int64
}

// visit calls f for every point of the tiles, in order.
func (k *kernel) visit(tiles []int32, f func(place)) {
	p := k.plan
	for _, i := range tiles {
		t := p.Tiles[i]
		s := p.Sections[t.Section]
		for _, r := range p.Runs[t.Run : t.Run+t.Runs] {
			for n := range int64(r.N) {
				i := int64(r.Tile) + n
				f(place{
					sub: int(t.Sub), i: int(i), x: t.X + i, w: t.W + i, u: s.Base + int64(r.Point) + n,
					lanes: int64(kernels.Pad(int(t.N))), stride: s.Stride,
				})
			}
		}
	}
}

func (k *kernel) slot(all []float64, sub int) []float64 {
	return all[sub*k.params : (sub+1)*k.params]
}

func (k *kernel) theta(sub int) []float64 { return k.slot(k.plan.Theta, sub) }

func (k *kernel) invSigma(sub int) []float64 {
	return k.plan.InvSigma[sub*k.plan.Net.D:][:k.plan.Net.D]
}

func (k *kernel) coordinates(at place) []float64 {
	for a := range k.xhat {
		k.xhat[a] = k.plan.X[at.x+int64(a)*at.lanes]
	}
	return k.xhat
}
