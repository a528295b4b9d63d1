package device

// #include "../src/abi.h"
import "C"

import (
	"unsafe"

	"fbpinn-mpi/kernels"
)

// prepareBlocks fills the argument block of Block but for what belongs to one call, and puts the numbers of all chunks on the card:
// those of a tile follow each other, so that each tile finds its list there.
func (k *kernel[T]) prepareBlocks() {
	f, b := k.blocks, &k.block[0]
	numbers := make([]int32, len(f.chunks))
	for i := range numbers {
		numbers[i] = int32(i)
	}
	b.net = k.net[0]
	b.net.chunks, b.net.points, b.net.scratch_block = (*C.fb_chunk)(f.table), f.shape.points, f.shape.scratch
	k.numbers = upload(&k.arena, numbers, "chunks of blocks")
}

// Block queues one launch over the chunks of the tile; see kernels.Kernel. It uses the scratch memory of the other operations, which
// come before or behind it in the queue.
func (k *kernel[T]) Block(tile int32, columns kernels.Columns, ubar, out []T, ld int) {
	k.plan.CheckBlock(tile, columns, ubar, out, ld)
	f := k.blocks
	first, end := f.first[tile], f.first[tile+1]
	if first == end {
		return
	}
	k.b.blocks.Lock() // the argument block is the plan's, the queue the driver's
	defer k.b.blocks.Unlock()
	b := &k.block[0]
	b.net.list = (*C.int32_t)(unsafe.Add(k.numbers, uintptr(first)*unsafe.Sizeof(first)))
	b.net.entries, b.net.ubar = C.int32_t(end-first), address(ubar)
	b.first, b.x0 = C.int32_t(k.plan.Net.FirstColumn(columns)), C.int64_t(k.plan.Tiles[tile].X)
	b.out, b.ld = address(out), C.int64_t(ld)
	k.b.driver.Launch(f.block, f.blocks(int(end-first)), int(f.shape.threads), int64(f.shape.shared), unsafe.Pointer(b), int(unsafe.Sizeof(*b)))
}
