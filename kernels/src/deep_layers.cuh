// deep_layers.cuh: the passes of a block of np points through the layers of a deep network, on the tiles of deep_tile.cuh.
#ifndef FB_DEEP_LAYERS_CUH
#define FB_DEEP_LAYERS_CUH
#include "deep_jets.cuh"
#include "window.cuh"

namespace fb {
namespace deep {

// What a thread knows of its network and block of shared memory. Names of arrays as in deep.h. TANGENT: there is a direction, which
// lies where the gradient does in the adjoint.
template <class S, bool TANGENT = false> struct Block {
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
  const R *theta, *dir, *inv_sigma;
  int loaded;        // matrix that lies in the only slot, plus one

  __device__ __forceinline__ Block(const fb_net &net, R *sm)
      : p(net), shared(sm), at(threadIdx.x), curve(net.act), slots(1), outer(nullptr), dir(nullptr), loaded(0) {
    if (S::TWO_LAYERS && Outer<S>::HELD) return;
    fb_deep_plan plan;
    fb_deep_choose(&p, S::W, S::NP, sizeof(R), TANGENT, &plan);
    if (!S::TWO_LAYERS) slots = plan.slots;
    outer = plan.spilled ? reinterpret_cast<R *>(static_cast<char *>(p.scratch) + blockIdx.x * p.scratch_block) : output(p.out);
  }

  // Arrays 0 and 1 are those of the tangent; the others use names.
  __device__ __forceinline__ R *array(int i) const { return shared + S::JETS + i * S::ARRAY; }
  __device__ __forceinline__ R *jets(int l) const { return array(2 * l); }
  __device__ __forceinline__ R *tape(int l) const { return array(2 * l - 1); }
  __device__ __forceinline__ R *slot(int i) const { return array(2 * (TANGENT ? 1 : last())) + i * S::MATRIX; }
  __device__ __forceinline__ R *bias(int l) const { return slot(slots) + l * S::W; }
  __device__ __forceinline__ R *gbias(int l) const { return bias(last() + 1 + l); }
  __device__ __forceinline__ R *output(int o) const { return gbias(last() + 1) + o * S::OUTPUT; }

  // Index of the last hidden layer.
  __device__ __forceinline__ int last() const { return S::TWO_LAYERS ? 1 : p.hidden - 1; }

  // Whether the weight gradients pass the time between two uses in memory.
  __device__ __forceinline__ bool kept() const { return !Outer<S>::HELD || last() > 1; }

  // Matrices are numbered by layers from 1 on; in the tangent that of layer l is followed by its direction.
  __device__ __forceinline__ static int matrix(int l) { return TANGENT ? 2 * (l - 1) : l - 1; }
  __device__ __forceinline__ int matrices() const { return TANGENT ? 2 * last() : last(); }
  __device__ __forceinline__ const R *source(int m) const {
    return TANGENT ? (m & 1 ? dir : theta) + p.layers[1 + m / 2].w : theta + p.layers[1 + m].w;
  }

  // Columns from k on, and rows from n on, as far as a panel goes. The block takes whole rows at a time, so that all addresses are one
  // and a constant: others would be kept in registers from chunk to chunk.
  __device__ __forceinline__ void stage_columns(int m, int k, R *to) const {
    const int n = threadIdx.x / S::PANEL, i = threadIdx.x % S::PANEL;
    const R *from = source(m) + k + n * S::W + i;
    to += n * S::LDP + i;
#pragma unroll 4
    for (int row = 0; row < S::W; row += S::THREADS / S::PANEL) to[row * S::LDP] = __ldg(from + row * S::W);
  }
  __device__ __forceinline__ void stage_rows(int m, int n, R *to) const {
    const int k = threadIdx.x / S::W, i = threadIdx.x % S::W;
    const R *from = source(m) + (n + k) * S::W + i;
    to += k * S::LDW + i;
#pragma unroll 4
    for (int row = 0; row < S::PANEL; row += S::THREADS / S::W) to[row * S::LDW] = __ldg(from + row * S::W);
  }

  // A whole matrix. With one slot for several this waits for the whole block, twice.
  __device__ __forceinline__ const R *weights(int m) {
    if (slots == matrices()) return slot(m);
    if (loaded != m + 1) {
      __syncthreads();
      stage_columns(m, 0, slot(0));
      loaded = m + 1;
      __syncthreads();
    }
    return slot(0);
  }

  // Z += M A and Ā += Mᵀ Z̄ for matrix m, panel by panel where it is not there as a whole.
  __device__ __forceinline__ void times(int m, const R *a, Tile &z) {
    if constexpr (S::PANELS) {
#pragma unroll 1
      for (int k = 0; k < S::W; k += S::PANEL) {
        __syncthreads();
        stage_columns(m, k, slot(0));
        __syncthreads();
        product<S>(at, slot(0), a + k * S::LD, z);
      }
    } else {
      product<S>(at, weights(m), a, z);
    }
  }
  __device__ __forceinline__ void times_transposed(int m, const R *zbar, Tile &abar) {
    if constexpr (S::PANELS) {
#pragma unroll 1
      for (int n = 0; n < S::W; n += S::PANEL) {
        __syncthreads();
        stage_rows(m, n, slot(0));
        __syncthreads();
        product_transposed<S>(at, slot(0), zbar + n * S::LD, abar);
      }
    } else {
      product_transposed<S>(at, weights(m), zbar, abar);
    }
  }

  // What lies beside a parameter: its direction, or the start of its gradient.
  __device__ __forceinline__ R beside(int i) const { return TANGENT ? __ldg(dir + i) : R(0); }

  // Parameters of a subdomain, and their directions; else the gradient is cleared. The caller waits for the block afterwards.
  __device__ __forceinline__ void load(int sub) {
    theta = static_cast<const R *>(p.theta) + (long long)sub * p.params;
    if (TANGENT) dir = static_cast<const R *>(p.dir) + (long long)sub * p.params;
    inv_sigma = static_cast<const R *>(p.inv_sigma) + (long long)sub * S::D;
    loaded = 0;
    const int w1 = p.layers[0].w;
    for (int n = threadIdx.x; n < S::W; n += S::THREADS) {
      R slope[S::D];
#pragma unroll
      for (int a = 0; a < S::D; a++) {
        const R w = __ldg(theta + w1 + n * S::D + a);
        shared[S::FIRST + a * S::W + n] = w;
        shared[S::GFIRST + a * S::W + n] = beside(w1 + n * S::D + a);
        slope[a] = w * __ldg(inv_sigma + a);
      }
#pragma unroll
      for (int c = 1; c < S::C; c++) {
        R v = slope[J::p(c)];
        if (J::order(c) == 2) v *= slope[J::q(c)];
        shared[S::IN + c * S::W + n] = v;
      }
      for (int l = 0; l < p.hidden; l++) {
        bias(l)[n] = __ldg(theta + p.layers[l].b + n);
        gbias(l)[n] = beside(p.layers[l].b + n);
      }
    }
    const fb_layer &linear = p.layers[p.hidden];
    for (int i = threadIdx.x; i < p.out * S::W; i += S::THREADS) {
      R *const to = output(i / S::W) + i % S::W;
      to[S::WO] = __ldg(theta + linear.w + i);
      to[S::GWO] = beside(linear.w + i);
    }
    for (int o = threadIdx.x; o < p.out; o += S::THREADS) {
      shared[S::BO + o] = __ldg(theta + linear.b + o);
      shared[S::GBO + o] = beside(linear.b + o);
    }
    if (!S::PANELS && slots == matrices())
      for (int m = 0; m < matrices(); m++) stage_columns(m, 0, slot(m));
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
        z[i][0][k] = bias(0)[n];
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
    clear<S>(z);
    times(matrix(l), below, z);
    add_bias(bias(l), z);
    activate<S>(p.act, z, f1);
  }

  __device__ __forceinline__ void add_bias(const R *bias, Tile &z) const {
#pragma unroll
    for (int i = 0; i < S::TN; i++) {
      const R b = bias[at.neuron(i)];
#pragma unroll
      for (int k = 0; k < S::TP; k++) z[i][0][k] += b;
    }
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
    store_part(v, parts);
  }

  // The groups of a warp added up.
  __device__ __forceinline__ void store_part(Columns &v, R *parts) const {
#pragma unroll
    for (int lanes = 1; lanes < S::GROUPS; lanes *= 2)
#pragma unroll
      for (int c = 0; c < S::C; c++)
#pragma unroll
        for (int k = 0; k < S::TP; k++) v[c][k] += __shfl_xor_sync(0xffffffffu, v[c][k], lanes);
    if (at.group == 0) store_columns<S>(parts + at.warp * (S::C * S::NP), at.q, v);
  }

  // The jets of v_o, or of its tangent, at one point, parts added in the order of warps.
  __device__ __forceinline__ void output_sum(int o, int point, const R *parts, R (&v)[S::C]) const {
#pragma unroll
    for (int c = 0; c < S::C; c++) {
      v[c] = c == 0 ? shared[(TANGENT ? S::GBO : S::BO) + o] : R(0);
      for (int w = 0; w < S::W / 16; w++) v[c] += parts[w * (S::C * S::NP) + S::column(c, point)];
    }
  }

  // Adds the sums over the block's points of one value for each neuron of the thread to g[w].
  __device__ __forceinline__ void add_neurons(R (&v)[S::TN], R *g) const {
    const R sum = fold<S>(v, at.lane);
    if ((at.lane & S::GROUPS) == 0) g[at.neuron(folded<S>(at.lane))] += sum;
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
      for (int lanes = 16; lanes >= S::GROUPS; lanes /= 2) bias += __shfl_xor_sync(0xffffffffu, bias, lanes);
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
    add_neurons(g, gbias(l));
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
    for (int a = 0; a <= S::D; a++) add_neurons(g[a], a < S::D ? shared + S::GFIRST + a * S::W : gbias(0));
  }
};

}  // namespace deep
}  // namespace fb
#endif
