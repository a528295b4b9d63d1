package model

import "fbpinn-mpi/solver/decomp"

// layout is what every rank computes alike about a set of points.
type layout struct {
	part       *decomp.Partition
	owner      []int32 // point → rank
	pairs      []decomp.Pairs
	subOwner   [][]int32 // level → subdomain → rank; nil where replicated
	mode       Mode
	bytes, min []int64 // by rank
}

func newLayout(m *Model, part *decomp.Partition, points [][]float64, ranks, nc int, choice Choice) *layout {
	y := &layout{part: part, owner: part.Owners(points)}
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

// traffic counts the values that either mode would send a step between every ordered pair of ranks and chooses the smaller
// total (kernels.md, "Messages": min(jets out and adjoints back, parameters out and gradients back)).
func (y *layout) traffic(m *Model, ranks, nc int, choice Choice) {
	nu := len(m.Scale)
	jets, params := make([]int64, ranks), make([]int64, ranks)
	seen := map[[2]int32]bool{}     // (evaluating rank, point): a halo point counts once per neighbour
	touched := make([]int64, ranks) // stamp by rank
	stamp := int64(0)
	for l, own := range y.subOwner {
		if own == nil {
			continue
		}
		for j, o := range own {
			stamp++
			for _, i := range y.pairs[l].Of(j) {
				r := y.owner[i]
				if r == o {
					continue
				}
				if key := [2]int32{o, i}; !seen[key] {
					seen[key] = true
					jets[o] += int64(nc * nu)
					jets[r] += int64(nc * nu)
				}
				if touched[r] != stamp {
					touched[r] = stamp
					params[o] += int64(m.Nets[l].Params())
					params[r] += int64(m.Nets[l].Params())
				}
			}
		}
	}
	total := func(v []int64) (s int64) {
		for _, n := range v {
			s += n
		}
		return s
	}
	y.mode, y.bytes, y.min = Jets, jets, jets
	if total(params) < total(jets) {
		y.mode, y.bytes, y.min = Parameters, params, params
	}
	switch choice.Mode {
	case "jets":
		y.mode, y.bytes = Jets, jets
	case "parameters":
		y.mode, y.bytes = Parameters, params
	}
}
