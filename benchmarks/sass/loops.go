package main

import (
	"math"
	"slices"
	"strings"
)

// class is a kind of instruction.
type class int

const (
	fma class = iota
	float
	special
	shared
	global
	local
	rest
	classes
)

var classOf = map[string]class{
	"FFMA": fma, "FFMA2": fma, "DFMA": fma,
	"FADD": float, "FMUL": float, "DADD": float, "DMUL": float, "FADD2": float, "FMUL2": float,
	"MUFU": special,
	"LDS":  shared, "STS": shared, "LDSM": shared, "ATOMS": shared,
	"LDG": global, "STG": global, "LD": global, "ST": global, "RED": global, "ATOM": global, "ATOMG": global, "LDGSTS": global,
	"LDL": local, "STL": local,
}

func (i instruction) class() class {
	base, _, _ := strings.Cut(i.op, ".")
	if c, ok := classOf[base]; ok {
		return c
	}
	return rest
}

// mix counts the instructions of a loop by class.
type mix struct {
	whole bool // there is no loop: all of the kernel
	n     int
	of    [classes]int
}

func (m *mix) add(list []instruction) {
	for _, i := range list {
		m.n++
		m.of[i.class()]++
	}
}

// turns is how often we take a loop to run each time it is reached: enough to prefer inner loops, not enough to prefer a short
// inner loop with few multiply-adds to a long one around it.
const turns = 8

// hottest finds the natural loop in which most multiply-adds run (of a kernel without any: most arithmetic and memory accesses), and
// counts its instructions without those of the loops inside.
func hottest(body []instruction) mix {
	g := split(body)
	loops := g.loops()
	depth, inner := make([]int, len(g.blocks)), make([]int, len(g.blocks))
	for b := range inner {
		inner[b] = -1
		for l, loop := range loops {
			if loop[b] {
				depth[b]++
				if inner[b] < 0 || len(loop) < len(loops[inner[b]]) {
					inner[b] = l
				}
			}
		}
	}
	best, most, work := -1, 0., 0.
	for l := range loops {
		var multiplyAdds, useful float64
		for b, list := range g.blocks {
			if inner[b] == l {
				var m mix
				m.add(list)
				weight := math.Pow(turns, float64(depth[b]))
				multiplyAdds += float64(m.of[fma]) * weight
				useful += float64(m.n-m.of[rest]) * weight
			}
		}
		if multiplyAdds > most || (multiplyAdds == most && useful > work) {
			best, most, work = l, multiplyAdds, useful
		}
	}
	m := mix{whole: best < 0}
	for b, list := range g.blocks {
		if m.whole || inner[b] == best {
			m.add(list)
		}
	}
	return m
}

// graph is the flow of control among basic blocks; block 0 is the entry.
type graph struct {
	blocks [][]instruction
	next   [][]int
	before [][]int
}

// split cuts the code at branches and their targets.
func split(body []instruction) graph {
	at := map[int]int{} // index of an address
	for k, i := range body {
		at[i.address] = k
	}
	leader := make([]bool, len(body)+1)
	leader[0] = true
	for k, i := range body {
		if t, ok := at[i.target]; ok && i.target >= 0 {
			leader[t], leader[k+1] = true, true
		} else if ends(i) {
			leader[k+1] = true
		}
	}
	var g graph
	block := make([]int, len(body)) // of an instruction
	for k, i := range body {
		if leader[k] {
			g.blocks = append(g.blocks, nil)
		}
		block[k] = len(g.blocks) - 1
		g.blocks[block[k]] = append(g.blocks[block[k]], i)
	}
	g.next = make([][]int, len(g.blocks))
	var indirect []int
	for b, list := range g.blocks {
		last := list[len(list)-1]
		if t, ok := at[last.target]; ok && last.target >= 0 {
			g.next[b] = append(g.next[b], block[t])
		}
		if !(ends(last) && !last.guarded) && !last.sure && b+1 < len(g.blocks) {
			g.next[b] = append(g.next[b], b+1)
		}
		if strings.HasPrefix(last.op, "BRX") || strings.HasPrefix(last.op, "JMX") {
			indirect = append(indirect, b)
		}
	}
	g.attach(indirect)
	g.before = make([][]int, len(g.blocks))
	for b, list := range g.next {
		for _, to := range list {
			g.before[to] = append(g.before[to], b)
		}
	}
	return g
}

func ends(i instruction) bool {
	base, _, _ := strings.Cut(i.op, ".")
	switch base {
	case "EXIT", "RET", "BRX", "JMX", "KILL":
		return true
	}
	return false
}

// attach gives blocks that no branch reaches to the indirect branches, whose targets the code does not show, or else (subroutines)
// to the entry.
func (g *graph) attach(indirect []int) {
	if len(indirect) == 0 {
		indirect = []int{0}
	}
	seen := make([]bool, len(g.blocks))
	var visit func(b int)
	visit = func(b int) {
		if !seen[b] {
			seen[b] = true
			for _, to := range g.next[b] {
				visit(to)
			}
		}
	}
	for b := range g.blocks {
		if b == 0 {
			visit(0)
		} else if !seen[b] {
			for _, from := range indirect {
				g.next[from] = append(g.next[from], b)
			}
			visit(b)
		}
	}
}

// loops finds the natural loops: for each branch back to a block that dominates it, all that reaches the branch without passing
// that block. Loops with the same head are one.
func (g *graph) loops() []map[int]bool {
	dominators := g.dominators()
	heads, order := map[int]map[int]bool{}, []int{}
	for b, list := range g.next {
		for _, head := range list {
			if !dominators[b].has(head) || (b == head && len(g.blocks[b]) == 1) { // a branch to itself is the trap at the end
				continue
			}
			if heads[head] == nil {
				heads[head], order = map[int]bool{head: true}, append(order, head)
			}
			g.reach(b, heads[head])
		}
	}
	var all []map[int]bool
	for _, h := range order {
		all = append(all, heads[h])
	}
	return all
}

func (g *graph) reach(b int, loop map[int]bool) {
	if loop[b] {
		return
	}
	loop[b] = true
	for _, from := range g.before[b] {
		g.reach(from, loop)
	}
}

// set is a set of blocks, a bit each.
type set []uint64

func (s set) has(b int) bool { return s[b/64]>>(b%64)&1 != 0 }

// dominators lists, for each block, those that every path from the entry to it passes: all at first, then fewer until nothing
// changes. A block that nothing reaches keeps all.
func (g *graph) dominators() []set {
	words := (len(g.blocks) + 63) / 64
	d := make([]set, len(g.blocks))
	for b := range d {
		d[b] = make(set, words)
		for w := range d[b] {
			d[b][w] = ^uint64(0)
		}
	}
	clear(d[0])
	d[0][0] = 1
	common := make(set, words)
	for changed := true; changed; {
		changed = false
		for b := 1; b < len(g.blocks); b++ {
			for w := range common {
				common[w] = ^uint64(0)
				for _, from := range g.before[b] {
					common[w] &= d[from][w]
				}
			}
			common[b/64] |= 1 << (b % 64)
			if !slices.Equal(common, d[b]) {
				copy(d[b], common)
				changed = true
			}
		}
	}
	return d
}
