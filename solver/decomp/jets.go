package decomp

import (
	"fmt"
	"math"
	"strings"

	"fbpinn-mpi/kernels"
)

// quotient holds the terms of the Leibniz rule for f/s over a set of jets, s with the same set:
// q_m = (f_m - Σ_{0≠n≤m} binom(m,n) s_n q_{m-n})/s_0.
type quotient struct {
	start []int32 // terms of component c: start[c] to start[c+1]
	s, q  []int32
	binom []float64
}

func newQuotient(set kernels.Jets) quotient {
	t := quotient{start: []int32{0}}
	for _, m := range set.Index {
	next:
		for n, v := range set.Index[1:] {
			b, rest := 1.0, m
			for a := range m {
				if v[a] > m[a] {
					continue next
				}
				rest[a] -= v[a]
				b *= binomial[m[a]][v[a]]
			}
			t.s = append(t.s, int32(n+1))
			t.q = append(t.q, int32(set.Find(rest)))
			t.binom = append(t.binom, b)
		}
		t.start = append(t.start, int32(len(t.s)))
	}
	return t
}

// divide turns f into f/s in place; components ascend by order, so q_{m-n} is ready when q_m needs it.
func (t *quotient) divide(f, s []float64) {
	inv := 1 / s[0]
	for c := range f {
		v := f[c]
		for k := t.start[c]; k < t.start[c+1]; k++ {
			v -= t.binom[k] * s[t.s[k]] * f[t.q[k]]
		}
		f[c] = v * inv
	}
}

// Jets writes the derivatives in the set of ω_j at the point x [d] to out [n_c]; zero outside the subdomain. It is the plain
// form of Filler, for checks and plots.
func (l *Level) Jets(j int, x []float64, set kernels.Jets, out []float64) error {
	if set.D != len(l.axes) || len(out) != set.N() {
		panic("decomp: jets of another dimension")
	}
	f := newFiller[float64](l, set, 1, 0)
	point := make([][]float64, len(x))
	for a := range x {
		point[a] = x[a : a+1]
	}
	clear(out)
	if len(l.Inside(j, point)) == 0 {
		return nil
	}
	w := make([]float64, set.N())
	err := f.Fill(j, point, []int32{0}, make([]float64, set.D), w, 1)
	copy(out, w)
	return err
}

// entry of a Filler's cache.
type entry struct {
	x, xhat float64
	j       int32
	used    bool
	jet     jet
}

// cacheBits gives 4096 entries of 72 bytes per axis: more than the coordinates of a row of tiles on a grid.
const cacheBits = 12

// Filler computes x̂ and window jets of tiles of one level. It keeps scratch memory: one per goroutine.
//
// On a tensor level S_l is the product of the sums along the axes, so ω_j(x) = Π_a ω_{j_a}(x_a): every component is a product
// of d derivatives along one axis each, and these are remembered by coordinate, for points of grids repeat theirs.
type Filler[T kernels.Real] struct {
	level  *Level
	set    kernels.Jets
	scale  float64
	cache  [MaxD][]entry
	shift  uint      // 64 less the bits of a cache index
	near   []int32   // free levels
	own, s []float64 // [n_c], levels whose windows are no products
	one    []float64
	ratio  quotient
	around [MaxD][]int32 // levels that lost subdomains: the images around a point
	factor [MaxD][]jet   // and their windows
}

// NewFiller prepares the computation of scale·ω_j; the level average of the method is scale = 1/L.
func NewFiller[T kernels.Real](l *Level, set kernels.Jets, scale float64) *Filler[T] {
	return newFiller[T](l, set, scale, cacheBits)
}

func newFiller[T kernels.Real](l *Level, set kernels.Jets, scale float64, bits uint) *Filler[T] {
	if set.D != len(l.axes) {
		panic("decomp: jets of another dimension")
	}
	f := &Filler[T]{level: l, set: set, scale: scale, shift: 64 - bits}
	if l.free != nil || l.tensor != nil {
		n := set.N()
		f.own, f.s, f.one, f.ratio = make([]float64, n), make([]float64, n), make([]float64, n), newQuotient(set)
	}
	if l.free != nil {
		return f
	}
	for a := range l.axes {
		f.cache[a] = make([]entry, 1<<bits)
	}
	return f
}

// Fill writes x̂ [d][pad] and the jets of scale·ω_j [n_c][pad], points fastest, of the listed points, which must lie inside
// subdomain j; lanes from len(index) to pad become zero. The error names a point where the windows of the level add up to
// nothing.
func (f *Filler[T]) Fill(j int, points [][]float64, index []int32, xhat, w []T, pad int) error {
	d, nc := f.set.D, f.set.N()
	if pad < len(index) || len(xhat) < d*pad || len(w) < nc*pad {
		panic("decomp: tile too small")
	}
	for r := 0; r < d; r++ {
		clear(xhat[r*pad+len(index) : (r+1)*pad])
	}
	for r := 0; r < nc; r++ {
		clear(w[r*pad+len(index) : (r+1)*pad])
	}
	if f.level.free != nil {
		return f.fillFree(j, points, index, xhat, w, pad)
	}
	var ja [MaxD]int
	for a := 0; a < d; a++ {
		ja[a] = f.level.along(j, a)
	}
	var e [MaxD]*entry
	for k, i := range index {
		if f.level.tensor != nil {
			if x := f.level.at(points, int(i)); f.level.around(&x, &f.around) {
				if !f.thinned(&ja, &x, xhat[k:], w[k:], pad) {
					return f.level.uncovered(points, i)
				}
				continue
			}
		}
		for a := 0; a < d; a++ {
			x := points[a][i]
			b := math.Float64bits(x)
			h := &f.cache[a][(b^uint64(ja[a])<<32)*0x9e3779b97f4a7c15>>f.shift]
			if !h.used || h.x != x || int(h.j) != ja[a] {
				var ok, covered bool
				h.used = false
				h.xhat, ok, covered = f.level.lines[a].unity(ja[a], x, &h.jet)
				if !ok {
					panic("decomp: point outside its subdomain")
				}
				if !covered {
					return f.level.uncovered(points, i)
				}
				h.x, h.j, h.used = x, int32(ja[a]), true
			}
			e[a] = h
			xhat[a*pad+k] = T(h.xhat)
		}
		for c := range f.set.Index {
			m := &f.set.Index[c]
			v := f.scale
			for a := 0; a < d; a++ {
				v *= e[a].jet[m[a]]
			}
			w[c*pad+k] = T(v)
		}
	}
	return nil
}

// thinned writes one lane at a point around which subdomains were dropped: ω_j = w_j/S_l with the sum over those that are left,
// no longer a product over the axes. It is false where the sum is nothing.
func (f *Filler[T]) thinned(ja *[MaxD]int, x *[MaxD]float64, xhat, w []T, pad int) bool {
	l := f.level
	found := 0
	for a := range l.lines {
		ln := &l.lines[a]
		f.factor[a] = f.factor[a][:0]
		for _, m := range f.around[a] {
			iv, g := &ln.image[m], jet{1}
			if !ln.lone {
				l.window.eval(iv, x[a], &g)
			}
			f.factor[a] = append(f.factor[a], g)
			if int(ln.of[m]) == ja[a] {
				xhat[a*pad] = T((x[a] - iv.mu) / iv.sigma)
				found++
			}
		}
	}
	if found != len(l.lines) {
		panic("decomp: point outside its subdomain")
	}
	own := 0
	for a := range l.lines {
		own += l.stride[a] * ja[a]
	}
	clear(f.s)
	l.combine(&f.around, func(t int, k *[MaxD]int) {
		if l.number[t] < 0 {
			return
		}
		for c := range f.set.Index {
			v := 1.0
			for a := range l.lines {
				v *= f.factor[a][k[a]][f.set.Index[c][a]]
			}
			f.s[c] += v
			if t == own {
				f.own[c] = v
			}
		}
	})
	if f.s[0] < minSum {
		return false
	}
	f.ratio.divide(f.own, f.s)
	for c, v := range f.own {
		w[c*pad] = T(f.scale * v)
	}
	return true
}

func (f *Filler[T]) fillFree(j int, points [][]float64, index []int32, xhat, w []T, pad int) error {
	l, c := f.level, f.level.free
	for k, i := range index {
		x := l.at(points, int(i))
		f.near = c.cover(f.set.D, &x, f.near[:0])
		clear(f.s)
		found := false
		for _, m := range f.near {
			b := &c.image[m]
			l.window.product(f.set, b, &x, c.lone, f.one)
			for n, v := range f.one {
				f.s[n] += v
			}
			if int(b.j) == j {
				found = true
				copy(f.own, f.one)
				for a := 0; a < f.set.D; a++ {
					xhat[a*pad+k] = T((x[a] - b.side[a].mu) / b.side[a].sigma)
				}
			}
		}
		if !found {
			panic("decomp: point outside its subdomain")
		}
		if f.s[0] < minSum {
			return l.uncovered(points, i)
		}
		f.ratio.divide(f.own, f.s)
		for n, v := range f.own {
			w[n*pad+k] = T(f.scale * v)
		}
	}
	return nil
}

// product writes the jets of w = Π_a g of one box.
func (w Window) product(set kernels.Jets, b *brick, x *[MaxD]float64, lone bool, out []float64) {
	var g [MaxD]jet
	for a := 0; a < set.D; a++ {
		if lone {
			g[a] = jet{1}
		} else {
			w.eval(&b.side[a], x[a], &g[a])
		}
	}
	for c := range set.Index {
		v := 1.0
		for a := 0; a < set.D; a++ {
			v *= g[a][set.Index[c][a]]
		}
		out[c] = v
	}
}

// at gathers point i, periodic coordinates wrapped.
func (l *Level) at(points [][]float64, i int) (x [MaxD]float64) {
	for a := range l.axes {
		x[a] = l.axes[a].wrap(points[a][i])
	}
	return x
}

func (l *Level) uncovered(points [][]float64, i int32) error {
	return fmt.Errorf("level %d: no window reaches point %d, %s: move or widen the subdomains of this level", l.l, i, l.place(points, int(i)))
}

// place writes point i as "(x, t) = (0, 1)".
func (l *Level) place(points [][]float64, i int) string {
	var names, values []string
	for a, axis := range l.axes {
		names = append(names, axis.Name)
		values = append(values, fmt.Sprintf("%g", points[a][i]))
	}
	return fmt.Sprintf("(%s) = (%s)", strings.Join(names, ", "), strings.Join(values, ", "))
}
