package ktest

import (
	"math"
	"math/rand/v2"
	"testing"

	"fbpinn-mpi/kernels"
)

// displacement moves every point by H along a coordinate, for differences in x.
type displacement struct {
	axis int
	h    float64
}

// setup is a plan with its reference twin, and guard bands round all that a backend writes.
//
// Three subdomains share two sections of different stride; their tiles have from none to 600 points, in runs of irregular
// lengths that overlap those of other tiles. Points of a tile are random, not those of the section: kernels do not know.
// The window is exp(κ·x), whose jets are Π κ_a^m_a times itself.
type setup[T kernels.Real] struct {
	c    Case
	plan kernels.Plan[T]
	ref  kernels.Plan[float64]

	written  [][]T // U and Grad with their guards
	reserved int
	start    []T // what U holds before each test
	tiles    []int32
}

const (
	slots = 3
	guard = 64 // values before and after, a multiple of the alignment
	alarm = -7.25e11
)

// sizes are the tiles of the subdomains in turn: around one register and two, none at all, and some beyond the chunks that a
// backend may cut. Costly networks see fewer points.
func (c Case) sizes() []int {
	switch cost := c.Net.Params() * c.Jets.N(); {
	case cost < 1000:
		return []int{33, 1, 16, 15, 0, 17, 600, 64, 31}
	case cost < 6000:
		return []int{33, 1, 16, 15, 0, 17, 257, 64, 31}
	}
	return []int{17, 1, 16, 0, 33, 15, 70}
}

func newSetup[T kernels.Real](t *testing.T, c Case, move displacement) *setup[T] {
	s := &setup[T]{c: c}
	draw := rand.New(rand.NewPCG(1, uint64(c.Net.Params())))
	between := func(lo, hi float64) float64 { return float64(T(lo + (hi-lo)*draw.Float64())) }

	s.plan.Net, s.plan.Jets = c.Net, c.Jets
	d, nc := c.Net.D, c.Jets.N()
	invSigma := make([]float64, slots*d)
	for i := range invSigma {
		invSigma[i] = between(.6, 2)
	}
	scale, shift := make([]float64, c.Net.Out), make([]float64, c.Net.Out)
	for k := range scale {
		scale[k], shift[k] = between(-2, 2), between(-1, 1)
	}

	const points = 760
	s.plan.Sections = []kernels.Section{{Base: 3, Stride: points + 5}, {}}
	planes := int64(c.Net.Out * nc)
	s.plan.Sections[1] = kernels.Section{Base: 3 + planes*(points+5) + 11, Stride: points + 16}
	total := s.plan.Sections[1].Base + planes*(points+16)

	var x, w []float64
	for i, n := range c.sizes() {
		tile := kernels.Tile{Sub: int32(i % slots), N: int32(n), Section: int32(i / 2 % 2), X: int64(len(x)), W: int64(len(w)),
			Run: int32(len(s.plan.Runs))}
		at := int32(draw.IntN(9))
		for done := int32(0); done < tile.N; tile.Runs++ {
			length := min(int32(1+draw.IntN(40)), tile.N-done)
			s.plan.Runs = append(s.plan.Runs, kernels.Run{Tile: done, Point: at, N: length})
			done += length
			at += length + int32(draw.IntN(4)) // 0: the next run follows directly
		}
		pad := kernels.Pad(n)
		x, w = append(x, make([]float64, d*pad)...), append(w, make([]float64, nc*pad)...)
		var kappa [kernels.MaxD]float64
		for a := range d {
			kappa[a] = between(-1, 1)
		}
		for p := range n {
			window := between(.3, 1)
			for a := range d {
				xhat := between(-1.1, 1.1)
				if a == move.axis {
					xhat += move.h * invSigma[int(tile.Sub)*d+a]
					window *= math.Exp(kappa[a] * move.h)
				}
				x[int(tile.X)+a*pad+p] = xhat
			}
			for k, m := range c.Jets.Index {
				jet := window
				for a := range d {
					jet *= math.Pow(kappa[a], float64(m[a]))
				}
				w[int(tile.W)+k*pad+p] = jet
			}
		}
		s.plan.Tiles = append(s.plan.Tiles, tile)
		s.tiles = append(s.tiles, int32(i))
	}
	s.plan.Tiles, s.plan.Runs, s.plan.Sections = owned(t, s.plan.Tiles), owned(t, s.plan.Runs), owned(t, s.plan.Sections)
	// Any order is allowed.
	draw.Shuffle(len(s.tiles), func(i, j int) { s.tiles[i], s.tiles[j] = s.tiles[j], s.tiles[i] })
	s.tiles = owned(t, s.tiles)

	s.plan.X, s.plan.W = owned(t, rounded[T](x)), owned(t, rounded[T](w))
	s.plan.InvSigma = owned(t, rounded[T](invSigma))
	s.plan.Scale, s.plan.Shift = owned(t, rounded[T](scale)), owned(t, rounded[T](shift))
	var theta []float64
	for range slots {
		theta = append(theta, c.parameters(between)...)
	}
	s.plan.Theta = owned(t, rounded[T](theta))
	s.plan.Grad = s.guarded(t, len(theta))
	s.plan.U = s.guarded(t, int(total))
	s.plan.UBar = kernels.Make[T](int(total))
	t.Cleanup(func() { kernels.Free(s.plan.UBar) })
	s.start = make([]T, total)
	for i := range s.start {
		s.start[i] = T(between(-1, 1))
	}
	s.ref = reference(&s.plan)
	return s
}

// parameters draws those of one subdomain at about the size of the initial ones, with biases that keep neurons apart.
func (c Case) parameters(between func(lo, hi float64) float64) []float64 {
	p := make([]float64, c.Net.Params())
	for i := range c.Net.Frozen() {
		p[i] = between(-4, 4)
	}
	gain := 1.5
	if c.Net.Act == kernels.Sin || c.Net.Act == kernels.AdaptiveSin {
		gain = math.Sqrt(6)
	}
	for l, layer := range c.Net.Layers() {
		bound := gain / math.Sqrt(float64(layer.In))
		for i := layer.W; i < layer.B; i++ {
			p[i] = between(-bound, bound)
		}
		for i := layer.B; i < layer.B+layer.Out; i++ {
			p[i] = between(-1, 1)
		}
		if l < len(c.Net.Hidden) {
			for i := range c.Net.Act.Slopes() * layer.Out {
				p[layer.Slope+i] = between(.7, 1.4)
			}
		}
	}
	return p
}

// direction draws a direction in θ. It is not zero on the frozen parameters, which must not move all the same.
func (s *setup[T]) direction(t *testing.T) []T {
	draw := rand.New(rand.NewPCG(2, 0))
	dir := make([]T, len(s.plan.Theta))
	for i := range dir {
		dir[i] = T(draw.Float64() - .5)
	}
	return owned(t, dir)
}

// seed fills the adjoint planes so that each component matters alike: random numbers over the size of its plane in reference.
func (s *setup[T]) seed(reference []float64) {
	draw := rand.New(rand.NewPCG(3, 0))
	for _, p := range s.planes() {
		size := 1 + largest(reference[p.first:p.end])
		for i := p.first; i < p.end; i++ {
			s.plan.UBar[i] = T((2*draw.Float64() - 1) / size)
		}
	}
	copyTo(s.ref.UBar, s.plan.UBar)
}

// plane is the stretch of U with one component of one unknown in one section.
type plane struct{ section, unknown, component, first, end int }

func (s *setup[T]) planes() (ps []plane) {
	for i, x := range s.plan.Sections {
		for k := range s.c.Net.Out {
			for c := range s.c.Jets.N() {
				first := int(x.Base) + (k*s.c.Jets.N()+c)*int(x.Stride)
				ps = append(ps, plane{i, k, c, first, first + int(x.Stride)})
			}
		}
	}
	return ps
}

// visits counts how many tiles hold each value of U, and in which subdomain the last of them lies.
func (s *setup[T]) visits() (count []int, sub []int32) {
	count, sub = make([]int, len(s.plan.U)), make([]int32, len(s.plan.U))
	for _, tile := range s.plan.Tiles {
		for _, p := range s.planes() {
			if p.section != int(tile.Section) {
				continue
			}
			for _, r := range s.plan.Runs[tile.Run : tile.Run+tile.Runs] {
				for i := range int(r.N) {
					count[p.first+int(r.Point)+i]++
					sub[p.first+int(r.Point)+i] = tile.Sub
				}
			}
		}
	}
	return count, sub
}

// restart puts U and Grad back to where they were.
func (s *setup[T]) restart() {
	copy(s.plan.U, s.start)
	copyTo(s.ref.U, s.start)
	clear(s.plan.Grad)
	clear(s.ref.Grad)
}

// reference is the same plan in float64, with its own U, UBar and Grad.
func reference[T kernels.Real](p *kernels.Plan[T]) kernels.Plan[float64] {
	return kernels.Plan[float64]{
		Net: p.Net, Jets: p.Jets, Tiles: p.Tiles, Runs: p.Runs, Sections: p.Sections,
		X: widened(p.X), W: widened(p.W), InvSigma: widened(p.InvSigma), Scale: widened(p.Scale), Shift: widened(p.Shift),
		Theta: widened(p.Theta), Grad: make([]float64, len(p.Grad)), U: make([]float64, len(p.U)), UBar: make([]float64, len(p.U)),
	}
}
