package decomp

import "math"

// Machine is the α-β-γ model of the computer that decides which levels are copied to all ranks.
type Machine struct {
	Alpha float64 // seconds a message
	Beta  float64 // seconds a number sent
	Gamma float64 // seconds a pair, forward and backward
}

// Cluster is a rank on one core of a present-day node: 2 µs a message, 8 bytes at 8 GB/s, 40 million pairs a second. The
// choice changes only where the two costs are close, so these need not be accurate.
func Cluster() Machine { return Machine{Alpha: 2e-6, Beta: 1e-9, Gamma: 2.5e-8} }

// Owned is the time that a step spends on a level whose subdomains have owners: jets to and adjoints from every neighbour,
//
//	2·(neighbours·α + halo·values·β) + pairs·γ
//
// with values = n_c·n_u numbers a point and the figures of the busiest rank.
func (m Machine) Owned(load Load, values int) float64 {
	return 2*(float64(load.Neighbours)*m.Alpha+float64(load.Halo)*float64(values)*m.Beta) + float64(load.Pairs)*m.Gamma
}

// Copied is the time that a step spends on a level which all ranks hold: an all-reduce of the gradient (reduce-scatter and
// all-gather, Rabenseifner 2004) and every rank's own share of pairs,
//
//	2·⌈log₂ np⌉·α + 2·(np-1)/np·J_l·P·β + pairs/np·γ
func (m Machine) Copied(load Load, params int) float64 {
	np := float64(load.Ranks)
	return 2*math.Ceil(math.Log2(np))*m.Alpha + 2*(np-1)/np*float64(load.Subdomains)*float64(params)*m.Beta +
		float64(load.Mean)*m.Gamma
}

// Replicated says which levels every rank holds (design: coarse levels). A level of one subdomain always is; another one is
// where that takes less time by the model. params[l] is P, the parameters of one network of the level; values = n_c·n_u.
func Replicated(dec *Decomposition, part *Partition, points Points, params []int, values int, m Machine) []bool {
	if len(params) != len(dec.Levels) {
		panic("decomp: parameters of another number of levels")
	}
	copied := make([]bool, len(dec.Levels))
	for k, l := range dec.Levels {
		switch {
		case l.n == 1:
			copied[k] = true
		case part.Ranks() > 1: // alone, either costs the same
			load := l.Load(points, part, l.Owners(part))
			copied[k] = m.Copied(load, params[k]) < m.Owned(load, values)
		}
	}
	return copied
}
