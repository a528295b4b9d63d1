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
	k := int32(0)
	for p.nodes[k].rank < 0 {
		n := &p.nodes[k]
		if p.axes[n.axis].wrap(x[n.axis]) < n.cut {
			k = n.left
		} else {
			k = n.right
		}
	}
	return int(p.nodes[k].rank)
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

// Partition balances the pairs of all levels over np ranks. Distances are measured in subdomains of the finest level, so that
// cuts cross few of them whatever the units of the axes.
func (dec *Decomposition) Partition(points [][]float64, np int) *Partition {
	return NewPartition(dec.Axes, dec.spacing(), points, dec.Weights(points), np)
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
// parts for ⌊n/2⌋ and ⌈n/2⌉ ranks with weights in that proportion as nearly as whole points allow; the cut lies midway
// between two coordinates, so no point lies on it. A region whose points cannot be told apart is cut in the middle, which
// leaves ranks without points where there are more ranks than places.
func NewPartition(axes []Axis, unit []float64, points [][]float64, weight []float64, np int) *Partition {
	if np < 1 {
		panic("decomp: partition for no ranks")
	}
	d := len(axes)
	p := &Partition{axes: axes, lo: make([][MaxD]float64, np), hi: make([][MaxD]float64, np)}
	b := &bisection{p: p, unit: unit, weight: weight}
	n := len(weight)
	order := make([]int32, n)
	for a := 0; a < d; a++ {
		for i := range order {
			order[i] = int32(i)
		}
		x := make([]float64, n)
		for i := range x {
			x[i] = axes[a].wrap(points[a][i])
		}
		slices.SortFunc(order, func(i, j int32) int { return cmp.Compare(x[i], x[j]) })
		place := make([]int32, n)
		var value []float64
		for _, i := range order {
			if len(value) == 0 || x[i] != value[len(value)-1] {
				value = append(value, x[i])
			}
			place[i] = int32(len(value) - 1)
		}
		b.place[a], b.value[a] = place, value
	}
	var lo, hi [MaxD]float64
	for a, axis := range axes {
		lo[a], hi[a] = axis.Lo, axis.Hi
	}
	slices.Sort(order)
	b.split(order, lo, hi, 0, np)
	return p
}

type bisection struct {
	p      *Partition
	unit   []float64
	weight []float64
	place  [MaxD][]int32   // [points] number of the point's coordinate among the distinct ones of the axis
	value  [MaxD][]float64 // those coordinates, ascending
	column []float64       // scratch: weight per distinct coordinate
}

// split divides the region [lo, hi] with its points among ranks first..first+n-1 and returns its node.
func (b *bisection) split(points []int32, lo, hi [MaxD]float64, first, n int) int32 {
	p := b.p
	at := int32(len(p.nodes))
	if n == 1 {
		p.nodes = append(p.nodes, node{rank: int32(first)})
		p.lo[first], p.hi[first] = lo, hi
		return at
	}
	half := n / 2
	axes := make([]int, len(p.axes))
	for a := range axes {
		axes[a] = a
	}
	slices.SortStableFunc(axes, func(i, j int) int { // longest first, earlier axis first on a tie
		return cmp.Compare((hi[j]-lo[j])/b.unit[j], (hi[i]-lo[i])/b.unit[i])
	})
	axis, found := axes[0], false
	cut := lo[axis] + (hi[axis]-lo[axis])/2
	for _, a := range axes {
		if c, ok := b.cut(points, a, float64(half)/float64(n)); ok {
			axis, cut, found = a, c, true
			break
		}
	}
	p.nodes = append(p.nodes, node{axis: int32(axis), rank: -1, cut: cut})
	// Stable: both halves keep ascending order.
	var left, right []int32
	for _, i := range points {
		if b.value[axis][b.place[axis][i]] < cut {
			left = append(left, i)
		} else {
			right = append(right, i)
		}
	}
	if found && (len(left) == 0 || len(right) == 0) {
		panic("decomp: a cut between two coordinates left one side empty")
	}
	below, above := hi, lo
	below[axis], above[axis] = cut, cut
	l := b.split(left, lo, below, first, half)
	r := b.split(right, above, hi, first+half, n-half)
	p.nodes[at].left, p.nodes[at].right = l, r
	return at
}

// cut finds where along the axis the given share of the weight lies below; false if all points have one coordinate.
func (b *bisection) cut(points []int32, axis int, share float64) (float64, bool) {
	if len(points) == 0 {
		return 0, false
	}
	place, value := b.place[axis], b.value[axis]
	low, high := place[points[0]], place[points[0]]
	for _, i := range points {
		low, high = min(low, place[i]), max(high, place[i])
	}
	if low == high {
		return 0, false
	}
	if need := int(high - low + 1); cap(b.column) < need {
		b.column = make([]float64, need)
	}
	column := b.column[:high-low+1]
	for k := range column {
		column[k] = -1 // no point here
	}
	total := 0.0
	for _, i := range points {
		k := place[i] - low
		column[k] = max(column[k], 0) + b.weight[i]
		total += b.weight[i]
	}
	target := share * total
	best, cut := math.Inf(1), 0.0
	sum, previous := column[0], 0
	for k := 1; k < len(column); k++ {
		if column[k] < 0 {
			continue
		}
		if miss := math.Abs(sum - target); miss < best {
			x, y := value[low+int32(previous)], value[low+int32(k)]
			best, cut = miss, x+(y-x)/2
			if cut <= x { // neighbours in floating point
				cut = y
			}
		}
		sum += column[k]
		previous = k
	}
	return cut, true
}
