//go:build amd64

package cpu

// #include "fb.h"
import "C"

import (
	"math"
	"math/rand/v2"
	"sort"
	"time"

	"fbpinn-mpi/kernels"
)

// onePass is the benchmark of record: the Burgers residual r = u_t + u u_x - ν u_xx of a single network without window, float32,
// whose forward pass, residual, backward pass and weight gradients go over each chunk of points in one call, nothing
// recomputed (deep_onepass.h). Points and parameters are drawn from a fixed seed.
type onePass[T kernels.Real] struct {
	table   *C.fb_table
	plan    kernels.Plan[T]
	points  int
	nu      float64
	flat    []C.fb_plan // one
	scratch []byte
}

// newOnePass is a network 2 - w × layers - 1 at so many points.
func newOnePass[T kernels.Real](b *Backend[T], w, layers, points int) *onePass[T] {
	if w < 1 || w > kernels.MaxWidth || layers < 2 || layers > kernels.MaxDepth || points < 1 {
		panic("cpu: one-pass kernel of that shape")
	}
	net := kernels.Net{D: 2, Out: 1, Act: kernels.Tanh}
	for range layers {
		net.Hidden = append(net.Hidden, w)
	}
	pad := kernels.Pad(points)
	o := &onePass[T]{table: b.table, points: points, nu: 0.01 / math.Pi, flat: kernels.Make[C.fb_plan](1)}
	o.plan = kernels.Plan[T]{
		Net:      net,
		Jets:     kernels.NewJets(2, kernels.MultiIndex{2}, kernels.MultiIndex{0, 1}), // u, u_x, u_t, u_xx
		X:        kernels.Make[T](2 * pad),
		InvSigma: kernels.From([]T{1.5, 0.75}),
		Theta:    kernels.Make[T](net.Params()),
		Grad:     kernels.Make[T](net.Params()),
	}
	draw := rand.New(rand.NewPCG(1, 2))
	for a := range 2 {
		for i := range points {
			o.plan.X[a*pad+i] = T(2*draw.Float64() - 1)
		}
	}
	for _, l := range net.Layers() {
		for i := l.W; i < l.B+l.Out; i++ {
			o.plan.Theta[i] = T((2*draw.Float64() - 1) / math.Sqrt(float64(l.In)))
		}
	}
	f := &o.flat[0]
	flatten(f, &o.plan)
	k := C.fb_choose(o.table, f)
	o.scratch = kernels.Make[byte](int(k.scratch) + 64)
	f.scratch = address(o.scratch)
	return o
}

// run adds d/dθ Σ r²/2 to the gradient and returns Σ r²/2.
func (o *onePass[T]) run() float64 {
	return float64(C.fb_onepass(o.table, &o.flat[0], C.int32_t(o.points), C.double(o.nu)))
}

// usefulFlops counts one run: 6·C·G + 5·w·d a point, G = (L-1)w² + w. Elementwise work and copies do not count.
func (o *onePass[T]) usefulFlops() float64 {
	l, w := float64(len(o.plan.Net.Hidden)), float64(o.plan.Net.Hidden[0])
	g := (l-1)*w*w + w
	return float64(o.points) * (6*float64(o.plan.Jets.N())*g + 5*w*float64(o.plan.Net.D))
}

// seconds is the time of the fastest of n runs.
func (o *onePass[T]) seconds(n int) float64 {
	best := math.Inf(1)
	for range n {
		start := time.Now()
		o.run()
		best = min(best, time.Since(start).Seconds())
	}
	return best
}

func (o *onePass[T]) close() {
	kernels.Free(o.plan.X)
	kernels.Free(o.plan.InvSigma)
	kernels.Free(o.plan.Theta)
	kernels.Free(o.plan.Grad)
	kernels.Free(o.flat)
	kernels.Free(o.scratch)
}

// OnePass times the one-pass kernel for a network 2 - w × layers - 1 visited with so many points, on one core: seconds of
// the fastest of 20 visits, and the useful FLOPs of one.
func OnePass[T kernels.Real](w, layers, points int) (seconds, usefulFlops float64) {
	o := newOnePass(New[T](), w, layers, points)
	defer o.close()
	return o.seconds(20), o.usefulFlops()
}

// OnePassShare is the share of the multiply-add peak that the one-pass kernel reaches with useful FLOPs: the median over
// 15 rounds, in each of which the peak is measured right before and right after the kernel. Rounds in which the clock
// moved between the two by more than 3 % are left out; a turbo clock that one of them alone enjoyed would not compare.
func (b *Backend[T]) OnePassShare(w, layers, points int) float64 {
	const rounds, steady = 15, 0.03
	o := newOnePass(b, w, layers, points)
	defer o.close()
	o.run()
	var shares, all []float64
	for range rounds {
		before := b.PeakFMA()
		rate := o.usefulFlops() / o.seconds(3)
		after := b.PeakFMA()
		share := 2 * rate / (before + after)
		all = append(all, share)
		if math.Abs(after-before) < steady*before {
			shares = append(shares, share)
		}
	}
	if len(shares) == 0 {
		shares = all
	}
	sort.Float64s(shares)
	return shares[len(shares)/2]
}
