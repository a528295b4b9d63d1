// deep_jets.cuh: the activation of a thread's neurons, forward and back, on jets in registers (docs/theory.md, section 5).
#ifndef FB_DEEP_JETS_CUH
#define FB_DEEP_JETS_CUH
#include "activation.cuh"
#include "deep_tile.cuh"

namespace fb {
namespace deep {

// f'' and f''' from f and f' without a branch on the activation:
//
//	tanh f'' = -2 f f'   f''' = f' (6 f² - 2)      sin f'' = -f   f''' = -f'
template <class R> struct Curve {
  R a, b, c, d;
  __device__ __forceinline__ explicit Curve(int act) {
    const bool tanh = act == TANH;
    a = tanh ? R(-2) : R(0), b = tanh ? R(0) : R(-1);
    c = tanh ? R(6) : R(0), d = tanh ? R(-2) : R(-1);
  }
  __device__ __forceinline__ R second(R f, R f1) const { return f * (a * f1 + b); }
  __device__ __forceinline__ R third(R f, R f1) const { return f1 * (c * (f * f) + d); }
};

// In double precision each of them would take two registers, which kernels with many components lack: chosen anew each time.
template <> struct Curve<double> {
  bool tanh;
  __device__ __forceinline__ explicit Curve(int act) : tanh(act == TANH) {}
  __device__ __forceinline__ double second(double f, double f1) const { return f * (tanh ? -2.0 * f1 : -1.0); }
  __device__ __forceinline__ double third(double f, double f1) const { return f1 * (tanh ? 6.0 * (f * f) - 2.0 : -1.0); }
};

// f in place of the value z_0, f' beside it.
template <class S>
__device__ __forceinline__ void activate(int act, typename S::R (&z)[S::TN][S::C][S::TP], typename S::R (&f1)[S::TN][S::TP]) {
  if (act == TANH) {
#pragma unroll
    for (int i = 0; i < S::TN; i++)
#pragma unroll
      for (int p = 0; p < S::TP; p++) tanh_slope(z[i][0][p], z[i][0][p], f1[i][p]);
  } else {
#pragma unroll
    for (int i = 0; i < S::TN; i++)
#pragma unroll
      for (int p = 0; p < S::TP; p++) sine_cosine(z[i][0][p], z[i][0][p], f1[i][p]);
  }
}

// a_a = f' z_a, a_ab = f' z_ab + f'' z_a z_b for the points of one neuron; z[0] holds f.
template <class S>
__device__ __forceinline__ void compose(const Curve<typename S::R> &curve, const typename S::R (&z)[S::C][S::TP],
                                        const typename S::R (&f1)[S::TP], typename S::R (&a)[S::C][S::TP]) {
  typedef typename S::R R;
  typedef typename S::J J;
#pragma unroll
  for (int p = 0; p < S::TP; p++) {
    const R f2 = curve.second(z[0][p], f1[p]);
    a[0][p] = z[0][p];
#pragma unroll
    for (int c = 1; c < S::C; c++) {
      a[c][p] = f1[p] * z[c][p];
      if (J::order(c) == 2) a[c][p] += f2 * (z[1 + J::p(c)][p] * z[1 + J::q(c)][p]);
    }
  }
}

// The tangent of the same: from z, whose value holds f, and ż,
//
//	ȧ_0 = f' ż_0    ȧ_a = f' ż_a + f'' ż_0 z_a    ȧ_ab = f' ż_ab + f'' (ż_0 z_ab + ż_a z_b + z_a ż_b) + f''' ż_0 z_a z_b
template <class S>
__device__ __forceinline__ void compose_tangent(const Curve<typename S::R> &curve, const typename S::R (&z)[S::C][S::TP],
                                                const typename S::R (&f1)[S::TP], const typename S::R (&zdot)[S::C][S::TP],
                                                typename S::R (&adot)[S::C][S::TP]) {
  typedef typename S::R R;
  typedef typename S::J J;
#pragma unroll
  for (int k = 0; k < S::TP; k++) {
    const R f2 = curve.second(z[0][k], f1[k]), moved1 = f2 * zdot[0][k], moved2 = curve.third(z[0][k], f1[k]) * zdot[0][k];
    adot[0][k] = f1[k] * zdot[0][k];
#pragma unroll
    for (int c = 1; c < S::C; c++) {
      const int a = 1 + J::p(c), b = 1 + J::q(c);
      adot[c][k] = f1[k] * zdot[c][k] + moved1 * z[c][k];
      if (J::order(c) == 2) adot[c][k] += f2 * (zdot[a][k] * z[b][k] + z[a][k] * zdot[b][k]) + moved2 * (z[a][k] * z[b][k]);
    }
  }
}

// z̄ from ā for the points of one neuron, in place of z, whose value holds f. With e_a = Σ_b (1 + [a = b]) z_b ā_ab:
//
//	z̄_ab = f' ā_ab    z̄_a = f' ā_a + f'' e_a    z̄_0 = f' ā_0 + f'' (Σ_a z_a ā_a + Σ_ab z_ab ā_ab) + f'''/2 Σ_a z_a e_a
template <class S>
__device__ __forceinline__ void compose_back(const Curve<typename S::R> &curve, typename S::R (&z)[S::C][S::TP],
                                             const typename S::R (&f1)[S::TP], const typename S::R (&abar)[S::C][S::TP]) {
  typedef typename S::R R;
  typedef typename S::J J;
#pragma unroll
  for (int p = 0; p < S::TP; p++) {
    const R f = z[0][p], f2 = curve.second(f, f1[p]);
    R inner = 0, outer = 0, e[S::C];
#pragma unroll
    for (int c = 1; c <= S::D; c++) e[c] = 0;
#pragma unroll
    for (int c = 1 + S::D; c < S::C; c++) {
      const int a = 1 + J::p(c), b = 1 + J::q(c);
      inner += abar[c][p] * z[c][p];
      if (a == b) {
        e[a] += (abar[c][p] + abar[c][p]) * z[a][p];
      } else {
        e[a] += abar[c][p] * z[b][p];
        e[b] += abar[c][p] * z[a][p];
      }
    }
#pragma unroll
    for (int c = 1; c <= S::D; c++) {
      inner += abar[c][p] * z[c][p];
      outer += e[c] * z[c][p];
      z[c][p] = f1[p] * abar[c][p] + f2 * e[c];
    }
#pragma unroll
    for (int c = 1 + S::D; c < S::C; c++) z[c][p] = f1[p] * abar[c][p];
    z[0][p] = f1[p] * abar[0][p] + f2 * inner;
    if (J::ORDER == 2) z[0][p] += curve.third(f, f1[p]) * (R(0.5) * outer);
  }
}

}  // namespace deep
}  // namespace fb
#endif
