package ktest

import (
	"math"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/host"
)

// Forward compares U with the reference, checks that an empty list of tiles and points outside the tiles change nothing, and
// that two runs agree to the last bit.
func Forward[T kernels.Real](t *testing.T, b kernels.Backend[T], cases ...Case) {
	each(t, b, cases, func(t *testing.T, s *setup[T], k *runner[T]) {
		s.onU(t, func(tiles []int32) { k.Forward(tiles) }, func(r kernels.Work[float64]) { r.Forward(nil) })
	})
}

// Tangent does for Tangent what Forward does for Forward.
func Tangent[T kernels.Real](t *testing.T, b kernels.Backend[T], cases ...Case) {
	each(t, b, cases, func(t *testing.T, s *setup[T], k *runner[T]) {
		dir := s.direction(t)
		wide := widened(dir)
		s.onU(t, func(tiles []int32) { k.Tangent(dir, tiles) }, func(r kernels.Work[float64]) { r.Tangent(wide) })
	})
}

// onU tests an operation that adds to U.
func (s *setup[T]) onU(t *testing.T, op func(tiles []int32), byHost func(kernels.Work[float64])) {
	t.Helper()
	s.restart()
	op(s.tiles[:0])
	if !sameBits(s.plan.U, s.start) {
		t.Fatal("an empty list of tiles changed U")
	}
	op(s.tiles)
	first := append([]T{}, s.plan.U...)
	byHost(s.host(t))
	s.compareU(t)

	s.restart()
	op(s.tiles)
	if !sameBits(first, s.plan.U) {
		t.Error("two runs differ")
	}
	if largest(s.plan.Grad) != 0 {
		t.Error("the gradient was written to")
	}
}

// Adjoint compares Grad with the reference; checks that it is added to, that frozen parameters and U stay, and repeats.
func Adjoint[T kernels.Real](t *testing.T, b kernels.Backend[T], cases ...Case) {
	each(t, b, cases, func(t *testing.T, s *setup[T], k *runner[T]) {
		s.restart()
		reference := s.host(t)
		reference.Forward(nil)
		s.seed(s.ref.U)

		k.Adjoint(s.tiles[:0])
		if largest(s.plan.Grad) != 0 {
			t.Fatal("an empty list of tiles changed the gradient")
		}
		k.Adjoint(s.tiles)
		reference.Adjoint(nil)
		s.compareGrad(t)
		first := append([]T{}, s.plan.Grad...)

		clear(s.plan.Grad)
		k.Adjoint(s.tiles)
		if !sameBits(first, s.plan.Grad) {
			t.Error("two runs differ")
		}
		k.Adjoint(s.tiles)
		reference.Adjoint(nil)
		s.compareGrad(t)
		if !sameBits(s.plan.U, s.start) {
			t.Error("U was written to")
		}
	})
}

// Transpose checks ⟨J v, w⟩ = ⟨v, Jᵀ w⟩, with the backend's own operations on both sides.
func Transpose[T kernels.Real](t *testing.T, b kernels.Backend[T], cases ...Case) {
	each(t, b, cases, func(t *testing.T, s *setup[T], k *runner[T]) {
		dir := s.direction(t)
		clear(s.plan.U)
		k.Tangent(dir, s.tiles)
		s.seed(widened(s.plan.U))
		k.Adjoint(s.tiles)
		var left, right, size float64
		for i, u := range s.plan.U {
			left += float64(u) * float64(s.plan.UBar[i])
			size += math.Abs(float64(u) * float64(s.plan.UBar[i]))
		}
		for i, g := range s.plan.Grad {
			right += float64(g) * float64(dir[i])
		}
		tolerance := s.c.tolerance(epsilon[T]()) * sumUlps
		if size == 0 || !(math.Abs(left-right) <= tolerance*size) {
			t.Errorf("⟨Jv, w⟩ = %v, ⟨v, Jᵀw⟩ = %v, difference over Σ|Jv||w| is %.1e, allowed %.1e", left, right,
				math.Abs(left-right)/size, tolerance)
		}
	})
}

// NaN checks that NaN goes where it belongs and nowhere else: an adjoint at one point to the gradient of the subdomain that
// sees it, a parameter to the points of its subdomain.
func NaN[T kernels.Real](t *testing.T, b kernels.Backend[T], cases ...Case) {
	each(t, b, cases, func(t *testing.T, s *setup[T], k *runner[T]) {
		nan := T(math.NaN())
		count, sub := s.visits()
		params := s.c.Net.Params()
		layers := s.c.Net.Layers()

		single := -1 // a value component seen by one tile only
		for i := s.planes()[0].first; i < s.planes()[0].end; i++ {
			if count[i] == 1 {
				single = i
			}
		}
		if single < 0 {
			t.Fatal("no point lies in one tile only")
		}
		s.restart()
		clear(s.plan.UBar)
		s.plan.UBar[single] = nan
		k.Adjoint(s.tiles)
		for j := range int32(slots) {
			g := s.plan.Grad[int(j)*params : (int(j)+1)*params]
			if bias := g[layers[len(layers)-1].B]; j == sub[single] && bias == bias {
				t.Errorf("subdomain %d: a NaN adjoint did not reach the output bias, %v", j, bias)
			}
			for i, x := range g {
				if x != x && j != sub[single] {
					t.Fatalf("subdomain %d, parameter %d is NaN, the adjoint was NaN in subdomain %d only", j, i, sub[single])
				}
			}
		}
		clear(s.plan.UBar)

		k.Forward(s.tiles)
		clean := append([]T{}, s.plan.U...)
		s.restart()
		at := params + layers[0].B // in the middle one of the subdomains
		keep := s.plan.Theta[at]
		s.plan.Theta[at] = nan
		k.Forward(s.tiles)
		s.plan.Theta[at] = keep
		inside := make([]bool, len(s.plan.U))
		for _, p := range s.planes() {
			for _, tile := range s.plan.Tiles {
				if int(tile.Section) != p.section || tile.Sub != 1 {
					continue
				}
				for _, r := range s.plan.Runs[tile.Run : tile.Run+tile.Runs] {
					for i := range int(r.N) {
						inside[p.first+int(r.Point)+i] = true
					}
				}
			}
			for i := p.first; i < p.end; i++ {
				switch u := s.plan.U[i]; {
				case inside[i] && p.component == 0 && u == u:
					t.Fatalf("value %d of U is %v, a parameter of its subdomain is NaN", i, u)
				case !inside[i] && u != clean[i]:
					t.Fatalf("value %d of U is %v instead of %v, the NaN is in another subdomain", i, u, clean[i])
				}
			}
		}
	})
}

// Rejects checks that plans which would make a kernel leave its arrays are refused.
func Rejects[T kernels.Real](t *testing.T, b kernels.Backend[T]) {
	for name, spoil := range map[string]func(p *kernels.Plan[T]){
		"width":   func(p *kernels.Plan[T]) { p.Net.Hidden = []int{kernels.MaxWidth + 1} },
		"depth":   func(p *kernels.Plan[T]) { p.Net.Hidden = make([]int, kernels.MaxDepth+1) },
		"slot":    func(p *kernels.Plan[T]) { p.Tiles[0].Sub = slots },
		"section": func(p *kernels.Plan[T]) { p.Tiles[0].Section = 2 },
		"run":     func(p *kernels.Plan[T]) { p.Runs[0].N++ },
		"points":  func(p *kernels.Plan[T]) { p.Runs[0].Point = 1 << 20 },
		"jets":    func(p *kernels.Plan[T]) { p.Jets = kernels.NewJets(3) },
		"planes":  func(p *kernels.Plan[T]) { p.U = p.U[:len(p.U)/2] },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup[T](t, Cases()[0], displacement{})
			spoil(&s.plan)
			if k, err := b.Open(&s.plan); err == nil {
				k.Close()
				t.Error("opened")
			}
		})
	}
}

// host opens the reference kernels on the twin plan, for all tiles.
func (s *setup[T]) host(t *testing.T) kernels.Work[float64] {
	t.Helper()
	k, err := host.New().Open(&s.ref)
	if err != nil {
		t.Fatalf("reference: %v", err)
	}
	w, err := k.Select(s.tiles)
	if err != nil {
		t.Fatalf("reference: %v", err)
	}
	return w
}

// compareU compares U with the reference plane by plane, relative to the largest value of the plane. Values that no tile holds
// must not have changed at all.
func (s *setup[T]) compareU(t *testing.T) {
	t.Helper()
	count, _ := s.visits()
	tolerance := s.c.tolerance(epsilon[T]())
	worst := 0.0
	for i, n := range count {
		if n == 0 && s.plan.U[i] != s.start[i] {
			t.Fatalf("U[%d] belongs to no tile and went from %v to %v", i, s.start[i], s.plan.U[i])
		}
	}
	for _, p := range s.planes() {
		size := largest(s.ref.U[p.first:p.end])
		for i := p.first; i < p.end; i++ {
			e := math.Abs(float64(s.plan.U[i])-s.ref.U[i]) / size
			worst = max(worst, e)
			if !(e <= tolerance) {
				t.Fatalf("section %d, unknown %d, component %v, point %d: %v, reference %v, error %.1e of the largest, allowed %.1e",
					p.section, p.unknown, s.c.Jets.Index[p.component], i-p.first, s.plan.U[i], s.ref.U[i], e, tolerance)
			}
		}
	}
	t.Logf("largest error %.1e, %.2f of what is allowed", worst, worst/tolerance)
}

// compareGrad compares Grad with the reference, relative to the largest value of each part of each layer.
func (s *setup[T]) compareGrad(t *testing.T) {
	t.Helper()
	tolerance := s.c.tolerance(epsilon[T]()) * sumUlps
	worst := 0.0
	for sub := range slots {
		at := sub * s.c.Net.Params()
		compare := func(part string, l, first, end int) {
			size := largest(s.ref.Grad[at+first : at+end])
			for i := at + first; i < at+end; i++ {
				e := math.Abs(float64(s.plan.Grad[i]) - s.ref.Grad[i])
				if e > 0 {
					e /= size // infinite where all of the reference is zero, as on frozen parameters
				}
				worst = max(worst, e)
				if !(e <= tolerance) {
					t.Fatalf("subdomain %d, layer %d, %s %d: %v, reference %v, error %.1e of the largest, allowed %.1e", sub, l, part,
						i-at-first, s.plan.Grad[i], s.ref.Grad[i], e, tolerance)
				}
			}
		}
		s.parts(0, compare)
	}
	t.Logf("largest error %.1e, %.2f of what is allowed", worst, worst/tolerance)
}

// parts calls f for the parts of each layer that lie at parameter from or behind it: the frozen ones, weights, biases, slopes.
func (s *setup[T]) parts(from int, f func(part string, l, first, end int)) {
	part := func(name string, l, first, end int) {
		if first >= from && end > first {
			f(name, l, first, end)
		}
	}
	part("frozen", 0, 0, s.c.Net.Frozen())
	for l, layer := range s.c.Net.Layers() {
		part("weight", l, layer.W, layer.B)
		part("bias", l, layer.B, layer.B+layer.Out)
		if l < len(s.c.Net.Hidden) {
			for k := range s.c.Net.Act.Slopes() {
				part("slope", l, layer.Slope+k*layer.Out, layer.Slope+(k+1)*layer.Out)
			}
		}
	}
}
