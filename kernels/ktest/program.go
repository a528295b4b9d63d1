package ktest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/host"
)

// programUlps is the error allowed to one operation, in units of epsilon, relative to the result or to floor if that is
// larger: vector versions of the elementary functions are good to 4 ulp; pow multiplies the error of a logarithm by its result.
const programUlps = 16

// operation is an opcode with the ranges of its operands and the size below which its error is absolute.
type operation struct {
	op      kernels.Opcode
	name    string
	a, b, c [2]float64
	floor   float64
}

func operations() []operation {
	one, wide, positive := [2]float64{-1, 1}, [2]float64{-4, 4}, [2]float64{.01, 8}
	return []operation{
		{kernels.Add, "add", wide, wide, one, 4},
		{kernels.Sub, "sub", wide, wide, one, 4},
		{kernels.Mul, "mul", wide, wide, one, 0},
		{kernels.Div, "div", wide, positive, one, 0},
		{kernels.Neg, "neg", wide, one, one, 0},
		{kernels.MulAdd, "muladd", wide, wide, wide, 16},
		{kernels.Pow, "pow", positive, wide, one, 0},
		{kernels.Sqrt, "sqrt", positive, one, one, 0},
		{kernels.Exp, "exp", [2]float64{-20, 20}, one, one, 0},
		{kernels.Log, "log", positive, one, one, 1},
		{kernels.SinOp, "sin", [2]float64{-60, 60}, one, one, 1},
		{kernels.CosOp, "cos", [2]float64{-60, 60}, one, one, 1},
		{kernels.TanOp, "tan", [2]float64{-1.3, 1.3}, one, one, 1},
		{kernels.TanhOp, "tanh", wide, one, one, 0},
		{kernels.SinhOp, "sinh", wide, one, one, 1},
		{kernels.CoshOp, "cosh", wide, one, one, 0},
		{kernels.AtanOp, "atan", wide, one, one, 1},
		{kernels.AsinOp, "asin", one, one, one, 1},
		{kernels.AcosOp, "acos", one, one, one, 1},
		{kernels.AbsOp, "abs", wide, one, one, 0},
		{kernels.SignOp, "sign", wide, one, one, 0},
		{kernels.MinOp, "min", wide, wide, one, 0},
		{kernels.MaxOp, "max", wide, wide, one, 0},
		{kernels.StepOp, "step", wide, one, one, 0},
	}
}

// lengths of the planes: one point, less than a register, whole registers, more than any block.
func lengths() []int { return []int{0, 1, 15, 128, 1000} }

// Program runs every opcode, the ways to name registers and outputs, and a long program, against the reference.
func Program[T kernels.Real](t *testing.T, b kernels.Backend[T]) {
	tested := map[kernels.Opcode]bool{}
	for _, o := range operations() {
		tested[o.op] = true
		t.Run(o.name, func(t *testing.T) {
			p := &kernels.Program{Inputs: 3, Registers: 4, Code: []kernels.Instr{{Op: o.op, Dst: 3, A: 0, B: 1, C: 2}}, Outputs: []int32{3}}
			for _, n := range lengths() {
				runProgram(t, b, p, n, o.floor, o.a, o.b, o.c)
			}
		})
	}
	if len(tested) != int(kernels.Opcodes) {
		t.Errorf("%d of %d opcodes are tested", len(tested), kernels.Opcodes)
	}
	wide := [2]float64{-4, 4}

	// Powers with a whole exponent take a negative base, and zero.
	t.Run("powers", func(t *testing.T) {
		for _, e := range []float64{0, 1, 2, 3, 4, -1, -2} {
			p := &kernels.Program{Inputs: 1, Constants: []float64{e}, Registers: 3,
				Code: []kernels.Instr{{Op: kernels.Pow, Dst: 2, A: 0, B: 1}}, Outputs: []int32{2}}
			runProgram(t, b, p, 128, 0, wide)
		}
		p := &kernels.Program{Constants: []float64{0, 3, 2}, Registers: 4,
			Code: []kernels.Instr{{Op: kernels.Pow, Dst: 3, A: 0, B: 1}}, Outputs: []int32{3}}
		runProgram(t, b, p, 15, 0)
	})
	// An output may be an input, a constant, the zero plane, or the same register as another one.
	t.Run("outputs", func(t *testing.T) {
		p := &kernels.Program{Inputs: 2, Constants: []float64{.25, -3}, Registers: 5,
			Code: []kernels.Instr{{Op: kernels.Mul, Dst: 4, A: 1, B: 3}}, Outputs: []int32{4, 0, 3, -1, 4, 2}}
		for _, n := range lengths() {
			runProgram(t, b, p, n, 0, wide, wide)
		}
	})
	// Registers are used again, also as operand and destination of one instruction.
	t.Run("long", func(t *testing.T) {
		draw := rand.New(rand.NewPCG(5, 0))
		p := &kernels.Program{Inputs: 6, Constants: []float64{.5, -1, 2}, Registers: 13, Outputs: []int32{9, 10, 11, 12}}
		for i := range int32(4) {
			p.Code = append(p.Code, kernels.Instr{Op: kernels.MulAdd, Dst: 9 + i, A: i, B: i + 1, C: i + 2})
		}
		for range 200 {
			any := func() int32 { return int32(draw.IntN(p.Registers)) }
			dst, op := 9+int32(draw.IntN(4)), []kernels.Opcode{kernels.Add, kernels.Mul, kernels.MulAdd, kernels.Sub}[draw.IntN(4)]
			p.Code = append(p.Code,
				kernels.Instr{Op: op, Dst: dst, A: any(), B: any(), C: any()},
				kernels.Instr{Op: kernels.TanhOp, Dst: dst, A: dst}) // keeps values, and so the growth of errors, in bounds
		}
		const amplification = 1000 // of an error through a chain of 200 operations, generous
		for _, n := range lengths() {
			runProgram(t, b, p, n, amplification, wide, wide, wide, wide, wide, wide)
		}
	})
	t.Run("rejects", func(t *testing.T) {
		for i, p := range []*kernels.Program{
			{Inputs: 2, Registers: 1},
			{Inputs: 1, Registers: 2, Code: []kernels.Instr{{Op: kernels.Opcodes, Dst: 1}}},
			{Inputs: 1, Registers: 2, Code: []kernels.Instr{{Op: kernels.Neg, Dst: 2}}},
			{Inputs: 1, Registers: 2, Code: []kernels.Instr{{Op: kernels.Neg, Dst: 0}}},
			{Inputs: 1, Registers: 2, Outputs: []int32{2}},
		} {
			if k, err := b.OpenProgram(p, [][]T{nil, nil}, [][]T{nil}, 0); err == nil {
				k.Close()
				t.Errorf("program %d opened", i)
			}
		}
	})
}

// runProgram fills n values of every input from its range and compares every output. A nil output is skipped.
func runProgram[T kernels.Real](t *testing.T, b kernels.Backend[T], p *kernels.Program, n int, floor float64, ranges ...[2]float64) {
	t.Helper()
	draw := rand.New(rand.NewPCG(4, uint64(n)))
	var in, out, whole [][]T
	var inRef, outRef [][]float64
	for _, r := range ranges[:p.Inputs] {
		plane := make([]T, n)
		for i := range plane {
			plane[i] = T(r[0] + (r[1]-r[0])*draw.Float64())
		}
		in, inRef = append(in, owned(t, plane)), append(inRef, widened(plane))
	}
	for range p.Outputs {
		w, plane := guarded[T](t, n)
		for i := range plane {
			plane[i] = T(math.NaN())
		}
		whole, out, outRef = append(whole, w), append(out, plane), append(outRef, make([]float64, n))
	}
	rounded := *p
	rounded.Constants = nil
	for _, c := range p.Constants {
		rounded.Constants = append(rounded.Constants, float64(T(c)))
	}
	reference, err := host.New().OpenProgram(&rounded, inRef, outRef, n)
	if err != nil {
		t.Fatalf("reference: %v", err)
	}
	defer reference.Close()
	reference.Run()

	var inThere, wholeThere, outThere [][]T
	for _, plane := range in {
		inThere = append(inThere, onBackend(t, b, plane))
	}
	for _, w := range whole {
		there := onBackend(t, b, w)
		wholeThere, outThere = append(wholeThere, there), append(outThere, there[guard:guard+n:guard+n])
	}
	run := func(out [][]T) {
		t.Helper()
		k, err := b.OpenProgram(p, inThere, out, n)
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		defer k.Close()
		k.Run()
		for o := range whole {
			if err := b.Read(whole[o], wholeThere[o]); err != nil {
				t.Fatal(err)
			}
		}
	}
	skipped := len(p.Outputs) - 1
	if skipped > 0 { // first without the last output: nil planes are skipped
		run(append(append([][]T{}, outThere[:skipped]...), nil))
		for i, x := range out[skipped] {
			if x == x {
				t.Fatalf("value %d of an output that was not asked for became %v", i, x)
			}
		}
	}
	run(outThere)
	for o := range p.Outputs {
		checkGuard(t, whole[o])
		for i, want := range outRef[o] {
			e := math.Abs(float64(out[o][i]) - want)
			if !(e <= programUlps*epsilon[T]()*max(math.Abs(want), floor)) && float64(out[o][i]) != want {
				t.Fatalf("n = %d, output %d, value %d: %v, reference %v, of %s", n, o, i, out[o][i], want, operands(in, i))
			}
		}
	}
}

func operands[T kernels.Real](in [][]T, i int) string {
	var v []T
	for _, plane := range in {
		v = append(v, plane[i])
	}
	return fmt.Sprint(v)
}
