// bench.cu: what the card can do, measured beside our kernels: multiply-adds a second, bytes a second.
#include "bench.h"
#include "fb.cuh"
#include "real.cuh"

namespace {

// x <- a x + b with a, b > 0 never turns negative. Both numbers come from the argument, so the compiler can neither fold the chains
// nor know that.
template <class R> __device__ __forceinline__ void peak(const fb_bench_peak &p) {
  const R b = 1 / (R)(p.iterations + 1000), a = 1 - b;
  R x[FB_PEAK_CHAINS];
#pragma unroll
  for (int i = 0; i < FB_PEAK_CHAINS; i++) x[i] = (R)(threadIdx.x + i) * b;
  for (int64_t k = 0; k < p.iterations; k++) {
#pragma unroll
    for (int u = 0; u < FB_PEAK_UNROLL; u++) {
#pragma unroll
      for (int i = 0; i < FB_PEAK_CHAINS; i++) x[i] = fb::real_fma(x[i], a, b);
    }
  }
  R sum = 0;
#pragma unroll
  for (int i = 0; i < FB_PEAK_CHAINS; i++) sum += x[i];
  if (sum < 0) *(R *)p.out = sum;
}

}  // namespace

FB_KERNEL(fb_peak_f32, fb_bench_peak, FB_BENCH_THREADS, FB_BENCH_BLOCKS) { peak<float>(p); }
FB_KERNEL(fb_peak_f64, fb_bench_peak, FB_BENCH_THREADS, FB_BENCH_BLOCKS) { peak<double>(p); }

// Four independent accesses a thread at a time, a grid apart.
FB_KERNEL(fb_copy, fb_bench_copy, FB_BENCH_THREADS, FB_BENCH_BLOCKS) {
  const float4 *from = (const float4 *)p.from;
  float4 *to = (float4 *)p.to;
  const int64_t step = (int64_t)gridDim.x * blockDim.x;
  int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  for (; i + 3 * step < p.n; i += 4 * step) {
    float4 v[4];
#pragma unroll
    for (int k = 0; k < 4; k++) v[k] = from[i + k * step];
#pragma unroll
    for (int k = 0; k < 4; k++) to[i + k * step] = v[k];
  }
  for (; i < p.n; i += step) to[i] = from[i];
}
