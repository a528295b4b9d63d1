package direct

import (
	"cmp"
	"math"
	"slices"
)

// dissection orders blocks by nested dissection: a set is cut in two along a coordinate, a smallest set of blocks that meets
// every edge across the cut becomes the separator, and comes last.
type dissection struct {
	*graph
	centre [][]float64 // [d][n], or none
	order  []int32     // blocks in order of elimination, so far

	set   []int32 // number of the set that a block belongs to at present
	sets  int32
	place []float64 // coordinate along which the set is cut
	level []int32   // distance in breadth-first searches
	queue []int32
	cover cover
}

// trials is the number of cuts that are tried along each coordinate, those next to the middle.
const trials = 9

// dissect returns the blocks of g with unknowns, in order of elimination.
func (g *graph) dissect(centre [][]float64) []int32 {
	n := len(g.weight)
	d := &dissection{graph: g, centre: centre, set: make([]int32, n), place: make([]float64, n), level: make([]int32, n)}
	d.cover.side = make([]int32, n)
	var all []int32
	for v := range n {
		if g.weight[v] > 0 {
			all = append(all, int32(v))
		}
	}
	d.parts(all)
	return d.order
}

// claim makes s a set of its own, and returns its number.
func (d *dissection) claim(s []int32) int32 {
	d.sets++
	for _, v := range s {
		d.set[v] = d.sets
	}
	return d.sets
}

// parts orders the connected parts of s one after the other.
func (d *dissection) parts(s []int32) {
	id := d.claim(s)
	for _, v := range s {
		if d.set[v] != id {
			continue
		}
		part := d.search(v, id)
		d.claim(part)
		d.connected(slices.Clone(part))
	}
}

// search lists what is connected to v within set id, nearest first, and leaves distances in level.
func (d *dissection) search(v, id int32) []int32 {
	seen := -id
	d.queue = append(d.queue[:0], v)
	d.set[v], d.level[v] = seen, 0
	for k := 0; k < len(d.queue); k++ {
		u := d.queue[k]
		for _, w := range d.of(u) {
			if d.set[w] == id {
				d.set[w], d.level[w] = seen, d.level[u]+1
				d.queue = append(d.queue, w)
			}
		}
	}
	for _, u := range d.queue {
		d.set[u] = id
	}
	return d.queue
}

// connected orders a set that is connected and has been claimed.
func (d *dissection) connected(s []int32) {
	if len(s) < 3 {
		d.order = append(d.order, s...)
		return
	}
	if rest, hubs := d.hubs(s); len(hubs) > 0 {
		d.parts(rest)
		d.order = append(d.order, hubs...)
		return
	}
	low, high, separator := d.bestCut(s)
	if separator == nil { // every cut leaves one side empty: all touch all, or nearly
		d.order = append(d.order, s...)
		return
	}
	d.parts(low)
	d.parts(high)
	d.order = append(d.order, separator...)
}

// hubs are the few blocks that touch more than half of s, such as those of a coarse level. They belong to every separator,
// and while they are there distances in the graph say nothing.
func (d *dissection) hubs(s []int32) (rest, hubs []int32) {
	const few = 8 // at most one block in so many
	id := d.set[s[0]]
	for _, v := range s {
		touched := 0
		for _, w := range d.of(v) {
			if d.set[w] == id {
				touched++
			}
		}
		if 2*touched > len(s) {
			hubs = append(hubs, v)
		} else {
			rest = append(rest, v)
		}
	}
	if len(hubs)*few > len(s) {
		return s, nil
	}
	return rest, hubs
}

// bestCut tries cuts along every coordinate and along the distance from an end of the graph.
func (d *dissection) bestCut(s []int32) (low, high, separator []int32) {
	best := math.Inf(1)
	total := 0
	for _, v := range s {
		total += d.weight[v]
	}
	sorted := slices.Clone(s)
	along := func() {
		slices.SortFunc(sorted, func(a, b int32) int {
			if c := cmp.Compare(d.place[a], d.place[b]); c != 0 {
				return c
			}
			return cmp.Compare(a, b)
		})
		for _, at := range d.cuts(sorted, total) {
			sep := d.cover.smallest(d.graph, sorted[:at], sorted[at:])
			if quality, ok := d.quality(sorted, at, sep, total); ok && quality < best {
				best = quality
				low, high, separator = split(sorted, at, sep)
			}
		}
	}
	for _, x := range d.centre {
		for _, v := range s {
			d.place[v] = x[v]
		}
		along()
	}
	id := d.set[s[0]]
	end := s[0]
	for range 3 { // the last block found is far from the first: an end, or nearly
		found := d.search(end, id)
		end = found[len(found)-1]
	}
	d.search(end, id)
	for _, v := range s {
		d.place[v] = float64(d.level[v])
	}
	along()
	return low, high, separator
}

// cuts are the numbers of blocks below a cut, for cuts between different places and nearest to half of the weight.
func (d *dissection) cuts(sorted []int32, total int) []int {
	type cut struct{ at, off int }
	var all []cut
	below := 0
	for k := 1; k < len(sorted); k++ {
		below += d.weight[sorted[k-1]]
		if d.place[sorted[k]] > d.place[sorted[k-1]] {
			all = append(all, cut{k, max(2*below-total, total-2*below)})
		}
	}
	slices.SortStableFunc(all, func(a, b cut) int { return cmp.Compare(a.off, b.off) })
	var ats []int
	for _, c := range all[:min(trials, len(all))] {
		ats = append(ats, c.at)
	}
	return ats
}

// quality of a cut, small is good: the weight of the separator over a power of the product of the weights that it separates, which is
// largest where it halves. Of powers from 0.5 to 3, this one gave the least work for grids of two and three dimensions whose
// places are not known; with places they make no difference.
func (d *dissection) quality(sorted []int32, at int, separator []int32, total int) (float64, bool) {
	low, sep := 0, 0
	for _, v := range sorted[:at] {
		low += d.weight[v]
	}
	for _, v := range separator {
		sep += d.weight[v]
		if d.cover.side[v] > 0 {
			low -= d.weight[v]
		}
	}
	high := total - low - sep
	if low <= 0 || high <= 0 {
		return 0, false
	}
	return float64(sep) / math.Pow(float64(low)*float64(high), 0.7), true
}

// split takes the separator out of both sides of a cut.
func split(sorted []int32, at int, separator []int32) (low, high, sep []int32) {
	out := make(map[int32]bool, len(separator))
	for _, v := range separator {
		out[v] = true
	}
	for k, v := range sorted {
		switch {
		case out[v]:
			sep = append(sep, v) // in order of place
		case k < at:
			low = append(low, v)
		default:
			high = append(high, v)
		}
	}
	return low, high, sep
}
