package direct

import "fbpinn-mpi/kernels/dense"

// assemble sets panel j of front k: blocks of A with the ridge, then the children's Schur complements in their order.
func (w *worker) assemble(k, j int) {
	f := &w.fronts[k]
	panel := w.panel(k, j)
	if j >= f.ownPanel || !w.blank {
		clear(panel.Data)
	}
	if j < f.ownPanel {
		w.original(f, j, panel)
	}
	for _, c := range f.children {
		w.extendAdd(&w.fronts[c], c, f, j, panel)
	}
}

// original copies the blocks of A that belong to panel j.
func (w *worker) original(f *front, j int, panel dense.Matrix) {
	begin := f.begin(j)
	for _, e := range f.entry[f.entryAt[j]:f.entryAt[j+1]] {
		rows, cols := f.at[e.row+1]-f.at[e.row], f.at[e.col+1]-f.at[e.col]
		to := panel.Sub(f.at[e.row]-begin, f.at[e.col]-begin, rows, cols)
		from := w.value[e.value]
		if !e.across {
			for c := range cols {
				copy(to.Col(c), from[c*rows:])
			}
			continue
		}
		for c := range cols {
			col := to.Col(c)
			for r := range col {
				col[r] = from[r*cols+c]
			}
		}
	}
	for c := range panel.Cols {
		panel.Data[c+c*panel.Stride] += w.ridge
	}
}

// extendAdd adds to panel j of front f what child c has for it. Blocks of the child lie in the same order in the parent, those that
// follow one another in both are added in one run of rows.
func (w *worker) extendAdd(child *front, c int, f *front, j int, panel dense.Matrix) {
	begin := f.begin(j)
	q := child.ownPanel
	for b := child.own; b < len(child.block); b++ {
		in := child.inParent[b-child.own]
		if in < f.first[j] {
			continue
		}
		if in >= f.first[j+1] {
			break
		}
		for child.first[q+1] <= b {
			q++
		}
		from := w.panel(c, q)
		row0 := child.begin(q)
		col, to := child.at[b]-row0, f.at[in]-begin
		for top := b; top < len(child.block); {
			end := top + 1
			for end < len(child.block) && child.inParent[end-child.own] == child.inParent[end-1-child.own]+1 {
				end++
			}
			rows := child.at[end] - child.at[top]
			at := f.at[child.inParent[top-child.own]] - begin
			for x := range child.at[b+1] - child.at[b] {
				add(panel.Data[at+(to+x)*panel.Stride:][:rows], from.Data[child.at[top]-row0+(col+x)*from.Stride:][:rows])
			}
			top = end
		}
	}
}

// add is y += x.
func add(y, x []float64) {
	y = y[:len(x)]
	for len(x) >= 4 {
		y4, x4 := y[:4:4], x[:4:4]
		y4[0] += x4[0]
		y4[1] += x4[1]
		y4[2] += x4[2]
		y4[3] += x4[3]
		y, x = y[4:], x[4:]
	}
	for i, v := range x {
		y[i] += v
	}
}

// discard gives back the children's Schur complements.
func (w *worker) discard(f *front) {
	for _, c := range f.children {
		w.arena.give(w.schur[c])
		w.schur[c] = nil
	}
}
