package direct

import "math"

// cover finds a set of blocks of least weight that meets every edge between two sets. Edges across a cut form a bipartite graph, where
// such a set is a least cut between a source that feeds the low side and a sink behind the high side, each through edges
// that carry the weights (König's theorem with weights), found by augmenting along shortest paths (Dinic).
type cover struct {
	side []int32 // by block: 1+number on the low side, -1-number on the high side, 0 outside; valid for the blocks of the last call

	node  []int32 // blocks at the cut; network node k+2 is node[k]
	first []int32 // by network node, its last edge added, or -1
	next  []int32 // by edge
	to    []int32
	left  []int // capacity that is left; edge e^1 is e backwards
	depth []int32
	queue []int32
	touch []int32 // blocks whose side is set
}

const (
	source = 0
	sink   = 1
)

func (c *cover) edge(from, to int32, capacity int) {
	c.to = append(c.to, to, from)
	c.left = append(c.left, capacity, 0)
	c.next = append(c.next, c.first[from], c.first[to])
	e := int32(len(c.to))
	c.first[from], c.first[to] = e-2, e-1
}

// smallest returns blocks that meet all edges of g between low and high.
func (c *cover) smallest(g *graph, low, high []int32) []int32 {
	for _, v := range c.touch {
		c.side[v] = 0
	}
	c.touch = append(append(c.touch[:0], low...), high...)
	for k, v := range low {
		c.side[v] = int32(k) + 1
	}
	for k, v := range high {
		c.side[v] = -int32(k) - 1
	}
	c.node, c.to, c.left, c.next = c.node[:0], c.to[:0], c.left[:0], c.next[:0]
	c.first = append(c.first[:0], -1, -1)
	number := make(map[int32]int32)
	join := func(v int32) int32 {
		k, ok := number[v]
		if !ok {
			k = int32(len(c.node)) + 2
			number[v] = k
			c.node = append(c.node, v)
			c.first = append(c.first, -1)
			if c.side[v] > 0 {
				c.edge(source, k, g.weight[v])
			} else {
				c.edge(k, sink, g.weight[v])
			}
		}
		return k
	}
	for _, v := range low {
		for _, w := range g.of(v) {
			if c.side[w] < 0 {
				c.edge(join(v), join(w), math.MaxInt)
			}
		}
	}
	for c.layers() {
		at := append([]int32(nil), c.first...)
		for c.push(source, math.MaxInt, at) > 0 {
		}
	}
	// After the last search depth says what the source still reaches: the cut is between that and the rest.
	var meets []int32
	for k, v := range c.node {
		reached := c.depth[k+2] >= 0
		if reached != (c.side[v] > 0) {
			meets = append(meets, v)
		}
	}
	return meets
}

// layers finds how far each node is from the source along edges with capacity left; false if the sink is out of reach.
func (c *cover) layers() bool {
	c.depth = c.depth[:0]
	for range c.first {
		c.depth = append(c.depth, -1)
	}
	c.depth[source] = 0
	c.queue = append(c.queue[:0], source)
	for k := 0; k < len(c.queue); k++ {
		u := c.queue[k]
		for e := c.first[u]; e >= 0; e = c.next[e] {
			if v := c.to[e]; c.left[e] > 0 && c.depth[v] < 0 {
				c.depth[v] = c.depth[u] + 1
				c.queue = append(c.queue, v)
			}
		}
	}
	return c.depth[sink] >= 0
}

// push sends up to flow from u towards the sink, along edges from one layer to the next; at remembers edges not yet exhausted.
func (c *cover) push(u int32, flow int, at []int32) int {
	if u == sink {
		return flow
	}
	for ; at[u] >= 0; at[u] = c.next[at[u]] {
		e := at[u]
		if v := c.to[e]; c.left[e] > 0 && c.depth[v] == c.depth[u]+1 {
			if sent := c.push(v, min(flow, c.left[e]), at); sent > 0 {
				c.left[e] -= sent
				c.left[e^1] += sent
				return sent
			}
		}
	}
	return 0
}
