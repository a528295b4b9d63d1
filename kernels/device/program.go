package device

// #include "../src/abi.h"
// #include "../src/point.h"
import "C"

import (
	"fmt"
	"unsafe"

	"fbpinn-mpi/kernels"
)

// program is a point program on the card, for fixed planes: point.cu interprets it.
type program[T kernels.Real] struct {
	b       *Backend[T]
	arena   arena
	flat    []C.fb_point // one
	point   Function
	blocks  int
	threads int
	shared  int64
}

// OpenProgram uploads a program and the addresses of its planes.
func (b *Backend[T]) OpenProgram(p *kernels.Program, in, out [][]T, n int) (kernels.Task, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if len(in) < p.Inputs || len(out) < len(p.Outputs) {
		panic("device: fewer planes than the program has inputs or outputs")
	}
	in, out = in[:p.Inputs], out[:len(p.Outputs)]
	for _, v := range in {
		if len(v) < n {
			panic("device: input plane shorter than the points")
		}
	}
	for _, v := range out {
		if v != nil && len(v) < n {
			panic("device: output plane shorter than the points")
		}
	}
	shape, err := b.pointShape(p.Registers)
	if err != nil {
		return nil, err
	}
	k := &program[T]{b: b, flat: kernels.Make[C.fb_point](1), point: b.function("fb_point"),
		threads: int(shape.threads), shared: int64(shape.shared)}
	k.arena = arena{staging: &b.staging, what: fmt.Sprintf("a point program of %d instructions", len(p.Code))}
	constants := make([]T, len(p.Constants))
	for i, c := range p.Constants {
		constants[i] = T(c)
	}
	if n > 0 {
		k.blocks = int(C.fb_point_blocks(C.int64_t(n), shape.threads))
	}
	a := &k.arena
	k.flat[0] = C.fb_point{
		inputs: C.int32_t(p.Inputs), constants: C.int32_t(len(constants)), registers: C.int32_t(p.Registers),
		length: C.int32_t(len(p.Code)), outputs: C.int32_t(len(p.Outputs)), n: C.int64_t(n),
		constant: upload(a, constants, "constants"), code: (*C.fb_instr)(upload(a, p.Code, "code")),
		output: (*C.int32_t)(upload(a, p.Outputs, "outputs")),
		in:     (*unsafe.Pointer)(upload(a, addresses(in), "input planes")),
		out:    (*unsafe.Pointer)(upload(a, addresses(out), "output planes")),
	}
	if a.err != nil {
		err := a.err
		k.Close()
		return nil, err
	}
	return k, nil
}

// pointShape is the launch shape for a number of registers, which lie in shared memory. A card with less of it than the shape
// counts on gets the smallest block.
func (b *Backend[T]) pointShape(registers int) (C.fb_shape, error) {
	shape := C.fb_point_shape(C.int32_t(registers), C.int32_t(size[T]()))
	if has := b.driver.Info().SharedPerBlock; int64(shape.shared) > has {
		const warp = 32
		shape.threads, shape.shared = warp, C.int64_t(int64(registers)*warp*size[T]())
		if int64(shape.shared) > has {
			shape.threads = 0
		}
	}
	if shape.threads == 0 {
		return shape, fmt.Errorf("device: equations that need %d registers at a point do not fit the shared memory of %s: use float32, or split the terms",
			registers, b.name)
	}
	return shape, nil
}

// Run queues the program.
func (k *program[T]) Run() {
	if k.blocks > 0 {
		p := &k.flat[0]
		k.b.driver.Launch(k.point, k.blocks, k.threads, k.shared, unsafe.Pointer(p), int(unsafe.Sizeof(*p)))
	}
}

func (k *program[T]) Close() {
	k.arena.free()
	kernels.Free(k.flat)
	k.flat, k.blocks = nil, 0
}
