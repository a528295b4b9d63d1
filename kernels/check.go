package kernels

import "fmt"

// Check tells whether the plan is one that kernels can run: shapes within limits and every offset inside its slice. Backends
// call it when they open a plan, because C code behind them cannot catch an index. A plan that is only evaluated may leave out
// Grad and UBar; Adjoint must not be called on it.
func (p *Plan[T]) Check() error {
	n := p.Net
	switch {
	case n.D < 1 || n.D > MaxD:
		return fmt.Errorf("kernels: %d coordinates, supported are 1 to %d", n.D, MaxD)
	case n.D != p.Jets.D || p.Jets.N() == 0 || p.Jets.Index[0] != (MultiIndex{}):
		return fmt.Errorf("kernels: a network in %d coordinates with the jet set %v of %d", n.D, p.Jets, p.Jets.D)
	case len(n.Hidden) < 1 || len(n.Hidden) > MaxDepth:
		return fmt.Errorf("kernels: %d hidden layers, supported are 1 to %d", len(n.Hidden), MaxDepth)
	case n.Out < 1 || n.Out > MaxWidth || n.Fourier < 0 || n.Fourier > MaxWidth:
		return fmt.Errorf("kernels: %d outputs and %d Fourier features, supported are up to %d", n.Out, n.Fourier, MaxWidth)
	case n.Act < Tanh || n.Act > AdaptiveSin:
		return fmt.Errorf("kernels: unknown activation %d", n.Act)
	case len(p.Scale) < n.Out || len(p.Shift) < n.Out:
		return fmt.Errorf("kernels: %d scales and %d shifts for %d unknowns", len(p.Scale), len(p.Shift), n.Out)
	case len(p.Grad) > 0 && len(p.Grad) < len(p.Theta) || len(p.UBar) > 0 && len(p.UBar) < len(p.U):
		return fmt.Errorf("kernels: %d gradients for %d parameters, %d adjoints for %d jets", len(p.Grad), len(p.Theta), len(p.UBar), len(p.U))
	}
	for _, w := range n.Hidden {
		if w < 1 || w > MaxWidth {
			return fmt.Errorf("kernels: a hidden layer of %d neurons, supported are 1 to %d", w, MaxWidth)
		}
	}
	for i := range p.Tiles {
		if err := p.checkTile(&p.Tiles[i]); err != nil {
			return fmt.Errorf("kernels: tile %d: %w", i, err)
		}
	}
	return nil
}

func (p *Plan[T]) checkTile(t *Tile) error {
	pad, nc, params := int64(Pad(int(t.N))), int64(p.Jets.N()), p.Net.Params()
	switch {
	case t.N < 0 || t.Sub < 0 || (int(t.Sub)+1)*params > len(p.Theta) || (int(t.Sub)+1)*p.Net.D > len(p.InvSigma):
		return fmt.Errorf("%d points of slot %d, there are parameters for %d slots and spacings for %d", t.N, t.Sub,
			len(p.Theta)/params, len(p.InvSigma)/p.Net.D)
	case t.X < 0 || t.X%PadTo != 0 || t.X+int64(p.Net.D)*pad > int64(len(p.X)):
		return fmt.Errorf("coordinates at %d with %d lanes leave X (%d) or are not aligned to %d", t.X, pad, len(p.X), PadTo)
	case t.W < 0 || t.W%PadTo != 0 || t.W+nc*pad > int64(len(p.W)):
		return fmt.Errorf("window jets at %d with %d lanes leave W (%d) or are not aligned to %d", t.W, pad, len(p.W), PadTo)
	case t.Section < 0 || int(t.Section) >= len(p.Sections):
		return fmt.Errorf("section %d of %d", t.Section, len(p.Sections))
	case t.Run < 0 || t.Runs < 0 || int(t.Run)+int(t.Runs) > len(p.Runs):
		return fmt.Errorf("runs %d+%d of %d", t.Run, t.Runs, len(p.Runs))
	}
	s := p.Sections[t.Section]
	next := int32(0)
	for _, r := range p.Runs[t.Run : t.Run+t.Runs] {
		last := s.Base + (int64(p.Net.Out)*nc-1)*s.Stride + int64(r.Point) + int64(r.N)
		if r.Tile != next || r.N < 1 || r.Point < 0 || s.Base < 0 || int64(r.Point)+int64(r.N) > s.Stride || last > int64(len(p.U)) {
			return fmt.Errorf("run %+v after point %d does not fit section %+v of U (%d)", r, next, s, len(p.U))
		}
		next += r.N
	}
	if next != t.N {
		return fmt.Errorf("runs cover %d of %d points", next, t.N)
	}
	return nil
}

// Check tells whether every register that the program names exists, so that interpreters need not ask again.
func (p *Program) Check() error {
	first := p.Inputs + len(p.Constants) // temporary
	if p.Inputs < 0 || first > p.Registers {
		return fmt.Errorf("kernels: %d inputs and %d constants in %d registers", p.Inputs, len(p.Constants), p.Registers)
	}
	for i, s := range p.Code {
		operands := max(s.A, s.B, s.C)
		if s.Op < 0 || s.Op >= Opcodes || int(s.Dst) < first || int(max(s.Dst, operands)) >= p.Registers || min(s.A, s.B, s.C) < 0 {
			return fmt.Errorf("kernels: instruction %d, %+v, of a program with %d registers", i, s, p.Registers)
		}
	}
	for o, r := range p.Outputs {
		if r < -1 || int(r) >= p.Registers {
			return fmt.Errorf("kernels: output %d in register %d of %d", o, r, p.Registers)
		}
	}
	return nil
}
