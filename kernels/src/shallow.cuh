// shallow.cuh: forward, tangent and adjoint of networks with one hidden layer of any width, which have jets in closed form.
//
// With z_h = W_h·x̂ + b_h, inputs scaled by 1/σ, output weights w_kh, and |c| the order of component c,
//
//	v_k,c = Σ_h K_kh,c f^(|c|)(z_h)     K_kh,c = w_kh Π_{a in c} W_ha/σ_a     (c = 0: + β_k)
//
// so that a neuron costs one activation and n_c products, whatever the derivatives. The adjoint is the same sum read the other way:
//
//	K̄_kh,c = Σ_i v̄_k,c f^(|c|)     z̄_h = Σ_c v̄_k,c K_kh,c f^(|c|+1)     W̄_ha += z̄_h x̂_a     b̄_h += z̄_h
//
// followed once a block by the chain from K̄ to w̄ and W̄. The tangent along (ẇ, β̇, Ẇ, ḃ) is the forward sum with twice the coefficients:
//
//	v̇_k,c = Σ_h K̇_kh,c f^(|c|) + K_kh,c f^(|c|+1) ż_h     ż_h = Ẇ_h·x̂ + ḃ_h
//
// Outputs take turns; with more than one, the activations are computed again.
#ifndef FB_SHALLOW_CUH
#define FB_SHALLOW_CUH
#include "activation.cuh"
#include "jets.cuh"
#include "shallow.h"
#include "window.cuh"

namespace fb {

// load_record reads N values from shared memory by 16-byte loads, store_record writes them.
template <int N> __device__ __forceinline__ void load_record(const float *from, float (&to)[N]) {
#pragma unroll
  for (int i = 0; i < N; i += 4) {
    const float4 v = *reinterpret_cast<const float4 *>(from + i);
    to[i] = v.x, to[i + 1] = v.y, to[i + 2] = v.z, to[i + 3] = v.w;
  }
}
template <int N> __device__ __forceinline__ void load_record(const double *from, double (&to)[N]) {
#pragma unroll
  for (int i = 0; i < N; i += 2) {
    const double2 v = *reinterpret_cast<const double2 *>(from + i);
    to[i] = v.x, to[i + 1] = v.y;
  }
}
template <int N> __device__ __forceinline__ void store_record(float *to, const float (&from)[N]) {
#pragma unroll
  for (int i = 0; i < N; i += 4) *reinterpret_cast<float4 *>(to + i) = make_float4(from[i], from[i + 1], from[i + 2], from[i + 3]);
}
template <int N> __device__ __forceinline__ void store_record(double *to, const double (&from)[N]) {
#pragma unroll
  for (int i = 0; i < N; i += 2) *reinterpret_cast<double2 *>(to + i) = make_double2(from[i], from[i + 1]);
}

// Shallow holds what the three operations share for one jet set, activation and precision.
template <class J, class A, class T> struct Shallow {
  static constexpr int D = J::D, C = J::C, ORDER = J::ORDER;
  static constexpr int ALIGN = 16 / int(sizeof(T));
  static constexpr int NEURON = (D + 1 + C + ALIGN - 1) / ALIGN * ALIGN;  // record W [D], b, K [C]
  static constexpr int RECORDS = 2;                                        // of a neuron for the tangent: another with Ẇ, ḃ, K̇
  static constexpr int POINT = (D + C + ALIGN - 1) / ALIGN * ALIGN;       // record x̂ [D], v̄ [C]

  // Where everything of a block lies.
  struct Place {
    fb_chunk chunk;
    int width;
    const T *theta, *inv;  // of this network: parameters, 1/σ [D]
    __device__ __forceinline__ Place(const fb_net &p) : chunk(p.chunks[p.list[blockIdx.x]]), width(p.layers[0].out) {
      theta = static_cast<const T *>(p.theta) + int64_t(chunk.sub) * p.params;
      inv = static_cast<const T *>(p.inv_sigma) + chunk.sub * D;
    }
  };

  // stage writes the record of neuron h for output k to shared memory, with the factors that A moves out of the inner loop: those of
  // f^(|c| + RAISE). Neurons beyond the last are zeros and add nothing.
  template <int RAISE> __device__ static __forceinline__ void stage(const fb_net &p, const Place &at, int h, int k, T *to) {
    T r[NEURON];
#pragma unroll
    for (int i = 0; i < NEURON; i++) r[i] = T(0);
    if (h < at.width) {
      T scaled[D];
#pragma unroll
      for (int a = 0; a < D; a++) {
        const T w = __ldg(at.theta + p.layers[0].w + h * D + a);
        scaled[a] = w * __ldg(at.inv + a);
        r[a] = T(A::input()) * w;
      }
      r[D] = T(A::input()) * __ldg(at.theta + p.layers[0].b + h);
      const T weight = __ldg(at.theta + p.layers[1].w + k * at.width + h);
#pragma unroll
      for (int c = 0; c < C; c++) {
        const int n = J::order(c);
        T K = T(A::factor(n + RAISE)) * weight;
        if (n >= 1) K *= scaled[J::p(c)];
        if (n == 2) K *= scaled[J::q(c)];
        r[D + 1 + c] = K;
      }
    }
    store_record<NEURON>(to, r);
  }

  // stage_direction writes the second record, for a sum with those factors of f^(|c|) alone.
  __device__ static __forceinline__ void stage_direction(const fb_net &p, const Place &at, int h, int k, T *to) {
    T r[NEURON];
#pragma unroll
    for (int i = 0; i < NEURON; i++) r[i] = T(0);
    if (h < at.width) {
      const T *dir = static_cast<const T *>(p.dir) + int64_t(at.chunk.sub) * p.params;
      T scaled[D], moved[D];
#pragma unroll
      for (int a = 0; a < D; a++) {
        const int i = p.layers[0].w + h * D + a;
        r[a] = __ldg(dir + i);
        scaled[a] = __ldg(at.theta + i) * __ldg(at.inv + a);
        moved[a] = r[a] * __ldg(at.inv + a);
      }
      r[D] = __ldg(dir + p.layers[0].b + h);
      const int i = p.layers[1].w + k * at.width + h;
      const T weight = __ldg(at.theta + i), change = __ldg(dir + i);
#pragma unroll
      for (int c = 0; c < C; c++) {
        const int n = J::order(c), a = J::p(c), b = J::q(c);
        T K = change;
        if (n == 1) K = change * scaled[a] + weight * moved[a];
        if (n == 2) K = change * scaled[a] * scaled[b] + weight * (moved[a] * scaled[b] + scaled[a] * moved[b]);
        r[D + 1 + c] = T(A::factor(n)) * K;
      }
    }
    store_record<NEURON>(to, r);
  }

  // add_neuron adds the jets of one neuron at one point, or their tangents.
  __device__ static __forceinline__ void add_neuron(const T (&r)[1][NEURON], const T (&x)[D], T (&v)[C]) {
    T z = r[0][D], g[ORDER + 1];
#pragma unroll
    for (int a = 0; a < D; a++) z += r[0][a] * x[a];
    A::template raw<ORDER>(z, g);
#pragma unroll
    for (int c = 0; c < C; c++) v[c] += r[0][D + 1 + c] * g[J::order(c)];
  }
  __device__ static __forceinline__ void add_neuron(const T (&r)[RECORDS][NEURON], const T (&x)[D], T (&v)[C]) {
    T z = r[0][D], zdot = r[1][D], g[ORDER + 2], moved[ORDER + 1];
#pragma unroll
    for (int a = 0; a < D; a++) z += r[0][a] * x[a], zdot += r[1][a] * x[a];
    A::template raw<ORDER + 1>(z, g);
#pragma unroll
    for (int n = 0; n <= ORDER; n++) moved[n] = g[n + 1] * zdot;
#pragma unroll
    for (int c = 0; c < C; c++) v[c] += r[1][D + 1 + c] * g[J::order(c)] + r[0][D + 1 + c] * moved[J::order(c)];
  }

  // forward_points: a warp takes 32 at a time. Each lane computes its own and the one 16 lanes away, with every second neuron, then
  // half warps add up. So a record in shared memory serves two points: with one, reading it would take as long as using it.
  template <int N>
  __device__ static __forceinline__ void forward_points(const fb_net &p, const Place &at, const T *neurons, T bias, T shift, int k) {
    const int lane = threadIdx.x & 31, last = at.chunk.n - 1;
    const T *const mine = neurons + (lane >> 4) * (N * NEURON);
    const int end = (at.width + FB_SHALLOW_PAD - 1) / FB_SHALLOW_PAD * FB_SHALLOW_PAD * (N * NEURON);
    const T scale = __ldg(static_cast<const T *>(p.scale) + k);
    for (int base = threadIdx.x - lane; base < at.chunk.n; base += FB_SHALLOW_THREADS) {
      const int own = base + lane, i = min(own, last);
      T x[D], far[D], w[C], v[C], other[C];
      load_rows<D>(static_cast<const T *>(p.x) + at.chunk.x + i, at.chunk.stride, x);
      load_rows<C>(static_cast<const T *>(p.w) + at.chunk.w + i, at.chunk.stride, w);
#pragma unroll
      for (int a = 0; a < D; a++) far[a] = __shfl_xor_sync(0xffffffffu, x[a], 16);
#pragma unroll
      for (int c = 0; c < C; c++) v[c] = other[c] = T(0);
#pragma unroll 1
      for (int h = 0; h < end; h += FB_SHALLOW_PAD * N * NEURON) {
#pragma unroll
        for (int j = 0; j < FB_SHALLOW_PAD; j += 2) {
          T r[N][NEURON];
#pragma unroll
          for (int i = 0; i < N; i++) load_record<NEURON>(mine + h + (j * N + i) * NEURON, r[i]);
          add_neuron(r, x, v);
          add_neuron(r, far, other);
        }
      }
#pragma unroll
      for (int c = 0; c < C; c++) v[c] += __shfl_xor_sync(0xffffffffu, other[c], 16);
      v[0] += bias;
      window_product<J>(w, v, scale, shift, other);
      if (own < at.chunk.n) {
        T *to = static_cast<T *>(p.v) + k * C * p.pairs + at.chunk.pair + own;
#pragma unroll
        for (int c = 0; c < C; c++, to += p.pairs) *to = other[c];
      }
    }
  }

  // forward with one record a neuron, the tangent with two. The mean of an output does not move.
  template <int N> __device__ static __forceinline__ void forward(const fb_net &p, T *neurons) {
    const Place at(p);
    constexpr bool moved = N == RECORDS;
    const T *beta = (moved ? static_cast<const T *>(p.dir) + int64_t(at.chunk.sub) * p.params : at.theta) + p.layers[1].b;
    for (int k = 0; k < p.out; k++) {
      if (k > 0) __syncthreads();  // the records of the output before have been read
      for (int h = threadIdx.x; h < (at.width + FB_SHALLOW_PAD - 1) / FB_SHALLOW_PAD * FB_SHALLOW_PAD; h += FB_SHALLOW_THREADS) {
        stage<moved ? 1 : 0>(p, at, h, k, neurons + h * (N * NEURON));
        if (moved) stage_direction(p, at, h, k, neurons + h * (N * NEURON) + NEURON);
      }
      const T bias = __ldg(beta + k), shift = moved ? T(0) : __ldg(static_cast<const T *>(p.shift) + k);
      __syncthreads();
      forward_points<N>(p, at, neurons, bias, shift, k);
    }
  }

  // Sums over points of one neuron, in this order also in shared memory: Σ v̄_c g_|c| [C], Σ z̄ x̂_a [D], Σ z̄.
  static constexpr int SUMS = C + D + 1, PER_LANE = FB_SHALLOW_NEURONS;

  // load_points writes the records of all points of a chunk, and returns the sum of v̄_0 over those of this thread.
  __device__ static __forceinline__ T load_points(const fb_net &p, const Place &at, int k, T *points) {
    const fb_section section = p.sections[at.chunk.section];
    const T *ubar = static_cast<const T *>(p.ubar) + section.base + k * C * section.stride;
    const T scale = __ldg(static_cast<const T *>(p.scale) + k);
    T bias = T(0);
#pragma unroll 2
    for (int i = threadIdx.x; i < at.chunk.n; i += FB_SHALLOW_THREADS) {
      T x[D], w[C], u[C], v[C], r[POINT];
      load_rows<C>(ubar + __ldg(p.point + at.chunk.pair + i), section.stride, u);
      load_rows<C>(static_cast<const T *>(p.w) + at.chunk.w + i, at.chunk.stride, w);
      load_rows<D>(static_cast<const T *>(p.x) + at.chunk.x + i, at.chunk.stride, x);
      window_transpose<J>(w, u, scale, v);
#pragma unroll
      for (int j = 0; j < POINT; j++) r[j] = T(0);
#pragma unroll
      for (int a = 0; a < D; a++) r[a] = x[a];
#pragma unroll
      for (int c = 0; c < C; c++) r[D + c] = v[c];
      store_record<POINT>(points + i * POINT, r);
      bias += v[0];
    }
    return bias;
  }

  // walk adds the points first, first + step, … to the sums of the neurons that this lane owns.
  __device__ static __forceinline__ void walk(const T *points, int first, int step, int n, const T (&r)[PER_LANE][NEURON],
                                              T (&sum)[PER_LANE][SUMS]) {
    const T *at = points + first * POINT, *const end = points + n * POINT;
#pragma unroll 1
    for (; at < end; at += step * POINT) {
      T q[POINT];
      load_record<POINT>(at, q);
#pragma unroll
      for (int j = 0; j < PER_LANE; j++) {
        T z = r[j][D], g[ORDER + 1], part[ORDER + 1];
#pragma unroll
        for (int a = 0; a < D; a++) z += r[j][a] * q[a];
        A::template raw<ORDER>(z, g);
#pragma unroll
        for (int c = 0; c < C; c++) {
          const int n = J::order(c);
          if (c == 0 || n != J::order(c - 1)) part[n] = q[D + c] * r[j][D + 1 + c];
          else part[n] += q[D + c] * r[j][D + 1 + c];
          sum[j][c] += q[D + c] * g[n];
        }
        const T zbar = A::template next<ORDER>(g, part);
#pragma unroll
        for (int a = 0; a < D; a++) sum[j][C + a] += zbar * q[a];
        sum[j][C + D] += zbar;
      }
    }
  }

  // chain takes the sums of neuron h to the gradients of its weights: writes w̄, adds to W̄ and b̄.
  __device__ static __forceinline__ void chain(const fb_net &p, const Place &at, int h, int k, const T *sums, int apart, T *partial,
                                               T (&gradient)[D + 1]) {
    const T weight = __ldg(at.theta + p.layers[1].w + k * at.width + h);
    T scaled[D], bar[D], wbar = sums[0];
#pragma unroll
    for (int a = 0; a < D; a++) scaled[a] = __ldg(at.theta + p.layers[0].w + h * D + a) * __ldg(at.inv + a), bar[a] = T(0);
#pragma unroll
    for (int c = 1; c < C; c++) {
      const int a = J::p(c), b = J::q(c);
      const T s = T(A::factor(J::order(c))) * sums[c * apart];
      if (J::order(c) == 1) {
        wbar += s * scaled[a];
        bar[a] += s;
      } else {
        wbar += s * scaled[a] * scaled[b];
        bar[a] += s * scaled[b];
        bar[b] += s * scaled[a];
      }
    }
    partial[p.layers[1].w + k * at.width + h] = wbar;
#pragma unroll
    for (int a = 0; a < D; a++) gradient[a] += sums[(C + a) * apart] + weight * bar[a] * __ldg(at.inv + a);
    gradient[D] += sums[(C + D) * apart];
  }

  // adjoint: lanes are neurons. `lanes` of them, two neurons each, form a group that walks over its share of the points with all sums
  // in registers; groups are added in their order at the end. Wider networks take their neurons by tiles.
  __device__ static __forceinline__ void adjoint(const fb_net &p, T *shared) {
    const Place at(p);
    T *partial = static_cast<T *>(p.partial) + int64_t(blockIdx.x) * p.params;
    int shift = 0;  // lanes = 2^shift: enough for all neurons, at most a warp
    while (shift < 5 && (PER_LANE << shift) < at.width) shift++;
    const int lanes = 1 << shift, groups = FB_SHALLOW_THREADS >> shift, tile = PER_LANE << shift;
    const int thread = threadIdx.x, lane = thread & (lanes - 1), group = thread >> shift;
    // First the records of points and neurons; then sums [group][SUMS][tile], one value a lane between groups so that a warp writes
    // without bank conflicts; behind them their totals [SUMS][tile].
    T *const neurons = shared + FB_SHALLOW_POINTS * POINT;
    const int apart = SUMS * tile + lanes;
    T *const total = shared + groups * apart;

    for (int first = 0; first < at.width; first += tile) {
      const bool owner = thread < tile && first + thread < at.width;  // this thread writes the gradient of one neuron
      T gradient[D + 1];
#pragma unroll
      for (int a = 0; a <= D; a++) gradient[a] = T(0);
      for (int k = 0; k < p.out; k++) {
        if (thread < tile) stage<1>(p, at, first + thread, k, neurons + thread * NEURON);
        T bias = load_points(p, at, k, shared);
        __syncthreads();
        T r[PER_LANE][NEURON], sum[PER_LANE][SUMS];
#pragma unroll
        for (int j = 0; j < PER_LANE; j++) {
          load_record<NEURON>(neurons + (lane + j * lanes) * NEURON, r[j]);
#pragma unroll
          for (int c = 0; c < SUMS; c++) sum[j][c] = T(0);
        }
        walk(shared, group, groups, at.chunk.n, r, sum);
#pragma unroll
        for (int m = 16; m > 0; m /= 2) bias += __shfl_xor_sync(0xffffffffu, bias, m);
        __syncthreads();  // the points have been read: their place is for the sums
#pragma unroll
        for (int j = 0; j < PER_LANE; j++)
#pragma unroll
          for (int c = 0; c < SUMS; c++) shared[group * apart + c * tile + j * lanes + lane] = sum[j][c];
        __syncthreads();
        for (int o = thread; o < SUMS * tile; o += FB_SHALLOW_THREADS) {
          T s = shared[o];
#pragma unroll 4
          for (int g = 1; g < groups; g++) s += shared[g * apart + o];
          total[o] = s;
        }
        __syncthreads();
        if ((thread & 31) == 0) shared[thread >> 5] = bias;
        if (owner) chain(p, at, first + thread, k, total + thread, tile, partial, gradient);
        __syncthreads();
        if (first == 0 && thread == 0) {
          bias = T(0);
          for (int i = 0; i < FB_SHALLOW_THREADS / 32; i++) bias += shared[i];
          partial[p.layers[1].b + k] = bias;
        }
        if (k + 1 < p.out || first + tile < at.width) __syncthreads();  // before the next points
      }
      if (owner) {
#pragma unroll
        for (int a = 0; a < D; a++) partial[p.layers[0].w + (first + thread) * D + a] = gradient[a];
        partial[p.layers[0].b + first + thread] = gradient[D];
      }
    }
  }
};

// Blocks a multiprocessor that registers have to allow: as many as sm_80 and sm_90 take without spilling. values = D + 1 + C. Shared
// memory of an H200 allows 12 blocks in float32 and 6 in float64 for d2_xx_yy, 8 and 4 for d3_xx_yy_zz.
constexpr int shallow_forward_blocks(int bytes, int values) { return values <= 10 ? (bytes == 4 ? 16 : 8) : bytes == 4 ? 12 : 6; }
constexpr int shallow_adjoint_blocks(int bytes, int values) {
  return bytes == 4 ? (values <= 8 ? 10 : values <= 11 ? 8 : 6) : values <= 9 ? 6 : 4;
}

// RECORDS: 1 for the values, 2 for their tangent.
template <class J, class T, int RECORDS> __device__ __forceinline__ void shallow_forward(const fb_net &p) {
  FB_SHARED(T, shared);
  if (p.act == SIN)
    Shallow<J, Sine, T>::template forward<RECORDS>(p, shared);
  else
    Shallow<J, Tanh, T>::template forward<RECORDS>(p, shared);
}

template <class J, class T> __device__ __forceinline__ void shallow_adjoint(const fb_net &p) {
  FB_SHARED(T, shared);
  if (p.act == SIN)
    Shallow<J, Sine, T>::adjoint(p, shared);
  else
    Shallow<J, Tanh, T>::adjoint(p, shared);
}

}  // namespace fb
#endif
