package schwarz

import (
	"fmt"
	"slices"

	"fbpinn-mpi/mpi"
)

// pattern is what all ranks know of each other's share: lists of integers, nothing that grows with rows or columns.
type pattern struct {
	touch [][]touched // [ranks] blocks with rows there, ascending
	pairs [][]pair    // [ranks] pairs of blocks that share rows there, ascending
	who   [][]int32   // [blocks] ranks that touch it, ascending
	near  [][]int32   // [blocks] blocks that share rows with it on any rank, without itself, ascending
}

// touched is a block on a rank that touches it; reflectors is the number of rows of its R factor there.
type touched struct{ block, reflectors int32 }

// pair of blocks, low < high.
type pair struct{ low, high int32 }

func less(a, b pair) int {
	if a.low != b.low {
		return int(a.low - b.low)
	}
	return int(a.high - b.high)
}

// cover lists, for each own row, where it lies in the blocks: places in a vector that holds the rows of all touched blocks one
// after the other, in ascending order.
type cover struct {
	block []int   // [touch+1] first place of each touched block
	start []int32 // [rows+1]
	place []int32 // [start[rows]]
	owner []int32 // [start[rows]] number of the touched block
}

// touches tells whether touched block t has rows here and columns at all; else it is listed only because it is owned here.
func (sys *System) touches(t int) bool {
	v := &sys.Touch[t]
	return len(v.Runs) > 0 && sys.Columns[v.Block] > 0
}

func newCover(sys *System) *cover {
	c := &cover{block: make([]int, len(sys.Touch)+1), start: make([]int32, sys.Rows+1)}
	for t, v := range sys.Touch {
		if c.block[t+1] = c.block[t]; !sys.touches(t) {
			continue
		}
		c.block[t+1] += v.LD
		for _, r := range v.Runs {
			for i := range r.N {
				c.start[r.Point+i+1]++
			}
		}
	}
	for i := range sys.Rows {
		c.start[i+1] += c.start[i]
	}
	n := c.start[sys.Rows]
	c.place, c.owner = make([]int32, n), make([]int32, n)
	at := slices.Clone(c.start[:sys.Rows])
	for t, v := range sys.Touch {
		if !sys.touches(t) {
			continue
		}
		for _, r := range v.Runs {
			for i := range r.N {
				k := at[r.Point+i]
				at[r.Point+i]++
				c.place[k], c.owner[k] = int32(c.block[t])+r.Tile+i, int32(t)
			}
		}
	}
	return c
}

// pairs lists the touched blocks that share own rows.
func (c *cover) pairs(sys *System) []pair {
	var ps []pair
	seen := make([]int32, len(sys.Touch)) // last block that met this one, plus 1
	for t, v := range sys.Touch {
		if !sys.touches(t) {
			continue
		}
		for _, r := range v.Runs {
			for i := r.Point; i < r.Point+r.N; i++ {
				for _, u := range c.owner[c.start[i]:c.start[i+1]] {
					if int(u) > t && seen[u] != int32(t)+1 {
						seen[u] = int32(t) + 1
						ps = append(ps, pair{int32(v.Block), int32(sys.Touch[u].Block)})
					}
				}
			}
		}
	}
	slices.SortFunc(ps, less)
	return ps
}

// check panics for a system that breaks its promises, as far as one rank can tell.
func (sys *System) check(rank, ranks int) {
	blocks := len(sys.Owner)
	if len(sys.Columns) != blocks {
		panic("schwarz: owners and columns of different numbers of blocks")
	}
	if sys.Damped != nil && len(sys.Damped) != blocks {
		panic("schwarz: damped columns of another number of blocks")
	}
	own := 0
	for j, o := range sys.Owner {
		if o < 0 || int(o) >= ranks || sys.Columns[j] < 0 {
			panic("schwarz: owner that does not exist, or negative columns")
		}
		if int(o) == rank {
			own++
		}
	}
	last := -1
	for _, t := range sys.Touch {
		if t.Block <= last || t.Block >= blocks {
			panic("schwarz: touched blocks must ascend")
		}
		last = t.Block
		if int(sys.Owner[t.Block]) == rank {
			own--
		}
		tile, point := int32(0), int32(0)
		for _, r := range t.Runs {
			if r.N < 0 || r.Tile < tile || r.Point < point || int(r.Tile+r.N) > t.LD || int(r.Point+r.N) > sys.Rows {
				panic("schwarz: runs must ascend within block and rows")
			}
			tile, point = r.Tile+r.N, r.Point+r.N
		}
	}
	if own != 0 {
		panic("schwarz: an owned block is missing among the touched")
	}
}

// share tells all ranks the pattern; it is collective.
func (sys *System) share(comm mpi.Comm, c *cover) (*pattern, error) {
	blocks := len(sys.Owner)
	p := &pattern{touch: make([][]touched, comm.Size()), pairs: make([][]pair, comm.Size()),
		who: make([][]int32, blocks), near: make([][]int32, blocks)}
	var ts, ps []int32
	for t, v := range sys.Touch {
		if sys.touches(t) {
			ts = append(ts, int32(v.Block), int32(min(v.LD, sys.Columns[v.Block])))
		}
	}
	for _, q := range c.pairs(sys) {
		ps = append(ps, q.low, q.high)
	}
	allT, countT, err := gatherAll(comm, ts)
	if err != nil {
		return nil, fmt.Errorf("schwarz: tell who touches what: %w", err)
	}
	allP, countP, err := gatherAll(comm, ps)
	if err != nil {
		return nil, fmt.Errorf("schwarz: tell which blocks share rows: %w", err)
	}
	for r := range comm.Size() {
		for ; countT[r] > 0; countT[r] -= 2 {
			p.touch[r] = append(p.touch[r], touched{allT[0], allT[1]})
			p.who[allT[0]] = append(p.who[allT[0]], int32(r))
			allT = allT[2:]
		}
		for ; countP[r] > 0; countP[r] -= 2 {
			p.pairs[r] = append(p.pairs[r], pair{allP[0], allP[1]})
			p.near[allP[0]] = append(p.near[allP[0]], allP[1])
			p.near[allP[1]] = append(p.near[allP[1]], allP[0])
			allP = allP[2:]
		}
	}
	for j := range p.near {
		slices.Sort(p.near[j])
		p.near[j] = slices.Compact(p.near[j])
	}
	return p, nil
}

// gatherAll concatenates v of all ranks on every rank.
func gatherAll[T mpi.Number](comm mpi.Comm, v []T) (all []T, counts []int, err error) {
	if counts, err = mpi.Counted(comm, len(v)); err != nil {
		return nil, nil, err
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	all = make([]T, total)
	return all, counts, mpi.Allgatherv(comm, v, all, counts)
}

// hub tells which blocks share rows with far more blocks than is usual: those of coarse levels.
func (p *pattern) hubs() []bool {
	const far = 3 // times the median
	counts := make([]int, len(p.near))
	for j, near := range p.near {
		counts[j] = len(near)
	}
	sorted := slices.Clone(counts)
	slices.Sort(sorted)
	hub := make([]bool, len(counts))
	for j, n := range counts {
		hub[j] = n > far*sorted[len(sorted)/2]
	}
	return hub
}

// patch lists the blocks of the patch of a rank: its own and layers of what shares rows with them, ascending. Hubs belong to all
// patches that they touch, but patches do not grow across them: each would soon be everything.
func (p *pattern) patch(owner []int32, hub []bool, rank, layers int) []int32 {
	in := make([]bool, len(owner))
	var blocks []int32
	for j, o := range owner {
		if int(o) == rank {
			in[j] = true
			blocks = append(blocks, int32(j))
		}
	}
	edge := 0
	for range layers {
		end := len(blocks)
		for ; edge < end; edge++ {
			if hub[blocks[edge]] {
				continue
			}
			for _, k := range p.near[blocks[edge]] {
				if !in[k] {
					in[k] = true
					blocks = append(blocks, k)
				}
			}
		}
	}
	slices.Sort(blocks)
	return blocks
}
