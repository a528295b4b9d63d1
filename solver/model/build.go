package model

import (
	"fmt"
	"sort"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/exchange"
)

// builder holds what is needed only while a Cloud is made.
type builder[T kernels.Real] struct {
	*Cloud[T]
	m          *Model
	y          *layout
	rank       int32
	set        kernels.Jets
	points     [][]float64
	local      []int32            // global point → own index, -1 elsewhere
	neighbours []int32            // ascending
	halo       map[int32][]int32  // mode Jets: neighbour → its points that my subdomains reach, ascending
	mirror     map[int32][]int32  // mode Jets: neighbour → my points that its subdomains reach, ascending
	section    []kernels.Section  // 0: own points; 1..: halos in order of neighbours
	ghostOf    map[int32][][2]int // mode Parameters: neighbour → (level, slot) of its subdomains held here
	sentTo     map[int32][][2]int // mode Parameters: neighbour → (level, slot) of mine held there
}

func (b *builder[T]) ownPoints() {
	b.local = make([]int32, len(b.y.owner))
	for i, o := range b.y.owner {
		b.local[i] = -1
		if o == b.rank {
			b.local[i] = int32(len(b.Points))
			b.Points = append(b.Points, i)
		}
	}
}

// slots decides which subdomains this rank holds, and with whom it shares them.
func (b *builder[T]) slots() {
	b.ghostOf, b.sentTo = map[int32][][2]int{}, map[int32][][2]int{}
	b.Levels = make([]Level, len(b.m.Dec.Levels))
	for l, level := range b.m.Dec.Levels {
		v := &b.Levels[l]
		v.P = b.m.Nets[l].Params()
		own := b.y.subOwner[l]
		if own == nil {
			v.Replicated = true
			for j := 0; j < level.Len(); j++ {
				v.Subs = append(v.Subs, j)
			}
			v.Owned = len(v.Subs)
			continue
		}
		for j, o := range own {
			if o == b.rank {
				v.Subs = append(v.Subs, j)
			}
		}
		v.Owned = len(v.Subs)
		if b.y.mode != Parameters {
			continue
		}
		slot := 0
		for j, o := range own {
			if o == b.rank {
				for _, r := range b.ranksOf(l, j) {
					if r != b.rank {
						b.sentTo[r] = append(b.sentTo[r], [2]int{l, slot})
					}
				}
				slot++
				continue
			}
			for _, r := range b.ranksOf(l, j) {
				if r == b.rank {
					b.ghostOf[o] = append(b.ghostOf[o], [2]int{l, len(v.Subs)})
					v.Subs = append(v.Subs, j)
				}
			}
		}
	}
	at := 0
	place := func(replicated bool) {
		for l := range b.Levels {
			if v := &b.Levels[l]; v.Replicated == replicated {
				v.At = at
				at += len(v.Subs) * v.P
			}
		}
	}
	place(true)
	b.replicated = at
	place(false)
	b.Theta, b.Grad = kernels.Make[T](at)[:at], kernels.Make[T](at)[:at]
}

// ranksOf lists the ranks that own points inside subdomain j of level l, ascending.
func (b *builder[T]) ranksOf(l, j int) []int32 {
	var rs []int32
	for _, i := range b.y.pairs[l].Of(j) {
		r := b.y.owner[i]
		k := sort.Search(len(rs), func(k int) bool { return rs[k] >= r })
		if k == len(rs) || rs[k] != r {
			rs = append(rs, 0)
			copy(rs[k+1:], rs[k:])
			rs[k] = r
		}
	}
	return rs
}

// sections lists neighbours and, in mode Jets, the halo points exchanged with each.
func (b *builder[T]) sections() {
	b.halo, b.mirror = map[int32][]int32{}, map[int32][]int32{}
	known := map[int32]bool{}
	if b.y.mode == Parameters {
		for r := range b.ghostOf {
			known[r] = true
		}
		for r := range b.sentTo {
			known[r] = true
		}
	} else {
		seen := map[[2]int32]bool{} // (rank that evaluates, point)
		for l, own := range b.y.subOwner {
			for j, o := range own {
				for _, i := range b.y.pairs[l].Of(j) {
					r := b.y.owner[i]
					if r == o || (r != b.rank && o != b.rank) || seen[[2]int32{o, i}] {
						continue
					}
					seen[[2]int32{o, i}] = true
					if o == b.rank {
						b.halo[r] = append(b.halo[r], i)
						known[r] = true
					} else {
						b.mirror[o] = append(b.mirror[o], i)
						known[o] = true
					}
				}
			}
		}
		for _, lists := range []map[int32][]int32{b.halo, b.mirror} {
			for _, list := range lists {
				sort.Slice(list, func(p, q int) bool { return list[p] < list[q] })
			}
		}
	}
	for r := range known {
		b.neighbours = append(b.neighbours, r)
	}
	sort.Slice(b.neighbours, func(p, q int) bool { return b.neighbours[p] < b.neighbours[q] })
}

// planes lays out U: own points first, then a section for each neighbour's halo.
func (b *builder[T]) planes() {
	planes := int64(b.set.N() * len(b.m.Scale))
	n := int64(len(b.Points))
	b.section = []kernels.Section{{Base: 0, Stride: n}}
	at := planes * n
	for _, r := range b.neighbours {
		h := int64(len(b.halo[r]))
		b.section = append(b.section, kernels.Section{Base: at, Stride: h})
		at += planes * h
	}
	b.U, b.UBar = kernels.Make[T](int(at))[:at], kernels.Make[T](int(at))[:at]
}

// tiles cuts level l into tiles, one for each subdomain held and each section that it reaches, and opens its kernel.
func (b *builder[T]) tiles(l int, backend kernels.Backend[T]) error {
	level, v, net := b.m.Dec.Levels[l], &b.Levels[l], b.m.Nets[l]
	d, nc := len(b.points), b.set.N()
	var tiles []kernels.Tile
	var runs []kernels.Run
	var index [][]int32 // per tile: global points
	var inner, rim, slotOf []int32
	x, w := int64(0), int64(0)
	add := func(slot, section int, list []int32, place func(int32) int32) {
		if len(list) == 0 {
			return
		}
		t := kernels.Tile{Sub: int32(slot), N: int32(len(list)), Run: int32(len(runs)), Section: int32(section), X: x, W: w}
		for k, i := range list {
			p := place(i)
			if k > 0 {
				if last := &runs[len(runs)-1]; last.Point+last.N == p {
					last.N++
					continue
				}
			}
			runs = append(runs, kernels.Run{Tile: int32(k), Point: p, N: 1})
		}
		t.Runs = int32(len(runs)) - t.Run
		pad := int64(kernels.Pad(len(list)))
		x += int64(d) * pad
		w += int64(nc) * pad
		if section > 0 || slot >= v.Owned {
			rim = append(rim, int32(len(tiles)))
		} else {
			inner = append(inner, int32(len(tiles)))
		}
		tiles, index, slotOf = append(tiles, t), append(index, list), append(slotOf, int32(slot))
		b.Pairs += len(list)
	}
	var own []int32
	away := make([][]int32, len(b.neighbours))
	for slot, j := range v.Subs {
		own = nil
		for k := range away {
			away[k] = nil
		}
		for _, i := range b.y.pairs[l].Of(j) {
			r := b.y.owner[i]
			if r == b.rank {
				own = append(own, i)
			} else if b.y.mode == Jets && !v.Replicated {
				k := b.neighbour(r)
				away[k] = append(away[k], i)
			}
		}
		add(slot, 0, own, func(i int32) int32 { return b.local[i] })
		for k, list := range away {
			h := b.halo[b.neighbours[k]]
			add(slot, 1+k, list, func(i int32) int32 {
				return int32(sort.Search(len(h), func(p int) bool { return h[p] >= i }))
			})
		}
	}
	plan := &kernels.Plan[T]{Net: net, Jets: b.set, Tiles: kernels.From(tiles), Runs: kernels.From(runs),
		Sections: kernels.From(b.section), X: kernels.Make[T](int(x)), W: kernels.Make[T](int(w)),
		InvSigma: kernels.Make[T](len(v.Subs) * d), Scale: kernels.Make[T](net.Out), Shift: kernels.Make[T](net.Out),
		Theta: b.Theta[v.At : v.At+len(v.Subs)*v.P], Grad: b.Grad[v.At : v.At+len(v.Subs)*v.P], U: b.U, UBar: b.UBar}
	for k := range b.m.Scale {
		plan.Scale[k], plan.Shift[k] = T(b.m.Scale[k]), T(b.m.Shift[k])
	}
	for slot, j := range v.Subs {
		half := level.Half(j)
		for a := 0; a < d; a++ {
			plan.InvSigma[slot*d+a] = T(1 / half[a])
		}
	}
	fill := decomp.NewFiller[T](level, b.set, 1/float64(len(b.Levels)))
	for k, t := range tiles {
		pad := kernels.Pad(int(t.N))
		if err := fill.Fill(v.Subs[t.Sub], b.points, index[k], plan.X[t.X:t.X+int64(d*pad)], plan.W[t.W:t.W+int64(nc*pad)], pad); err != nil {
			return err
		}
	}
	kernel, err := backend.Open(plan)
	if err != nil {
		return fmt.Errorf("model: level %d: %w", l+1, err)
	}
	b.kernels = append(b.kernels, kernel)
	b.slotOf = append(b.slotOf, slotOf)
	b.allInner, b.allRim = append(b.allInner, kernels.From(inner)), append(b.allRim, kernels.From(rim))
	b.inner, b.trainInner = append(b.inner, kernels.From(inner)), append(b.trainInner, kernels.From(inner))
	b.rim, b.trainRim = append(b.rim, kernels.From(rim)), append(b.trainRim, kernels.From(rim))
	return nil
}

func (b *builder[T]) neighbour(r int32) int {
	return sort.Search(len(b.neighbours), func(k int) bool { return b.neighbours[k] >= r })
}

// links turns neighbours into the blocks that travel: stretches of U in mode Jets, of Theta in mode Parameters.
func (b *builder[T]) links() error {
	planes := b.set.N() * len(b.m.Scale)
	var links []exchange.Link
	for k, r := range b.neighbours {
		link := exchange.Link{Rank: int(r)}
		if b.y.mode == Jets {
			s := b.section[1+k]
			if s.Stride > 0 {
				link.Send = []exchange.Block{{At: s.Base, N: s.Stride * int64(planes)}}
			}
			for p := 0; p < planes; p++ {
				link.Recv = appendPoints(link.Recv, int64(p)*b.section[0].Stride, b.mirror[r], b.local)
			}
		} else {
			for _, v := range b.sentTo[r] {
				link.Send = b.appendSlot(link.Send, v)
			}
			for _, v := range b.ghostOf[r] {
				link.Recv = b.appendSlot(link.Recv, v)
			}
		}
		links = append(links, link)
	}
	x, err := exchange.New[T](b.comm, links, tag)
	b.exchange = x
	return err
}

func appendPoints(blocks []exchange.Block, base int64, points []int32, local []int32) []exchange.Block {
	first := len(blocks)
	for _, i := range points {
		at := base + int64(local[i])
		if n := len(blocks); n > first && blocks[n-1].At+blocks[n-1].N == at {
			blocks[n-1].N++
		} else {
			blocks = append(blocks, exchange.Block{At: at, N: 1})
		}
	}
	return blocks
}

func (b *builder[T]) appendSlot(blocks []exchange.Block, v [2]int) []exchange.Block {
	level := b.Levels[v[0]]
	at := int64(level.At + v[1]*level.P)
	if n := len(blocks); n > 0 && blocks[n-1].At+blocks[n-1].N == at {
		blocks[n-1].N += int64(level.P)
		return blocks
	}
	return append(blocks, exchange.Block{At: at, N: int64(level.P)})
}
