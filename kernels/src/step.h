/* step.h: how to launch the kernels of step.cu. All of them take any number of blocks; these are the good ones. */
#ifndef FB_STEP_H
#define FB_STEP_H
#include <stdint.h>

/* Threads of a block. With one thread a point and some 1e5 points, smaller blocks spread evenly over a hundred processors. */
enum { FB_STEP_THREADS = 128 };

/* Consecutive elements of a message that one block of fb_pack and fb_unpack has in hand at a time. */
enum { FB_PORT_TILE = 4 * FB_STEP_THREADS };

/* A block of fb_squares adds at least so many values; more blocks than FB_SQUARES_BLOCKS do not fill a card better. */
enum { FB_SQUARES_LEAST = 2048, FB_SQUARES_BLOCKS = 256 };

/* fb_gather: n = targets; fb_reduce: n = slots*params; fb_adam: n. Threads loop over the elements beyond the grid. */
static inline int64_t fb_step_blocks(int64_t n) {
  int64_t blocks = (n + FB_STEP_THREADS - 1) / FB_STEP_THREADS;
  return blocks < 1 ? 1 : blocks > 65536 ? 65536 : blocks;
}

/* fb_pack, fb_unpack, fb_unpack_add: n = length of the message. */
static inline int64_t fb_port_blocks(int64_t n) {
  int64_t blocks = (n + FB_PORT_TILE - 1) / FB_PORT_TILE;
  return blocks < 1 ? 1 : blocks > 4096 ? 4096 : blocks;
}

/* fb_squares.blocks: follows from the length of a plane alone, and so does the order of its sum. Grid: planes*blocks, and planes for
 * fb_squares_finish. */
static inline int32_t fb_squares_blocks(int64_t n) {
  int64_t blocks = (n + FB_SQUARES_LEAST - 1) / FB_SQUARES_LEAST;
  return (int32_t)(blocks < 1 ? 1 : blocks > FB_SQUARES_BLOCKS ? (int64_t)FB_SQUARES_BLOCKS : blocks);
}

/* Bytes of shared memory of fb_squares and fb_squares_finish: a sum and an index from every warp. */
enum { FB_SQUARES_SHARED = FB_STEP_THREADS / 32 * 16 };

#endif
