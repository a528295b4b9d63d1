package direct

import (
	"cmp"
	"slices"
)

// node of the elimination tree before its front is laid out.
type node struct {
	own      []int32 // positions that it eliminates, ascending
	boundary []int32 // positions of ancestors that its front touches, ascending
	children []int
	wide     int // unknowns of own
	high     int // unknowns of boundary
}

// What the parts of a front cost, in floating-point operations of a matrix product: small triangles run at half the rate, an entry
// that is set to zero, summed and passed on costs as much as 60 operations (1.2 ns on a core of 50 GFLOP/s), a front 10 µs.
// From these follows only which fronts are merged.
const (
	triangleCost = 2
	entryCost    = 60
	frontCost    = 500e3
)

// cost of a front with wide own unknowns and high boundary unknowns.
func cost(wide, high int) float64 {
	w, h := float64(wide), float64(high)
	narrow := min(w, panelWidth)
	triangles := narrow*w*w/3 + h*w*narrow // of the diagonal blocks, counted from above
	products := max(0, w*w*w/3+h*w*w-triangles) + h*h*w
	return triangleCost*triangles + products + entryCost*h*(h+1)/2 + frontCost
}

// eliminate finds the structure of the factor when blocks go in the given order: for each position, the later positions that its column
// touches, and its parent, the first of them (Liu 1992, sections 3 and 4).
func (g *graph) eliminate(order []int32) []node {
	n := len(order)
	position := make([]int32, len(g.weight))
	for k, v := range order {
		position[v] = int32(k)
	}
	nodes := make([]node, n)
	seen := make([]int32, n) // the last column that touched a position, plus 1
	for k, v := range order {
		var rows []int32
		touch := func(r int32) {
			if int(r) > k && seen[r] != int32(k)+1 {
				seen[r] = int32(k) + 1
				rows = append(rows, r)
			}
		}
		for _, w := range g.of(v) {
			touch(position[w])
		}
		for _, c := range nodes[k].children {
			for _, r := range nodes[c].boundary {
				touch(r)
			}
		}
		slices.Sort(rows)
		high := 0
		for _, r := range rows {
			high += g.weight[order[r]]
		}
		nodes[k].own, nodes[k].boundary, nodes[k].wide, nodes[k].high = []int32{int32(k)}, rows, g.weight[v], high
		if len(rows) > 0 {
			nodes[rows[0]].children = append(nodes[rows[0]].children, k)
		}
	}
	return nodes
}

// merge joins children to parents from the leaves up, wherever that costs less: the sum that is saved against the zeros that
// are computed. What is left has own empty where a node has gone. Returns the roots.
func merge(nodes []node) (roots []int) {
	up := make([]bool, len(nodes)) // has a parent
	for p := range nodes {
		parent := &nodes[p]
		for {
			best, gain := -1, 0.0
			for i, c := range parent.children {
				child := &nodes[c]
				g := cost(child.wide, child.high) + cost(parent.wide, parent.high) - cost(child.wide+parent.wide, parent.high)
				if g > gain {
					best, gain = i, g
				}
			}
			if best < 0 {
				break
			}
			child := &nodes[parent.children[best]]
			parent.children = slices.Delete(parent.children, best, best+1)
			parent.children = append(parent.children, child.children...)
			parent.own = append(child.own, parent.own...)
			parent.wide += child.wide
			*child = node{}
		}
		slices.Sort(parent.own)
		for _, c := range parent.children {
			up[c] = true
		}
	}
	for k := range nodes {
		if !up[k] && nodes[k].wide > 0 {
			roots = append(roots, k)
		}
	}
	return roots
}

// postorder lists the nodes children first. Children are visited so that the Schur complements that wait for their parent need
// little memory: those whose subtree needs much more than it leaves come first (Liu, ACM TOMS 12 (1986) 127).
func postorder(nodes []node, roots []int) []int {
	peak := make([]int, len(nodes)) // entries of Schur complements that the subtree needs at once
	left := func(k int) int { return nodes[k].high * (nodes[k].high + 1) / 2 }
	var list []int
	// Depth first without recursion: a tree may be as deep as there are blocks. First the peaks, then the order that follows.
	visit := func(leave func(int)) {
		type step struct {
			node  int
			below bool
		}
		var stack []step
		for _, r := range slices.Backward(roots) {
			stack = append(stack, step{r, false})
		}
		for len(stack) > 0 {
			s := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if s.below {
				leave(s.node)
				continue
			}
			stack = append(stack, step{s.node, true})
			for _, c := range slices.Backward(nodes[s.node].children) {
				stack = append(stack, step{c, false})
			}
		}
	}
	visit(func(k int) {
		children := nodes[k].children
		slices.SortStableFunc(children, func(a, b int) int { return cmp.Compare(peak[b]-left(b), peak[a]-left(a)) })
		waiting := 0
		for _, c := range children {
			peak[k] = max(peak[k], waiting+peak[c])
			waiting += left(c)
		}
		peak[k] = max(peak[k], waiting+left(k))
	})
	visit(func(k int) { list = append(list, k) })
	return list
}
