package direct

import (
	"math"
	"slices"
)

// unit is what one worker does alone: a subtree of small fronts, or one small front. A large front is shared tile by tile.
type unit struct {
	first, root int  // fronts first..root, children first; equal for a single front
	large       bool // then a single front
}

// sizes at which work is divided.
type sizes struct {
	panel int     // unknowns that a panel, and a tile, has at most if its blocks are not wider
	large float64 // operations from which a front is shared between workers
	group float64 // operations of a subtree that one worker does alone, at most
}

// usual sizes: 20 to 40 ms of one core are long against the management of a task, and short against a factorisation worth sharing.
func usual() sizes { return sizes{panel: panelWidth, large: 1e9, group: 2e9} }

// task is a part of the factorisation that one worker does at a time. Numbers of tasks follow the order of elimination, which keeps
// few Schur complements waiting.
type task struct {
	do      kind
	front   int32 // or the unit, for whole ones
	i, j, p int16 // tile row, panel, panel whose product is subtracted
}

type kind uint8

const (
	whole      kind = iota // a unit that is not large
	open                   // memory for the Schur complement
	assemble               // panel j from A and the children
	discard                // the children's Schur complements
	pivot                  // Cholesky factor of the square of own panel j, and what is below it in its tile
	solveTile              // tile (i, j) below that
	update                 // tile (i, j) of an own panel, minus the product of panel p
	complement             // tile (i, j) of the Schur complement, minus the products of all own panels
	finished               // nothing: the parent may open
)

// divide makes units and tasks, and counts the memory between them.
func (pl *Plan) divide(by sizes) {
	subtree := make([]float64, len(pl.fronts)) // work, infinite with a large front in it
	begin := make([]int, len(pl.fronts))       // first front of the subtree
	for k := range pl.fronts {
		f := &pl.fronts[k]
		begin[k], subtree[k] = k, f.flops
		for _, c := range f.children {
			begin[k] = min(begin[k], begin[c])
			subtree[k] += subtree[c]
		}
		if f.flops >= by.large {
			subtree[k] = math.Inf(1)
		}
	}
	for k := range pl.fronts {
		f := &pl.fronts[k]
		alone := subtree[k] <= by.group
		switch {
		case alone && f.parent >= 0 && subtree[f.parent] <= by.group: // inside the group of an ancestor
		case alone:
			pl.units = append(pl.units, unit{first: begin[k], root: k})
		default:
			pl.units = append(pl.units, unit{first: k, root: k, large: f.flops >= by.large})
		}
	}
	in := make([]int, len(pl.fronts)) // unit of a front
	for n, u := range pl.units {
		for k := u.first; k <= u.root; k++ {
			in[k] = n
		}
	}
	var up, down []edge
	last := int32(len(pl.units) - 1)
	for n, u := range pl.units {
		if p := pl.fronts[u.root].parent; p >= 0 {
			up = append(up, edge{int32(n), int32(in[p])})
			down = append(down, edge{last - int32(in[p]), last - int32(n)})
		}
	}
	pl.up, pl.down = newPrecedence(len(pl.units), up), newPrecedence(len(pl.units), down)
	waiting := 0
	for _, u := range pl.units {
		f := &pl.fronts[u.root]
		pl.total += f.schur
		waiting += f.schur
		pl.peak = max(pl.peak, waiting)
		if u.first == u.root {
			for _, c := range f.children {
				waiting -= pl.fronts[c].schur
			}
		}
		pl.groupMemory(u)
	}
	pl.buildTasks()
}

// groupMemory finds what the two stacks of a worker must hold. A Schur complement goes onto the stack of its level's parity, so
// that a front may be assembled from one stack while its own goes onto the other, and both grow and shrink at their ends.
func (pl *Plan) groupMemory(u unit) {
	var used [2]int
	for k := u.first; k < u.root; k++ {
		level := pl.level(k, u.root)
		used[level] += pl.fronts[k].schur
		pl.waiting[level] = max(pl.waiting[level], used[level])
		for _, c := range pl.fronts[k].children {
			used[1-level] -= pl.fronts[c].schur
		}
	}
}

// level is the parity of the distance of front k from its root.
func (pl *Plan) level(k, root int) int {
	l := 0
	for ; k != root; k = pl.fronts[k].parent {
		l = 1 - l
	}
	return l
}

// buildTasks lists the tasks and what each waits for.
func (pl *Plan) buildTasks() {
	var edges []edge
	add := func(t task) int32 {
		pl.tasks = append(pl.tasks, t)
		return int32(len(pl.tasks) - 1)
	}
	after := func(t int32, before ...int32) {
		for _, b := range before {
			edges = append(edges, edge{b, t})
		}
	}
	last := make([]int32, len(pl.fronts)) // the task that ends a front that is the root of a unit
	for n, u := range pl.units {
		f := &pl.fronts[u.root]
		var children []int32
		if u.first == u.root {
			for _, c := range f.children {
				children = append(children, last[c])
			}
		}
		if !u.large {
			t := add(task{do: whole, front: int32(n)})
			after(t, children...)
			last[u.root] = t
			continue
		}
		front := int32(u.root)
		begin := add(task{do: open, front: front})
		after(begin, children...)
		panels, own, rows := f.panels(), f.ownPanel, f.tiles()
		tile := func(do kind, i, j, p int) int32 {
			return add(task{do, front, int16(i), int16(j), int16(p)})
		}
		latest := make([][]int32, panels) // by panel and tile row, the last task that wrote the tile
		var assembled []int32
		for j := range panels {
			t := tile(assemble, 0, j, 0)
			after(t, begin)
			assembled = append(assembled, t)
			latest[j] = slices.Repeat([]int32{t}, rows)
		}
		gone := tile(discard, 0, 0, 0)
		after(gone, assembled...)
		// Pivots and triangles are the critical path: they come before the products of all panels.
		solved := make([][]int32, own) // by own panel and tile row, the task that leaves the tile of the factor
		for j := range own {
			solved[j] = make([]int32, rows)
			top := f.tileOf[j]
			solved[j][top] = tile(pivot, top, j, 0)
			for i := top + 1; i < rows; i++ {
				solved[j][i] = tile(solveTile, i, j, 0)
				after(solved[j][i], solved[j][top])
			}
		}
		for p := range own {
			for j := p + 1; j < own; j++ {
				for i := f.tileOf[j]; i < rows; i++ {
					t := tile(update, i, j, p)
					after(t, latest[j][i], solved[p][i])
					if i != f.tileOf[j] {
						after(t, solved[p][f.tileOf[j]])
					}
					latest[j][i] = t
				}
			}
		}
		for j := range own {
			for i := f.tileOf[j]; i < rows; i++ {
				after(solved[j][i], latest[j][i])
			}
		}
		end := make([]int32, 0, rows*rows)
		for j := own; j < panels; j++ {
			for i := f.tileOf[j]; i < rows; i++ {
				t := tile(complement, i, j, 0)
				after(t, latest[j][i], solved[own-1][i])
				if i != f.tileOf[j] {
					after(t, solved[own-1][f.tileOf[j]])
				}
				end = append(end, t)
			}
		}
		// Every task of the front comes before one of these: the last own panel needs all products of its rows.
		end = append(end, solved[own-1][f.tileOf[own-1]:]...)
		end = append(end, gone)
		last[u.root] = tile(finished, 0, 0, 0)
		after(last[u.root], end...)
	}
	pl.order = newPrecedence(len(pl.tasks), edges)
}
