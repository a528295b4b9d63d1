package model

import "fbpinn-mpi/kernels"

// Share is what one subdomain and the own points of a rank have in common: the rows of its Jacobian block that lie here.
type Share struct {
	Level, Slot, Sub int  // Sub is the subdomain's number j in its level
	Owned            bool // this rank trains it
	N                int  // own points inside; 0 for an owned subdomain all of whose points are other ranks'
	Runs             []kernels.Run

	group, tile int
}

// Shares lists the subdomains that hold own points or are owned here, in the order of level and slot. The cloud must exchange
// parameters and replicate no level, so that every subdomain has one owner and every point all its networks.
func (c *Cloud[T]) Shares() []Share {
	if c.Mode != Parameters {
		panic("model: shares of a cloud that exchanges jets")
	}
	tiles := make([]map[int]Share, len(c.Levels)) // level → slot
	for l := range tiles {
		if c.Levels[l].Replicated {
			panic("model: shares of a replicated level")
		}
		tiles[l] = map[int]Share{}
	}
	for k := range c.groups {
		g := &c.groups[k]
		for t, at := range g.tiles {
			tile := &g.plan.Tiles[t]
			tiles[at.level][int(at.slot)] = Share{N: int(tile.N), Runs: g.plan.Runs[tile.Run : tile.Run+tile.Runs], group: k, tile: t}
		}
	}
	var list []Share
	for l := range c.Levels {
		v := &c.Levels[l]
		for slot, j := range v.Subs {
			s, ok := tiles[l][slot]
			if !ok && slot >= v.Owned {
				continue
			}
			s.Level, s.Slot, s.Sub, s.Owned = l, slot, j, slot < v.Owned
			list = append(list, s)
		}
	}
	return list
}

// Block writes the Jacobian block of a share for one set of adjoints: see kernels.Kernel.Block. ubar has the layout of U, and it and
// out lie in memory of the backend.
func (c *Cloud[T]) Block(s Share, columns kernels.Columns, ubar, out []T, ld int) {
	c.groups[s.group].kernel.Block(int32(s.tile), columns, ubar, out, ld)
}
