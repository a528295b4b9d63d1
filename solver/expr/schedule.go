package expr

import (
	"slices"

	"fbpinn-mpi/kernels"
)

// program turns the part of the tape that outputs need into registers and instructions: dead code goes, products that are
// only added become multiply-adds, temporaries are reused after their last use. An instruction never writes a register that
// it reads. An output may be an input or a constant; the zero constant is the zero plane, -1.
func (t *tape) program(inputs, outputs []value) kernels.Program {
	p := kernels.Program{Inputs: len(inputs)}
	uses, live := t.uses(outputs)
	fused := t.fuse(uses, live)
	order := t.order(outputs, fused)

	register := map[value]int32{}
	for i, v := range inputs {
		register[v] = int32(i)
	}
	constants := int32(len(inputs))
	isOperand := func(v value) { // number the constants in order of use
		if _, seen := register[v]; !seen && v != none && t.steps[v].constant {
			register[v] = constants + int32(len(p.Constants))
			p.Constants = append(p.Constants, t.steps[v].number)
		}
	}
	lastUse := map[value]int{}
	for i, v := range order {
		for _, a := range fused[v].args {
			isOperand(a)
			lastUse[a] = i
		}
	}
	for _, o := range outputs {
		if !t.is(o, 0) {
			isOperand(o)
		}
		lastUse[o] = len(order)
	}
	next := constants + int32(len(p.Constants))
	p.Registers = int(next)
	var free []int32
	for i, v := range order {
		var dst int32
		if n := len(free); n > 0 {
			dst, free = free[n-1], free[:n-1]
		} else {
			dst = int32(p.Registers)
			p.Registers++
		}
		register[v] = dst
		in := kernels.Instr{Op: fused[v].op, Dst: dst}
		for k, a := range fused[v].args {
			*[]*int32{&in.A, &in.B, &in.C}[k] = register[a]
		}
		p.Code = append(p.Code, in)
		args := slices.Clone(fused[v].args)
		slices.Sort(args)
		for _, a := range slices.Compact(args) {
			if lastUse[a] == i && register[a] >= next {
				free = append(free, register[a])
			}
		}
	}
	for _, o := range outputs {
		r := int32(-1)
		if !t.is(o, 0) {
			r = register[o]
		}
		p.Outputs = append(p.Outputs, r)
	}
	return p
}

// uses counts how often each step is read by steps that outputs need.
func (t *tape) uses(outputs []value) (uses []int, live []bool) {
	uses, live = make([]int, len(t.steps)), make([]bool, len(t.steps))
	for _, o := range outputs {
		uses[o]++
		live[o] = true
	}
	for v := len(t.steps) - 1; v >= 0; v-- {
		if s := t.steps[v]; live[v] {
			for _, a := range []value{s.a, s.b} {
				if a != none {
					uses[a]++
					live[a] = true
				}
			}
		}
	}
	return uses, live
}

// instruction is a step after fusion.
type instruction struct {
	op   kernels.Opcode
	args []value
}

// fuse merges a product into the sum that alone reads it, and a reciprocal into its product.
func (t *tape) fuse(uses []int, live []bool) []instruction {
	fused := make([]instruction, len(t.steps))
	for v, s := range t.steps {
		if !live[v] || s.input || s.constant {
			continue
		}
		f := instruction{op: s.op, args: []value{s.a}}
		if s.b != none {
			f.args = append(f.args, s.b)
		}
		alone := func(a value, op kernels.Opcode) bool {
			x := t.steps[a]
			return uses[a] == 1 && !x.input && !x.constant && fused[a].op == op
		}
		switch {
		case s.op == kernels.Add && alone(s.b, kernels.Mul):
			f = instruction{kernels.MulAdd, append(slices.Clone(fused[s.b].args), s.a)}
		case s.op == kernels.Add && alone(s.a, kernels.Mul):
			f = instruction{kernels.MulAdd, append(slices.Clone(fused[s.a].args), s.b)}
		case s.op == kernels.Mul && alone(s.b, kernels.Div) && t.is(fused[s.b].args[0], 1):
			f = instruction{kernels.Div, []value{s.a, fused[s.b].args[1]}}
		case s.op == kernels.Mul && alone(s.a, kernels.Div) && t.is(fused[s.a].args[0], 1):
			f = instruction{kernels.Div, []value{s.b, fused[s.a].args[1]}}
		}
		fused[v] = f
	}
	return fused
}

// order lists the instructions that outputs need, arguments first, each output as soon as it can be.
func (t *tape) order(outputs []value, fused []instruction) []value {
	var order []value
	seen := make([]bool, len(t.steps))
	var down func(v value)
	down = func(v value) {
		if s := t.steps[v]; seen[v] || s.input || s.constant {
			return
		}
		seen[v] = true
		for _, a := range fused[v].args {
			down(a)
		}
		order = append(order, v)
	}
	for _, o := range outputs {
		down(o)
	}
	return order
}
