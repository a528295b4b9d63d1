package model

import "fbpinn-mpi/solver/decomp"

// layout is what every rank computes alike about a set of points.
type layout struct {
	owner           []int32 // point → rank
	pairs           []decomp.Pairs
	subOwner        [][]int32 // level → subdomain → rank; nil where replicated
	mode            Mode
	values, minimum []int64 // sent a step, by rank; see traffic
}

func newLayout(m *Model, part *decomp.Partition, points [][]float64, ranks, nc int, choice Choice) *layout {
	y := &layout{owner: part.Owners(points)}
	params := make([]int, len(m.Nets))
	for l, net := range m.Nets {
		params[l] = net.Params()
	}
	replicated := choice.Like
	switch {
	case replicated != nil:
	case choice.Replicate >= 0:
		replicated = make([]bool, len(m.Nets))
		for l, level := range m.Dec.Levels {
			replicated[l] = level.Len() <= max(1, choice.Replicate)
		}
	default:
		replicated = decomp.Replicated(m.Dec, part, points, params, nc*len(m.Scale), decomp.Cluster())
	}
	for l, level := range m.Dec.Levels {
		y.pairs = append(y.pairs, level.Pairs(points))
		if replicated[l] {
			y.subOwner = append(y.subOwner, nil)
		} else {
			y.subOwner = append(y.subOwner, level.Owners(part))
		}
	}
	y.traffic(m, ranks, nc, choice)
	return y
}

// traffic counts the values that either mode would send a step between every pair of ranks (docs/architecture.md: jets out and
// adjoints back, or parameters out and gradients back) and chooses the smaller total. The minimum takes the smaller of the two
// for each pair of neighbours by itself.
func (y *layout) traffic(m *Model, ranks, nc int, choice Choice) {
	type cost struct{ jets, params int64 }
	pair := map[[2]int32]*cost{}    // lower rank, higher rank
	seen := map[[2]int32]bool{}     // (owner of subdomains, point): a halo point counts once
	touched := make([]int64, ranks) // subdomain that last counted this rank
	stamp := int64(0)
	for l, own := range y.subOwner {
		for j, o := range own {
			stamp++
			for _, i := range y.pairs[l].Of(j) {
				r := y.owner[i]
				if r == o {
					continue
				}
				ends := [2]int32{min(o, r), max(o, r)}
				c := pair[ends]
				if c == nil {
					c = &cost{}
					pair[ends] = c
				}
				if key := [2]int32{o, i}; !seen[key] {
					seen[key] = true
					c.jets += int64(nc * len(m.Scale))
				}
				if touched[r] != stamp {
					touched[r] = stamp
					c.params += int64(m.Nets[l].Params())
				}
			}
		}
	}
	var all cost
	for _, c := range pair {
		all.jets += c.jets
		all.params += c.params
	}
	y.mode = Jets
	if choice.Mode == "parameters" || (choice.Mode != "jets" && all.params < all.jets) {
		y.mode = Parameters
	}
	y.values, y.minimum = make([]int64, ranks), make([]int64, ranks)
	for k, c := range pair {
		sent := c.jets
		if y.mode == Parameters {
			sent = c.params
		}
		for _, end := range k { // one end sends forward, the other back
			y.values[end] += sent
			y.minimum[end] += min(c.jets, c.params)
		}
	}
}
