package kernels

// Columns says by which parameters of a network a block differentiates. Either choice is a stretch at the end of the P
// parameters, so that column p is parameter FirstColumn+p.
type Columns int

const (
	// OutputColumns are weights and biases of the last layer: n_u (K+1) columns, K the width of the last hidden layer.
	OutputColumns Columns = iota
	// AllColumns are all trained parameters: P - Frozen columns.
	AllColumns
)

// FirstColumn is the place among the P parameters of the first one that c names.
func (n Net) FirstColumn(c Columns) int {
	if c == AllColumns {
		return n.Frozen()
	}
	ls := n.Layers()
	return ls[len(ls)-1].W
}

// Columns is the number of columns of a block.
func (n Net) Columns(c Columns) int { return n.Params() - n.FirstColumn(c) }

// CheckBlock panics if Kernel.Block would leave its arrays. Backends call it first.
func (p *Plan[T]) CheckBlock(tile int32, columns Columns, ubar, out []T, ld int) {
	if tile < 0 || int(tile) >= len(p.Tiles) {
		panic("kernels: block of a tile that does not exist")
	}
	if columns != OutputColumns && columns != AllColumns {
		panic("kernels: unknown columns of a block")
	}
	pad := Pad(int(p.Tiles[tile].N))
	if pad == 0 {
		return
	}
	if len(ubar) < len(p.U) {
		panic("kernels: adjoint planes of a block shorter than the jet planes")
	}
	if ld < pad || len(out) < (p.Net.Columns(columns)-1)*ld+pad {
		panic("kernels: block smaller than its padded points times its columns")
	}
}
