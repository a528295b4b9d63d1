// deep.cu: the one-pass kernel of a deep network, from naive to best.
//
// For the network 2-32-32-1 (tanh) with the jets u, u_x, u_t, u_xx of each point: forward, the Burgers residual r = u_t + u u_x - ν u_xx,
// and the gradient of Σ r²/2, nothing recomputed or stored. Useful work: 25.7 kFLOP a point, nearly all in three products of 32 by 32
// matrices with the jets: Z = W A, Ā = Wᵀ Z̄ and W̄ = Z̄ Aᵀ.
//
// How to build: ladder.h.
#include "../src/deep.cuh"
#include "ladder.h"

using fb::tanh_slope;

// Places of the parameters, and the components: value, x, t, xx.
enum { W = 32, C = 4, W1 = 0, B1 = 2 * W, W2 = B1 + W, B2 = W2 + W * W, WO = B2 + W, BO = WO + W, P = BO + 1 };
enum { THREADS = 64 };

// ---- What all rungs do alike: one neuron at one point.

// Derivatives of z before the first activation: W/σ and, as the factor of tanh'', their product.
__device__ __forceinline__ void first_slopes(const float *theta, const float *inv, int n, float (&in)[C]) {
  in[1] = theta[W1 + 2 * n] * inv[0], in[2] = theta[W1 + 2 * n + 1] * inv[1], in[3] = in[1] * in[1];
}
__device__ __forceinline__ void first_jets(const float *theta, const float *inv, int n, const float (&x)[2], float (&a)[C], float &s) {
  float in[C];
  first_slopes(theta, inv, n, in);
  tanh_slope(theta[B1 + n] + theta[W1 + 2 * n] * x[0] + theta[W1 + 2 * n + 1] * x[1], a[0], s);
  a[1] = s * in[1], a[2] = s * in[2], a[3] = -2 * a[0] * s * in[3];
}
__device__ __forceinline__ void jets(const float (&z)[C], float (&a)[C], float &s) {
  tanh_slope(z[0], a[0], s);
  a[1] = s * z[1], a[2] = s * z[2], a[3] = s * (z[3] - 2 * a[0] * z[1] * z[1]);
}
// z̄ from ā; z[1..3] before the activation, t = tanh z_0, s = 1 - t².
__device__ __forceinline__ void back(const float (&z)[C], float t, float s, const float (&abar)[C], float (&zbar)[C]) {
  const float f2 = -2 * t * s, f3 = s * (6 * t * t - 2);
  zbar[3] = s * abar[3], zbar[2] = s * abar[2], zbar[1] = s * abar[1] + 2 * f2 * z[1] * abar[3];
  zbar[0] = s * abar[0] + f2 * (z[1] * abar[1] + z[2] * abar[2] + z[3] * abar[3]) + f3 * z[1] * z[1] * abar[3];
}
__device__ __forceinline__ void first_back(const float *theta, const float *inv, int n, float t, float s, const float (&abar)[C], float (&zbar)[C]) {
  float z[C];
  first_slopes(theta, inv, n, z);
  z[3] = 0;  // the network's input is linear in x
  back(z, t, s, abar, zbar);
}
__device__ __forceinline__ void residual(const float (&v)[C], float nu, float (&vbar)[C]) {
  const float r = v[2] + v[0] * v[1] - nu * v[3];
  vbar[0] = r * v[1], vbar[1] = r * v[0], vbar[2] = r, vbar[3] = -nu * r;
}

// ---- Rung 0: a thread per point, as one would write it for a processor. All jets of the point lie in local memory, weights are
// read from global memory, and each thread has a gradient of its own there, [parameters][threads] so that lanes coalesce.
FB_KERNEL(ladder_deep_0, fb_net, THREADS, 1) {
  const float *theta = static_cast<const float *>(p.theta), *inv = static_cast<const float *>(p.inv_sigma);
  const float nu = *static_cast<const float *>(p.scale);
  float *const all = reinterpret_cast<float *>(static_cast<char *>(p.scratch) + blockIdx.x * p.scratch_block), *const g = all + threadIdx.x;
  for (int e = blockIdx.x; e < p.entries; e += gridDim.x) {
    const fb_chunk &chunk = p.chunks[p.list[e]];
    for (int q = 0; q < P; q++) g[q * THREADS] = 0;
    for (int i = threadIdx.x; i < chunk.n; i += THREADS) {
      const float *row = static_cast<const float *>(p.x) + chunk.x + i;
      const float x[2] = {row[0], row[chunk.stride]};
      float a1[W][C], s1[W], z2[W][C], a2[W][C], s2[W], abar1[W][C], v[C] = {theta[BO], 0, 0, 0}, vbar[C];
#pragma unroll 1
      for (int n = 0; n < W; n++) first_jets(theta, inv, n, x, a1[n], s1[n]);
#pragma unroll 1
      for (int n = 0; n < W; n++) {
        for (int c = 0; c < C; c++) z2[n][c] = c == 0 ? theta[B2 + n] : 0;
#pragma unroll 1
        for (int k = 0; k < W; k++)
          for (int c = 0; c < C; c++) z2[n][c] += theta[W2 + n * W + k] * a1[k][c];
        jets(z2[n], a2[n], s2[n]);
        for (int c = 0; c < C; c++) v[c] += theta[WO + n] * a2[n][c];
      }
      residual(v, nu, vbar);
      g[BO * THREADS] += vbar[0];
#pragma unroll 1
      for (int k = 0; k < W; k++)
        for (int c = 0; c < C; c++) abar1[k][c] = 0;
#pragma unroll 1
      for (int n = 0; n < W; n++) {
        float abar[C], zbar[C];
        for (int c = 0; c < C; c++) {
          abar[c] = theta[WO + n] * vbar[c];
          g[(WO + n) * THREADS] += vbar[c] * a2[n][c];
        }
        back(z2[n], a2[n][0], s2[n], abar, zbar);
        g[(B2 + n) * THREADS] += zbar[0];
#pragma unroll 1
        for (int k = 0; k < W; k++)
          for (int c = 0; c < C; c++) {
            g[(W2 + n * W + k) * THREADS] += zbar[c] * a1[k][c];
            abar1[k][c] += theta[W2 + n * W + k] * zbar[c];
          }
      }
#pragma unroll 1
      for (int n = 0; n < W; n++) {
        float zbar[C];
        first_back(theta, inv, n, a1[n][0], s1[n], abar1[n], zbar);
        g[(B1 + n) * THREADS] += zbar[0];
        for (int a = 0; a < 2; a++) g[(W1 + 2 * n + a) * THREADS] += zbar[0] * x[a] + zbar[1 + a] * inv[a];
      }
    }
    __syncthreads();
    for (int q = threadIdx.x; q < P; q += THREADS) {
      float sum = 0;
      for (int t = 0; t < THREADS; t++) sum += all[q * THREADS + t];
      static_cast<float *>(p.partial)[(long long)e * P + q] = sum;
    }
    __syncthreads();
  }
}

// ---- Rungs 1 and 2 pass 64 points at a time through shared memory in phases. In a phase that mixes components a thread is a
// point. How the three products are computed is what distinguishes them.

enum { NP = THREADS, LD = C * NP + 4 };  // rows [neuron][component][point], padded so that neighbouring rows use different banks
struct Shared {
  float a[W][LD];     // A of layer 1, then its adjoint
  float z[W][LD];     // Z of layer 2, then its adjoint
  float theta[P];
  float x[2][NP];
  float gradient[2][P];  // of the warps; W̄ of layer 2 apart
};

// Rung 1: weights in shared memory, and the gradient matrix owned by threads instead of points, so that it stays in registers and
// memory sees it once a chunk. A product still loads five values for four multiply-adds.
struct Plain {
  enum { TILE = W * W / THREADS };
  __device__ static void forward(Shared &s) {
    for (int n = 0; n < W; n++) {
      float z[C] = {0, 0, 0, 0};
#pragma unroll 4
      for (int k = 0; k < W; k++)
        for (int c = 0; c < C; c++) z[c] += s.theta[W2 + n * W + k] * s.a[k][c * NP + threadIdx.x];
      for (int c = 0; c < C; c++) s.z[n][c * NP + threadIdx.x] = z[c];
    }
  }
  __device__ static void transposed(Shared &s) {
    for (int k = 0; k < W; k++) {
      float a[C] = {0, 0, 0, 0};
#pragma unroll 4
      for (int n = 0; n < W; n++)
        for (int c = 0; c < C; c++) a[c] += s.theta[W2 + n * W + k] * s.z[n][c * NP + threadIdx.x];
      for (int c = 0; c < C; c++) s.a[k][c * NP + threadIdx.x] = a[c];
    }
  }
  __device__ static int entry(int i) { return threadIdx.x * TILE + i; }  // of W̄
  __device__ static void outer(const Shared &s, float (&g)[TILE]) {
    for (int col = 0; col < C * NP; col++)
#pragma unroll
      for (int i = 0; i < TILE; i++) g[i] += s.z[entry(i) / W][col] * s.a[entry(i) % W][col];
  }
};

// Rung 2: register tiles. A thread computes 8 neurons by 16 columns of a product, in two halves, so 64 multiply-adds share 8 weights
// and 8 columns; of W̄ it owns 4 by 4 entries, whose rows and columns it reads four at a time.
struct Tiled {
  enum { TILE = W * W / THREADS };
  template <bool TRANSPOSED> __device__ static void product(const Shared &s, const float (&from)[W][LD], float (&sum)[8][8], int n0, int col) {
    for (int i = 0; i < 8; i++)
      for (int j = 0; j < 8; j++) sum[i][j] = 0;
#pragma unroll 2
    for (int k = 0; k < W; k++) {
      const float4 lo = *reinterpret_cast<const float4 *>(&from[k][col]), hi = *reinterpret_cast<const float4 *>(&from[k][col + 4]);
      const float b[8] = {lo.x, lo.y, lo.z, lo.w, hi.x, hi.y, hi.z, hi.w};
#pragma unroll
      for (int i = 0; i < 8; i++) {
        const float w = s.theta[TRANSPOSED ? W2 + k * W + n0 + i : W2 + (n0 + i) * W + k];
#pragma unroll
        for (int j = 0; j < 8; j++) sum[i][j] += w * b[j];
      }
    }
  }
  template <bool TRANSPOSED> __device__ static void product(const Shared &s, const float (&from)[W][LD], float (&to)[W][LD]) {
    const int n0 = threadIdx.x / 16 * 8;
#pragma unroll 1
    for (int half = 0; half < 2; half++) {
      const int col = half * (C * NP / 2) + threadIdx.x % 16 * 8;
      float sum[8][8];
      product<TRANSPOSED>(s, from, sum, n0, col);
#pragma unroll
      for (int i = 0; i < 8; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) to[n0 + i][col + j] = sum[i][j];
    }
  }
  __device__ static void forward(Shared &s) { product<false>(s, s.a, s.z); }
  __device__ static void transposed(Shared &s) { product<true>(s, s.z, s.a); }
  __device__ static int entry(int i) { return (threadIdx.x / 8 + 8 * (i / 4)) * W + threadIdx.x % 8 + 8 * (i % 4); }
  __device__ static void outer(const Shared &s, float (&g)[TILE]) {
    const int n = threadIdx.x / 8, k = threadIdx.x % 8;
#pragma unroll 1
    for (int col = 0; col < C * NP; col += 4) {
      float4 z[4];
#pragma unroll
      for (int i = 0; i < 4; i++) z[i] = *reinterpret_cast<const float4 *>(&s.z[n + 8 * i][col]);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const float4 a = *reinterpret_cast<const float4 *>(&s.a[k + 8 * j][col]);
#pragma unroll
        for (int i = 0; i < 4; i++) g[i * 4 + j] += z[i].x * a.x + z[i].y * a.y + z[i].z * a.z + z[i].w * a.w;
      }
    }
  }
};

__device__ __forceinline__ float warp_sum(float v) {
  for (int lanes = 16; lanes >= 1; lanes /= 2) v += __shfl_xor_sync(0xffffffffu, v, lanes);
  return v;
}

template <class Products> __device__ __forceinline__ void phases(const fb_net &p, Shared &s) {
  const float *inv = static_cast<const float *>(p.inv_sigma);
  const float nu = *static_cast<const float *>(p.scale);
  const int t = threadIdx.x, warp = t / 32;
  const bool writes = t % 32 == 0;  // sums over the points of its warp
  const fb_chunk &chunk = p.chunks[p.list[blockIdx.x]];
  for (int q = t; q < P; q += THREADS) s.theta[q] = static_cast<const float *>(p.theta)[q], s.gradient[0][q] = s.gradient[1][q] = 0;
  float dw[Products::TILE];
  for (int i = 0; i < Products::TILE; i++) dw[i] = 0;
  __syncthreads();
  for (int from = 0; from < chunk.n; from += NP) {
    const bool real = from + t < chunk.n;
    float x[2] = {0, 0}, v[C] = {s.theta[BO], 0, 0, 0}, vbar[C];
    for (int a = 0; a < 2; a++)
      if (real) x[a] = static_cast<const float *>(p.x)[chunk.x + a * chunk.stride + from + t];
    for (int n = 0; n < W; n++) {
      float a[C], slope;
      first_jets(s.theta, inv, n, x, a, slope);
      for (int c = 0; c < C; c++) s.a[n][c * NP + t] = a[c];
    }
    __syncthreads();
    Products::forward(s);
    __syncthreads();
    for (int n = 0; n < W; n++) {
      float z[C], a[C], slope;
      for (int c = 0; c < C; c++) z[c] = s.z[n][c * NP + t];
      z[0] += s.theta[B2 + n];
      jets(z, a, slope);
      for (int c = 0; c < C; c++) v[c] += s.theta[WO + n] * a[c];
    }
    residual(v, nu, vbar);
    for (int c = 0; c < C; c++)
      if (!real) vbar[c] = 0;
    const float bias = warp_sum(vbar[0]);
    if (writes) s.gradient[warp][BO] += bias;
    for (int n = 0; n < W; n++) {
      float z[C], a[C], slope, abar[C], zbar[C], weight = 0;
      for (int c = 0; c < C; c++) z[c] = s.z[n][c * NP + t];
      z[0] += s.theta[B2 + n];
      jets(z, a, slope);
      for (int c = 0; c < C; c++) abar[c] = s.theta[WO + n] * vbar[c], weight += vbar[c] * a[c];
      back(z, a[0], slope, abar, zbar);
      for (int c = 0; c < C; c++) s.z[n][c * NP + t] = zbar[c];
      const float sum = warp_sum(weight), b2 = warp_sum(zbar[0]);
      if (writes) s.gradient[warp][WO + n] += sum, s.gradient[warp][B2 + n] += b2;
    }
    __syncthreads();
    Products::outer(s, dw);
    __syncthreads();
    Products::transposed(s);
    __syncthreads();
    for (int n = 0; n < W; n++) {
      float a[C], slope, abar[C], zbar[C];
      first_jets(s.theta, inv, n, x, a, slope);
      for (int c = 0; c < C; c++) abar[c] = s.a[n][c * NP + t];
      first_back(s.theta, inv, n, a[0], slope, abar, zbar);
      const float b1 = warp_sum(zbar[0]), wx = warp_sum(zbar[0] * x[0] + zbar[1] * inv[0]), wt = warp_sum(zbar[0] * x[1] + zbar[2] * inv[1]);
      if (writes) s.gradient[warp][B1 + n] += b1, s.gradient[warp][W1 + 2 * n] += wx, s.gradient[warp][W1 + 2 * n + 1] += wt;
    }
    __syncthreads();
  }
  for (int i = 0; i < Products::TILE; i++) s.gradient[0][W2 + Products::entry(i)] = dw[i];
  __syncthreads();
  for (int q = t; q < P; q += THREADS) static_cast<float *>(p.partial)[(long long)blockIdx.x * P + q] = s.gradient[0][q] + s.gradient[1][q];
}

FB_KERNEL(ladder_deep_1, fb_net, THREADS, 1) {
  FB_SHARED(Shared, shared);
  phases<Plain>(p, *shared);
}
FB_KERNEL(ladder_deep_2, fb_net, THREADS, 1) {
  FB_SHARED(Shared, shared);
  phases<Tiled>(p, *shared);
}

// ---- Rung 3, in kernels/src/deep.cuh: the thread that computes a tile of Z has all components of its points, so it applies the activation
// in registers, forward and, in the last layer, back, and jets pass through shared memory half as often, without phases that leave
// the multipliers idle. 32 points at a time let four blocks share a multiprocessor. W̄ has tiles of 8 by 8, over a share of the
// columns each. Lanes are dealt so that neighbours read the same vectors: shared memory is busy half of the time.
FB_DEEP_ONE_PASS(32)

int main() {
  fb_net p = ladder::problem(2, W, 2, C, 512);
  ladder::Climb climb(p, 6.0 * C * (W * W + W) + 5.0 * W * 2);
  const int few = p.entries < 264 ? p.entries : 264;  // blocks that loop over the chunks: their scratch is large
  const int64_t each = int64_t(P) * THREADS * sizeof(float);
  const fb_shape best = fb_deep_shape(&p, sizeof(float), 32, 0);
  climb.rung("0  a thread per point, jets in local memory", FB_RUNG(ladder_deep_0), few, THREADS, 0, ladder::make<char>(few * each), each);
  climb.rung("1  weights and jets in shared memory, dW in registers", FB_RUNG(ladder_deep_1), p.entries, THREADS, sizeof(Shared), nullptr, 0);
  climb.rung("2  register tiles", FB_RUNG(ladder_deep_2), p.entries, THREADS, sizeof(Shared), nullptr, 0);
  climb.rung("3  activation on the tile, no phases", FB_RUNG(fb_deep_onepass_f32_w32_d2_xx), p.entries, best.threads, best.shared, nullptr, 0);
  return climb.result();
}
