/* bench.h: how to launch the kernels of bench.cu and what they do. */
#ifndef FB_BENCH_H
#define FB_BENCH_H
#include <stdint.h>

enum {
  FB_BENCH_THREADS = 256,
  FB_BENCH_BLOCKS = 8, /* a processor: 2048 threads are all that live there */
  FB_PEAK_CHAINS = 8,  /* multiply-adds of a thread that wait for nothing but their own chain */
  FB_PEAK_UNROLL = 64  /* of a chain in one turn of the loop */
};

/* Floating-point operations of fb_peak_f32 or fb_peak_f64: a multiply-add is two. */
static inline double fb_peak_flops(int64_t blocks, int64_t iterations) {
  return 2.0 * FB_PEAK_CHAINS * FB_PEAK_UNROLL * FB_BENCH_THREADS * (double)blocks * (double)iterations;
}

/* Bytes that fb_copy moves, reading and writing. */
static inline double fb_copy_bytes(int64_t n) { return 32.0 * (double)n; }

#endif
