// fb.cuh: what every kernel file includes. Under nvcc the names below are CUDA; otherwise emu.h runs the same source on the
// processor, one fibre a thread, which is how the tests reach every kernel without a card.
//
//   FB_KERNEL(name, Args, THREADS, MIN_BLOCKS) { ... p ... }   a kernel with one argument, `const Args p`
//   FB_SHARED(type, name)                                      `type *name`: start of the dynamic shared memory, 16-byte aligned
//
// One FB_SHARED a kernel, carved up by hand: every byte of shared memory is dynamic, so the emulation can fill it with NaN.
#ifndef FB_CUH
#define FB_CUH
#include "abi.h"

#ifdef __CUDACC__

// A grid constant may be indexed and have its address taken without a copy in local memory.
#define FB_KERNEL(name, Args, THREADS, MIN_BLOCKS) \
  extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS) name(const __grid_constant__ Args p)

#define FB_SHARED(type, name)                          \
  extern __shared__ __align__(16) unsigned char fb_shared[]; \
  type *const name = reinterpret_cast<type *>(fb_shared)

#else
#include "../emu/engine/emu.h"
#endif

#endif
