// deep.cuh: networks with two or more tanh or sin hidden layers, all of the width 16, 32, 64 or 128, on plain inputs: forward, tangent,
// adjoint, and the one-pass kernel of the benchmark. A block works on one chunk, np = 32, 16, 8 or 4 points at a time, which pass
// through all layers without leaving the chip.
//
//	deep.h            launch shape, places in shared memory
//	deep_tile.cuh     who holds what; the three matrix products
//	deep_jets.cuh     the activation on jets in registers
//	deep_layers.cuh   the passes through the layers
//	deep_tangent.cuh  the tangent
//	deep_f32_*.cu ... the instances, by precision and width
//
// The adjoint recomputes the forward pass. It knows v̄ beforehand, so the last hidden layer goes forward and back in registers. With
// two hidden layers a block of points waits for the whole block three times; the weight gradient between them stays in registers
// for the whole chunk.
#ifndef FB_DEEP_CUH
#define FB_DEEP_CUH
#include "deep_layers.cuh"
#include "deep_tangent.cuh"

namespace fb {
namespace deep {

template <class S> __device__ __forceinline__ void forward(const fb_net &p, typename S::R *shared) {
  typedef typename S::R R;
  typedef typename S::J J;
  Block<S> b(p, shared);
  for (int e = blockIdx.x; e < p.entries; e += gridDim.x) {
    const fb_chunk &chunk = p.chunks[p.list[e]];
    b.load(chunk.sub);
    __syncthreads();
    R *const v = static_cast<R *>(p.v) + chunk.pair;
#pragma unroll 1
    for (int from = 0; from < chunk.n; from += S::NP) {
      R x[S::D][S::TP];
      b.coordinates(chunk, from, x);
      b.first_layer(x);
      // Layers alternate between two arrays; the last one leaves its part of the output in the one that it does not read.
      R *here = b.jets(0), *other = b.tape(1);
      __syncthreads();
#pragma unroll 1
      for (int l = 1;; l++) {
        typename Block<S>::Tile z;
        typename Block<S>::Slopes f1;
        b.hidden_layer(l, here, z, f1);
        if (l == b.last()) {
#pragma unroll 1
          for (int o = 0; o < p.out; o++) b.output_part(o, z, f1, other + o * (S::W / 16 * S::C * S::NP));
          break;
        }
        b.store_jets(z, f1, other);
        R *swap = here;
        here = other, other = swap;
        __syncthreads();
      }
      __syncthreads();
      for (int t = threadIdx.x; t < p.out * S::NP; t += S::THREADS) {
        const int o = t / S::NP, i = t % S::NP;
        if (from + i >= chunk.n) continue;
        R jets[S::C], w[S::C], u[S::C];
        b.output_sum(o, i, other + o * (S::W / 16 * S::C * S::NP), jets);
        load_rows<S::C>(static_cast<const R *>(p.w) + chunk.w + from + i, chunk.stride, w);
        window_product<J>(w, jets, __ldg(static_cast<const R *>(p.scale) + o), __ldg(static_cast<const R *>(p.shift) + o), u);
#pragma unroll
        for (int c = 0; c < S::C; c++) v[(o * S::C + c) * (long long)p.pairs + from + i] = u[c];
      }
      // The next points write first where this sum reads last, if the number of layers is odd.
      if (other == b.jets(0)) __syncthreads();
    }
    __syncthreads();
  }
}

// Writes the gradient of entry e. Groups add their weight gradients in order. Loops that run once a chunk are not unrolled: the offsets of
// their turns would be kept in registers from chunk to chunk.
template <class S>
__device__ __forceinline__ void write_gradient(const Block<S> &b, const Outer<S> &outer, typename S::R (&dw)[Outer<S>::TA][Outer<S>::TB],
                                               int e) {
  typedef typename S::R R;
  typedef Outer<S> O;
  const fb_net &p = b.p;
  R *const grad = static_cast<R *>(p.partial) + (long long)e * p.params;
  const R *sums = b.shared;
#pragma unroll 1
  for (int i = threadIdx.x; i < S::D * S::W; i += S::THREADS) grad[p.layers[0].w + i] = sums[S::GFIRST + i % S::D * S::W + i / S::D];
  for (int l = 0; l < p.hidden; l++)
    for (int n = threadIdx.x; n < S::W; n += S::THREADS) grad[p.layers[l].b + n] = b.gbias(l)[n];
#pragma unroll 1
  for (int i = threadIdx.x; i < p.out * S::W; i += S::THREADS) grad[p.layers[p.hidden].w + i] = b.output(i / S::W)[S::GWO + i % S::W];
  for (int o = threadIdx.x; o < p.out; o += S::THREADS) grad[p.layers[p.hidden].b + o] = sums[S::GBO + o];

  R *const matrix = b.jets(0);  // [w][w]
#pragma unroll 1
  for (int l = 1; l <= b.last(); l++) {
    R *const to = O::G == 1 ? grad + p.layers[l].w : matrix;
    if (b.kept()) O::fetch(b.outer + (l - 1) * (O::TA * O::TB * S::THREADS), dw);
#pragma unroll 1
    for (int turn = 0; turn < O::G; turn++) {
      if (outer.g == turn) {
#pragma unroll
        for (int i = 0; i < O::TA; i++)
#pragma unroll
          for (int k = 0; k < O::TB; k++) {
            const int at = outer.row(i) * S::W + outer.col(k);
            to[at] = turn == 0 ? dw[i][k] : to[at] + dw[i][k];
          }
      }
      if (O::G > 1) __syncthreads();
    }
    if (O::G > 1) {
      for (int i = threadIdx.x; i < S::W * S::W; i += S::THREADS) grad[p.layers[l].w + i] = matrix[i];
      __syncthreads();
    }
  }
}

// The Burgers residual r = u_t + u u_x - ν u_xx of the network alone and its v̄ = r ∂r/∂v (set d2_xx, coordinates x, t; one output).
template <class S> __device__ __forceinline__ void burgers(const Block<S> &b, const fb_chunk &chunk, int from, const typename S::R *parts) {
  typedef typename S::R R;
  const R nu = __ldg(static_cast<const R *>(b.p.scale));
  for (int i = threadIdx.x; i < S::NP; i += S::THREADS) {
    R v[S::C];
    b.output_sum(0, i, parts, v);
    const R r = from + i < chunk.n ? v[2] + v[0] * v[1] - nu * v[3] : R(0);
    const R back[4] = {r * v[1], r * v[0], r, -nu * r};
#pragma unroll
    for (int c = 0; c < 4; c++) b.output(0)[S::VBAR + S::column(c, i)] = back[c];
  }
}

// ONE_PASS: v̄ comes from the residual of the network itself instead of the adjoint planes.
template <class S, bool ONE_PASS> __device__ __forceinline__ void adjoint(const fb_net &p, typename S::R *shared) {
  typedef typename S::R R;
  typedef Outer<S> O;
  Block<S> b(p, shared);
  const O outer(threadIdx.x);
  const int last = b.last();

#pragma unroll 1
  for (int e = blockIdx.x; e < p.entries; e += gridDim.x) {
    const fb_chunk &chunk = p.chunks[p.list[e]];
    b.load(chunk.sub);
    R dw[O::TA][O::TB];
    O::clear(dw);
    if (b.kept())
      for (int l = 0; l < last; l++) O::keep(dw, b.outer + l * (O::TA * O::TB * S::THREADS));
    __syncthreads();

#pragma unroll 1
    for (int from = 0; from < chunk.n; from += S::NP) {
      R x[S::D][S::TP];
      typename Block<S>::Tile z;
      if (!ONE_PASS) b.output_adjoints(chunk, from);
      b.coordinates(chunk, from, x);
      b.first_layer(x);
      __syncthreads();
      {
        typename Block<S>::Slopes f1;
#pragma unroll 1
        for (int l = 1;; l++) {
          b.hidden_layer(l, b.jets(l - 1), z, f1);
          if (l == last) break;
          b.store_jets(z, f1, b.jets(l));
          b.store_tape(l, z, f1);
          __syncthreads();
        }
        if (ONE_PASS) {
          R *const parts = b.tape(last);
          b.output_part(0, z, f1, parts);
          __syncthreads();
          burgers<S>(b, chunk, from, parts);
          __syncthreads();
        }
        b.output_back(z, f1);
      }
      b.store_adjoints(last, z);
      __syncthreads();

#pragma unroll 1
      for (int l = last;; l--) {
        if (b.kept()) O::fetch(b.outer + (l - 1) * (O::TA * O::TB * S::THREADS), dw);
        outer.add(b.tape(l), b.jets(l - 1), dw);
        if (b.kept()) O::keep(dw, b.outer + (l - 1) * (O::TA * O::TB * S::THREADS));
        deep::clear<S>(z);
        b.times_transposed(b.matrix(l), b.tape(l), z);
        if (l == 1) break;
        b.hidden_back(l - 1, z);
        b.store_adjoints(l - 1, z);
        __syncthreads();
      }
      if (sizeof(R) == 8 ? S::C > 6 : S::TP * S::C > 10) b.coordinates(chunk, from, x);  // again: too many to keep beside so many jets
      b.first_back(x, z);
      __syncthreads();
    }
    write_gradient<S>(b, outer, dw, e);
    __syncthreads();
  }
}

// The instance that the host has in mind with p.pass. Where two points a thread fit, two layers have one of their own.
template <class R, int W, class J, int LANES> __device__ __forceinline__ void forward_of(const fb_net &p, R *shared) {
  constexpr int most = sizeof(R) == 8 || W == 128 || J::C > 6 || LANES < 16 ? 1 : 2;
  if constexpr (most == 2) {
    if (p.pass == 32) return forward<Shape<R, W, J, most> >(p, shared);
  }
  forward<Shape<R, W, J, 1, LANES> >(p, shared);
}
template <class R, int W, class J, int LANES> __device__ __forceinline__ void adjoint_of(const fb_net &p, R *shared) {
  constexpr int most = sizeof(R) == 8 || W == 128 || J::C > 6 || LANES < 16 ? 1 : 2;
  if constexpr (most == 2) {
    if (p.pass == 32) return adjoint<Shape<R, W, J, most>, false>(p, shared);
  }
  adjoint<Shape<R, W, J, 1, LANES>, false>(p, shared);
}

}  // namespace deep
}  // namespace fb

// The kernels of one width, precision and set of jets: those for 16 or 32 points a pass, and the frugal ones for 8 or 4.
#define FB_DEEP(R, REAL, W, NAME, D, SECOND) FB_DEEP_IN(R, W, REAL##_w##W##_##NAME, D, SECOND, 16)
#define FB_DEEP_FRUGAL(R, REAL, W, NAME, D, SECOND) FB_DEEP_IN(R, W, REAL##_w##W##_##NAME##_p8, D, SECOND, 8)
#define FB_DEEP_LEAST(R, REAL, W, NAME, D, SECOND) FB_DEEP_IN(R, W, REAL##_w##W##_##NAME##_p4, D, SECOND, 4)
#define FB_DEEP_TANGENT(R, REAL, W, NAME, D, SECOND) FB_DEEP_TANGENT_IN(R, W, REAL##_w##W##_##NAME, D, SECOND, 16)
#define FB_DEEP_FRUGAL_TANGENT(R, REAL, W, NAME, D, SECOND) FB_DEEP_TANGENT_IN(R, W, REAL##_w##W##_##NAME##_p8, D, SECOND, 8)
#define FB_DEEP_LEAST_TANGENT(R, REAL, W, NAME, D, SECOND) FB_DEEP_TANGENT_IN(R, W, REAL##_w##W##_##NAME##_p4, D, SECOND, 4)

#define FB_DEEP_TANGENT_IN(R, W, NAME, D, SECOND, LANES)                                               \
  FB_KERNEL(fb_deep_tangent_##NAME, fb_net, 2 * W, (fb::deep::blocks(W, fb::Jets<D, SECOND>::C))) {     \
    FB_SHARED(R, shared);                                                                              \
    fb::deep::tangent<fb::deep::Shape<R, W, fb::Jets<D, SECOND>, 1, LANES> >(p, shared);                \
  }
#define FB_DEEP_IN(R, W, NAME, D, SECOND, LANES)                                                       \
  FB_KERNEL(fb_deep_forward_##NAME, fb_net, 2 * W, (fb::deep::blocks(W, fb::Jets<D, SECOND>::C))) {     \
    FB_SHARED(R, shared);                                                                              \
    fb::deep::forward_of<R, W, fb::Jets<D, SECOND>, LANES>(p, shared);                                  \
  }                                                                                                    \
  FB_KERNEL(fb_deep_adjoint_##NAME, fb_net, 2 * W, (fb::deep::blocks(W, fb::Jets<D, SECOND>::C))) {     \
    FB_SHARED(R, shared);                                                                              \
    fb::deep::adjoint_of<R, W, fb::Jets<D, SECOND>, LANES>(p, shared);                                  \
  }

// Two hidden layers, tanh or sin, one output, nu in place of the scale.
#define FB_DEEP_ONE_PASS(W)                                                                  \
  FB_KERNEL(fb_deep_onepass_f32_w##W##_d2_xx, fb_net, 2 * W, (fb::deep::blocks(W, 4))) {      \
    FB_SHARED(float, shared);                                                                \
    fb::deep::adjoint<fb::deep::Shape<float, W, fb::Jets<2, 0x01>, 2>, true>(p, shared);      \
  }
#endif
