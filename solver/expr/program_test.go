package expr

import (
	"math"

	"fbpinn-mpi/kernels"
)

// run executes a program at one point, and fails the run if a temporary is read before it is written, an input or a constant
// is overwritten, or an instruction writes what it reads.
func run(p kernels.Program, in []float64) []float64 {
	if len(in) != p.Inputs {
		panic("wrong number of inputs")
	}
	r := make([]float64, p.Registers)
	for i := range r {
		r[i] = math.NaN()
	}
	copy(r, in)
	copy(r[p.Inputs:], p.Constants)
	written := make([]bool, p.Registers)
	for i := range p.Inputs + len(p.Constants) {
		written[i] = true
	}
	reads := func(op kernels.Opcode) int {
		switch op {
		case kernels.MulAdd:
			return 3
		case kernels.Add, kernels.Sub, kernels.Mul, kernels.Div, kernels.Pow, kernels.MinOp, kernels.MaxOp:
			return 2
		}
		return 1
	}
	for _, c := range p.Code {
		for k, a := range []int32{c.A, c.B, c.C} {
			if k < reads(c.Op) && (!written[a] || a == c.Dst) {
				panic("register read before it was written, or in place")
			}
			if k >= reads(c.Op) && a != 0 {
				panic("unused operand is not 0")
			}
		}
		if int(c.Dst) < p.Inputs+len(p.Constants) {
			panic("input or constant overwritten")
		}
		written[c.Dst] = true
		a, b := r[c.A], r[c.B]
		switch c.Op {
		case kernels.Add:
			r[c.Dst] = a + b
		case kernels.Sub:
			r[c.Dst] = a - b
		case kernels.Mul:
			r[c.Dst] = a * b
		case kernels.Div:
			r[c.Dst] = a / b
		case kernels.Neg:
			r[c.Dst] = -a
		case kernels.MulAdd:
			r[c.Dst] = a*b + r[c.C]
		case kernels.Sqrt:
			r[c.Dst] = math.Sqrt(a)
		default:
			r[c.Dst] = apply(opOf(c.Op), a, b)
		}
	}
	out := make([]float64, len(p.Outputs))
	for o, k := range p.Outputs {
		if k >= 0 {
			if !written[k] {
				panic("output never written")
			}
			out[o] = r[k]
		}
	}
	return out
}
