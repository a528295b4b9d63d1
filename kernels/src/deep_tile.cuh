// deep_tile.cuh: who holds what in the kernels for deep networks, and the three matrix products of a hidden layer.
//
// The jets of a layer lie in shared memory as [neuron][column], a column being one component of one point. A warp owns 16 neurons and 16
// thread-points; its lanes split into two groups of 8 neurons (even and odd lanes, so that neighbours read the same column and the
// hardware merges their loads) and 16 times TP points. A thread thus has the tile z[8][C][TP] in registers, with all components of
// its points: the activation, which mixes components, needs no other thread. The frugal forms have four groups of 4 neurons and 8 points, or eight of 2 neurons and 4 points.
//
// Per 64 multiply-adds (float, C = 4) a product loads 2 vectors of weights and 2 of columns: 4 instructions, 8 passes through shared
// memory against 16 cycles of the multipliers.
#ifndef FB_DEEP_TILE_CUH
#define FB_DEEP_TILE_CUH
#include "deep.h"
#include "fb.cuh"
#include "jets.cuh"

namespace fb {
namespace deep {

// Vectors of 16 bytes, and of the TP neighbouring points of a thread.
__device__ __forceinline__ void load16(const float *from, float (&v)[4]) {
  const float4 t = *reinterpret_cast<const float4 *>(from);
  v[0] = t.x, v[1] = t.y, v[2] = t.z, v[3] = t.w;
}
__device__ __forceinline__ void load16(const double *from, double (&v)[2]) {
  const double2 t = *reinterpret_cast<const double2 *>(from);
  v[0] = t.x, v[1] = t.y;
}
__device__ __forceinline__ void store16(float *to, const float (&v)[4]) {
  *reinterpret_cast<float4 *>(to) = make_float4(v[0], v[1], v[2], v[3]);
}
__device__ __forceinline__ void store16(double *to, const double (&v)[2]) { *reinterpret_cast<double2 *>(to) = make_double2(v[0], v[1]); }

template <class R> __device__ __forceinline__ void load_points(const R *from, R (&v)[1]) { v[0] = *from; }
__device__ __forceinline__ void load_points(const float *from, float (&v)[2]) {
  const float2 t = *reinterpret_cast<const float2 *>(from);
  v[0] = t.x, v[1] = t.y;
}
template <class R> __device__ __forceinline__ void store_points(R *to, const R (&v)[1]) { *to = v[0]; }
__device__ __forceinline__ void store_points(float *to, const float (&v)[2]) { *reinterpret_cast<float2 *>(to) = make_float2(v[0], v[1]); }

// Sizes of one instance, and places in shared memory (deep.h). LANES: of a group, each with TP points.
template <class R_, int W_, class J_, int TP_, int LANES_ = 16> struct Shape {
  typedef R_ R;
  typedef J_ J;
  static constexpr int W = W_, C = J::C, D = J::D;
  static constexpr int V = 16 / int(sizeof(R));                      // reals of a vector
  static constexpr int LANES = LANES_, GROUPS = 32 / LANES;
  static constexpr int TN = 16 / GROUPS, TP = TP_;  // neurons and points of a thread
  static constexpr bool TWO_LAYERS = TP == 2;       // the others take all depths, or the rest (fb_deep_points)
  static constexpr int NP = LANES * TP, THREADS = 2 * W;
  static constexpr int LD = C * NP + V, LDS = NP > 8 ? NP + V : NP + 1;  // fb_deep_slopes
  static constexpr bool PANELS = NP <= 8 && W > 32;                        // fb_deep_panels
  static constexpr int PANEL = PANELS ? FB_DEEP_PANEL / int(sizeof(R)) : W;  // columns or rows of a matrix that are in shared memory at a time
  static constexpr int LDP = PANEL + V, LDW = W + V, MATRIX = W * LDP;  // strides of columns' and of rows' panels
  static constexpr int SLOPE = 0, FIRST = W * LDS, GFIRST = FIRST + D * W, IN = GFIRST + D * W, BO = IN + C * W, GBO = BO + FB_DEEP_MAX_OUT;
  static constexpr int JETS = GBO + FB_DEEP_MAX_OUT, ARRAY = W * LD;
  static constexpr int WO = 0, GWO = W, VBAR = 2 * W, OUTPUT = 2 * W + C * NP;  // within an output

  // Where whole vectors of components exist, those of a point lie side by side: [C/V][NP][V]. Otherwise a row is [C][NP]. In the
  // first case a thread's points are LANES apart, in the second neighbours: lanes read without conflicts in both.
  static constexpr bool SIDE = C % V == 0;
  __host__ __device__ static constexpr int column(int c, int point) { return SIDE ? (c / V * NP + point) * V + c % V : c * NP + point; }
};

// Blocks on a multiprocessor for which registers have to suffice: two warps a scheduler may have 255 each. The shared memory of wider jets
// leaves room for fewer anyway.
constexpr int blocks(int width, int components) { return components > 4 || width == 128 ? 1 : 128 / width; }

// Place of a thread.
template <class S> struct Place {
  int warp, lane, group, q;
  __device__ __forceinline__ explicit Place(int t) : warp(t >> 5), lane(t & 31), group(t % S::GROUPS), q((t & 31) / S::GROUPS) {}
  // Neuron i of the thread, i < TN: vectors of neighbours, the groups alternating.
  __device__ __forceinline__ static constexpr int apart(int i) { return (i & (S::V - 1)) + S::GROUPS * S::V * (i / S::V); }
  __device__ __forceinline__ int neuron(int i) const { return 16 * warp + S::V * group + apart(i); }
  __device__ __forceinline__ int point(int p) const { return S::SIDE ? q + S::LANES * p : S::TP * q + p; }
};

// The columns of a thread in one row.
template <class S> __device__ __forceinline__ void load_columns(const typename S::R *row, int q, typename S::R (&b)[S::C][S::TP]) {
  typedef typename S::R R;
  if (S::SIDE) {
#pragma unroll
    for (int g = 0; g < S::C / S::V; g++)
#pragma unroll
      for (int p = 0; p < S::TP; p++) {
        R v[S::V];
        load16(row + (g * S::NP + q + S::LANES * p) * S::V, v);
#pragma unroll
        for (int i = 0; i < S::V; i++)
          if (g * S::V + i < S::C) b[g * S::V + i][p] = v[i];
      }
  } else {
#pragma unroll
    for (int c = 0; c < S::C; c++) load_points(row + c * S::NP + S::TP * q, b[c]);
  }
}

template <class S> __device__ __forceinline__ void store_columns(typename S::R *row, int q, const typename S::R (&b)[S::C][S::TP]) {
  typedef typename S::R R;
  if (S::SIDE) {
#pragma unroll
    for (int g = 0; g < S::C / S::V; g++)
#pragma unroll
      for (int p = 0; p < S::TP; p++) {
        R v[S::V];
#pragma unroll
        for (int i = 0; i < S::V; i++) v[i] = g * S::V + i < S::C ? b[g * S::V + i][p] : R(0);
        store16(row + (g * S::NP + q + S::LANES * p) * S::V, v);
      }
  } else {
#pragma unroll
    for (int c = 0; c < S::C; c++) store_points(row + c * S::NP + S::TP * q, b[c]);
  }
}

// z[i] += Σ_k b[i] w[..k] for one k: the heart of both products.
template <class S>
__device__ __forceinline__ void multiply(const typename S::R (&w)[S::TN], const typename S::R (&b)[S::C][S::TP],
                                         typename S::R (&z)[S::TN][S::C][S::TP]) {
#pragma unroll
  for (int i = 0; i < S::TN; i++)
#pragma unroll
    for (int c = 0; c < S::C; c++)
#pragma unroll
      for (int p = 0; p < S::TP; p++) z[i][c][p] += w[i] * b[c][p];
}

template <class S> __device__ __forceinline__ void clear(typename S::R (&z)[S::TN][S::C][S::TP]) {
#pragma unroll
  for (int i = 0; i < S::TN; i++)
#pragma unroll
    for (int c = 0; c < S::C; c++)
#pragma unroll
      for (int p = 0; p < S::TP; p++) z[i][c][p] = 0;
}

// Z += W A for the columns of a panel, weights [w][ldp] row by row: V neighbouring k at a time, so that no transposed copy is needed.
template <class S>
__device__ __forceinline__ void product(const Place<S> &at, const typename S::R *weights, const typename S::R *a,
                                        typename S::R (&z)[S::TN][S::C][S::TP]) {
  typedef typename S::R R;
  const R *w = weights + at.neuron(0) * S::LDP;
#pragma unroll 1
  for (int k = 0; k < S::PANEL; k += S::V) {
    R rows[S::TN][S::V];
#pragma unroll
    for (int i = 0; i < S::TN; i++) load16(w + at.apart(i) * S::LDP + k, rows[i]);
#pragma unroll
    for (int v = 0; v < S::V; v++) {
      R b[S::C][S::TP], column[S::TN];
      load_columns<S>(a + (k + v) * S::LD, at.q, b);
#pragma unroll
      for (int i = 0; i < S::TN; i++) column[i] = rows[i][v];
      multiply<S>(column, b, z);
    }
  }
}

// Ā += Wᵀ Z̄ for the rows of a panel.
template <class S>
__device__ __forceinline__ void product_transposed(const Place<S> &at, const typename S::R *weights, const typename S::R *zbar,
                                                   typename S::R (&abar)[S::TN][S::C][S::TP]) {
  typedef typename S::R R;
  const R *w = weights + at.neuron(0);
#pragma unroll 4
  for (int n = 0; n < S::PANEL; n++) {
    R b[S::C][S::TP], row[S::TN];
#pragma unroll
    for (int g = 0; g < S::TN / S::V; g++) {
      R v[S::V];
      load16(w + n * S::LDW + S::GROUPS * S::V * g, v);
#pragma unroll
      for (int i = 0; i < S::V; i++) row[g * S::V + i] = v[i];
    }
    load_columns<S>(zbar + n * S::LD, at.q, b);
    multiply<S>(row, b, abar);
  }
}

// W̄ += Z̄ Aᵀ over all columns: the sum is long and the result small, so the threads form G groups, each with its share of the columns and
// the whole matrix in tiles of TA rows n and TB columns k. Rows of a tile lie NR (NK) apart: neighbouring lanes then read
// neighbouring rows, which the pads keep in different banks, and lanes that differ in bit 0 (bit 1) share the row of Z̄ (of A).
template <class S> struct Outer {
  typedef typename S::R R;
  static constexpr int TA = 8, TB = S::W == 128 || (sizeof(R) == 4 && S::TP == 2 && S::C < 6) ? 8 : 4;  // fb_deep_tile
  static constexpr int NR = S::W / TA, NK = S::W / TB, GROUP = NR * NK, G = S::THREADS / GROUP;
  static constexpr bool HELD = S::C < (sizeof(R) == 4 ? 6 : S::W < 128 ? 5 : 4);  // fb_deep_held
  static_assert(GROUP <= S::THREADS, "fb: a pass of the outer product covers the matrix");
  static constexpr int LOW = NR < 8 ? NR : 8, CHUNKS = S::C * S::NP / S::V;
  int rn, rk, g;

  __device__ __forceinline__ explicit Outer(int t) {
    int u = t / (2 * LOW);
    rn = (t >> 1) % LOW + LOW * (u % (NR / LOW));
    u /= NR / LOW;
    rk = (t & 1) + 2 * (u % (NK / 2));
    g = u / (NK / 2);
  }
  __device__ __forceinline__ int row(int i) const { return rn + NR * i; }
  __device__ __forceinline__ int col(int j) const { return rk + NK * j; }

  // Vector j of this group: groups whose lanes load together take vectors whose banks, given the rows' offsets, differ.
  __device__ __forceinline__ int chunk(int j) const {
    if (G == 8) return 8 * j + 2 * (g & 3) + (g >> 2);
    if (G == 4 && S::W == 16 && CHUNKS % 8 == 0) return 8 * (j >> 1) + 4 * (g & 1) + 2 * (g >> 1) + (j & 1);
    return G * j + g;
  }

  __device__ __forceinline__ void add(const R *zbar, const R *a, R (&dw)[TA][TB]) const {
    const R *z = zbar + rn * S::LD;
    const R *y = a + rk * S::LD;
#pragma unroll 1
    for (int j = 0; j < CHUNKS / G; j++) {
      const int at = chunk(j) * S::V;
      R rows[TA][S::V];
#pragma unroll
      for (int i = 0; i < TA; i++) load16(z + NR * i * S::LD + at, rows[i]);
#pragma unroll
      for (int k = 0; k < TB; k++) {
        R cols[S::V];
        load16(y + NK * k * S::LD + at, cols);
#pragma unroll
        for (int v = 0; v < S::V; v++)
#pragma unroll
          for (int i = 0; i < TA; i++) dw[i][k] += rows[i][v] * cols[v];
      }
    }
  }

  __device__ __forceinline__ static void clear(R (&dw)[TA][TB]) {
#pragma unroll
    for (int i = 0; i < TA; i++)
#pragma unroll
      for (int k = 0; k < TB; k++) dw[i][k] = 0;
  }
  // The tile to and from a store [TA*TB/V][threads][V] in shared or global memory, private to the thread.
  __device__ __forceinline__ static void keep(const R (&dw)[TA][TB], R *store) {
#pragma unroll
    for (int i = 0; i < TA; i++)
#pragma unroll
      for (int k = 0; k < TB; k += S::V) {
        R v[S::V];
#pragma unroll
        for (int e = 0; e < S::V; e++) v[e] = dw[i][k + e];
        store16(store + (i * TB + k) * S::THREADS + threadIdx.x * S::V, v);
      }
  }
  __device__ __forceinline__ static void fetch(const R *store, R (&dw)[TA][TB]) {
#pragma unroll
    for (int i = 0; i < TA; i++)
#pragma unroll
      for (int k = 0; k < TB; k += S::V) {
        R v[S::V];
        load16(store + (i * TB + k) * S::THREADS + threadIdx.x * S::V, v);
#pragma unroll
        for (int e = 0; e < S::V; e++) dw[i][k + e] = v[e];
      }
  }
};

// Sums TN values a thread over the lanes of its group; returns the sum number folded(lane). Each exchange halves what is left to add, so
// eight values over 16 lanes take 8 shuffles instead of 32.
template <class S> __device__ __forceinline__ typename S::R fold(typename S::R (&v)[S::TN], int lane) {
  typedef typename S::R R;
#pragma unroll
  for (int n = S::TN / 2; n >= 1; n /= 2) {
    const int apart = 2 * n * S::GROUPS;
    const bool upper = lane & apart;
#pragma unroll
    for (int i = 0; i < n; i++) {
      const R keep = upper ? v[n + i] : v[i], give = upper ? v[i] : v[n + i];
      v[i] = keep + __shfl_xor_sync(0xffffffffu, give, apart);
    }
  }
  return v[0] + __shfl_xor_sync(0xffffffffu, v[0], S::GROUPS);
}
template <class S> __device__ __forceinline__ int folded(int lane) { return lane / (2 * S::GROUPS); }

}  // namespace deep
}  // namespace fb
#endif
