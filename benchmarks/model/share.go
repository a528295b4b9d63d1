package model

import "math"

// Share is what a rank has in the middle of a large decomposition: Side^D subdomains of one level, with points around their centres on
// every side.
type Share struct {
	D          int
	Side       float64 // subdomains of a rank along an axis
	Density    float64 // points along an axis for each of them
	Overlap    float64 // width of a subdomain over their distance
	Values     int     // numbers a point: jets times unknowns
	Parameters int     // of a network
	ValueBytes int
	Coarse     int // further levels, which every rank holds
	Reduced    int // numbers in them, all-reduced
}

// Counts of that rank, one of n. A subdomain reaches (δ-1)/2 distances beyond the cell around its centre. So in mode jets a rank
// evaluates ((s+δ-1)^d - s^d) k^d points of others and sends their values there; as many adjoints go back for its own points in
// others' subdomains. In mode parameters the ⌈(δ-1)/2⌉ outer layers travel, to all that they reach, and gradients back. The cheaper
// mode counts.
func (s Share) Counts(ranks int) Counts {
	d := float64(s.D)
	volume := func(side float64) float64 { return math.Pow(side, d) }
	reach := s.Overlap - 1
	layers := math.Ceil(reach / 2)
	jets := (volume(s.Side+reach) - volume(s.Side)) * volume(s.Density) * float64(s.Values)
	params := (volume(s.Side+2*layers) - volume(s.Side)) * float64(s.Parameters)
	// Along an axis, the parts of the boxes that lie in the region: δ each, less what the outer ones reach beyond.
	inside := s.Side * s.Overlap
	for i := 0.0; i < layers; i++ {
		inside -= 2 * (s.Overlap/2 - i - 0.5)
	}
	if ranks == 1 {
		n := int64(float64(1+s.Coarse) * volume(s.Side*s.Overlap*s.Density))
		return Counts{Ranks: 1, Pairs: n, Inner: n}
	}
	fine := volume(s.Side * s.Overlap * s.Density)
	coarse := float64(s.Coarse) * fine
	return Counts{
		Ranks:    ranks,
		Pairs:    int64(fine + coarse),
		Inner:    int64(volume(inside*s.Density) + coarse),
		Messages: 2 * int64(math.Pow(3, d)-1),
		Bytes:    2 * int64(math.Min(jets, params)) * int64(s.ValueBytes),
		Reduced:  int64(s.Reduced * s.ValueBytes),
	}
}

// Sized is the share with about so many pairs, as many points a subdomain as before.
func (s Share) Sized(pairs float64) Share {
	s.Side = math.Pow(pairs/float64(1+s.Coarse), 1/float64(s.D)) / (s.Overlap * s.Density)
	return s
}
