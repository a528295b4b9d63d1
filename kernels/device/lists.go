package device

// #include "../src/abi.h"
import "C"

import (
	"fmt"
	"math"
	"slices"

	"fbpinn-mpi/kernels"
)

// pairAlign is the number to whose multiples the first pairs of tiles and chunks are rounded: rows of v start at whole cache lines.
const pairAlign = 32

// number gives every tile its first pair. Pairs follow from the tiles alone, so kernels that cut them differently share v.
func number(tiles []kernels.Tile) (first []int64, pairs int64, err error) {
	first = make([]int64, len(tiles))
	for i, t := range tiles {
		first[i] = pairs
		pairs += (int64(t.N) + pairAlign - 1) / pairAlign * pairAlign
	}
	if pairs > math.MaxInt32 {
		return nil, 0, fmt.Errorf("device: %d pairs of points and subdomains in one plan, at most %d are numbered: fewer points a rank, or more ranks",
			pairs, math.MaxInt32)
	}
	return first, pairs, nil
}

// cut divides each tile into chunks of at most n points. Those of tile i are first[i] to first[i+1]-1.
func cut(tiles []kernels.Tile, pair []int64, n int32) (chunks []C.fb_chunk, first []int32) {
	first = make([]int32, len(tiles)+1)
	for i, t := range tiles {
		for at := int32(0); at < t.N; at += n {
			chunks = append(chunks, C.fb_chunk{
				sub: C.int32_t(t.Sub), n: C.int32_t(min(n, t.N-at)), section: C.int32_t(t.Section),
				stride: C.int32_t(kernels.Pad(int(t.N))),
				x:      C.int64_t(t.X + int64(at)), w: C.int64_t(t.W + int64(at)), pair: C.int64_t(pair[i] + int64(at)),
			})
		}
		first[i+1] = int32(len(chunks))
	}
	return chunks, first
}

// mostChunks is the number of chunks of the tile that has most.
func mostChunks(first []int32) (most int) {
	for i := range first[1:] {
		most = max(most, int(first[i+1]-first[i]))
	}
	return most
}

// entries lists the chunks of tiles, tile by tile.
func entries(tiles, first []int32) (list []int32) {
	for _, i := range tiles {
		for c := first[i]; c < first[i+1]; c++ {
			list = append(list, c)
		}
	}
	return list
}

// pointsOfPairs is the point of its section that each pair lies at.
func pointsOfPairs(tiles []kernels.Tile, runs []kernels.Run, pair []int64, pairs int64) []int32 {
	point := make([]int32, pairs)
	for i, t := range tiles {
		for _, r := range runs[t.Run : t.Run+t.Runs] {
			for n := range r.N {
				point[pair[i]+int64(r.Tile+n)] = r.Point + n
			}
		}
	}
	return point
}

// overlap says which pairs meet at which points: pairs first[t] to first[t+1]-1 at target t.
type overlap struct {
	target      []C.fb_target
	first, pair []int32
}

// gatherList collects the pairs of a list of tiles by point, those of one point in the order of the list. Targets ascend by
// section and point: threads that are neighbours add at neighbouring places of U, and read neighbouring pairs, as neighbouring
// points mostly lie in the same tiles.
func gatherList(list []int32, tiles []kernels.Tile, runs []kernels.Run, sections []kernels.Section, pair []int64) overlap {
	// Points of a section from the first to the last that the list touches are counted in a dense table.
	type span struct{ lo, hi, at int32 }
	spans := make([]span, len(sections))
	for i := range spans {
		spans[i].lo = math.MaxInt32
	}
	visit := func(f func(s *span, r kernels.Run, pair int64)) {
		for _, i := range list {
			t := tiles[i]
			for _, r := range runs[t.Run : t.Run+t.Runs] {
				f(&spans[t.Section], r, pair[i]+int64(r.Tile))
			}
		}
	}
	visit(func(s *span, r kernels.Run, _ int64) { s.lo, s.hi = min(s.lo, r.Point), max(s.hi, r.Point+r.N) })
	length := int32(0)
	for i := range spans {
		spans[i].at = length
		length += max(0, spans[i].hi-spans[i].lo)
	}
	next := make([]int32, length)
	visit(func(s *span, r kernels.Run, _ int64) {
		for n := range r.N {
			next[s.at+r.Point-s.lo+n]++
		}
	})
	var o overlap
	total := int32(0)
	for i, s := range spans {
		for p := s.lo; p < s.hi; p++ {
			count := &next[s.at+p-s.lo]
			if *count > 0 {
				o.target = append(o.target, C.fb_target{
					at: C.int64_t(sections[i].Base + int64(p)), stride: C.int64_t(sections[i].Stride)})
				o.first = append(o.first, total)
			}
			total, *count = total+*count, total
		}
	}
	o.first, o.pair = append(o.first, total), make([]int32, total)
	visit(func(s *span, r kernels.Run, first int64) {
		for n := range r.N {
			at := &next[s.at+r.Point-s.lo+n]
			o.pair[*at] = int32(first) + n
			*at++
		}
	})
	return o
}

// sums says which entries of a list give gradients to which slot: entry[first[s]] to entry[first[s+1]-1] to slot[s].
type sums struct{ slot, first, entry []int32 }

// reduceList collects the entries of a list of chunks by slot, those of one slot in the order of the list.
func reduceList(list []int32, chunks []C.fb_chunk) (r sums) {
	sub := func(entry int32) int32 { return int32(chunks[list[entry]].sub) }
	r.entry = make([]int32, len(list))
	for e := range r.entry {
		r.entry[e] = int32(e)
	}
	slices.SortStableFunc(r.entry, func(a, b int32) int { return int(sub(a)) - int(sub(b)) })
	for i, e := range r.entry {
		if s := sub(e); i == 0 || r.slot[len(r.slot)-1] != s {
			r.slot, r.first = append(r.slot, s), append(r.first, int32(i))
		}
	}
	r.first = append(r.first, int32(len(list)))
	return r
}
