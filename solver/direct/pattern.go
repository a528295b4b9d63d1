package direct

import "math"

// Pattern is the lower part of a symmetric block matrix: block column j holds the blocks (Row[k], j), k in Start[j]..Start[j+1], rows
// ascending, the first of them j itself.
type Pattern struct {
	Size  []int   // unknowns of each block, [n]; may be 0
	Start []int   // [n+1]
	Row   []int32 // [Start[n]]
}

func (p *Pattern) check() {
	n := len(p.Size)
	if len(p.Start) != n+1 || p.Start[0] != 0 || p.Start[n] != len(p.Row) || n > math.MaxInt32 {
		panic("direct: pattern with a wrong number of starts or rows")
	}
	for j := range n {
		if p.Size[j] < 0 {
			panic("direct: block of negative size")
		}
		if p.Start[j+1] <= p.Start[j] || p.Row[p.Start[j]] != int32(j) {
			panic("direct: block column does not begin with its diagonal block")
		}
		for k := p.Start[j] + 1; k < p.Start[j+1]; k++ {
			if p.Row[k] <= p.Row[k-1] || int(p.Row[k]) >= n {
				panic("direct: rows of a block column are not ascending")
			}
		}
	}
}

// graph is the pattern without diagonal, both triangles, blocks of no unknowns left out.
type graph struct {
	start  []int
	adj    []int32
	weight []int // unknowns
}

func (p *Pattern) graph() *graph {
	n := len(p.Size)
	g := &graph{start: make([]int, n+1), weight: p.Size}
	each := func(visit func(i, j int32)) {
		for j := range n {
			for _, i := range p.Row[p.Start[j]+1 : p.Start[j+1]] {
				if p.Size[i] > 0 && p.Size[j] > 0 {
					visit(i, int32(j))
				}
			}
		}
	}
	each(func(i, j int32) { g.start[i+1]++; g.start[j+1]++ })
	for j := range n {
		g.start[j+1] += g.start[j]
	}
	g.adj = make([]int32, g.start[n])
	at := append([]int(nil), g.start[:n]...)
	each(func(i, j int32) {
		g.adj[at[i]], g.adj[at[j]] = j, i
		at[i]++
		at[j]++
	})
	return g
}

// of lists the neighbours of block v.
func (g *graph) of(v int32) []int32 { return g.adj[g.start[v]:g.start[v+1]] }
