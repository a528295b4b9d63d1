// shallow.cu: the adjoint of a network with one hidden layer, from naive to best.
//
// For the network 2-16-1 (tanh) of the FBPINNs papers with the jets u, u_x, u_y, u_xx, u_yy: adjoint planes ū, transposed window, gradient.
// Useful work: 640 FLOP a point, of which the activation's own arithmetic, some 16 x 25 more, is no part.
//
// How to build: ladder.h.
#include "../src/shallow.cuh"
#include "ladder.h"

typedef fb::Jets<2, 0x05> Set;

// Places of the parameters, and the components: value, x, y, xx, yy.
enum { W = 16, D = 2, C = 5, W1 = 0, B1 = D * W, WO = B1 + W, BO = WO + W, P = BO + 1 };
enum { THREADS = 64 };

// v̄ = s Wᵀ ū and x̂ of point i of a chunk; zeros beyond its end.
__device__ __forceinline__ void load_point(const fb_net &p, const fb_chunk &chunk, int i, float (&x)[D], float (&vbar)[C]) {
  if (i < chunk.n) {
    float w[C], u[C];
    const fb_section &section = p.sections[chunk.section];
    fb::load_rows<C>(static_cast<const float *>(p.ubar) + section.base + p.point[chunk.pair + i], section.stride, u);
    fb::load_rows<C>(static_cast<const float *>(p.w) + chunk.w + i, chunk.stride, w);
    fb::load_rows<D>(static_cast<const float *>(p.x) + chunk.x + i, chunk.stride, x);
    fb::window_transpose<Set>(w, u, *static_cast<const float *>(p.scale), vbar);
  } else {
    for (int a = 0; a < D; a++) x[a] = 0;
    for (int c = 0; c < C; c++) vbar[c] = 0;
  }
}

__device__ __forceinline__ float warp_sum(float v) {
  for (int lanes = 16; lanes >= 1; lanes /= 2) v += __shfl_xor_sync(0xffffffffu, v, lanes);
  return v;
}

// ---- Rung 0: a thread per point, layer by layer as the equations stand (docs/theory.md, section 5), jets in local memory, a gradient of its
// own for each thread in global memory, [parameters][threads].
FB_KERNEL(ladder_shallow_0, fb_net, THREADS, 1) {
  const float *theta = static_cast<const float *>(p.theta), *inv = static_cast<const float *>(p.inv_sigma);
  float *const all = reinterpret_cast<float *>(static_cast<char *>(p.scratch) + blockIdx.x * p.scratch_block), *const g = all + threadIdx.x;
  for (int e = blockIdx.x; e < p.entries; e += gridDim.x) {
    const fb_chunk &chunk = p.chunks[p.list[e]];
    for (int q = 0; q < P; q++) g[q * THREADS] = 0;
    for (int i = threadIdx.x; i < chunk.n; i += THREADS) {
      float x[D], vbar[C], z[W][C], a[W][C], f[W][4], zbar[W][C];
      load_point(p, chunk, i, x, vbar);
#pragma unroll 1
      for (int n = 0; n < W; n++) {
        const float *w = theta + W1 + D * n;
        z[n][0] = theta[B1 + n] + w[0] * x[0] + w[1] * x[1];
        z[n][1] = w[0] * inv[0], z[n][2] = w[1] * inv[1], z[n][3] = z[n][4] = 0;
        float t, s;
        fb::tanh_slope(z[n][0], t, s);
        fb::tanh_family<3>(t, s, f[n]);
        a[n][0] = f[n][0], a[n][1] = f[n][1] * z[n][1], a[n][2] = f[n][1] * z[n][2];
        a[n][3] = f[n][1] * z[n][3] + f[n][2] * z[n][1] * z[n][1], a[n][4] = f[n][1] * z[n][4] + f[n][2] * z[n][2] * z[n][2];
      }
      g[BO * THREADS] += vbar[0];
#pragma unroll 1
      for (int n = 0; n < W; n++) {
        float abar[C];
        for (int c = 0; c < C; c++) {
          abar[c] = theta[WO + n] * vbar[c];
          g[(WO + n) * THREADS] += vbar[c] * a[n][c];
        }
        const float *b = abar, *y = z[n];
        zbar[n][1] = f[n][1] * b[1] + 2 * f[n][2] * y[1] * b[3], zbar[n][2] = f[n][1] * b[2] + 2 * f[n][2] * y[2] * b[4];
        zbar[n][0] = f[n][1] * b[0] + f[n][2] * (y[1] * b[1] + y[2] * b[2] + y[3] * b[3] + y[4] * b[4]);
        zbar[n][0] += f[n][3] * (y[1] * y[1] * b[3] + y[2] * y[2] * b[4]);
        g[(B1 + n) * THREADS] += zbar[n][0];
        for (int k = 0; k < D; k++) g[(W1 + D * n + k) * THREADS] += zbar[n][0] * x[k] + zbar[n][1 + k] * inv[k];
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

// With one hidden layer the jets have a closed form (kernels/src/shallow.cuh): v_c = Σ_n K_nc f^(|c|)(z_n), so a neuron needs only the sums
// Σ v̄_c f^(|c|), Σ z̄ x̂_a and Σ z̄ over points, with z̄ = Σ_c v̄_c K_nc f^(|c|+1). The rest is done once a chunk.
enum { SUMS = C + D + 1 };
struct Neuron {
  float w[D], b, scaled[D], out, K[C];
  __device__ __forceinline__ Neuron(const float *theta, const float *inv, int n) {
    for (int a = 0; a < D; a++) w[a] = theta[W1 + D * n + a], scaled[a] = w[a] * inv[a];
    b = theta[B1 + n], out = theta[WO + n];
    K[0] = out, K[1] = out * scaled[0], K[2] = out * scaled[1], K[3] = K[1] * scaled[0], K[4] = K[2] * scaled[1];
  }
  __device__ __forceinline__ void add(const float (&x)[D], const float (&v)[C], float (&sum)[SUMS]) const {
    float t, s, f[4];
    fb::tanh_slope(b + w[0] * x[0] + w[1] * x[1], t, s);
    fb::tanh_family<3>(t, s, f);
    const float zbar = v[0] * K[0] * f[1] + (v[1] * K[1] + v[2] * K[2]) * f[2] + (v[3] * K[3] + v[4] * K[4]) * f[3];
    sum[0] += v[0] * f[0], sum[1] += v[1] * f[1], sum[2] += v[2] * f[1], sum[3] += v[3] * f[2], sum[4] += v[4] * f[2];
    sum[5] += zbar * x[0], sum[6] += zbar * x[1], sum[7] += zbar;
  }
  __device__ __forceinline__ void write(const float *inv, int n, const float (&s)[SUMS], float *gradient) const {
    gradient[WO + n] = s[0] + s[1] * scaled[0] + s[2] * scaled[1] + s[3] * scaled[0] * scaled[0] + s[4] * scaled[1] * scaled[1];
    for (int a = 0; a < D; a++) gradient[W1 + D * n + a] = s[C + a] + inv[a] * out * (s[1 + a] + 2 * scaled[a] * s[3 + a]);
    gradient[B1 + n] = s[C + D];
  }
};

// ---- Rung 1: the closed form, still a thread per point; the sums over points by shuffles. That is 40 shuffles a neuron for some 50
// operations.
FB_KERNEL(ladder_shallow_1, fb_net, THREADS, 1) {
  FB_SHARED(float, sums);  // [warps][neurons][SUMS], then the biases of the warps
  const float *theta = static_cast<const float *>(p.theta), *inv = static_cast<const float *>(p.inv_sigma);
  const fb_chunk &chunk = p.chunks[p.list[blockIdx.x]];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float *const bias = sums + THREADS / 32 * W * SUMS;
  for (int i = threadIdx.x; i < THREADS / 32 * (W * SUMS + 1); i += THREADS) sums[i] = 0;
  __syncthreads();
  for (int from = 0; from < chunk.n; from += THREADS) {
    float x[D], vbar[C];
    load_point(p, chunk, from + threadIdx.x, x, vbar);
    const float b = warp_sum(vbar[0]);
    if (lane == 0) bias[warp] += b;
#pragma unroll 1
    for (int n = 0; n < W; n++) {
      float sum[SUMS] = {0, 0, 0, 0, 0, 0, 0, 0};
      Neuron(theta, inv, n).add(x, vbar, sum);
      for (int k = 0; k < SUMS; k++) {
        const float s = warp_sum(sum[k]);
        if (lane == 0) sums[(warp * W + n) * SUMS + k] += s;
      }
    }
  }
  __syncthreads();
  float *const gradient = static_cast<float *>(p.partial) + (long long)blockIdx.x * P;
  if (threadIdx.x < W) {
    float s[SUMS];
    for (int k = 0; k < SUMS; k++) s[k] = sums[threadIdx.x * SUMS + k] + sums[(W + threadIdx.x) * SUMS + k];
    Neuron(theta, inv, threadIdx.x).write(inv, threadIdx.x, s, gradient);
  }
  if (threadIdx.x == 0) gradient[BO] = bias[0] + bias[1];
}

// ---- Rung 2: turned round. A thread is a neuron and walks over points, which lie in shared memory, so all sums stay in its registers and
// nothing is shuffled; four groups of 16 threads share the points. A point's record is read by a whole group at once.
enum { GROUPS = THREADS / W, RECORD = 8 };
FB_KERNEL(ladder_shallow_2, fb_net, THREADS, 1) {
  FB_SHARED(float, points);  // [512][RECORD], x̂ and v̄; later the sums of the groups [GROUPS][neurons][SUMS] and the biases of the threads
  const float *theta = static_cast<const float *>(p.theta), *inv = static_cast<const float *>(p.inv_sigma);
  const fb_chunk &chunk = p.chunks[p.list[blockIdx.x]];
  const int n = threadIdx.x % W, group = threadIdx.x / W;
  float bias = 0;
  for (int i = threadIdx.x; i < chunk.n; i += THREADS) {
    float x[D], vbar[C];
    load_point(p, chunk, i, x, vbar);
    for (int a = 0; a < D; a++) points[i * RECORD + a] = x[a];
    for (int c = 0; c < C; c++) points[i * RECORD + D + c] = vbar[c];
    bias += vbar[0];
  }
  __syncthreads();
  const Neuron neuron(theta, inv, n);
  float sum[SUMS] = {0, 0, 0, 0, 0, 0, 0, 0};
#pragma unroll 1
  for (int i = group; i < chunk.n; i += GROUPS) {
    const float4 lo = *reinterpret_cast<const float4 *>(points + i * RECORD), hi = *reinterpret_cast<const float4 *>(points + i * RECORD + 4);
    const float x[D] = {lo.x, lo.y}, vbar[C] = {lo.z, lo.w, hi.x, hi.y, hi.z};
    neuron.add(x, vbar, sum);
  }
  __syncthreads();
  float *const biases = points + GROUPS * W * SUMS;
  for (int k = 0; k < SUMS; k++) points[threadIdx.x * SUMS + k] = sum[k];
  biases[threadIdx.x] = bias;
  __syncthreads();
  float *const gradient = static_cast<float *>(p.partial) + (long long)blockIdx.x * P;
  if (group == 0) {
    for (int g = 1; g < GROUPS; g++)
      for (int k = 0; k < SUMS; k++) sum[k] += points[(g * W + n) * SUMS + k];
    neuron.write(inv, n, sum, gradient);
  }
  if (threadIdx.x == 0) {
    bias = 0;
    for (int t = 0; t < THREADS; t++) bias += biases[t];
    gradient[BO] = bias;
  }
}

// ---- Rung 3, in kernels/src/shallow.cuh: two neurons a thread, so a record in shared memory feeds twice the work; constant factors of the
// derivatives move from the inner loop into K; any width.
FB_KERNEL(ladder_shallow_3, fb_net, FB_SHALLOW_THREADS, fb::shallow_adjoint_blocks(sizeof(float), D + 1 + C)) {
  fb::shallow_adjoint<Set, float>(p);
}

int main() {
  fb_net p = ladder::problem(D, W, 1, C, 512);
  ladder::Climb climb(p, 6.0 * C * W + 5.0 * W * D);
  const int few = p.entries < 1056 ? p.entries : 1056;
  const int64_t each = int64_t(P) * THREADS * sizeof(float);
  const size_t sums = THREADS / 32 * (W * SUMS + 1) * sizeof(float), points = 512 * RECORD * sizeof(float);
  const fb_shape best = fb_shallow_shape(&p, sizeof(float));
  climb.rung("0  a thread per point, jets in local memory", FB_RUNG(ladder_shallow_0), few, THREADS, 0, ladder::make<char>(few * each), each);
  climb.rung("1  closed form, sums by shuffles", FB_RUNG(ladder_shallow_1), p.entries, THREADS, sums, nullptr, 0);
  climb.rung("2  a thread per neuron, points in shared memory", FB_RUNG(ladder_shallow_2), p.entries, THREADS, points, nullptr, 0);
  climb.rung("3  two neurons a thread, factors moved out", FB_RUNG(ladder_shallow_3), p.entries, best.threads, best.shared, nullptr, 0);
  return climb.result();
}
