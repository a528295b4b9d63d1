package direct

import "slices"

const (
	// panelWidth is the usual width of a panel: products with so many columns and terms run at nine tenths of the full rate.
	panelWidth = 288
	// tilePanels is the height of a tile in panels: 5 % faster products than with square ones, and still enough tiles to share.
	tilePanels = 2
)

// Plan is the order of elimination of a pattern and the layout of its factor. It holds no numbers, serves any number of
// factorisations, and does not change.
type Plan struct {
	Unknowns int
	Entries  int64   // of the factor L, zeros that merging brings included
	Flops    float64 // of the factorisation, additions and multiplications
	Depth    int     // fronts from the farthest leaf to its root, both included

	pattern *Pattern
	offset  []int   // first unknown of each block, [n+1]
	fronts  []front // children before parents
	stored  int     // numbers in the panels of the factor
	units   []unit
	tasks   []task
	order   precedence // of tasks
	up      precedence // of units, children first
	down    precedence // of units numbered from the last to the first, parents first
	waiting [2]int     // numbers of Schur complements within a group, on even and odd levels
	peak    int        // numbers of Schur complements between units at once, with one worker
	total   int        // numbers of all Schur complements between units

	boundaries int // unknowns of all boundaries
	longest    int // rows of the largest front
}

// front is a node of the elimination tree. Blocks are numbered within the front: own ones, then those of the boundary.
//
// Its columns are cut into panels at blocks. Panel q, of blocks first[q] to first[q+1], holds the rows from its own first
// column down, in column-major order: the lower trapezoid is all that is stored. Own panels are the front's part of the factor,
// boundary panels its Schur complement, which lives until the parent has been assembled.
type front struct {
	block    []int32 // their numbers in the pattern
	at       []int   // their first column in the front, [len(block)+1]
	own      int     // own blocks
	first    []int   // by panel, its first block, [panels+1]
	ownPanel int     // own panels
	tile     []int   // by tile row, its first panel, [tile rows+1]
	tileOf   []int   // by panel, its tile row, [panels]
	panelAt  []int   // by panel, its first number in the factor (own) or the Schur complement, [panels]
	schur    int     // numbers of the Schur complement
	parent   int     // or -1
	children []int
	inParent []int   // by boundary block, its number in the parent
	entry    []entry // blocks of A to be assembled, by column
	entryAt  []int   // by own panel, its first entry, [own panels+1]
	flops    float64
	y        int // first number of its boundary in the vectors of a solve
}

// entry is a block of A.
type entry struct {
	value    int32 // its number in the pattern
	row, col int32 // blocks in the front
	across   bool  // stored with row and column exchanged
}

func (f *front) rows() int { return f.at[len(f.block)] }

func (f *front) wide() int { return f.at[f.own] }

func (f *front) panels() int { return len(f.first) - 1 }

// begin is the first column of panel q; panels() gives the end of the front.
func (f *front) begin(q int) int { return f.at[f.first[q]] }

func (f *front) width(q int) int { return f.begin(q+1) - f.begin(q) }

// tiles is the number of rows of tiles. Tile (i, j) is the part of panel j in the rows of the panels of tile row i, from row panel j
// on: that of the first tile row of a panel begins with the square on the diagonal.
func (f *front) tiles() int { return len(f.tile) - 1 }

// stride is the number of rows of panel q.
func (f *front) stride(q int) int { return f.rows() - f.begin(q) }

// Analyse finds an order of elimination and lays out the factor. centre has the place of each block in space, [d][n], or is nil; it
// finds better separators for grids, and any numbers are safe. The pattern must not change afterwards.
func Analyse(p *Pattern, centre [][]float64) *Plan { return analyse(p, centre, usual()) }

func analyse(p *Pattern, centre [][]float64, by sizes) *Plan {
	p.check()
	for _, x := range centre {
		if len(x) != len(p.Size) {
			panic("direct: centres for another number of blocks")
		}
	}
	g := p.graph()
	order := g.dissect(centre)
	nodes := g.eliminate(order)
	roots := merge(nodes)
	return p.layout(order, nodes, postorder(nodes, roots), by)
}

func (p *Pattern) layout(order []int32, nodes []node, list []int, by sizes) *Plan {
	n := len(p.Size)
	pl := &Plan{pattern: p, offset: make([]int, n+1), fronts: make([]front, len(list))}
	for j, m := range p.Size {
		pl.offset[j+1] = pl.offset[j] + m
	}
	pl.Unknowns = pl.offset[n]
	number := make([]int, len(nodes)) // of the front of a node
	depth := make([]int, len(list))
	local := make([]int, n) // by block, its number in the front at hand
	for k, id := range list {
		number[id] = k
		f, v := &pl.fronts[k], &nodes[id]
		f.parent, f.own = -1, len(v.own)
		for _, q := range slices.Concat(v.own, v.boundary) {
			f.block = append(f.block, order[q])
		}
		f.at = make([]int, len(f.block)+1)
		for i, b := range f.block {
			f.at[i+1] = f.at[i] + p.Size[b]
		}
		pl.stored = f.cut(pl.stored, by.panel)
		f.y = pl.boundaries
		pl.boundaries += f.rows() - f.wide()
		pl.longest = max(pl.longest, f.rows())
		depth[k] = 1
		for i, b := range f.block {
			local[b] = i
		}
		for _, c := range v.children {
			c = number[c]
			child := &pl.fronts[c]
			f.children = append(f.children, c)
			child.parent = k
			child.inParent = make([]int, 0, len(child.block)-child.own)
			for _, b := range child.block[child.own:] {
				child.inParent = append(child.inParent, local[b])
			}
			depth[k] = max(depth[k], depth[c]+1)
		}
		pl.Depth = max(pl.Depth, depth[k])
		w, h := float64(f.wide()), float64(f.rows()-f.wide())
		f.flops = w*w*w/3 + h*w*w + h*h*w // leading terms
		pl.Flops += f.flops
		pl.Entries += int64(f.wide()) * int64(f.wide()+1+2*(f.rows()-f.wide())) / 2
	}
	pl.place()
	pl.divide(by)
	return pl
}

// cut divides the front into panels and returns where the next front's part of the factor begins.
func (f *front) cut(stored, width int) int {
	for i := range f.block {
		q := len(f.first) - 1
		if i == 0 || i == f.own || f.at[i+1]-f.at[f.first[q]] > width {
			f.first = append(f.first, i)
		}
	}
	f.first = append(f.first, len(f.block))
	for q := range f.panels() {
		begin := len(f.tile) - 1
		if q == 0 || f.first[q] == f.own || f.begin(q+1)-f.begin(f.tile[begin]) > tilePanels*width {
			f.tile = append(f.tile, q)
		}
		f.tileOf = append(f.tileOf, len(f.tile)-1)
		size := f.width(q) * f.stride(q)
		if f.first[q] < f.own {
			f.ownPanel++
			f.panelAt = append(f.panelAt, stored)
			stored += size
		} else {
			f.panelAt = append(f.panelAt, f.schur)
			f.schur += size
		}
	}
	f.tile = append(f.tile, f.panels())
	return stored
}

// place gives each block of A to the front that eliminates its row or column first.
func (pl *Plan) place() {
	p := pl.pattern
	type seat struct{ front, local int }
	seats := make([]seat, len(p.Size))
	for k := range pl.fronts {
		f := &pl.fronts[k]
		for i, b := range f.block[:f.own] {
			seats[b] = seat{k, i}
		}
	}
	for j := range p.Size {
		for k := p.Start[j]; k < p.Start[j+1]; k++ {
			i := int(p.Row[k])
			if p.Size[i] == 0 || p.Size[j] == 0 {
				continue
			}
			col, row, across := seats[j], int32(i), false
			if s := seats[i]; s.front < col.front || s.front == col.front && s.local < col.local {
				col, row, across = s, int32(j), true
			}
			f := &pl.fronts[col.front]
			f.entry = append(f.entry, entry{int32(k), row, int32(col.local), across}) // row still a number of the pattern
		}
	}
	local := make([]int32, len(p.Size))
	for k := range pl.fronts {
		f := &pl.fronts[k]
		for i, b := range f.block {
			local[b] = int32(i)
		}
		for e := range f.entry {
			f.entry[e].row = local[f.entry[e].row]
		}
		slices.SortFunc(f.entry, func(a, b entry) int {
			if a.col != b.col {
				return int(a.col - b.col)
			}
			return int(a.row - b.row)
		})
		e := 0
		for q := range f.ownPanel + 1 {
			for e < len(f.entry) && int(f.entry[e].col) < f.first[q] {
				e++
			}
			f.entryAt = append(f.entryAt, e)
		}
	}
}

// Bytes is the memory that a factorisation needs at its peak: factor, fronts, and what waits to be assembled. For one worker it is
// exact up to the tables of the plan; more workers may run ahead of the order, up to all Schur complements in the worst case, and
// the figure takes a quarter of the difference for each.
func (pl *Plan) Bytes(workers int) int64 {
	between := float64(pl.peak) + min(1, float64(workers-1)/4)*float64(pl.total-pl.peak)
	return 8 * (int64(pl.stored) + int64(workers)*int64(pl.waiting[0]+pl.waiting[1]) + int64(between))
}

// FactorBytes is the memory of the factor alone, which a Factor keeps.
func (pl *Plan) FactorBytes() int64 { return 8 * int64(pl.stored) }
