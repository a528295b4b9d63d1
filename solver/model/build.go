package model

import (
	"fmt"
	"reflect"
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
func (b *builder[T]) slots() (err error) {
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
	if b.Theta, err = b.backend.Make(at); err != nil {
		return fmt.Errorf("model: parameters: %w", err)
	}
	if b.Grad, err = b.backend.Make(at); err != nil {
		return fmt.Errorf("model: gradient: %w", err)
	}
	if b.replicated > 0 && b.comm.Size() > 1 {
		if b.coarse, err = b.backend.OpenPort([]kernels.Block{{N: int64(b.replicated)}}, true); err != nil {
			return fmt.Errorf("model: all-reduce of the replicated levels: %w", err)
		}
	}
	return nil
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
func (b *builder[T]) planes() (err error) {
	planes := int64(b.set.N() * len(b.m.Scale))
	n := int64(len(b.Points))
	b.section = []kernels.Section{{Base: 0, Stride: n}}
	at := planes * n
	for _, r := range b.neighbours {
		h := int64(len(b.halo[r]))
		b.section = append(b.section, kernels.Section{Base: at, Stride: h})
		at += planes * h
	}
	if b.U, err = b.backend.Make(int(at)); err != nil {
		return fmt.Errorf("model: jets: %w", err)
	}
	if b.UBar, err = b.backend.Make(int(at)); err != nil {
		return fmt.Errorf("model: adjoints: %w", err)
	}
	return nil
}

// stretches cuts the levels, in their order in Theta, where the shape of the network changes.
func (b *builder[T]) stretches() (all [][]int) {
	for _, replicated := range []bool{true, false} {
		for l := range b.Levels {
			if b.Levels[l].Replicated != replicated {
				continue
			}
			if n := len(all); n > 0 && reflect.DeepEqual(b.m.Nets[all[n-1][0]], b.m.Nets[l]) {
				all[n-1] = append(all[n-1], l)
			} else {
				all = append(all, []int{l})
			}
		}
	}
	return all
}

// planner collects the plan of one group.
type planner[T kernels.Real] struct {
	*builder[T]
	group    *group[T]
	tiles    []kernels.Tile
	runs     []kernels.Run
	index    [][]int32 // per tile: global points
	invSigma []T
	x, w     int64 // lengths
}

// open cuts the levels into tiles, one for each subdomain held and each section that it reaches, and opens their kernel.
func (b *builder[T]) open(levels []int) error {
	first, last := &b.Levels[levels[0]], &b.Levels[levels[len(levels)-1]]
	end := last.At + len(last.Subs)*last.P
	p := &planner[T]{builder: b, group: &group[T]{at: first.At, n: end - first.At}}
	for _, l := range levels {
		p.cut(l)
	}
	net, d, nc := b.m.Nets[levels[0]], len(b.points), b.set.N()
	plan := &kernels.Plan[T]{Net: net, Jets: b.set, Tiles: kernels.From(p.tiles), Runs: kernels.From(p.runs),
		Sections: kernels.From(b.section), X: kernels.Make[T](int(p.x)), W: kernels.Make[T](int(p.w)),
		InvSigma: kernels.From(p.invSigma), Scale: kernels.Make[T](net.Out), Shift: kernels.Make[T](net.Out),
		Theta: b.Theta[first.At:end], Grad: b.Grad[first.At:end], U: b.U, UBar: b.UBar}
	for k := range b.m.Scale {
		plan.Scale[k], plan.Shift[k] = T(b.m.Scale[k]), T(b.m.Shift[k])
	}
	fill := make([]*decomp.Filler[T], len(b.Levels))
	for _, l := range levels {
		fill[l] = decomp.NewFiller[T](b.m.Dec.Levels[l], b.set, 1/float64(len(b.Levels)))
	}
	for k, t := range p.tiles {
		pad, at := kernels.Pad(int(t.N)), p.group.tiles[k]
		j := b.Levels[at.level].Subs[at.slot]
		if err := fill[at.level].Fill(j, b.points, p.index[k], plan.X[t.X:t.X+int64(d*pad)], plan.W[t.W:t.W+int64(nc*pad)], pad); err != nil {
			return err
		}
	}
	kernel, err := b.backend.Open(plan)
	if err != nil {
		return fmt.Errorf("model: level %d: %w", levels[0]+1, err)
	}
	p.group.kernel, p.group.plan = kernel, plan
	b.groups = append(b.groups, *p.group)
	return nil
}

// cut adds the tiles of level l.
func (p *planner[T]) cut(l int) {
	b, level, v := p.builder, p.m.Dec.Levels[l], &p.Levels[l]
	before := (v.At - p.group.at) / v.P // slots of the group's earlier levels
	var own []int32
	away := make([][]int32, len(b.neighbours))
	for slot, j := range v.Subs {
		half := level.Half(j)
		for a := range b.points {
			p.invSigma = append(p.invSigma, T(1/half[a]))
		}
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
		at := place{level: int32(l), slot: int32(slot), rim: slot >= v.Owned}
		p.add(at, before+slot, 0, own, func(i int32) int32 { return b.local[i] })
		at.rim = true
		for k, list := range away {
			h := b.halo[b.neighbours[k]]
			p.add(at, before+slot, 1+k, list, func(i int32) int32 {
				return int32(sort.Search(len(h), func(p int) bool { return h[p] >= i }))
			})
		}
	}
}

// add makes a tile of the points of the list; where gives their places in the section.
func (p *planner[T]) add(at place, slot, section int, list []int32, where func(int32) int32) {
	if len(list) == 0 {
		return
	}
	t := kernels.Tile{Sub: int32(slot), N: int32(len(list)), Run: int32(len(p.runs)), Section: int32(section), X: p.x, W: p.w}
	for k, i := range list {
		to := where(i)
		if k > 0 {
			if last := &p.runs[len(p.runs)-1]; last.Point+last.N == to {
				last.N++
				continue
			}
		}
		p.runs = append(p.runs, kernels.Run{Tile: int32(k), Point: to, N: 1})
	}
	t.Runs = int32(len(p.runs)) - t.Run
	pad := int64(kernels.Pad(len(list)))
	p.x += int64(len(p.points)) * pad
	p.w += int64(p.set.N()) * pad
	if at.rim {
		p.group.rim = append(p.group.rim, int32(len(p.tiles)))
	} else {
		p.group.inner = append(p.group.inner, int32(len(p.tiles)))
	}
	p.tiles, p.index, p.group.tiles = append(p.tiles, t), append(p.index, list), append(p.group.tiles, at)
	p.Pairs += len(list)
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
				link.Send = []kernels.Block{{At: s.Base, N: s.Stride * int64(planes)}}
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
	x, err := exchange.New[T](b.comm, b.backend, links, tag)
	b.exchange = x
	return err
}

func appendPoints(blocks []kernels.Block, base int64, points []int32, local []int32) []kernels.Block {
	first := len(blocks)
	for _, i := range points {
		at := base + int64(local[i])
		if n := len(blocks); n > first && blocks[n-1].At+blocks[n-1].N == at {
			blocks[n-1].N++
		} else {
			blocks = append(blocks, kernels.Block{At: at, N: 1})
		}
	}
	return blocks
}

func (b *builder[T]) appendSlot(blocks []kernels.Block, v [2]int) []kernels.Block {
	level := b.Levels[v[0]]
	at := int64(level.At + v[1]*level.P)
	if n := len(blocks); n > 0 && blocks[n-1].At+blocks[n-1].N == at {
		blocks[n-1].N += int64(level.P)
		return blocks
	}
	return append(blocks, kernels.Block{At: at, N: int64(level.P)})
}
