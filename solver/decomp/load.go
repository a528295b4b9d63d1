package decomp

import "slices"

// Load is what the choice of owner or copy needs to know about a level.
type Load struct {
	Subdomains int
	Ranks      int
	Halo       int64 // largest number of points that a rank sends
	Neighbours int   // largest number of ranks that a rank sends to
	Pairs      int64 // largest number of pairs of a rank that owns its subdomains
	Mean       int64 // mean number of pairs per rank: what a rank has if the level is copied
}

// Load measures the level under a partition: the maxima over all ranks. subRank gives the owners of its subdomains.
func (l *Level) Load(points Points, part *Partition, subRank []int32) Load {
	np := part.Ranks()
	pairs, halo := make([]int64, np), make([]int64, np)
	met := make([]map[int32]bool, np)
	var ranks []int32
	points.Blocks(func(_ int, x [][]float64) {
		owner := part.Owners(x)
		l.Cover(x, func(i int, subs []int32) {
			ranks = ranks[:0]
			for _, j := range subs {
				r := subRank[j]
				pairs[r]++
				if r != owner[i] && !slices.Contains(ranks, r) {
					ranks = append(ranks, r)
				}
			}
			for _, r := range ranks {
				halo[r]++
				if met[r] == nil {
					met[r] = map[int32]bool{}
				}
				met[r][owner[i]] = true
			}
		})
	})
	load := Load{Subdomains: l.n, Ranks: np}
	for r := range pairs {
		load.Pairs = max(load.Pairs, pairs[r])
		load.Mean += pairs[r]
		load.Halo = max(load.Halo, halo[r])
		load.Neighbours = max(load.Neighbours, len(met[r]))
	}
	load.Mean /= int64(np)
	return load
}
