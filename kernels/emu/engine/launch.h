/* launch.h: the emulated kernels from outside, in plain C, read by cgo and by C++ harnesses.
 *
 *   g++ -O1 -std=c++17 -x c++ kernels/src/NAME.cu kernels/emu/engine/emu.cpp harness.cpp
 */
#ifndef FB_EMU_LAUNCH_H
#define FB_EMU_LAUNCH_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { FB_EMU_THREADS = 1024, FB_EMU_SHARED = 232448 }; /* most threads and bytes of shared memory of a block (H100) */

/* In which order the blocks of a grid, the warps of a block and the lanes of a warp run between two barriers. */
enum { FB_EMU_ASCENDING, FB_EMU_DESCENDING };

/* A kernel as FB_KERNEL leaves it. */
typedef struct {
  const char *name;
  void (*run)(const void *arguments);
  int64_t bytes; /* of its argument */
  int threads;   /* launch bound */
} fb_emu_kernel;

/* What went wrong in a launch; address and what are set where it was a memory access. */
typedef struct {
  char message[512];
  uintptr_t address;
} fb_emu_fault;

/* The kernels of this program, in the order of linking; null past the last. */
const fb_emu_kernel *fb_emu_at(int i);

/* A kernel by name, null if there is none. */
const fb_emu_kernel *fb_emu_find(const char *name);

/* Runs a grid. 0: done; else fault says which kernel, block and thread did what, and the rest of the grid has not run. */
int fb_emu_try(const fb_emu_kernel *k, int order, int blocks, int threads, int64_t shared, const void *arguments,
               fb_emu_fault *fault);

/* For harnesses: runs a kernel by name in the order set last, prints a fault and aborts. */
void fb_emu_launch(const char *name, int blocks, int threads, int64_t shared, const void *arguments);
void fb_emu_order(int order);

#ifdef __cplusplus
}
#endif
#endif
