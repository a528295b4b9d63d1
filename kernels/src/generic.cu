// generic.cu: networks that no specialised kernel takes: any widths and depth, every activation and embedding, jets of any set of
// derivatives to fourth order. It does what kernels/host does, by the same tables.
//
// A block takes a chunk of at most 128 points. Jets of a layer lie in global scratch as [neuron][nc][np], np the points of the chunk
// rounded up to whole warps, so that every access coalesces. An affine layer is one matrix product over cols = nc*np columns
// (generic_matrix.cuh); of an activation a warp takes a neuron, a lane a point (generic_jets.cuh). Blocks loop over the entries of
// the list: the grid may be smaller, and then so is the scratch memory. Launch shape and scratch: generic.h.
#include "fb.cuh"
#include "generic.h"
#include "generic_jets.cuh"
#include "generic_matrix.cuh"
#include "real.cuh"

namespace {

using namespace fb;
using namespace fb::generic;

// Where the jets of a block lie: inputs (before Fourier features), yd and zd (tangents or adjoints of the layer in hand), then y and
// z, what enters a layer and what leaves it before the activation. Only the adjoint keeps these for each layer.
template <class R> struct Tape {
  const fb_net &p;
  R *inputs, *yd, *zd, *layers;
  int unit; // nc*np
  int in;   // without a tape: neurons of the largest y
  bool kept;

  __device__ __forceinline__ Tape(const fb_net &net, int cols, bool keep) : p(net), unit(cols), kept(keep) {
    const fb_generic_size size = fb_generic_neurons(&net);
    inputs = (R *)((char *)net.scratch + (int64_t)blockIdx.x * net.scratch_block);
    yd = inputs + (net.fourier > 0 ? net.inputs * unit : 0);
    zd = yd + size.widest * unit;
    layers = zd + size.widest * unit;
    in = size.in;
  }

  __device__ __forceinline__ R *y(int l) const {
    R *at = layers;
    for (int k = 0; kept && k < l; k++) at += (p.layers[k].in + p.layers[k].out) * unit;
    return at;
  }
  __device__ __forceinline__ R *z(int l) const { return y(l) + (kept ? p.layers[l].in : in) * unit; }
};

// Generic is the work of a block on one chunk. A member reads only what was written before the last barrier, or waits itself.
template <class R> struct Generic {
  const fb_net &p;
  const fb_chunk &chunk;
  const int np, cols;
  const R *theta;
  const Tape<R> tape;
  R *shared;
  const int lane, warp, warps;

  __device__ __forceinline__ Generic(const fb_net &net, int entry, bool keep, R *memory)
      : p(net), chunk(net.chunks[net.list[entry]]), np((chunk.n + 31) / 32 * 32), cols(net.nc * np),
        theta((const R *)net.theta + (int64_t)chunk.sub * net.params), tape(net, cols, keep), shared(memory),
        lane((int)threadIdx.x % 32), warp((int)threadIdx.x / 32), warps((int)blockDim.x / 32) {}

  __device__ __forceinline__ Matrix<R> weights(const fb_layer &l, const R *parameters) const {
    return {parameters + l.w, parameters + l.b, l.in, 1, l.out, l.in};
  }

  // ---- embedding: kernels/host/embed.go

  // x̂_a with the derivative 1/σ_a, or sin and cos of π x̂_a. These depend on one coordinate: s⁽ⁿ⁾ (π/σ)ⁿ is the n-th derivative
  // along a, all mixed ones are zero. Lanes beyond the chunk see x̂ = 0.
  __device__ __forceinline__ void embed() const {
    R *v = p.fourier > 0 ? tape.inputs : tape.y(0);
    for (int a = 0; a < p.d; a++) {
      const bool periodic = p.periodic[a] != 0;
      const R inverse = __ldg((const R *)p.inv_sigma + (int64_t)chunk.sub * p.d + a);
      for (int q = (int)threadIdx.x; q < np; q += (int)blockDim.x) {
        const R x = q < chunk.n ? __ldg((const R *)p.x + chunk.x + (int64_t)a * chunk.stride + q) : R(0);
        const R pi = R(3.14159265358979323846);
        R sine = 0, cosine = 1;
        Derivatives<R> s, c;
        if (periodic) sine_cosine(pi * x, sine, cosine);
        sines(sine, cosine, s);
        sines(cosine, -sine, c);
        for (int k = 0; k < p.nc; k++) {
          int order = 0, along = 0;
          for (int b = 0; b < p.d; b++) order += p.index[k][b];
          along = p.index[k][a];
          if (!periodic) {
            v[k * np + q] = order == 0 ? x : order == 1 && along == 1 ? inverse : R(0);
            continue;
          }
          R factor = order == along ? R(1) : R(0);
          for (int b = 0; b < along; b++) factor *= pi * inverse;
          v[k * np + q] = factor * pick(s, along);
          v[cols + k * np + q] = factor * pick(c, along);
        }
      }
      v += (periodic ? 2 : 1) * cols;
    }
    if (p.fourier == 0) return;
    affine<R>({theta, nullptr, p.inputs, 1, p.fourier, p.inputs}, tape.inputs, tape.zd, cols, np, false, shared);
    __syncthreads();
    for (int r = warp; r < p.fourier; r += warps)
      for (int q = lane; q < np; q += 32) {
        const R *z = tape.zd + r * cols + q;
        R sine, cosine;
        Derivatives<R> f;
        sine_cosine(z[0], sine, cosine);
        sines(sine, cosine, f);
        compose(p, f, z, tape.y(0) + r * cols + q, np);
        sines(cosine, -sine, f);
        compose(p, f, z, tape.y(0) + (p.fourier + r) * cols + q, np);
      }
  }

  // ---- layers: kernels/host/network.go

  // Leaves v in z of the last layer.
  __device__ __forceinline__ void forward() const {
    embed();
    for (int l = 0;; l++) {
      const fb_layer &a = p.layers[l];
      R *z = tape.z(l);
      affine<R>(weights(a, theta), tape.y(l), z, cols, np, false, shared);
      __syncthreads();
      if (l == p.hidden) return;
      R *next = tape.y(l + 1);
      for (int i = warp; i < a.out; i += warps) {
        const Slopes<R> slope = slopes(p, a, theta, i);
        for (int q = i * cols + lane; q < i * cols + np; q += 32) {
          Derivatives<R> phi, f;
          activate(p.act, slope, z[q], phi, f);
          compose(p, phi, z + q, next + q, np);
        }
      }
    }
  }

  // Leaves v̇ in zd: ż = Ẇ y + ḃ + W ẏ, beside z and y layer by layer. The embedding does not move.
  __device__ __forceinline__ void tangent() const {
    const R *dir = (const R *)p.dir + (int64_t)chunk.sub * p.params;
    embed();
    for (int l = 0;; l++) {
      const fb_layer &a = p.layers[l];
      R *z = tape.z(l), *next = tape.y(0); // the same for all layers
      affine<R>(weights(a, dir), tape.y(l), tape.zd, cols, np, false, shared);
      if (l > 0) {
        Matrix<R> still = weights(a, theta);
        still.bias = nullptr;
        affine<R>(still, tape.yd, tape.zd, cols, np, true, shared);
      }
      if (l < p.hidden) affine<R>(weights(a, theta), tape.y(l), z, cols, np, false, shared);
      __syncthreads();
      if (l == p.hidden) return;
      for (int i = warp; i < a.out; i += warps) {
        const Slopes<R> slope = slopes(p, a, theta, i), moved = slopes(p, a, dir, i);
        for (int q = i * cols + lane; q < i * cols + np; q += 32) {
          Derivatives<R> phi, f, phidot;
          activate(p.act, slope, z[q], phi, f);
          const R zdot = tape.zd[q];
          phidot[highest] = 0;
#pragma unroll
          for (int n = 0; n < highest; n++) phidot[n] = phi[n + 1] * zdot;
          if (p.act >= ADAPTIVE_TANH) {
            Derivatives<R> by0, by1;
            by_slopes(p.act, slope, z[q], f, by0, by1);
#pragma unroll
            for (int n = 0; n < highest; n++) phidot[n] += by0[n] * moved.s0 + by1[n] * moved.s1;
          }
          compose_tangent(p, phi, phidot, z + q, tape.zd + q, tape.yd + q, np);
          compose(p, phi, z + q, next + q, np);
        }
      }
    }
  }

  // From v̄ in zd and the tape of forward, last layer first: W̄ = Σ z̄ yᵀ, b̄ = Σ z̄_0, ȳ = Wᵀ z̄. All of grad [params] is written.
  __device__ __forceinline__ void adjoint(R *grad) const {
    for (int i = (int)threadIdx.x; i < p.frozen; i += (int)blockDim.x) grad[i] = 0;
    for (int l = p.hidden; l >= 0; l--) {
      const fb_layer &a = p.layers[l];
      outer(tape.zd, tape.y(l), cols, grad + a.w, a.out, a.in, shared);
      for (int i = warp; i < a.out; i += warps) {
        R sum = 0;
        for (int q = lane; q < np; q += 32) sum += tape.zd[i * cols + q];
        sum = warp_sum(sum);
        if (lane == 0) grad[a.b + i] = sum;
      }
      if (l == 0) return; // the embedding and the Fourier features are frozen
      affine<R>({theta + a.w, nullptr, 1, a.in, a.in, a.out}, tape.zd, tape.yd, cols, np, false, shared);
      __syncthreads();
      const fb_layer &below = p.layers[l - 1];
      R g0 = 0, g1 = 0;
      activation_adjoint(l - 1, [&](int, int, R d0, R d1) { g0 += d0, g1 += d1; }, [&](int i) {
        g0 = warp_sum(g0);
        if (lane == 0) grad[below.slope + i] = g0;
        if (p.act == ADAPTIVE_SIN) {
          g1 = warp_sum(g1);
          if (lane == 0) grad[below.slope + below.out + i] = g1;
        }
        g0 = g1 = 0;
      });
    }
  }

  // From ȳ behind the activation of layer l, in yd, to z̄ before it, in zd. Adaptive activations: a warp calls point(i, q, gradients of
  // the two slopes) for its lanes' points q of neuron i, then neuron(i).
  template <class Point, class Neuron> __device__ __forceinline__ void activation_adjoint(int l, Point point, Neuron neuron) const {
    const fb_layer &a = p.layers[l];
    const R *z = tape.z(l);
    for (int i = warp; i < a.out; i += warps) {
      const Slopes<R> slope = slopes(p, a, theta, i);
      for (int q = i * cols + lane; q < i * cols + np; q += 32) {
        Derivatives<R> phi, f, phibar;
        activate(p.act, slope, z[q], phi, f);
        compose_adjoint(p, phi, phibar, z + q, tape.yd + q, tape.zd + q, np);
        R value = tape.zd[q];
#pragma unroll
        for (int n = 0; n < highest; n++)
          if (n <= p.order) value += phi[n + 1] * phibar[n]; // beyond, φ may have overflowed
        if (p.act >= ADAPTIVE_TANH) {
          Derivatives<R> by0, by1;
          by_slopes(p.act, slope, z[q], f, by0, by1);
          R g0 = 0, g1 = 0;
#pragma unroll
          for (int n = 0; n < highest; n++)
            if (n <= p.order) g0 += by0[n] * phibar[n], g1 += by1[n] * phibar[n];
          point(i, q - i * cols, g0, g1);
        }
        tape.zd[q] = value;
      }
      if (p.act >= ADAPTIVE_TANH) neuron(i);
    }
  }

  // ---- the adjoint point by point: kernels/host/block.go

  // From v̄ in zd and the tape of forward, last layer first, as far as the columns reach. A warp takes a column, a lane a point.
  __device__ __forceinline__ void block(const fb_block &b) const {
    const int row = (int)(chunk.x - b.x0), rows = chunk.stride - row < np ? chunk.stride - row : np; // to the padded length of the tile
    const auto put = [&](int parameter, int q, R x) {
      if (q < rows) ((R *)b.out)[(int64_t)(parameter - b.first) * b.ld + row + q] = q < chunk.n ? x : R(0);
    };
    __syncthreads(); // zd is complete
    for (int l = p.hidden;; l--) {
      const fb_layer &a = p.layers[l];
      const R *y = tape.y(l);
      for (int column = warp; column < a.out * a.in; column += warps) {
        const R *z = tape.zd + column / a.in * cols, *yk = y + column % a.in * cols;
        for (int q = lane; q < np; q += 32) {
          R sum = 0;
          for (int c = q; c < cols; c += np) sum = real_fma(z[c], yk[c], sum);
          put(a.w + column, q, sum);
        }
      }
      for (int i = warp; i < a.out; i += warps)
        for (int q = lane; q < np; q += 32) put(a.b + i, q, tape.zd[i * cols + q]);
      if (l == 0 || p.layers[l - 1].w < b.first) return;
      affine<R>({theta + a.w, nullptr, 1, a.in, a.in, a.out}, tape.zd, tape.yd, cols, np, false, shared);
      __syncthreads();
      const fb_layer &below = p.layers[l - 1];
      activation_adjoint(l - 1, [&](int i, int q, R g0, R g1) {
        put(below.slope + i, q, g0);
        if (p.act == ADAPTIVE_SIN) put(below.slope + below.out + i, q, g1);
      }, [](int) {});
      __syncthreads();
    }
  }

  // ---- window: kernels/host/window.go

  __device__ __forceinline__ R window(int component, int q) const {
    return __ldg((const R *)p.w + chunk.w + (int64_t)component * chunk.stride + q);
  }

  // Writes W ⊗ (s u + m) at the pairs of the chunk; m only with the values themselves, not with their tangents.
  __device__ __forceinline__ void write_pairs(const R *u, bool mean) const {
    for (int k = warp; k < p.out; k += warps) {
      const R scale = __ldg((const R *)p.scale + k), shift = mean ? __ldg((const R *)p.shift + k) : R(0);
      R *v = (R *)p.v + (int64_t)k * p.nc * p.pairs + chunk.pair;
      for (int q = lane; q < chunk.n; q += 32) {
        const R *jet = u + k * cols + q;
        R sum = 0;
        int c = 0;
        for (int i = 0; i < p.products; i++) {
          const fb_product *t = p.product + i;
          if (__ldg(&t->c) != c) { // ascending
            v[(int64_t)c * p.pairs + q] = sum;
            c = __ldg(&t->c), sum = 0;
          }
          const int b = __ldg(&t->b);
          sum += (R)__ldg(&t->coef) * window(__ldg(&t->a), q) * (scale * jet[b * np] + (b == 0 ? shift : R(0)));
        }
        v[(int64_t)c * p.pairs + q] = sum;
      }
    }
  }

  // Leaves v̄ = s Wᵀ Ū in zd, zero in the lanes beyond the chunk.
  __device__ __forceinline__ void read_pairs() const {
    const fb_section section = p.sections[chunk.section];
    for (int k = warp; k < p.out; k += warps) {
      const R scale = __ldg((const R *)p.scale + k);
      const R *ubar = (const R *)p.ubar + section.base + (int64_t)k * p.nc * section.stride;
      for (int q = lane; q < np; q += 32) {
        R *jet = tape.zd + k * cols + q;
        for (int c = 0; c < p.nc; c++) jet[c * np] = 0;
        if (q >= chunk.n) continue;
        const int point = __ldg(p.point + chunk.pair + q);
        for (int i = 0; i < p.products; i++) {
          const fb_product *t = p.product + i;
          const R u = __ldg(ubar + (int64_t)__ldg(&t->c) * section.stride + point);
          jet[__ldg(&t->b) * np] += scale * ((R)__ldg(&t->coef) * window(__ldg(&t->a), q) * u);
        }
      }
    }
  }
};

// ---- kernels

template <class R> __device__ __forceinline__ void run_forward(const fb_net &p, R *shared) {
  for (int e = (int)blockIdx.x; e < p.entries; e += (int)gridDim.x) {
    const Generic<R> g(p, e, false, shared);
    g.forward();
    g.write_pairs(g.tape.z(p.hidden), true);
    __syncthreads(); // the next chunk overwrites the jets
  }
}

template <class R> __device__ __forceinline__ void run_tangent(const fb_net &p, R *shared) {
  for (int e = (int)blockIdx.x; e < p.entries; e += (int)gridDim.x) {
    const Generic<R> g(p, e, false, shared);
    g.tangent();
    g.write_pairs(g.tape.zd, false);
    __syncthreads();
  }
}

template <class R> __device__ __forceinline__ void run_adjoint(const fb_net &p, R *shared) {
  for (int e = (int)blockIdx.x; e < p.entries; e += (int)gridDim.x) {
    const Generic<R> g(p, e, true, shared);
    g.forward();
    g.read_pairs();
    __syncthreads();
    g.adjoint((R *)p.partial + (int64_t)e * p.params);
    __syncthreads();
  }
}

template <class R> __device__ __forceinline__ void run_block(const fb_block &b, R *shared) {
  const fb_net &p = b.net;
  for (int e = (int)blockIdx.x; e < p.entries; e += (int)gridDim.x) {
    const Generic<R> g(p, e, true, shared);
    g.forward();
    g.read_pairs();
    g.block(b);
    __syncthreads();
  }
}

}  // namespace

#define FB_GENERIC(R, suffix)                                                       \
  FB_KERNEL(fb_generic_forward_##suffix, fb_net, FB_GENERIC_THREADS, 2) {           \
    FB_SHARED(R, shared);                                                           \
    run_forward<R>(p, shared);                                                      \
  }                                                                                 \
  FB_KERNEL(fb_generic_tangent_##suffix, fb_net, FB_GENERIC_THREADS, 2) {           \
    FB_SHARED(R, shared);                                                           \
    run_tangent<R>(p, shared);                                                      \
  }                                                                                 \
  FB_KERNEL(fb_generic_adjoint_##suffix, fb_net, FB_GENERIC_THREADS, 2) {           \
    FB_SHARED(R, shared);                                                           \
    run_adjoint<R>(p, shared);                                                      \
  }                                                                                 \
  FB_KERNEL(fb_generic_block_##suffix, fb_block, FB_GENERIC_THREADS, 2) {           \
    FB_SHARED(R, shared);                                                           \
    run_block<R>(p, shared);                                                        \
  }

FB_GENERIC(float, f32)
FB_GENERIC(double, f64)
