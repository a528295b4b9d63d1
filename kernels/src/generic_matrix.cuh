// generic_matrix.cuh: the matrix products of the generic kernel, by all threads of a block. Jets of a layer lie in global memory as
// [neuron][cols], cols = nc*np, a multiple of 32.
#ifndef FB_GENERIC_MATRIX_CUH
#define FB_GENERIC_MATRIX_CUH
#include "fb.cuh"
#include "generic.h"
#include "real.cuh"

namespace fb::generic {

// Two neighbouring columns in one access, and consecutive weights from shared memory in accesses of 16 bytes.
__device__ __forceinline__ void load2(const float *from, float *to) {
  const float2 v = *reinterpret_cast<const float2 *>(from);
  to[0] = v.x, to[1] = v.y;
}
__device__ __forceinline__ void load2(const double *from, double *to) {
  const double2 v = *reinterpret_cast<const double2 *>(from);
  to[0] = v.x, to[1] = v.y;
}
__device__ __forceinline__ void store2(float *to, float a, float b) { *reinterpret_cast<float2 *>(to) = make_float2(a, b); }
__device__ __forceinline__ void store2(double *to, double a, double b) { *reinterpret_cast<double2 *>(to) = make_double2(a, b); }

template <int N> __device__ __forceinline__ void load_weights(const float *from, float *to) {
  if constexpr (N % 4 != 0) {
    load2(from, to);
  } else {
#pragma unroll
    for (int i = 0; i < N; i += 4) {
      const float4 v = *reinterpret_cast<const float4 *>(from + i);
      to[i] = v.x, to[i + 1] = v.y, to[i + 2] = v.z, to[i + 3] = v.w;
    }
  }
}
template <int N> __device__ __forceinline__ void load_weights(const double *from, double *to) {
#pragma unroll
  for (int i = 0; i < N; i += 2) load2(from + i, to + i);
}

// A matrix W_ik = w[i*row + k*column], m by n, with a bias [m] for the value columns, or none.
template <class R> struct Matrix {
  const R *w, *bias;
  int row, column, m, n;
};

// N rows from i on, two columns q, q+1: Z = W Y + b, or Z += W Y + b. weights [n][stride] begins at row i.
template <class R, int N>
__device__ __forceinline__ void affine_tile(const Matrix<R> &a, const R *weights, int stride, const R *y, R *z, int cols, int np,
                                            bool add, int i, int q) {
  R sum[N][2];
#pragma unroll
  for (int r = 0; r < N; r++) {
    const bool there = i + r < a.m;
    sum[r][0] = sum[r][1] = 0;
    if (there && add) load2(z + (i + r) * cols + q, sum[r]);
    const R b = there && a.bias && q < np ? __ldg(a.bias + i + r) : R(0);
    sum[r][0] += b;
    sum[r][1] += b;
  }
  const R *from = y + q;
#pragma unroll(sizeof(R) == 4 ? 4 : 2) // as far as the registers go
  for (int k = 0; k < a.n; k++, from += cols, weights += stride) {
    R w[N], column[2];
    load2(from, column);
    load_weights<N>(weights, w);
#pragma unroll
    for (int r = 0; r < N; r++) {
      sum[r][0] = real_fma(w[r], column[0], sum[r][0]);
      sum[r][1] = real_fma(w[r], column[1], sum[r][1]);
    }
  }
#pragma unroll
  for (int r = 0; r < N; r++)
    if (i + r < a.m) store2(z + (i + r) * cols + q, sum[r][0], sum[r][1]);
}

// Z [m][cols] = W Y + b (add: +=), Y [n][cols]; the bias goes to columns below np. Panels of W pass through shared memory,
// transposed; there a warp reads them by broadcast. Waits until Y is complete. Z is complete after the caller's next barrier.
template <class R>
__device__ __forceinline__ void affine(const Matrix<R> &a, const R *y, R *z, int cols, int np, bool add, R *shared) {
  const fb_panel panel = fb_generic_panel(a.m, a.n, (int)sizeof(R));
  const int groups = panel.rows / 8, pairs = cols / 2;
  for (int first = 0; first < a.m; first += panel.rows) {
    __syncthreads(); // the panel before is used up
    // 32 threads move 4 weights k of 8 rows i: short runs in global memory, different banks in shared memory.
    for (int e = (int)threadIdx.x; e < (a.n + 3) / 4 * groups * 32; e += (int)blockDim.x) {
      const int block = e / 32, k = block / groups * 4 + e % 4, i = block % groups * 8 + e / 4 % 8;
      if (k < a.n) shared[k * panel.stride + i] = first + i < a.m ? __ldg(a.w + (first + i) * a.row + k * a.column) : R(0);
    }
    __syncthreads();
    const int rows = a.m - first < panel.rows ? a.m - first : panel.rows;
    if (rows <= 2) { // the outputs of most networks
      for (int q = (int)threadIdx.x; q < pairs; q += (int)blockDim.x)
        affine_tile<R, 2>(a, shared, panel.stride, y, z, cols, np, add, first, 2 * q);
      continue;
    }
    const int tiles = (rows + FB_GENERIC_TILE - 1) / FB_GENERIC_TILE;
    for (int item = (int)threadIdx.x; item < tiles * pairs; item += (int)blockDim.x) {
      const int tile = item / pairs, q = 2 * (item - tile * pairs), i = tile * FB_GENERIC_TILE;
      affine_tile<R, FB_GENERIC_TILE>(a, shared + i, panel.stride, y, z, cols, np, add, first + i, q);
    }
  }
}

// W [m][n] = Z̄ Yᵀ, summed over all columns: the weight gradient. A warp takes 4 by 4 weights, a lane two columns of every 64; then
// the lanes' sums are added in order through shared memory. Waits until Z̄ and Y are complete.
template <class R> __device__ __forceinline__ void outer(const R *zbar, const R *y, int cols, R *w, int m, int n, R *shared) {
  constexpr int T = FB_GENERIC_OUTER, stride = FB_GENERIC_OUTER_STRIDE;
  const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32, warps = (int)blockDim.x / 32;
  R *sums = shared + warp * T * T * stride;
  __syncthreads();
  const int across = (n + T - 1) / T, down = (m + T - 1) / T;
  for (int tile = warp; tile < across * down; tile += warps) {
    const int i = tile / across * T, k = tile % across * T;
    R sum[T * T];
#pragma unroll
    for (int t = 0; t < T * T; t++) sum[t] = 0;
    for (int q = 2 * lane; q < cols; q += 64) {
      R a[T][2], b[T][2];
#pragma unroll
      for (int t = 0; t < T; t++) { // beyond the edge the last row again: those sums are not written
        load2(zbar + (i + t < m ? i + t : m - 1) * cols + q, a[t]);
        load2(y + (k + t < n ? k + t : n - 1) * cols + q, b[t]);
      }
#pragma unroll
      for (int t = 0; t < T * T; t++) sum[t] = real_fma(a[t / T][1], b[t % T][1], real_fma(a[t / T][0], b[t % T][0], sum[t]));
    }
#pragma unroll
    for (int t = 0; t < T * T; t++) sums[t * stride + lane] = sum[t];
    __syncwarp();
    // Lane t and lane t+16 add the sums for weight t of lanes 0 to 15 and 16 to 31.
    R total = 0;
#pragma unroll
    for (int s = 0; s < 16; s++) total += sums[lane % 16 * stride + lane / 16 * 16 + s];
    total += __shfl_down_sync(0xffffffffu, total, 16);
    const int row = i + lane / T, column = k + lane % T;
    if (lane < 16 && row < m && column < n) w[row * n + column] = total;
    __syncwarp(); // before the next tile overwrites the sums
  }
}

// The sum over the lanes of a warp, in all of them.
template <class R> __device__ __forceinline__ R warp_sum(R x) {
#pragma unroll
  for (int m = 16; m > 0; m >>= 1) x += __shfl_xor_sync(0xffffffffu, x, m);
  return x;
}

}  // namespace fb::generic

#endif
