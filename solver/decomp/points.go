package decomp

// Points are points in one fixed order, the same on every rank. They come in blocks and are drawn anew in each pass, so that a
// rank which needs a few of many never holds them all.
type Points interface {
	// Blocks calls visit with all points, ascending: x[a][i] is coordinate a of point first+i. x is valid during the call only.
	Blocks(visit func(first int, x [][]float64))
}

// Planes are points that are held, [d][n].
type Planes [][]float64

func (p Planes) Blocks(visit func(first int, x [][]float64)) { visit(0, p) }
