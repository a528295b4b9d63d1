package device

import (
	"math/rand/v2"
	"slices"
	"testing"

	"fbpinn-mpi/kernels"
)

// world is a set of tiles over two sections with runs of any length.
type world struct {
	tiles    []kernels.Tile
	runs     []kernels.Run
	sections []kernels.Section
}

func newWorld() world {
	w := world{sections: []kernels.Section{{Base: 5, Stride: 500}, {Base: 9000, Stride: 400}}}
	draw := rand.New(rand.NewPCG(7, 0))
	for i, n := range []int32{33, 1, 0, 64, 100, 17, 300, 31} {
		t := kernels.Tile{Sub: int32(i % 3), N: n, Run: int32(len(w.runs)), Section: int32(i % 2), X: int64(1000 * i), W: int64(5000 * i)}
		at := int32(draw.IntN(5))
		for done := int32(0); done < n; t.Runs++ {
			length := min(1+int32(draw.IntN(30)), n-done)
			w.runs = append(w.runs, kernels.Run{Tile: done, Point: at, N: length})
			done, at = done+length, at+length+int32(draw.IntN(3))
		}
		w.tiles = append(w.tiles, t)
	}
	return w
}

// place is where a pair adds: a point of a section.
type place struct{ section, point int32 }

// The pairs of a list, point by point, are those of its tiles in the order of the list: nothing left out, nothing twice.
func TestGatherList(t *testing.T) {
	w := newWorld()
	pair, pairs, err := number(w.tiles)
	if err != nil {
		t.Fatal(err)
	}
	point := pointsOfPairs(w.tiles, w.runs, pair, pairs)
	for _, list := range [][]int32{{0, 1, 2, 3, 4, 5, 6, 7}, {6, 3, 0, 4}, {2}, {}, {5, 5, 1}} {
		want := map[place][]int32{}
		for _, i := range list {
			for n := range w.tiles[i].N {
				p := int32(pair[i]) + n
				at := place{w.tiles[i].Section, point[p]}
				want[at] = append(want[at], p)
			}
		}
		o := gatherList(list, w.tiles, w.runs, w.sections, pair)
		if len(o.target) != len(want) || len(o.first) != len(want)+1 {
			t.Fatalf("list %v: %d targets and %d bounds for %d points", list, len(o.target), len(o.first), len(want))
		}
		last := int64(-1)
		for k, target := range o.target {
			section := int32(0)
			if int64(target.at) >= w.sections[1].Base {
				section = 1
			}
			s := w.sections[section]
			if int64(target.stride) != s.Stride || int64(target.at) <= last {
				t.Fatalf("list %v: target %+v after %d in section %+v", list, target, last, s)
			}
			last = int64(target.at)
			at := place{section, int32(int64(target.at) - s.Base)}
			if got := o.pair[o.first[k]:o.first[k+1]]; !slices.Equal(got, want[at]) {
				t.Fatalf("list %v: pairs %v at %+v, want %v", list, got, at, want[at])
			}
		}
	}
}

// Chunks cover their tile end to end, their pairs start at whole cache lines, and a tile is cut alike among other tiles.
func TestCut(t *testing.T) {
	w := newWorld()
	pair, pairs, err := number(w.tiles)
	if err != nil {
		t.Fatal(err)
	}
	for _, points := range []int32{32, 64, 512} {
		chunks, first := cut(w.tiles, pair, points)
		used := make([]bool, pairs)
		for i, tile := range w.tiles {
			next := int64(0)
			for _, c := range chunks[first[i]:first[i+1]] {
				if int64(c.x) != tile.X+next || int64(c.w) != tile.W+next || int64(c.pair) != pair[i]+next || int(c.sub) != int(tile.Sub) ||
					c.n < 1 || int32(c.n) > points || int(c.stride) != kernels.Pad(int(tile.N)) || c.pair%pairAlign != 0 {
					t.Fatalf("%d points: chunk %+v at point %d of tile %+v", points, c, next, tile)
				}
				for n := range int64(c.n) {
					if used[int64(c.pair)+n] {
						t.Fatalf("%d points: pair %d in two chunks", points, int64(c.pair)+n)
					}
					used[int64(c.pair)+n] = true
				}
				next += int64(c.n)
			}
			if next != int64(tile.N) {
				t.Fatalf("%d points: chunks hold %d of %d points", points, next, tile.N)
			}
		}
	}
}

func TestReduceList(t *testing.T) {
	w := newWorld()
	pair, _, _ := number(w.tiles)
	chunks, first := cut(w.tiles, pair, 32)
	for _, tiles := range [][]int32{{0, 1, 2, 3, 4, 5, 6, 7}, {6, 3, 0, 6}, {2}, {}} {
		list := entries(tiles, first)
		r := reduceList(list, chunks)
		if len(r.first) != len(r.slot)+1 || !slices.IsSorted(r.slot) {
			t.Fatalf("tiles %v: %+v", tiles, r)
		}
		seen := 0
		for s, slot := range r.slot {
			mine := r.entry[r.first[s]:r.first[s+1]]
			for _, e := range mine {
				if int32(chunks[list[e]].sub) != slot {
					t.Fatalf("tiles %v: entry %d at slot %d", tiles, e, slot)
				}
			}
			if !slices.IsSorted(mine) || len(mine) == 0 {
				t.Fatalf("tiles %v: entries %v of slot %d are not in order", tiles, mine, slot)
			}
			seen += len(mine)
		}
		if seen != len(list) {
			t.Fatalf("tiles %v: %d of %d entries", tiles, seen, len(list))
		}
	}
}

// Names are those under which the kernels are compiled.
func TestSpecialised(t *testing.T) {
	jets := func(d int, ms ...kernels.MultiIndex) kernels.Jets { return kernels.NewJets(d, ms...) }
	net := func(d int, hidden ...int) kernels.Net { return kernels.Net{D: d, Hidden: hidden, Out: 1} }
	fourier, sin, adaptive := net(2, 16), net(2, 16, 16), net(2, 16)
	fourier.Fourier, sin.Act, adaptive.Act = 4, kernels.Sin, kernels.AdaptiveTanh
	burgers := jets(2, kernels.MultiIndex{2}, kernels.MultiIndex{0, 1})
	for _, c := range []struct {
		net  kernels.Net
		jets kernels.Jets
		want string
	}{
		{net(2, 16), burgers, "shallow_d2_xx"},
		{net(2, 16), jets(2, kernels.MultiIndex{0, 2}, kernels.MultiIndex{2}, kernels.MultiIndex{1, 1}), "shallow_d2_xx_xy_yy"},
		{net(1, 7), jets(1, kernels.MultiIndex{1}), "shallow_d1"},
		{sin, burgers, "deep_w16_d2_xx"},
		{net(4, 64, 64, 64), jets(4, kernels.MultiIndex{1, 1}, kernels.MultiIndex{0, 0, 1}, kernels.MultiIndex{0, 0, 0, 2}), "deep_w64_d4_xy_ww"},
		{net(2, 16, 32), burgers, ""},
		{fourier, burgers, ""},
		{adaptive, burgers, ""},
		{net(2, 16), jets(2), ""},                        // no gradient
		{net(2, 16), jets(2, kernels.MultiIndex{2}), ""}, // half a gradient
		{net(2, 16), jets(2, kernels.MultiIndex{3}, kernels.MultiIndex{0, 1}), ""},
	} {
		name, form, ok := specialised(c.net, c.jets)
		if got := name + form; got != c.want || ok != (c.want != "") {
			t.Errorf("%v with %v: %q, want %q", c.net, c.jets, got, c.want)
		}
	}
}
