// window.cuh: the partition-of-unity factor of one point, W ⊗ (s v + m) by Leibniz' rule, and its transpose (kernels/host/window.go).
#ifndef FB_WINDOW_CUH
#define FB_WINDOW_CUH
#include "fb.cuh"
#include "jets.cuh"

namespace fb {

// load_rows reads value i of ROWS rows that lie stride apart: x̂ of a point, or its window jets. Lanes with consecutive i coalesce.
template <int ROWS, class T> __device__ __forceinline__ void load_rows(const T *from, long long stride, T (&to)[ROWS]) {
#pragma unroll
  for (int r = 0; r < ROWS; r++, from += stride) to[r] = __ldg(from);
}

// window_product writes u = W ⊗ (s v + m); the mean m is on the value only:
//
//	u_0 = w_0 y_0    u_p = w_p y_0 + w_0 y_p    u_pq = w_pq y_0 + w_p y_q + w_q y_p + w_0 y_pq,    y = s v + m
template <class J, class T> __device__ __forceinline__ void window_product(const T (&w)[J::C], const T (&v)[J::C], T s, T m, T (&u)[J::C]) {
  T y[J::C];
  y[0] = s * v[0] + m;
#pragma unroll
  for (int c = 1; c < J::C; c++) y[c] = s * v[c];
  u[0] = w[0] * y[0];
#pragma unroll
  for (int c = 1; c < J::C; c++) {
    const int p = J::p(c), q = J::q(c);
    T sum = w[c] * y[0] + w[0] * y[c];
    if (J::order(c) == 2) sum += p == q ? T(2) * w[1 + p] * y[1 + p] : w[1 + p] * y[1 + q] + w[1 + q] * y[1 + p];
    u[c] = sum;
  }
}

// window_transpose writes v̄ = s Wᵀ ū, which is what the adjoint planes ū ask of the network's jets:
//
//	v̄_pq = s w_0 ū_pq    v̄_p = s (w_0 ū_p + Σ_q (1 + δ_pq) w_q ū_pq)    v̄_0 = s Σ_c w_c ū_c
template <class J, class T> __device__ __forceinline__ void window_transpose(const T (&w)[J::C], const T (&ubar)[J::C], T s, T (&vbar)[J::C]) {
  T y[J::C];
  y[0] = w[0] * ubar[0];
#pragma unroll
  for (int c = 1; c < J::C; c++) {
    y[0] += w[c] * ubar[c];
    y[c] = w[0] * ubar[c];
  }
#pragma unroll
  for (int c = J::D + 1; c < J::C; c++) {
    const int p = J::p(c), q = J::q(c);
    if (p == q) {
      y[1 + p] += T(2) * w[1 + p] * ubar[c];
    } else {
      y[1 + p] += w[1 + q] * ubar[c];
      y[1 + q] += w[1 + p] * ubar[c];
    }
  }
#pragma unroll
  for (int c = 0; c < J::C; c++) vbar[c] = s * y[c];
}

}  // namespace fb
#endif
