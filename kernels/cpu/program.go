//go:build amd64

package cpu

// #include "fb.h"
import "C"

import (
	"runtime"
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
	in, out   []uintptr // addresses of the planes of a call
}

// OpenProgram copies a point program to where C may keep it.
func (b *Backend[T]) OpenProgram(p *kernels.Program) (kernels.PointKernel[T], error) {
	if err := p.Check(); err != nil {
		return nil, err
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

// Run computes the outputs at n points; see kernels.PointKernel. Only whole blocks are written in place, so nothing behind
// the n-th value of a plane is touched.
func (k *program[T]) Run(in, out [][]T, n int) {
	f := &k.flat[0]
	if len(in) < int(f.inputs) || len(out) < int(f.outputs) {
		panic("cpu: fewer planes than the program has inputs or outputs")
	}
	if n <= 0 {
		return
	}
	for r := range int(f.inputs) {
		if len(in[r]) < n {
			panic("cpu: input plane shorter than the points")
		}
		k.in[r] = uintptr(address(in[r]))
	}
	for o := range int(f.outputs) {
		if out[o] != nil && len(out[o]) < n {
			panic("cpu: output plane shorter than the points")
		}
		k.out[o] = uintptr(address(out[o]))
	}
	C.fb_run_program(k.table, f, (*unsafe.Pointer)(address(k.in)), (*unsafe.Pointer)(address(k.out)), C.int64_t(n))
	runtime.KeepAlive(in)
	runtime.KeepAlive(out)
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
