package device

import (
	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/host"
)

// Block is computed by the reference on the processor, from copies of parameters and adjoints: slow, and complete when it returns.
// Trouble with a copy is told by the next Read or Sync.
func (k *kernel[T]) Block(tile int32, columns kernels.Columns, ubar, out []T, ld int) {
	k.plan.CheckBlock(tile, columns, ubar, out, ld)
	pad := kernels.Pad(int(k.plan.Tiles[tile].N))
	if pad == 0 {
		return
	}
	k.b.blocks.Lock()
	defer k.b.blocks.Unlock()
	fetch := func(v []T) []float64 {
		here := make([]T, len(v))
		_ = k.b.Read(here, v)
		return wide(here)
	}
	p := &k.plan
	reference, err := host.New().Open(&kernels.Plan[float64]{
		Net: p.Net, Jets: p.Jets, Tiles: p.Tiles, Runs: p.Runs, Sections: p.Sections,
		X: wide(p.X), W: wide(p.W), InvSigma: wide(p.InvSigma), Scale: wide(p.Scale), Shift: wide(p.Shift),
		Theta: fetch(p.Theta), U: make([]float64, len(p.U)),
	})
	if err != nil {
		panic("device: a plan that was opened does not open")
	}
	n := p.Net.Columns(columns)
	block, column := make([]float64, n*pad), make([]T, pad)
	reference.Block(tile, columns, fetch(ubar), block, pad)
	for c := range n {
		for i := range column {
			column[i] = T(block[c*pad+i])
		}
		_ = k.b.Write(out[c*ld:][:pad], column)
	}
}

func wide[T kernels.Real](v []T) []float64 {
	r := make([]float64, len(v))
	for i, x := range v {
		r[i] = float64(x)
	}
	return r
}
