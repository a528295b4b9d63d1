// deep_tangent.cuh: the tangent J v of a deep network: jets and their derivative along a direction in θ, layer by layer.
//
//	Ż_l = W_l Ȧ_{l-1} + Ẇ_l A_{l-1} + ḃ_l
//
// A thread holds its tiles of Z and Ż at a time, so that the next layer's jets can take the place of the last one's.
#ifndef FB_DEEP_TANGENT_CUH
#define FB_DEEP_TANGENT_CUH
#include "deep_layers.cuh"

namespace fb {
namespace deep {

// Z_0 and Ż_0 at the points. Their derivatives are constants, the second ones zero.
template <class S>
__device__ __forceinline__ void tangent_first(const Block<S, true> &b, const typename S::R (&x)[S::D][S::TP],
                                              typename Block<S, true>::Tile &z, typename Block<S, true>::Tile &zdot) {
  typedef typename S::R R;
  typedef typename S::J J;
#pragma unroll
  for (int i = 0; i < S::TN; i++) {
    const int n = b.at.neuron(i);
    const R *const weights = b.shared + S::FIRST + n, *const moved = b.shared + S::GFIRST + n;
#pragma unroll
    for (int k = 0; k < S::TP; k++) {
      z[i][0][k] = b.bias(0)[n], zdot[i][0][k] = b.gbias(0)[n];
#pragma unroll
      for (int a = 0; a < S::D; a++) z[i][0][k] += weights[a * S::W] * x[a][k], zdot[i][0][k] += moved[a * S::W] * x[a][k];
#pragma unroll
      for (int c = 1; c < S::C; c++) {
        z[i][c][k] = J::order(c) == 1 ? b.shared[S::IN + c * S::W + n] : R(0);
        zdot[i][c][k] = J::order(c) == 1 ? moved[J::p(c) * S::W] * __ldg(b.inv_sigma + J::p(c)) : R(0);
      }
    }
  }
}

// Z_l and Ż_l from the jets below and their tangents.
template <class S>
__device__ __forceinline__ void tangent_hidden(Block<S, true> &b, int l, typename Block<S, true>::Tile &z,
                                               typename Block<S, true>::Tile &zdot) {
  deep::clear<S>(z);
  deep::clear<S>(zdot);
  b.times(b.matrix(l), b.array(0), z);
  b.times(b.matrix(l), b.array(1), zdot);
  b.times(b.matrix(l) + 1, b.array(0), zdot);
  b.add_bias(b.bias(l), z);
  b.add_bias(b.gbias(l), zdot);
}

// This warp's part of v̇_o = Σ_n Ẇ_o[n] A[n] + W_o[n] Ȧ[n], to parts[warp][nc*np].
template <class S>
__device__ __forceinline__ void tangent_part(const Block<S, true> &b, int o, const typename Block<S, true>::Tile &z,
                                             const typename Block<S, true>::Slopes &f1, const typename Block<S, true>::Tile &zdot,
                                             typename S::R *parts) {
  typename Block<S, true>::Columns v, a;
#pragma unroll
  for (int c = 0; c < S::C; c++)
#pragma unroll
    for (int k = 0; k < S::TP; k++) v[c][k] = 0;
#pragma unroll
  for (int i = 0; i < S::TN; i++) {
    const typename S::R w = b.output(o)[S::WO + b.at.neuron(i)], moved = b.output(o)[S::GWO + b.at.neuron(i)];
    compose<S>(b.curve, z[i], f1[i], a);
#pragma unroll
    for (int c = 0; c < S::C; c++)
#pragma unroll
      for (int k = 0; k < S::TP; k++) v[c][k] += moved * a[c][k];
    compose_tangent<S>(b.curve, z[i], f1[i], zdot[i], a);
#pragma unroll
    for (int c = 0; c < S::C; c++)
#pragma unroll
      for (int k = 0; k < S::TP; k++) v[c][k] += w * a[c][k];
  }
  b.store_part(v, parts);
}

template <class S> __device__ __forceinline__ void tangent(const fb_net &p, typename S::R *shared) {
  typedef typename S::R R;
  typedef typename S::J J;
  constexpr int part = S::W / 16 * S::C * S::NP;  // of an output, in the first array
  Block<S, true> b(p, shared);
#pragma unroll 1
  for (int e = blockIdx.x; e < p.entries; e += gridDim.x) {
    const fb_chunk &chunk = p.chunks[p.list[e]];
    b.load(chunk.sub);
    __syncthreads();
    R *const v = static_cast<R *>(p.v) + chunk.pair;
#pragma unroll 1
    for (int from = 0; from < chunk.n; from += S::NP) {
      typename Block<S, true>::Tile z, zdot;
      typename Block<S, true>::Slopes f1;
      {
        R x[S::D][S::TP];
        b.coordinates(chunk, from, x);
        tangent_first<S>(b, x, z, zdot);
      }
#pragma unroll 1
      for (int l = 0;; l++) {
        if (l > 0) tangent_hidden<S>(b, l, z, zdot);
        activate<S>(p.act, z, f1);
        __syncthreads();  // all have read the layer below, or the sums of the points before
        if (l == b.last()) break;
#pragma unroll
        for (int i = 0; i < S::TN; i++) {
          typename Block<S, true>::Columns a;
          compose<S>(b.curve, z[i], f1[i], a);
          store_columns<S>(b.array(0) + b.at.neuron(i) * S::LD, b.at.q, a);
          compose_tangent<S>(b.curve, z[i], f1[i], zdot[i], a);
          store_columns<S>(b.array(1) + b.at.neuron(i) * S::LD, b.at.q, a);
        }
        __syncthreads();
      }
#pragma unroll 1
      for (int o = 0; o < p.out; o++) tangent_part<S>(b, o, z, f1, zdot, b.array(0) + o * part);
      __syncthreads();
      for (int t = threadIdx.x; t < p.out * S::NP; t += S::THREADS) {
        const int o = t / S::NP, i = t % S::NP;
        if (from + i >= chunk.n) continue;
        R jets[S::C], w[S::C], u[S::C];
        b.output_sum(o, i, b.array(0) + o * part, jets);
        load_rows<S::C>(static_cast<const R *>(p.w) + chunk.w + from + i, chunk.stride, w);
        window_product<J>(w, jets, __ldg(static_cast<const R *>(p.scale) + o), R(0), u);  // the mean does not move
#pragma unroll
        for (int c = 0; c < S::C; c++) v[(o * S::C + c) * (long long)p.pairs + from + i] = u[c];
      }
    }
    __syncthreads();
  }
}

}  // namespace deep
}  // namespace fb
#endif
