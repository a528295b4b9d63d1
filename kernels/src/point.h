/* point.h: how to launch fb_point_{f32,f64}. */
#ifndef FB_POINT_H
#define FB_POINT_H
#include "abi.h"

enum {
  FB_POINT_THREADS = 256,     /* most threads of a block */
  FB_POINT_SHARED = 227 << 10 /* bytes of shared memory that a block may have (sm_90) */
};

/* Most registers of a program: a block of 32 threads must fit. 908 in double, 1816 in float. */
static inline int32_t fb_point_registers(int32_t real_bytes) { return FB_POINT_SHARED / (32 * real_bytes); }

/* Threads and shared bytes of a block for a program with so many registers (inputs and constants included). Chosen is the block
 * of which most threads live on a processor with 2048 threads, 32 blocks and 228 KiB, of which each block takes 1 KiB for itself.
 * points is 0. threads is 0 for a program with more than fb_point_registers. Any number of blocks will do: threads loop. */
static inline fb_shape fb_point_shape(int32_t registers, int32_t real_bytes) {
  static const int32_t sizes[] = {128, 256, 64, 32}; /* in order of preference at equal occupancy */
  fb_shape best = {0, 0, 0, 0};
  int64_t most = 0;
  for (int i = 0; i < 4; i++) {
    int32_t threads = sizes[i];
    int64_t shared = (int64_t)registers * threads * real_bytes, blocks = (228 << 10) / (shared + 1024);
    if (shared > FB_POINT_SHARED) continue;
    if (blocks > 2048 / threads) blocks = 2048 / threads;
    if (blocks > 32) blocks = 32;
    if (blocks * threads <= most) continue;
    most = blocks * threads;
    best.threads = threads;
    best.shared = shared;
  }
  return best;
}

/* Blocks for n points. */
static inline int64_t fb_point_blocks(int64_t n, int32_t threads) {
  int64_t blocks = (n + threads - 1) / threads;
  return blocks < 1 ? 1 : blocks > 65536 ? 65536 : blocks;
}

#endif
