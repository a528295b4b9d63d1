package model

import (
	"fmt"
	"reflect"
	"slices"
	"sort"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/decomp"
)

// builder holds what is needed only while a Cloud is made.
type builder[T kernels.Real] struct {
	*Cloud[T]
	y       *Layout
	set     kernels.Jets
	section []kernels.Section // 0: own points; then, in mode Jets, the halos in order of neighbours
}

// parameters makes room for those of all subdomains held.
func (b *builder[T]) parameters() (err error) {
	var total int
	b.Levels, b.replicated, total = b.y.levels(b.Mode)
	if b.Theta, err = b.backend.Make(total); err != nil {
		return fmt.Errorf("model: parameters: %w", err)
	}
	if b.Grad, err = b.backend.Make(total); err != nil {
		return fmt.Errorf("model: gradient: %w", err)
	}
	if b.replicated > 0 && b.comm.Size() > 1 {
		if b.coarse, err = b.backend.OpenPort([]kernels.Block{{N: int64(b.replicated)}}, true); err != nil {
			return fmt.Errorf("model: all-reduce of the replicated levels: %w", err)
		}
	}
	return nil
}

// planes makes room for jets and adjoints.
func (b *builder[T]) planes() (err error) {
	var total int64
	b.section, total = b.y.sections(b.Mode)
	if b.U, err = b.backend.Make(int(total)); err != nil {
		return fmt.Errorf("model: jets: %w", err)
	}
	if b.UBar, err = b.backend.Make(int(total)); err != nil {
		return fmt.Errorf("model: adjoints: %w", err)
	}
	return nil
}

// stretches cuts the levels, in their order in Theta, where the shape of the network changes.
func (b *builder[T]) stretches() (all [][]int) {
	nets := b.y.m.Nets
	for _, replicated := range []bool{true, false} {
		for l := range b.Levels {
			if b.Levels[l].Replicated != replicated {
				continue
			}
			if n := len(all); n > 0 && reflect.DeepEqual(nets[all[n-1][0]], nets[l]) {
				all[n-1] = append(all[n-1], l)
			} else {
				all = append(all, []int{l})
			}
		}
	}
	return all
}

// open cuts levels of one shape into tiles, one for each subdomain held and each section that it reaches, and opens their kernel.
// The tiles are counted first: the plan is made in one piece.
func (b *builder[T]) open(levels []int) error {
	first, last := &b.Levels[levels[0]], &b.Levels[levels[len(levels)-1]]
	end := last.At + len(last.Subs)*last.P
	m, d, nc := b.y.m, len(b.y.near), b.set.N()
	net := m.Nets[levels[0]]
	pairs := make([]decomp.Pairs, len(levels))
	slots, tiles, runs, lanes := 0, 0, 0, 0
	for k, l := range levels {
		slots += len(b.Levels[l].Subs)
		pairs[k] = m.Dec.Levels[l].PairsOf(b.Levels[l].Subs, b.y.near)
		_ = b.tiles(l, pairs[k], func(_ place, section int, list []int32) error {
			b.runs(section, list, func(kernels.Run) { runs++ })
			tiles, lanes = tiles+1, lanes+kernels.Pad(len(list))
			return nil
		})
	}
	plan := &kernels.Plan[T]{Net: net, Jets: b.set, Tiles: kernels.Make[kernels.Tile](tiles)[:0], Runs: kernels.Make[kernels.Run](runs)[:0],
		Sections: kernels.From(b.section), X: kernels.Make[T](d * lanes), W: kernels.Make[T](nc * lanes),
		InvSigma: kernels.Make[T](d * slots)[:0], Scale: kernels.Make[T](net.Out), Shift: kernels.Make[T](net.Out),
		Theta: b.Theta[first.At:end], Grad: b.Grad[first.At:end], U: b.U, UBar: b.UBar}
	for k := range m.Scale {
		plan.Scale[k], plan.Shift[k] = T(m.Scale[k]), T(m.Shift[k])
	}
	g := group[T]{at: first.At, n: end - first.At, plan: plan, tiles: make([]place, 0, tiles)}
	lane := 0
	for k, l := range levels {
		level, before := m.Dec.Levels[l], len(plan.InvSigma)/d // slots of the group's earlier levels
		for _, j := range b.Levels[l].Subs {
			half := level.Half(j)
			for a := range d {
				plan.InvSigma = append(plan.InvSigma, T(1/half[a]))
			}
		}
		filler := decomp.NewFiller[T](level, b.set, 1/float64(len(b.Levels)))
		err := b.tiles(l, pairs[k], func(at place, section int, list []int32) error {
			t := kernels.Tile{Sub: int32(before) + at.slot, N: int32(len(list)), Run: int32(len(plan.Runs)), Section: int32(section),
				X: int64(d * lane), W: int64(nc * lane)}
			b.runs(section, list, func(r kernels.Run) { plan.Runs = append(plan.Runs, r) })
			t.Runs = int32(len(plan.Runs)) - t.Run
			if at.rim {
				g.rim = append(g.rim, int32(len(g.tiles)))
			} else {
				g.inner = append(g.inner, int32(len(g.tiles)))
			}
			plan.Tiles, g.tiles = append(plan.Tiles, t), append(g.tiles, at)
			b.Pairs += len(list)
			pad := kernels.Pad(len(list))
			lane += pad
			return filler.Fill(b.Levels[l].Subs[at.slot], b.y.near, list, plan.X[t.X:][:d*pad], plan.W[t.W:][:nc*pad], pad)
		})
		if err != nil {
			return err
		}
	}
	kernel, err := b.backend.Open(plan)
	if err != nil {
		return fmt.Errorf("model: level %d: %w", levels[0]+1, err)
	}
	g.kernel = kernel
	b.groups = append(b.groups, g)
	return nil
}

// tiles visits the tiles of level l: for each subdomain held, its own points and, in mode Jets, those of each neighbour. The list
// of points is valid during the call only.
func (b *builder[T]) tiles(l int, pairs decomp.Pairs, visit func(at place, section int, list []int32) error) error {
	v, rank := &b.Levels[l], int32(b.y.Rank)
	away := make([][]int32, len(b.section)) // by section; 0: own points
	for slot := range v.Subs {
		for k := range away {
			away[k] = away[k][:0]
		}
		for _, i := range pairs.Of(slot) {
			if r := b.y.owner[i]; r == rank {
				away[0] = append(away[0], i)
			} else if b.Mode == Jets && !v.Replicated {
				k := sort.Search(len(b.y.Neighbours), func(k int) bool { return b.y.Neighbours[k].Rank >= int(r) })
				away[1+k] = append(away[1+k], i)
			}
		}
		for section, list := range away {
			if len(list) == 0 {
				continue
			}
			if err := visit(place{level: int32(l), slot: int32(slot), rim: section > 0 || slot >= v.Owned}, section, list); err != nil {
				return err
			}
		}
	}
	return nil
}

// runs visits the stretches in which points of a tile follow each other in their section.
func (b *builder[T]) runs(section int, list []int32, visit func(kernels.Run)) {
	var run kernels.Run
	for k, i := range list {
		to := b.y.local[i]
		if section > 0 {
			at, _ := slices.BinarySearch(b.y.Neighbours[section-1].halo, i)
			to = int32(at)
		}
		if k > 0 && run.Point+run.N == to {
			run.N++
			continue
		}
		if k > 0 {
			visit(run)
		}
		run = kernels.Run{Tile: int32(k), Point: to, N: 1}
	}
	visit(run)
}
