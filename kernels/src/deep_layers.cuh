// deep_layers.cuh: the passes of a block of np points through the layers of a deep network, on the tiles of deep_tile.cuh.
#ifndef FB_DEEP_LAYERS_CUH
#define FB_DEEP_LAYERS_CUH
#include "deep_jets.cuh"
#include "window.cuh"

namespace fb {
namespace deep {

// What a thread knows of its network and block of shared memory. Names of arrays as in deep.h.
template <class S> struct Block {
  typedef typename S::R R;
  typedef typename S::J J;
  typedef R Tile[S::TN][S::C][S::TP];
  typedef R Columns[S::C][S::TP];
  typedef R Slopes[S::TN][S::TP];

  const fb_net &p;
  R *const shared;
  const Place<S> at;
  const Curve<R> curve;
  int slots;         // of weights
  R *outer;          // where weight gradients pass the time between two uses that they do not spend in registers
  const R *theta, *inv_sigma;
  int loaded;        // layer whose weights lie in the only slot

  __device__ __forceinline__ Block(const fb_net &net, R *sm)
      : p(net), shared(sm), at(threadIdx.x), curve(net.act), slots(1), outer(nullptr), loaded(0) {
    if (S::TWO_LAYERS && Outer<S>::HELD) return;
    fb_deep_plan plan;
    fb_deep_choose(&p, S::W, sizeof(R), &plan);
    if (!S::TWO_LAYERS) slots = plan.slots;
    outer = plan.spilled ? reinterpret_cast<R *>(static_cast<char *>(p.scratch) + blockIdx.x * p.scratch_block) : output(p.out);
  }

  __device__ __forceinline__ R *jets(int l) const { return shared + S::JETS + l * S::LAYER; }
  __device__ __forceinline__ R *tape(int l) const { return shared + S::JETS + S::W * S::LD + (l - 1) * S::LAYER; }
  __device__ __forceinline__ R *slot(int i) const { return shared + S::JETS + last() * S::LAYER + i * S::MATRIX; }
  __device__ __forceinline__ R *output(int o) const { return slot(slots) + o * S::OUTPUT; }

  // Index of the last hidden layer.
  __device__ __forceinline__ int last() const { return S::TWO_LAYERS ? 1 : p.hidden - 1; }

  // Whether the weight gradients pass the time between two uses in memory.
  __device__ __forceinline__ bool kept() const { return !Outer<S>::HELD || last() > 1; }

  __device__ __forceinline__ void stage(int l, R *to) const {
    const R *from = theta + p.layers[l].w;
    for (int i = threadIdx.x; i < S::W * S::W; i += S::THREADS) to[i / S::W * S::LDW + i % S::W] = __ldg(from + i);
  }

  // The weights of layer l >= 1. With one slot for several layers this waits for the whole block, twice.
  __device__ __forceinline__ const R *weights(int l) {
    if (slots == last()) return slot(l - 1);
    if (loaded != l) {
      __syncthreads();
      stage(l, slot(0));
      loaded = l;
      __syncthreads();
    }
    return slot(0);
  }

  // Parameters of a subdomain; the gradient is cleared. The caller waits for the block afterwards.
  __device__ __forceinline__ void load(int sub) {
    theta = static_cast<const R *>(p.theta) + (long long)sub * p.params;
    inv_sigma = static_cast<const R *>(p.inv_sigma) + (long long)sub * S::D;
    loaded = 0;
    const R *w1 = theta + p.layers[0].w;
    for (int n = threadIdx.x; n < S::W; n += S::THREADS) {
      R slope[S::D];
#pragma unroll
      for (int a = 0; a < S::D; a++) {
        const R w = __ldg(w1 + n * S::D + a);
        shared[S::FIRST + a * S::W + n] = w;
        slope[a] = w * __ldg(inv_sigma + a);
      }
#pragma unroll
      for (int c = 1; c < S::C; c++) {
        R v = slope[J::p(c)];
        if (J::order(c) == 2) v *= slope[J::q(c)];
        shared[S::IN + c * S::W + n] = v;
      }
      for (int l = 0; l < p.hidden; l++) shared[S::BIAS + l * S::W + n] = __ldg(theta + p.layers[l].b + n);
    }
    const fb_layer &linear = p.layers[p.hidden];
    for (int i = threadIdx.x; i < p.out * S::W; i += S::THREADS) {
      R *const to = output(i / S::W) + i % S::W;
      to[S::WO] = __ldg(theta + linear.w + i);
      to[S::GWO] = 0;
    }
    for (int o = threadIdx.x; o < p.out; o += S::THREADS) shared[S::BO + o] = __ldg(theta + linear.b + o), shared[S::GBO + o] = 0;
    for (int i = threadIdx.x; i < S::D * S::W; i += S::THREADS) shared[S::GFIRST + i] = 0;
    for (int i = threadIdx.x; i < p.hidden * S::W; i += S::THREADS) shared[S::GBIAS + i] = 0;
    if (slots == last())
      for (int l = 1; l <= last(); l++) stage(l, slot(l - 1));
  }

  // x̂ of the thread's points, from the chunk's point `from` on; zeros beyond its end keep every jet finite.
  __device__ __forceinline__ void coordinates(const fb_chunk &chunk, int from, R (&x)[S::D][S::TP]) const {
    const R *row = static_cast<const R *>(p.x) + chunk.x + from;
#pragma unroll
    for (int k = 0; k < S::TP; k++) {
      const int i = at.point(k);
#pragma unroll
      for (int a = 0; a < S::D; a++) x[a][k] = from + i < chunk.n ? __ldg(row + a * (long long)chunk.stride + i) : R(0);
    }
  }

  // Layer 0: A_0 to the jets, f' to the slopes. Its derivatives before the activation are constants, the second ones zero.
  __device__ __forceinline__ void first_layer(const R (&x)[S::D][S::TP]) const {
    Tile z;
    Slopes f1;
#pragma unroll
    for (int i = 0; i < S::TN; i++) {
      const int n = at.neuron(i);
#pragma unroll
      for (int k = 0; k < S::TP; k++) {
        z[i][0][k] = shared[S::BIAS + n];
#pragma unroll
        for (int a = 0; a < S::D; a++) z[i][0][k] += shared[S::FIRST + a * S::W + n] * x[a][k];
      }
    }
    activate<S>(p.act, z, f1);
#pragma unroll
    for (int i = 0; i < S::TN; i++) {
      const int n = at.neuron(i);
#pragma unroll
      for (int k = 0; k < S::TP; k++) {
        const R f2 = curve.second(z[i][0][k], f1[i][k]);
#pragma unroll
        for (int c = 1; c < S::C; c++) z[i][c][k] = (J::order(c) == 2 ? f2 : f1[i][k]) * shared[S::IN + c * S::W + n];
        shared[S::SLOPE + n * S::LDS + at.point(k)] = f1[i][k];
      }
      store_columns<S>(jets(0) + n * S::LD, at.q, z[i]);
    }
  }

  // Z_l = W_l A_{l-1} + b_l and its activation: z[0] holds f afterwards.
  __device__ __forceinline__ void hidden_layer(int l, const R *below, Tile &z, Slopes &f1) {
    product<S>(at, weights(l), below, z);
#pragma unroll
    for (int i = 0; i < S::TN; i++) {
      const R b = shared[S::BIAS + l * S::W + at.neuron(i)];
#pragma unroll
      for (int k = 0; k < S::TP; k++) z[i][0][k] += b;
    }
    activate<S>(p.act, z, f1);
  }

  // A to `to`.
  __device__ __forceinline__ void store_jets(const Tile &z, const Slopes &f1, R *to) const {
#pragma unroll
    for (int i = 0; i < S::TN; i++) {
      Columns a;
      compose<S>(curve, z[i], f1[i], a);
      store_columns<S>(to + at.neuron(i) * S::LD, at.q, a);
    }
  }

  // This warp's part of v_o = Σ_n W_o[n] A[n], to parts[warp][nc*np].
  __device__ __forceinline__ void output_part(int o, const Tile &z, const Slopes &f1, R *parts) const {
    Columns v;
#pragma unroll
    for (int c = 0; c < S::C; c++)
#pragma unroll
      for (int k = 0; k < S::TP; k++) v[c][k] = 0;
#pragma unroll
    for (int i = 0; i < S::TN; i++) {
      const R w = output(o)[S::WO + at.neuron(i)];
      Columns a;
      compose<S>(curve, z[i], f1[i], a);
#pragma unroll
      for (int c = 0; c < S::C; c++)
#pragma unroll
        for (int k = 0; k < S::TP; k++) v[c][k] += w * a[c][k];
    }
#pragma unroll
    for (int c = 0; c < S::C; c++)
#pragma unroll
      for (int k = 0; k < S::TP; k++) v[c][k] += __shfl_xor_sync(0xffffffffu, v[c][k], 1);
    if (at.half == 0) store_columns<S>(parts + at.warp * (S::C * S::NP), at.q, v);
  }

  // The jets of v_o at one point, parts added in the order of warps.
  __device__ __forceinline__ void output_sum(int o, int point, const R *parts, R (&v)[S::C]) const {
#pragma unroll
    for (int c = 0; c < S::C; c++) {
      v[c] = c == 0 ? shared[S::BO + o] : R(0);
      for (int w = 0; w < S::W / 16; w++) v[c] += parts[w * (S::C * S::NP) + S::column(c, point)];
    }
  }

  // Adds the sums over the block's points of eight values, one for each neuron of the thread, to g[w].
  __device__ __forceinline__ void add_neurons(R (&v)[8], R *g) const {
    const R sum = fold(v, at.lane);
    if ((at.lane & 2) == 0) g[at.neuron(folded(at.lane))] += sum;
  }

  // v̄ of the block's points from the adjoint planes: v̄ = s Wᵀ ū; zero beyond the chunk's end.
  __device__ __forceinline__ void output_adjoints(const fb_chunk &chunk, int from) const {
    for (int t = threadIdx.x; t < p.out * S::NP; t += S::THREADS) {
      const int o = t / S::NP, i = t % S::NP;
      R v[S::C];
      if (from + i < chunk.n) {
        R w[S::C], u[S::C];
        const fb_section &section = p.sections[chunk.section];
        const long long to = section.base + (long long)o * S::C * section.stride + __ldg(p.point + chunk.pair + from + i);
        load_rows<S::C>(static_cast<const R *>(p.w) + chunk.w + from + i, chunk.stride, w);
        load_rows<S::C>(static_cast<const R *>(p.ubar) + to, section.stride, u);
        window_transpose<J>(w, u, __ldg(static_cast<const R *>(p.scale) + o), v);
      } else {
#pragma unroll
        for (int c = 0; c < S::C; c++) v[c] = 0;
      }
#pragma unroll
      for (int c = 0; c < S::C; c++) output(o)[S::VBAR + S::column(c, i)] = v[c];
    }
  }

  // The output layer back, from v̄: its gradient, and z̄ of the last hidden layer in place of z.
  __device__ __forceinline__ void output_back(Tile &z, const Slopes &f1) const {
    for (int o = 0; o < p.out; o++) {
      Columns v;
      R g[S::TN], bias = 0;
      load_columns<S>(output(o) + S::VBAR, at.q, v);
#pragma unroll
      for (int i = 0; i < S::TN; i++) {
        Columns a;
        compose<S>(curve, z[i], f1[i], a);
        g[i] = 0;
#pragma unroll
        for (int c = 0; c < S::C; c++)
#pragma unroll
          for (int k = 0; k < S::TP; k++) g[i] += v[c][k] * a[c][k];
      }
      add_neurons(g, output(o) + S::GWO);
#pragma unroll
      for (int k = 0; k < S::TP; k++) bias += v[0][k];
#pragma unroll
      for (int lanes = 16; lanes >= 2; lanes /= 2) bias += __shfl_xor_sync(0xffffffffu, bias, lanes);
      if (threadIdx.x == 0) shared[S::GBO + o] += bias;
    }
#pragma unroll
    for (int i = 0; i < S::TN; i++) {
      Columns abar;
#pragma unroll
      for (int c = 0; c < S::C; c++)
#pragma unroll
        for (int k = 0; k < S::TP; k++) abar[c][k] = 0;
#pragma unroll 1
      for (int o = 0; o < p.out; o++) {
        const R w = output(o)[S::WO + at.neuron(i)];
        Columns v;
        load_columns<S>(output(o) + S::VBAR, at.q, v);
#pragma unroll
        for (int c = 0; c < S::C; c++)
#pragma unroll
          for (int k = 0; k < S::TP; k++) abar[c][k] += w * v[c][k];
      }
      compose_back<S>(curve, z[i], f1[i], abar);
    }
  }

  // z̄ of layer l to the tape, and the bias's gradient.
  __device__ __forceinline__ void store_adjoints(int l, const Tile &zbar) const {
    R g[S::TN];
#pragma unroll
    for (int i = 0; i < S::TN; i++) {
      g[i] = zbar[i][0][0];
      if (S::TP == 2) g[i] += zbar[i][0][S::TP - 1];
      store_columns<S>(tape(l) + at.neuron(i) * S::LD, at.q, zbar[i]);
    }
    add_neurons(g, shared + S::GBIAS + l * S::W);
  }

  // The tape of a layer between the first and the last: z with f' in place of the value; f is the value of A.
  __device__ __forceinline__ void store_tape(int l, const Tile &z, const Slopes &f1) const {
#pragma unroll
    for (int i = 0; i < S::TN; i++) {
      Columns b;
#pragma unroll
      for (int c = 0; c < S::C; c++)
#pragma unroll
        for (int k = 0; k < S::TP; k++) b[c][k] = c == 0 ? f1[i][k] : z[i][c][k];
      store_columns<S>(tape(l) + at.neuron(i) * S::LD, at.q, b);
    }
  }

  // z̄ of such a layer in place of ā.
  __device__ __forceinline__ void hidden_back(int l, Tile &abar) const {
#pragma unroll
    for (int i = 0; i < S::TN; i++) {
      const R *row = jets(l) + at.neuron(i) * S::LD;
      Columns z;
      R f1[S::TP];
      load_columns<S>(tape(l) + at.neuron(i) * S::LD, at.q, z);
#pragma unroll
      for (int k = 0; k < S::TP; k++) {
        f1[k] = z[0][k];
        z[0][k] = row[S::column(0, at.point(k))];
      }
      compose_back<S>(curve, z, f1, abar[i]);
#pragma unroll
      for (int c = 0; c < S::C; c++)
#pragma unroll
        for (int k = 0; k < S::TP; k++) abar[i][c][k] = z[c][k];
    }
  }

  // Gradient of layer 0 from ā: b̄ = Σ z̄_0, W̄[:,a] = Σ z̄_0 x̂_a + z̄_a/σ_a, as Z_a = W[:,a]/σ_a.
  __device__ __forceinline__ void first_back(const R (&x)[S::D][S::TP], Tile &abar) const {
    R g[S::D + 1][S::TN];
#pragma unroll
    for (int i = 0; i < S::TN; i++) {
      const int n = at.neuron(i);
      Columns z;
      R f1[S::TP];
#pragma unroll
      for (int k = 0; k < S::TP; k++) {
        f1[k] = shared[S::SLOPE + n * S::LDS + at.point(k)];
        z[0][k] = jets(0)[n * S::LD + S::column(0, at.point(k))];
#pragma unroll
        for (int c = 1; c < S::C; c++) z[c][k] = J::order(c) == 1 ? shared[S::IN + c * S::W + n] : R(0);
      }
      compose_back<S>(curve, z, f1, abar[i]);
#pragma unroll
      for (int a = 0; a <= S::D; a++) {
        g[a][i] = 0;
#pragma unroll
        for (int k = 0; k < S::TP; k++) g[a][i] += a < S::D ? z[0][k] * x[a < S::D ? a : 0][k] : z[0][k];
      }
#pragma unroll
      for (int a = 0; a < S::D; a++) {
        R sum = z[1 + a][0];
        if (S::TP == 2) sum += z[1 + a][S::TP - 1];
        g[a][i] += __ldg(inv_sigma + a) * sum;
      }
    }
#pragma unroll
    for (int a = 0; a <= S::D; a++) add_neurons(g[a], a < S::D ? shared + S::GFIRST + a * S::W : shared + S::GBIAS);
  }
};

}  // namespace deep
}  // namespace fb
#endif
