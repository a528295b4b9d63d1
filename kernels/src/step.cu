// step.cu: what a step does besides networks and equations: sums over overlaps, sums of gradients, residual norms, messages, Adam.
//
// All of it moves memory: a thread takes one element of the output and reads along with its neighbours. Sums run in the order of
// their lists, without atomics, so that two runs agree to the last bit. Launch shapes: step.h.
#include "fb.cuh"
#include "real.cuh"
#include "step.h"

namespace {

using namespace fb;

__device__ __forceinline__ int64_t first_element() { return (int64_t)blockIdx.x * blockDim.x + threadIdx.x; }

__device__ __forceinline__ int64_t next_elements() { return (int64_t)gridDim.x * blockDim.x; }

// ---- sums over the pairs of a point -----------------------------------------------------------------------------------------

// N planes from p on for target t. The planes give N independent loads for each index; neighbouring targets lie in the same
// tiles, so their pairs are neighbours too and the loads coalesce.
template <class R, int N> __device__ __forceinline__ void gather_planes(const fb_gather &g, int t, int p) {
  const fb_target at = g.target[t];
  const R *v = (const R *)g.v + p * g.pairs;
  R *u = (R *)g.u + at.at + p * at.stride;
  R sum[N];
#pragma unroll
  for (int i = 0; i < N; i++) sum[i] = 0;
  const int end = __ldg(g.first + t + 1);
#pragma unroll(sizeof(R) == 4 ? 4 : 2) // so many indices are fetched together, then all their values
  for (int k = __ldg(g.first + t); k < end; k++) {
    const int pair = __ldg(g.pair + k);
#pragma unroll
    for (int i = 0; i < N; i++) sum[i] += __ldg(v + i * g.pairs + pair);
  }
#pragma unroll
  for (int i = 0; i < N; i++) u[i * at.stride] += sum[i];
}

// Six planes at a time: u, u_x, u_y, u_xx, u_xy, u_yy need no second look at the indices.
template <class R> __device__ __forceinline__ void gather(const fb_gather &g) {
  for (int64_t t = first_element(); t < g.targets; t += next_elements()) {
    for (int p = 0; p < g.planes; p += 6) {
      switch (g.planes - p) {
      case 1: gather_planes<R, 1>(g, (int)t, p); break;
      case 2: gather_planes<R, 2>(g, (int)t, p); break;
      case 3: gather_planes<R, 3>(g, (int)t, p); break;
      case 4: gather_planes<R, 4>(g, (int)t, p); break;
      case 5: gather_planes<R, 5>(g, (int)t, p); break;
      default: gather_planes<R, 6>(g, (int)t, p);
      }
    }
  }
}

// ---- sums of the gradients of chunks ----------------------------------------------------------------------------------------

template <class R> __device__ __forceinline__ void reduce(const fb_reduce &r) {
  const int64_t n = (int64_t)r.slots * r.params;
  for (int64_t i = first_element(); i < n; i += next_elements()) {
    const int s = (int)(i / r.params), p = (int)(i - (int64_t)s * r.params);
    const R *partial = (const R *)r.partial + p;
    R sum = 0;
    const int end = __ldg(r.first + s + 1);
#pragma unroll 4
    for (int e = __ldg(r.first + s); e < end; e++) sum += __ldg(partial + (int64_t)__ldg(r.entry + e) * r.params);
    ((R *)r.grad)[(int64_t)__ldg(r.slot + s) * r.params + p] += sum;
  }
}

// ---- ½ Σ q r² ---------------------------------------------------------------------------------------------------------------

// Sum and smallest index over a block, in lane order and then warp order; thread 0 gets them. shared: FB_SQUARES_SHARED bytes.
__device__ __forceinline__ void block_sum(double &sum, int64_t &where, double *shared) {
  for (int m = 16; m > 0; m >>= 1) {
    sum += __shfl_xor_sync(0xffffffffu, sum, m);
    const long long other = __shfl_xor_sync(0xffffffffu, (long long)where, m);
    where = other < where ? other : where;
  }
  const int warps = (int)blockDim.x / 32, warp = (int)threadIdx.x / 32;
  int64_t *indices = (int64_t *)(shared + warps);
  if (threadIdx.x % 32 == 0) shared[warp] = sum, indices[warp] = where;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (int w = 1; w < warps; w++) {
    sum += shared[w];
    where = indices[w] < where ? indices[w] : where;
  }
}

// A difference of a number with itself is 0 unless the number is infinite or NaN.
template <class R> __device__ __forceinline__ bool is_finite(R x) { return x - x == 0; }

// Block b of a plane adds values b*blockDim + thread, and so on in steps of blocks*blockDim.
template <class R> __device__ __forceinline__ void squares(const fb_squares &s, double *shared) {
  const int plane = (int)blockIdx.x / s.blocks, block = (int)blockIdx.x - plane * s.blocks;
  const R *q = (const R *)s.q, *r = (const R *)s.r[plane];
  double sum = 0;
  int64_t where = s.n;
#pragma unroll 4
  for (int64_t i = (int64_t)block * blockDim.x + threadIdx.x; i < s.n; i += (int64_t)s.blocks * blockDim.x) {
    const double x = __ldg(r + i);
    sum += (double)__ldg(q + i) * x * x;
    if (!is_finite(x) && i < where) where = i;
  }
  block_sum(sum, where, shared);
  if (threadIdx.x == 0) s.partial[blockIdx.x] = sum, s.where[blockIdx.x] = where;
}

// ---- messages ---------------------------------------------------------------------------------------------------------------

// The last block of lo .. hi whose start is not behind i.
__device__ __forceinline__ int64_t find_block(const int64_t *start, int64_t lo, int64_t hi, int64_t i) {
  while (lo < hi) {
    const int64_t middle = (lo + hi + 1) / 2;
    if (__ldg(start + middle) <= i) lo = middle;
    else hi = middle - 1;
  }
  return lo;
}

// Calls move(i, index(i)) for every element of the message. A tile of FB_PORT_TILE elements looks once for the first and last block
// of the port in it; inside a long block that is all the search there is, among short ones each element looks between these two.
template <class Move> __device__ __forceinline__ void port(const fb_port &p, Move move) {
  for (int64_t tile = (int64_t)blockIdx.x * FB_PORT_TILE; tile < p.n; tile += (int64_t)gridDim.x * FB_PORT_TILE) {
    const int64_t end = tile + FB_PORT_TILE < p.n ? tile + FB_PORT_TILE : p.n;
    const int64_t lo = find_block(p.start, 0, p.blocks - 1, tile), hi = find_block(p.start, lo, p.blocks - 1, end - 1);
#pragma unroll 4
    for (int64_t i = tile + threadIdx.x; i < end; i += blockDim.x) {
      const int64_t b = find_block(p.start, lo, hi, i);
      move(i, __ldg(p.at + b) + i - __ldg(p.start + b));
    }
  }
}

template <class R> __device__ __forceinline__ void pack(const fb_port &p) {
  R *message = (R *)p.message;
  const R *v = (const R *)p.v;
  port(p, [=](int64_t i, int64_t index) { message[i] = v[index]; });
}

// Blocks of one port do not overlap, so that the order of the additions is no question.
template <class R, bool ADD> __device__ __forceinline__ void unpack(const fb_port &p) {
  const R *message = (const R *)p.message;
  R *v = (R *)p.v;
  port(p, [=](int64_t i, int64_t index) { v[index] = ADD ? v[index] + message[i] : message[i]; });
}

// ---- Adam -------------------------------------------------------------------------------------------------------------------

// kernels/host/adam.go, in R: the numbers of the step are rounded to R once.
template <class R> __device__ __forceinline__ void adam(const fb_adam &a) {
  const R beta1 = (R)a.beta1, rest1 = (R)(1 - a.beta1), beta2 = (R)a.beta2, rest2 = (R)(1 - a.beta2);
  const R rate = (R)a.rate, eps = (R)a.eps, correct1 = (R)a.correct1, correct2 = (R)a.correct2;
  R *theta = (R *)a.theta, *m = (R *)a.m, *v = (R *)a.v;
  const R *grad = (const R *)a.grad;
  for (int64_t i = first_element(); i < a.n; i += next_elements()) {
    const R g = grad[i], mean = beta1 * m[i] + rest1 * g, square = beta2 * v[i] + rest2 * g * g;
    m[i] = mean;
    v[i] = square;
    theta[i] -= rate * (mean / correct1) / (real_sqrt(square / correct2) + eps);
  }
}

}  // namespace

FB_KERNEL(fb_gather_f32, fb_gather, FB_STEP_THREADS, 8) { gather<float>(p); }
FB_KERNEL(fb_gather_f64, fb_gather, FB_STEP_THREADS, 8) { gather<double>(p); }

FB_KERNEL(fb_reduce_f32, fb_reduce, FB_STEP_THREADS, 8) { reduce<float>(p); }
FB_KERNEL(fb_reduce_f64, fb_reduce, FB_STEP_THREADS, 8) { reduce<double>(p); }

FB_KERNEL(fb_squares_f32, fb_squares, FB_STEP_THREADS, 8) {
  FB_SHARED(double, shared);
  squares<float>(p, shared);
}
FB_KERNEL(fb_squares_f64, fb_squares, FB_STEP_THREADS, 8) {
  FB_SHARED(double, shared);
  squares<double>(p, shared);
}

// One block a plane. Thread t adds the partial sums t, t+blockDim, ...: FB_SQUARES_BLOCKS of them are two a thread.
FB_KERNEL(fb_squares_finish, fb_squares, FB_STEP_THREADS, 8) {
  FB_SHARED(double, shared);
  const int plane = (int)blockIdx.x;
  double sum = 0;
  int64_t where = p.n;
  for (int b = (int)threadIdx.x; b < p.blocks; b += (int)blockDim.x) {
    const int64_t at = (int64_t)plane * p.blocks + b;
    sum += p.partial[at];
    where = p.where[at] < where ? p.where[at] : where;
  }
  block_sum(sum, where, shared);
  if (threadIdx.x > 0) return;
  sum /= 2;
  p.sum[plane] = sum;
  const int64_t run = ++p.run[plane];
  if (p.bad[2 * plane] == 0 && !is_finite(sum)) { // point 0 if each residual is finite and only the sum is not
    p.bad[2 * plane] = run;
    p.bad[2 * plane + 1] = where < p.n ? where : 0;
  }
}

FB_KERNEL(fb_pack_f32, fb_port, FB_STEP_THREADS, 8) { pack<float>(p); }
FB_KERNEL(fb_pack_f64, fb_port, FB_STEP_THREADS, 8) { pack<double>(p); }
FB_KERNEL(fb_unpack_f32, fb_port, FB_STEP_THREADS, 8) { unpack<float, false>(p); }
FB_KERNEL(fb_unpack_f64, fb_port, FB_STEP_THREADS, 8) { unpack<double, false>(p); }
FB_KERNEL(fb_unpack_add_f32, fb_port, FB_STEP_THREADS, 8) { unpack<float, true>(p); }
FB_KERNEL(fb_unpack_add_f64, fb_port, FB_STEP_THREADS, 8) { unpack<double, true>(p); }

FB_KERNEL(fb_adam_f32, fb_adam, FB_STEP_THREADS, 8) { adam<float>(p); }
FB_KERNEL(fb_adam_f64, fb_adam, FB_STEP_THREADS, 8) { adam<double>(p); }
