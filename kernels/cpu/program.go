//go:build amd64

package cpu

// #include "fb.h"
import "C"

import (
	"unsafe"

	"fbpinn-mpi/kernels"
)

// program is a point program in memory that C reads; see program.h.
type program[T kernels.Real] struct {
	table     *C.fb_table
	flat      []C.fb_program // one
	constants []T
	code      []kernels.Instr
	outputs   []int32
	registers []uintptr // work space: addresses
	scratch   []T
	in, out   []uintptr // addresses of the planes
	planes    [2][][]T  // the planes themselves, kept alive
	n         int
}

// OpenProgram copies a point program to where C may keep it.
func (b *Backend[T]) OpenProgram(p *kernels.Program, in, out [][]T, n int) (kernels.Task, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if len(in) < p.Inputs || len(out) < len(p.Outputs) {
		panic("cpu: fewer planes than the program has inputs or outputs")
	}
	k := &program[T]{
		table:     b.table,
		flat:      kernels.Make[C.fb_program](1),
		constants: kernels.Make[T](len(p.Constants)),
		code:      kernels.From(p.Code),
		outputs:   kernels.From(p.Outputs),
		registers: kernels.Make[uintptr](p.Registers),
		scratch:   kernels.Make[T](p.Registers * C.FB_BLOCK),
		in:        kernels.Make[uintptr](p.Inputs),
		out:       kernels.Make[uintptr](len(p.Outputs)),
		planes:    [2][][]T{in, out},
		n:         n,
	}
	for r := range p.Inputs {
		if len(in[r]) < n {
			panic("cpu: input plane shorter than the points")
		}
		k.in[r] = uintptr(address(in[r]))
	}
	for o := range p.Outputs {
		if out[o] != nil && len(out[o]) < n {
			panic("cpu: output plane shorter than the points")
		}
		k.out[o] = uintptr(address(out[o]))
	}
	for i, c := range p.Constants {
		k.constants[i] = T(c)
	}
	f := &k.flat[0]
	f.inputs, f.constants, f.registers = C.int32_t(p.Inputs), C.int32_t(len(p.Constants)), C.int32_t(p.Registers)
	f.length, f.outputs = C.int32_t(len(p.Code)), C.int32_t(len(p.Outputs))
	f.constant, f.code = address(k.constants), (*C.fb_instr)(address(k.code))
	f.output = (*C.int32_t)(address(k.outputs))
	f.registers_at, f.scratch = (*unsafe.Pointer)(address(k.registers)), address(k.scratch)
	return k, nil
}

// Run computes the outputs. Only whole blocks are written in place, so nothing behind the n-th value of a plane is touched.
func (k *program[T]) Run() {
	if k.n > 0 {
		C.fb_run_program(k.table, &k.flat[0], (*unsafe.Pointer)(address(k.in)), (*unsafe.Pointer)(address(k.out)), C.int64_t(k.n))
	}
}

func (k *program[T]) Close() {
	kernels.Free(k.flat)
	kernels.Free(k.constants)
	kernels.Free(k.code)
	kernels.Free(k.outputs)
	kernels.Free(k.registers)
	kernels.Free(k.scratch)
	kernels.Free(k.in)
	kernels.Free(k.out)
	*k = program[T]{}
}
