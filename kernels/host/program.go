package host

import (
	"math"

	"fbpinn-mpi/kernels"
)

// OpenProgram checks a point program and prepares its registers.
func (*Backend) OpenProgram(p *kernels.Program, in, out [][]float64, n int) (kernels.Task, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if len(in) < p.Inputs || len(out) < len(p.Outputs) {
		panic("host: fewer planes than the program has inputs or outputs")
	}
	k := &pointTask{program: p, in: in, out: out, n: n, r: make([]float64, p.Registers)}
	copy(k.r[p.Inputs:], p.Constants)
	return k, nil
}

// pointTask interprets a program at one point after another.
type pointTask struct {
	program *kernels.Program
	in, out [][]float64
	n       int
	r       []float64 // registers: inputs, constants, temporaries
}

func (k *pointTask) Close() {}

func (k *pointTask) Run() {
	p, in, out := k.program, k.in, k.out
	for i := range k.n {
		for r := range p.Inputs {
			k.r[r] = in[r][i]
		}
		for _, s := range p.Code {
			k.r[s.Dst] = evaluate(s.Op, k.r[s.A], k.r[s.B], k.r[s.C])
		}
		for o, r := range p.Outputs {
			if out[o] == nil {
				continue
			}
			out[o][i] = 0
			if r >= 0 {
				out[o][i] = k.r[r]
			}
		}
	}
}

// evaluate defines every opcode.
func evaluate(op kernels.Opcode, a, b, c float64) float64 {
	switch op {
	case kernels.Add:
		return a + b
	case kernels.Sub:
		return a - b
	case kernels.Mul:
		return a * b
	case kernels.Div:
		return a / b
	case kernels.Neg:
		return -a
	case kernels.MulAdd:
		return a*b + c
	case kernels.Pow:
		return math.Pow(a, b)
	case kernels.Sqrt:
		return math.Sqrt(a)
	case kernels.Exp:
		return math.Exp(a)
	case kernels.Log:
		return math.Log(a)
	case kernels.SinOp:
		return math.Sin(a)
	case kernels.CosOp:
		return math.Cos(a)
	case kernels.TanOp:
		return math.Tan(a)
	case kernels.TanhOp:
		return math.Tanh(a)
	case kernels.SinhOp:
		return math.Sinh(a)
	case kernels.CoshOp:
		return math.Cosh(a)
	case kernels.AtanOp:
		return math.Atan(a)
	case kernels.AsinOp:
		return math.Asin(a)
	case kernels.AcosOp:
		return math.Acos(a)
	case kernels.AbsOp:
		return math.Abs(a)
	case kernels.SignOp:
		switch {
		case a > 0:
			return 1
		case a < 0:
			return -1
		}
		return a // a zero, or NaN, which must show
	case kernels.MinOp:
		return math.Min(a, b)
	case kernels.MaxOp:
		return math.Max(a, b)
	case kernels.StepOp:
		if a >= 0 {
			return 1
		}
		return 0
	}
	panic("host: unknown opcode")
}
