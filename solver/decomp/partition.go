package decomp

import (
	"cmp"
	"math"
	"slices"
)

// Partition is a division of the domain into one box per rank by recursive coordinate bisection. Its tree classifies any
// point, so owners of points and of subdomains come from one rule.
type Partition struct {
	axes   []Axis
	nodes  []node // nodes[0] is the root
	lo, hi [][MaxD]float64
}

// node is a cut, coordinates below it go left; or a leaf, rank >= 0.
type node struct {
	axis        int32
	rank        int32
	left, right int32
	cut         float64
}

// Ranks is the number of boxes.
func (p *Partition) Ranks() int { return len(p.lo) }

// Box returns the region of a rank.
func (p *Partition) Box(rank int) (lo, hi [MaxD]float64) { return p.lo[rank], p.hi[rank] }

// Owner is the rank whose region holds x [d]; a point on a cut belongs to the upper side, one outside the domain to the
// nearest region in the order of the cuts.
func (p *Partition) Owner(x []float64) int {
	var wrapped [MaxD]float64
	for a, axis := range p.axes {
		wrapped[a] = axis.wrap(x[a])
	}
	return int(p.nodes[p.leaf(&wrapped)].rank)
}

// leaf is the node of the region that holds x, which must be wrapped.
func (p *Partition) leaf(x *[MaxD]float64) int32 {
	k := int32(0)
	for p.nodes[k].rank < 0 {
		n := &p.nodes[k]
		if x[n.axis] < n.cut {
			k = n.left
		} else {
			k = n.right
		}
	}
	return k
}

// Owners returns the rank of every point.
func (p *Partition) Owners(points [][]float64) []int32 {
	owner := make([]int32, len(points[0]))
	var x [MaxD]float64
	for i := range owner {
		for a := range p.axes {
			x[a] = points[a][i]
		}
		owner[i] = int32(p.Owner(x[:len(p.axes)]))
	}
	return owner
}

// Owners returns the rank of every subdomain of the level: the region that holds its centre.
func (l *Level) Owners(p *Partition) []int32 {
	owner := make([]int32, l.n)
	for j := range owner {
		x := l.Centre(j)
		owner[j] = int32(p.Owner(x[:len(l.axes)]))
	}
	return owner
}

// OwnedBy lists the subdomains of one rank, ascending: those that Owners gives it, found without a look at all others.
func (l *Level) OwnedBy(p *Partition, rank int) (subs []int) {
	lo, hi := p.Box(rank)
	var near [MaxD][]int // by axis: boxes whose centres are in the region, or so close to it that rounding may count
	for a := range l.lines {
		ln := &l.lines[a]
		axis := ln.axis
		slack := 1e-9 * axis.Length()
		for i := range ln.box {
			x := axis.wrap(ln.box[i].mu)
			if (x >= lo[a]-slack || lo[a] == axis.Lo) && (x <= hi[a]+slack || hi[a] == axis.Hi) {
				near[a] = append(near[a], i)
			}
		}
	}
	mine := func(j int) {
		if x := l.Centre(j); p.Owner(x[:len(l.axes)]) == rank {
			subs = append(subs, j)
		}
	}
	if l.free != nil {
		for j := range l.n {
			mine(j)
		}
		return subs
	}
	tensor := []int{0}
	for a := range l.lines {
		var next []int
		for _, t := range tensor {
			for _, i := range near[a] {
				next = append(next, t+i*l.stride[a])
			}
		}
		tensor = next
	}
	for _, t := range tensor {
		if l.number != nil {
			if t = int(l.number[t]); t < 0 {
				continue
			}
		}
		mine(t)
	}
	return subs
}

// Partition balances the pairs of all levels over np ranks. Distances are measured in subdomains of the finest level, so that
// cuts cross few of them whatever the units of the axes.
func (dec *Decomposition) Partition(points Points, np int) *Partition {
	return NewPartition(dec.Axes, dec.spacing(), points, dec.Weights, np)
}

// spacing is the mean distance of centres per axis in the level with most subdomains.
func (dec *Decomposition) spacing() []float64 {
	finest := dec.Levels[0]
	for _, l := range dec.Levels {
		if l.n > finest.n {
			finest = l
		}
	}
	h := make([]float64, len(dec.Axes))
	for a, axis := range dec.Axes {
		if finest.free == nil {
			h[a] = axis.Length() / float64(len(finest.lines[a].box))
			continue
		}
		for j := 0; j < finest.n; j++ {
			h[a] += finest.interval(j, a).half / float64(finest.n)
		}
	}
	return h
}

// NewPartition bisects the domain recursively. A region for n ranks is cut across its longest side (in units of unit[a]) into
// parts for ⌊n/2⌋ and ⌈n/2⌉ ranks with weights in that proportion, to a share of what a rank has that is lost in the noise of a
// step (closeEnough), or as nearly as whole points allow; the cut lies midway between two coordinates, so no point lies on it.
// A region whose points cannot be told apart is cut in the middle, which leaves ranks without points where there are more ranks
// than places.
//
// All regions of a depth are cut together, from histograms of a pass over the points: time grows with points · log np, and
// memory depends on neither. weight gives the weights of a block of points.
func NewPartition(axes []Axis, unit []float64, points Points, weight func(x [][]float64) []float64, np int) *Partition {
	if np < 1 {
		panic("decomp: partition for no ranks")
	}
	p := &Partition{axes: axes, lo: make([][MaxD]float64, np), hi: make([][MaxD]float64, np)}
	var lo, hi [MaxD]float64
	for a, axis := range axes {
		lo[a], hi[a] = axis.Lo, axis.Hi
	}
	whole := p.region(unit, lo, hi, 0, np)
	for depth := []*cutting{whole}; len(depth) > 0; {
		var next []*cutting
		for open := depth; len(open) > 0; {
			p.survey(open, points, weight)
			var undecided []*cutting
			for _, c := range open {
				if !c.decide() {
					undecided = append(undecided, c)
				}
			}
			open = undecided
		}
		for _, c := range depth {
			if c.n == 1 {
				continue
			}
			half, axis := c.n/2, c.axes[c.along]
			below, above := c.hi, c.lo
			below[axis], above[axis] = c.cut, c.cut
			left := p.region(unit, c.lo, below, c.first, half)
			right := p.region(unit, above, c.hi, c.first+half, c.n-half)
			p.nodes[c.node] = node{axis: int32(axis), rank: -1, cut: c.cut, left: left.node, right: right.node}
			next = append(next, left, right)
		}
		depth = next
	}
	return p
}

// region adds the leaf of ranks first..first+n-1, which is still to be divided if n > 1.
func (p *Partition) region(unit []float64, lo, hi [MaxD]float64, first, n int) *cutting {
	c := &cutting{node: int32(len(p.nodes)), lo: lo, hi: hi, first: first, n: n}
	p.nodes = append(p.nodes, node{rank: int32(first)})
	p.lo[first], p.hi[first] = lo, hi
	for a := range p.axes {
		c.axes = append(c.axes, a)
	}
	slices.SortStableFunc(c.axes, func(i, j int) int { // longest first, earlier axis first on a tie
		return cmp.Compare((hi[j]-lo[j])/unit[j], (hi[i]-lo[i])/unit[i])
	})
	c.start(0)
	return c
}

const (
	// closeEnough is the share of a rank's mean weight by which a cut may miss.
	closeEnough = 1e-3
	// places bounds the bins of all histograms of a pass; a region has leastBins at least.
	places, leastBins = 1 << 16, 64
)

// cutting is a region that is being divided.
type cutting struct {
	node     int32
	lo, hi   [MaxD]float64
	first, n int
	axes     []int // longest first
	along    int   // the axis in hand, of axes

	from, to float64 // the part of it in which the cut is sought
	below    float64 // weight before from
	total    float64 // of the region
	miss     float64 // of the best cut so far
	cut      float64
	bins     []bin
}

// bin collects the points whose coordinates lie in one stretch.
type bin struct{ weight, least, most float64 }

// start looks for a cut along the k-th longest axis.
func (c *cutting) start(k int) {
	c.along = k
	c.from, c.to = c.lo[c.axes[k]], c.hi[c.axes[k]]
	c.below, c.total, c.miss = 0, 0, math.Inf(1)
}

// survey fills the histograms of regions.
func (p *Partition) survey(open []*cutting, points Points, weight func(x [][]float64) []float64) {
	of := make([]*cutting, len(p.nodes))
	busy := false
	for _, c := range open {
		if c.n > 1 {
			c.bins = slices.Repeat([]bin{{least: math.Inf(1), most: math.Inf(-1)}}, max(leastBins, places/len(open)))
			of[c.node], busy = c, true
		}
	}
	if !busy {
		return
	}
	var x [MaxD]float64
	points.Blocks(func(_ int, block [][]float64) {
		w := weight(block)
		for i := range w {
			for a, axis := range p.axes {
				x[a] = axis.wrap(block[a][i])
			}
			c := of[p.leaf(&x)]
			if c == nil {
				continue
			}
			if v := x[c.axes[c.along]]; c.total == 0 || v >= c.from && v <= c.to {
				k := int((v - c.from) / (c.to - c.from) * float64(len(c.bins)))
				b := &c.bins[max(0, min(k, len(c.bins)-1))]
				b.weight += w[i]
				b.least, b.most = min(b.least, v), max(b.most, v)
			}
		}
	})
}

// decide chooses the best cut that the histogram offers. It is false where another pass is needed: over the bin in which the best
// cut lies, or along another axis.
func (c *cutting) decide() bool {
	if c.n == 1 {
		return true
	}
	if c.total == 0 {
		for _, b := range c.bins {
			c.total += b.weight
		}
	}
	target := c.total * float64(c.n/2) / float64(c.n)
	sum, last := c.below, -1 // weight before the bin in hand, and the last bin that holds points
	var crossing *bin
	before := 0.0
	for k := range c.bins {
		b := &c.bins[k]
		if b.least > b.most {
			continue
		}
		if miss := math.Abs(sum - target); last >= 0 && miss < c.miss {
			x, y := c.bins[last].most, b.least
			c.miss, c.cut = miss, x+(y-x)/2
			if c.cut <= x { // neighbours in floating point
				c.cut = y
			}
		}
		if sum <= target {
			crossing, before = b, sum
		}
		sum += b.weight
		last = k
	}
	c.bins = nil
	switch {
	case crossing != nil && crossing.least < crossing.most && c.miss > closeEnough*c.total/float64(c.n):
		c.from, c.to, c.below = crossing.least, crossing.most, before
		return false
	case !math.IsInf(c.miss, 1):
		return true
	case c.along+1 < len(c.axes):
		c.start(c.along + 1)
		return false
	}
	c.along = 0
	axis := c.axes[0]
	c.cut = c.lo[axis] + (c.hi[axis]-c.lo[axis])/2
	return true
}
