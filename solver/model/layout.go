package model

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/exchange"
)

// Layout is what one rank has of a set of points and of the subdomains, and what it shares with which others. It is found without
// a message, so that rank r of n can be laid out anywhere: check it, count its traffic, or model it. No rank holds more than the
// points in and around its region and the subdomains that meet them.
type Layout struct {
	Rank, Ranks int
	Replicated  []bool       // by level
	Subs        [][]int      // by level: the subdomains that this rank trains, ascending
	Points      []int        // own points: their numbers among all, ascending
	Neighbours  []*Neighbour // ascending by rank

	m      *Model
	values int         // n_c·n_u numbers a point
	near   [][]float64 // [d][n] coordinates of the points in the region or in an own subdomain
	number []int       // of near points among all
	owner  []int32     // rank of each near point
	local  []int32     // near point → place in Points, -1 for those of others
	pairs  [2]int64    // by mode
	inner  int64       // those of own subdomains at own points
}

// Neighbour is what a rank shares with another one. Points are places in the rank's near points.
type Neighbour struct {
	Rank   int
	halo   []int32 // points of the neighbour in own subdomains, ascending
	mirror []int32 // own points in subdomains of the neighbour, ascending
	sent   []sub   // own subdomains that hold points of the neighbour, ascending
	ghosts []sub   // subdomains of the neighbour that hold own points, ascending
}

// sub is subdomain j of level l.
type sub struct{ l, j int32 }

func (a sub) compare(b sub) int { return cmp.Or(cmp.Compare(a.l, b.l), cmp.Compare(a.j, b.j)) }

// NewLayout lays out one rank of a partition; values = n_c·n_u.
func NewLayout(m *Model, values int, part *decomp.Partition, points decomp.Points, rank int, choice Choice) *Layout {
	y := &Layout{Rank: rank, Ranks: part.Ranks(), m: m, values: values}
	y.Replicated = choice.replicated(m, part, points, values)
	y.gather(part, points, y.own(part))
	if y.Ranks > 1 {
		y.meet(part)
	}
	return y
}

// replicated decides which levels every rank holds.
func (c Choice) replicated(m *Model, part *decomp.Partition, points decomp.Points, values int) []bool {
	switch {
	case c.Like != nil:
		return c.Like
	case c.Replicate >= 0:
		like := make([]bool, len(m.Nets))
		for l, level := range m.Dec.Levels {
			like[l] = level.Len() <= max(1, c.Replicate)
		}
		return like
	}
	params := make([]int, len(m.Nets))
	for l, net := range m.Nets {
		params[l] = net.Params()
	}
	return decomp.Replicated(m.Dec, part, points, params, values, decomp.Cluster())
}

// reach is the box that holds a region and the subdomains owned there.
type reach struct{ lo, hi, period [decomp.MaxD]float64 }

// own finds the subdomains of this rank and how far they reach.
func (y *Layout) own(part *decomp.Partition) (r reach) {
	axes := y.m.Dec.Axes
	r.lo, r.hi = part.Box(y.Rank)
	for a, axis := range axes {
		if axis.Periodic {
			r.period[a] = axis.Length()
			continue
		}
		if r.lo[a] == axis.Lo { // the outer regions take what lies beyond the domain
			r.lo[a] = math.Inf(-1)
		}
		if r.hi[a] == axis.Hi {
			r.hi[a] = math.Inf(1)
		}
	}
	for l, level := range y.m.Dec.Levels {
		var subs []int
		if y.Replicated[l] {
			subs = make([]int, level.Len())
			for j := range subs {
				subs[j] = j
			}
		} else {
			subs = level.OwnedBy(part, y.Rank)
			for _, j := range subs {
				lo, hi := level.Bounds(j)
				for a := range axes {
					r.lo[a], r.hi[a] = min(r.lo[a], lo[a]), max(r.hi[a], hi[a])
				}
			}
		}
		y.Subs = append(y.Subs, subs)
	}
	for a, axis := range axes { // room for rounding; the closed test of subdomains decides
		slack := 1e-9 * axis.Length()
		r.lo[a], r.hi[a] = r.lo[a]-slack, r.hi[a]+slack
	}
	return r
}

// holds tells whether coordinate x of axis a, or a periodic image of it, lies in the box.
func (r *reach) holds(a int, x float64) bool {
	lo, hi, p := r.lo[a], r.hi[a], r.period[a]
	return x >= lo && x <= hi || p > 0 && (x-p >= lo && x-p <= hi || x+p >= lo && x+p <= hi)
}

// gather keeps the points that lie in reach: counted first, for they may be many.
func (y *Layout) gather(part *decomp.Partition, points decomp.Points, r reach) {
	each := func(visit func(i int, x [][]float64, k int)) {
		points.Blocks(func(first int, x [][]float64) {
		next:
			for k := range x[0] {
				for a := range x {
					if !r.holds(a, x[a][k]) {
						continue next
					}
				}
				visit(first+k, x, k)
			}
		})
	}
	n := 0
	each(func(int, [][]float64, int) { n++ })
	y.number, y.near = make([]int, 0, n), make([][]float64, len(y.m.Dec.Axes))
	for a := range y.near {
		y.near[a] = make([]float64, 0, n)
	}
	each(func(i int, x [][]float64, k int) {
		y.number = append(y.number, i)
		for a := range x {
			y.near[a] = append(y.near[a], x[a][k])
		}
	})
	y.owner, y.local = part.Owners(y.near), make([]int32, n)
	own := 0
	for i, o := range y.owner {
		y.local[i] = -1
		if int(o) == y.Rank {
			y.local[i] = int32(own)
			own++
		}
	}
	y.Points = make([]int, 0, own)
	for i, k := range y.local {
		if k >= 0 {
			y.Points = append(y.Points, y.number[i])
		}
	}
}

// meet finds what this rank shares with others.
func (y *Layout) meet(part *decomp.Partition) {
	rank := int32(y.Rank)
	known := map[int32]*Neighbour{}
	with := func(r int32) *Neighbour {
		if known[r] == nil {
			known[r] = &Neighbour{Rank: int(r)}
			y.Neighbours = append(y.Neighbours, known[r])
		}
		return known[r]
	}
	for l, level := range y.m.Dec.Levels {
		if y.Replicated[l] {
			level.Cover(y.near, func(i int, subs []int32) {
				if y.local[i] >= 0 {
					y.pairs[Jets] += int64(len(subs))
					y.pairs[Parameters] += int64(len(subs))
					y.inner += int64(len(subs))
				}
			})
			continue
		}
		own := make([]uint64, level.Len()/64+1) // a bit a subdomain
		for _, j := range y.Subs[l] {
			own[j/64] |= 1 << (j % 64)
		}
		owners := map[int32]int32{} // of the others met
		ownerOf := func(j int32) int32 {
			if own[j/64]>>(j%64)&1 == 1 {
				return rank
			}
			o, ok := owners[j]
			if !ok {
				x := level.Centre(int(j))
				o = int32(part.Owner(x[:level.D()]))
				owners[j] = o
			}
			return o
		}
		level.Cover(y.near, func(i int, subs []int32) {
			r := y.owner[i]
			for _, j := range subs {
				o := ownerOf(j)
				if o == rank {
					y.pairs[Jets]++
				}
				if r == rank {
					y.pairs[Parameters]++
					if o == rank {
						y.inner++
					}
				}
				switch {
				case o == r:
				case o == rank:
					n := with(r)
					n.halo, n.sent = push(n.halo, int32(i)), push(n.sent, sub{int32(l), j})
				case r == rank:
					n := with(o)
					n.mirror, n.ghosts = push(n.mirror, int32(i)), push(n.ghosts, sub{int32(l), j})
				}
			}
		})
		for _, n := range y.Neighbours {
			n.sent, n.ghosts = ascending(n.sent, sub.compare), ascending(n.ghosts, sub.compare)
		}
	}
	slices.SortFunc(y.Neighbours, func(a, b *Neighbour) int { return a.Rank - b.Rank })
	for _, n := range y.Neighbours {
		n.halo, n.mirror = ascending(n.halo, cmp.Compare[int32]), ascending(n.mirror, cmp.Compare[int32])
	}
}

// push appends v unless it was the last.
func push[E comparable](s []E, v E) []E {
	if n := len(s); n > 0 && s[n-1] == v {
		return s
	}
	return append(s, v)
}

// ascending sorts, and drops repetitions.
func ascending[E comparable](s []E, compare func(a, b E) int) []E {
	slices.SortFunc(s, compare)
	return slices.Clip(slices.Compact(s))
}

// Pairs is the number of pairs that this rank evaluates each step in a mode.
func (y *Layout) Pairs(mode Mode) int64 {
	if y.Ranks == 1 {
		return y.m.Dec.Count(y.near)
	}
	return y.pairs[mode]
}

// Inner is the number of pairs that need nothing of others: subdomains and points of this rank.
func (y *Layout) Inner() int64 {
	if y.Ranks == 1 {
		return y.Pairs(Jets)
	}
	return y.inner
}

// Sent is the number of values that a step sends from this rank to a neighbour, there and back, in a mode.
func (y *Layout) Sent(n *Neighbour, mode Mode) (values int64) {
	if mode == Jets {
		return int64(len(n.halo)+len(n.mirror)) * int64(y.values)
	}
	for _, list := range [][]sub{n.sent, n.ghosts} {
		for _, s := range list {
			values += int64(y.m.Nets[s.l].Params())
		}
	}
	return values
}

// Cost is what a step sends from this rank in either mode, and what it would if each pair of neighbours chose the cheaper for
// itself: the minimum.
type Cost struct{ Jets, Parameters, Minimum int64 }

// Of is the cost of a mode.
func (c Cost) Of(mode Mode) int64 {
	if mode == Jets {
		return c.Jets
	}
	return c.Parameters
}

// Cost counts values. Summed over ranks, it decides the mode: see Choice.Pick.
func (y *Layout) Cost() (c Cost) {
	for _, n := range y.Neighbours {
		jets, params := y.Sent(n, Jets), y.Sent(n, Parameters)
		c.Jets, c.Parameters, c.Minimum = c.Jets+jets, c.Parameters+params, c.Minimum+min(jets, params)
	}
	return c
}

// Pick chooses what travels, from the cost of all ranks together.
func (c Choice) Pick(all Cost) Mode {
	if c.Mode == "parameters" || c.Mode != "jets" && all.Parameters < all.Jets {
		return Parameters
	}
	return Jets
}

// levels gives every subdomain that this rank holds its place in Theta, replicated levels first; replicated and total are lengths
// of Theta. In mode Parameters ghosts follow the own ones, ascending.
func (y *Layout) levels(mode Mode) (levels []Level, replicated, total int) {
	for l := range y.m.Dec.Levels {
		v := Level{P: y.m.Nets[l].Params(), Subs: y.Subs[l], Owned: len(y.Subs[l]), Replicated: y.Replicated[l]}
		if mode == Parameters {
			var ghosts []int
			for _, n := range y.Neighbours {
				for _, s := range n.ghosts {
					if int(s.l) == l {
						ghosts = append(ghosts, int(s.j))
					}
				}
			}
			slices.Sort(ghosts)
			v.Subs = slices.Concat(v.Subs, ghosts)
		}
		levels = append(levels, v)
	}
	for _, first := range []bool{true, false} {
		for l := range levels {
			if v := &levels[l]; v.Replicated == first {
				v.At = total
				total += len(v.Subs) * v.P
			}
		}
		if first {
			replicated = total
		}
	}
	return levels, replicated, total
}

// slot of subdomain j, own or ghost.
func (v *Level) slot(j int, ghost bool) int {
	from, to := 0, v.Owned
	if ghost {
		from, to = v.Owned, len(v.Subs)
	}
	return from + sort.SearchInts(v.Subs[from:to], j)
}

// sections lay out jet planes: own points first, then, in mode Jets, a section for each neighbour's halo. total is their length.
func (y *Layout) sections(mode Mode) (sections []kernels.Section, total int64) {
	sizes := []int64{int64(len(y.Points))}
	if mode == Jets {
		for _, n := range y.Neighbours {
			sizes = append(sizes, int64(len(n.halo)))
		}
	}
	for _, n := range sizes {
		sections = append(sections, kernels.Section{Base: total, Stride: n})
		total += int64(y.values) * n
	}
	return sections, total
}

// Links are the blocks that travel between this rank and its neighbours: stretches of U in mode Jets, of Theta in mode Parameters.
func (y *Layout) Links(mode Mode) (links []exchange.Link) {
	sections, _ := y.sections(mode)
	levels, _, _ := y.levels(mode)
	place := func(blocks []kernels.Block, s sub, ghost bool) []kernels.Block {
		v := &levels[s.l]
		return extend(blocks, int64(v.At+v.slot(int(s.j), ghost)*v.P), int64(v.P))
	}
	for k, n := range y.Neighbours {
		link := exchange.Link{Rank: n.Rank}
		if mode == Jets {
			s := sections[1+k]
			link.Send = extend(nil, s.Base, s.Stride*int64(y.values))
			for p := range y.values {
				first := int64(p) * sections[0].Stride
				for _, i := range n.mirror {
					link.Recv = extend(link.Recv, first+int64(y.local[i]), 1)
				}
			}
		} else {
			for _, s := range n.sent {
				link.Send = place(link.Send, s, false)
			}
			for _, s := range n.ghosts {
				link.Recv = place(link.Recv, s, true)
			}
		}
		links = append(links, link)
	}
	return links
}

// extend adds a stretch, to the last block where it continues that one.
func extend(blocks []kernels.Block, at, n int64) []kernels.Block {
	if n == 0 {
		return blocks
	}
	if k := len(blocks) - 1; k >= 0 && blocks[k].At+blocks[k].N == at {
		blocks[k].N += n
		return blocks
	}
	return append(blocks, kernels.Block{At: at, N: n})
}

// shed drops the points of others, and halos with them; it returns the coordinates of the own ones, [d][n].
func (y *Layout) shed() [][]float64 {
	n := len(y.Points)
	if n == len(y.number) {
		return y.near
	}
	for i, k := range y.local {
		if k >= 0 {
			for a := range y.near {
				y.near[a][k] = y.near[a][i]
			}
		}
	}
	for a := range y.near {
		y.near[a] = slices.Clone(y.near[a][:n])
	}
	y.number, y.owner, y.local = y.Points, slices.Repeat([]int32{int32(y.Rank)}, n), make([]int32, n)
	for i := range y.local {
		y.local[i] = int32(i)
	}
	return y.near
}
