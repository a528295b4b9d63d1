package decomp

import "slices"

// Halo is what two ranks exchange for one level: points of one of them inside subdomains of the other.
type Halo struct {
	Rank   int32   // the other one
	Points []int32 // ascending
}

// Halos lists, for rank me, the points whose sums of jets it sends (they lie in its subdomains and belong to others) and those
// it receives (its own, in subdomains of others), by the other's rank, ascending. What one rank sends is what the other
// receives, without a message: both read the same points.
//
// pointRank and subRank are the owners of all points and of the subdomains of the level.
func (l *Level) Halos(points [][]float64, pointRank, subRank []int32, me int) (send, receive []Halo) {
	out, in := map[int32][]int32{}, map[int32][]int32{}
	l.Cover(points, func(i int, subs []int32) {
		mine := int(pointRank[i]) == me
		for _, j := range subs {
			r := subRank[j]
			switch {
			case mine && int(r) != me:
				if p := in[r]; len(p) == 0 || p[len(p)-1] != int32(i) {
					in[r] = append(p, int32(i))
				}
			case !mine && int(r) == me:
				q := pointRank[i]
				if p := out[q]; len(p) == 0 || p[len(p)-1] != int32(i) {
					out[q] = append(p, int32(i))
				}
			}
		}
	})
	return sorted(out), sorted(in)
}

func sorted(m map[int32][]int32) []Halo {
	var h []Halo
	for r, p := range m {
		h = append(h, Halo{Rank: r, Points: p})
	}
	slices.SortFunc(h, func(p, q Halo) int { return int(p.Rank) - int(q.Rank) })
	return h
}

// Load is what the choice of owner or copy needs to know about a level.
type Load struct {
	Subdomains int
	Ranks      int
	Halo       int64 // largest number of points that a rank sends
	Neighbours int   // largest number of ranks that a rank sends to
	Pairs      int64 // largest number of pairs of a rank that owns its subdomains
	Mean       int64 // mean number of pairs per rank: what a rank has if the level is copied
}

// Load measures the level under a partition: the maxima over all ranks.
func (l *Level) Load(points [][]float64, pointRank, subRank []int32, np int) Load {
	pairs, halo := make([]int64, np), make([]int64, np)
	met := make([]map[int32]bool, np)
	var ranks []int32
	l.Cover(points, func(i int, subs []int32) {
		ranks = ranks[:0]
		for _, j := range subs {
			r := subRank[j]
			pairs[r]++
			if r != pointRank[i] && !slices.Contains(ranks, r) {
				ranks = append(ranks, r)
			}
		}
		for _, r := range ranks {
			halo[r]++
			if met[r] == nil {
				met[r] = map[int32]bool{}
			}
			met[r][pointRank[i]] = true
		}
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
