// generic_jets.cuh: activations and functions of jets for any set of derivatives, by the tables in fb_net. A thread has one point of
// one neuron in hand.
//
// A jet is a pointer to its value in global memory; its components lie np apart. The tables index the derivatives of φ at run time,
// which would put an array into local memory: pick and put run over all of it instead, and it stays in registers.
#ifndef FB_GENERIC_JETS_CUH
#define FB_GENERIC_JETS_CUH
#include "activation.cuh"
#include "real.cuh"

namespace fb::generic {

constexpr int highest = FB_MAX_ORDER + 1; // derivative of φ that an adjoint of order 4 needs

template <class R> using Derivatives = R[highest + 1]; // φ, φ', ...

template <class R> __device__ __forceinline__ R pick(const Derivatives<R> &f, int n) {
  R x = f[0];
#pragma unroll
  for (int k = 1; k <= highest; k++)
    if (n == k) x = f[k];
  return x;
}

template <class R> __device__ __forceinline__ void put(Derivatives<R> &f, int n, R x) {
#pragma unroll
  for (int k = 0; k < highest; k++)
    if (n == k) f[k] += x;
}

// Trained parameters of the activation of a neuron, in θ or in a direction: none, a, or c and o.
template <class R> struct Slopes { R s0, s1; };

template <class R> __device__ __forceinline__ Slopes<R> slopes(const fb_net &p, const fb_layer &l, const R *theta, int i) {
  Slopes<R> s = {0, 0};
  if (p.act >= ADAPTIVE_TANH) s.s0 = __ldg(theta + l.slope + i);
  if (p.act == ADAPTIVE_SIN) s.s1 = __ldg(theta + l.slope + l.out + i);
  return s;
}

// sin and its derivatives; shifted by a quarter, cos and its own.
template <class R> __device__ __forceinline__ void sines(R s, R c, Derivatives<R> &f) {
  f[0] = s, f[1] = c, f[2] = -s, f[3] = -c, f[4] = s, f[5] = c;
}

// φ⁽ⁿ⁾(z) for n = 0..5 and, behind the slopes of an adaptive activation, f⁽ⁿ⁾ of tanh or sin itself (kernels/host/activation.go):
//
//	a·tanh(z/a):  φ⁽ⁿ⁾ = a¹⁻ⁿ f⁽ⁿ⁾(z/a)        c·sin(o z):   φ⁽ⁿ⁾ = c oⁿ f⁽ⁿ⁾(o z)
template <class R>
__device__ __forceinline__ void activate(int act, Slopes<R> slope, R z, Derivatives<R> &phi, Derivatives<R> &f) {
  const bool adaptive = act >= ADAPTIVE_TANH, hyperbolic = act == TANH || act == ADAPTIVE_TANH;
  R power = adaptive ? slope.s0 : R(1), factor = 1;
  if (hyperbolic) {
    R t, s;
    tanh_slope(adaptive ? z / slope.s0 : z, t, s);
    tanh_family<highest>(t, s, f);
    if (adaptive) factor = 1 / slope.s0;
  } else {
    R s, c;
    sine_cosine(adaptive ? z * slope.s1 : z, s, c);
    sines(s, c, f);
    if (adaptive) factor = slope.s1;
  }
#pragma unroll
  for (int n = 0; n <= highest; n++) {
    phi[n] = adaptive ? power * f[n] : f[n];
    power *= factor;
  }
}

// by0[n], by1[n] = ∂φ⁽ⁿ⁾/∂(first, second slope) for n = 0..4, of adaptive activations:
//
//	∂/∂a = a⁻ⁿ ((1-n) f⁽ⁿ⁾ - (z/a) f⁽ⁿ⁺¹⁾)        ∂/∂c = oⁿ f⁽ⁿ⁾,   ∂/∂o = c (n oⁿ⁻¹ f⁽ⁿ⁾ + oⁿ z f⁽ⁿ⁺¹⁾)
template <class R>
__device__ __forceinline__ void by_slopes(int act, Slopes<R> slope, R z, const Derivatives<R> &f, Derivatives<R> &by0,
                                          Derivatives<R> &by1) {
  by0[highest] = by1[highest] = 0;
  R power = 1, below = 0; // a⁻ⁿ, or oⁿ and n oⁿ⁻¹
  const R za = z / slope.s0;
#pragma unroll
  for (int n = 0; n < highest; n++) {
    if (act == ADAPTIVE_TANH) {
      by0[n] = power * (R(1 - n) * f[n] - za * f[n + 1]);
      by1[n] = 0;
      power /= slope.s0;
    } else {
      by0[n] = power * f[n];
      by1[n] = slope.s0 * (below * f[n] + power * z * f[n + 1]);
      below = R(n + 1) * power;
      power *= slope.s1;
    }
  }
}

// A term of the composition, read once.
template <class R> struct Term {
  int c, order, f[FB_MAX_ORDER];
  R coef;
};

template <class R> __device__ __forceinline__ Term<R> term(const fb_composition *t) {
  Term<R> a;
  a.c = __ldg(&t->c), a.order = __ldg(&t->order), a.coef = (R)__ldg(&t->coef);
#pragma unroll
  for (int i = 0; i < FB_MAX_ORDER; i++) a.f[i] = __ldg(&t->f[i]);
  return a;
}

// y = φ(z): y_C = Σ coef φ_n Π_i z_Fi.
template <class R>
__device__ __forceinline__ void compose(const fb_net &p, const Derivatives<R> &phi, const R *z, R *y, int np) {
  R sum = 0;
  int c = 0;
  for (int k = 0; k < p.compositions; k++) {
    const Term<R> t = term<R>(p.composition + k);
    if (t.c != c) { // ascending
      y[c * np] = sum;
      c = t.c, sum = 0;
    }
    R x = t.coef * pick(phi, t.order);
#pragma unroll
    for (int i = 0; i < FB_MAX_ORDER; i++)
      if (i < t.order) x *= z[t.f[i] * np];
    sum += x;
  }
  y[c * np] = sum;
}

// ẏ_C = Σ coef (φ̇_n Π_i z_Fi + φ_n Σ_i ż_Fi Π_{j≠i} z_Fj), the inner sum by the product rule, one factor after another.
template <class R>
__device__ __forceinline__ void compose_tangent(const fb_net &p, const Derivatives<R> &phi, const Derivatives<R> &phidot, const R *z,
                                                const R *zdot, R *ydot, int np) {
  R sum = 0;
  int c = 0;
  for (int k = 0; k < p.compositions; k++) {
    const Term<R> t = term<R>(p.composition + k);
    if (t.c != c) {
      ydot[c * np] = sum;
      c = t.c, sum = 0;
    }
    R all = 1, moved = 0;
#pragma unroll
    for (int i = 0; i < FB_MAX_ORDER; i++)
      if (i < t.order) {
        const R zi = z[t.f[i] * np];
        moved = moved * zi + all * zdot[t.f[i] * np];
        all *= zi;
      }
    sum += t.coef * (pick(phidot, t.order) * all + pick(phi, t.order) * moved);
  }
  ydot[c * np] = sum;
}

// φ̄_n = Σ coef ȳ_C Π_i z_Fi and, written to all of zbar, z̄_Fi = Σ coef ȳ_C φ_n Π_{j≠i} z_Fj.
template <class R>
__device__ __forceinline__ void compose_adjoint(const fb_net &p, const Derivatives<R> &phi, Derivatives<R> &phibar, const R *z,
                                                const R *ybar, R *zbar, int np) {
  for (int c = 0; c < p.nc; c++) zbar[c * np] = 0;
#pragma unroll
  for (int n = 0; n <= highest; n++) phibar[n] = 0;
  for (int k = 0; k < p.compositions; k++) {
    const Term<R> t = term<R>(p.composition + k);
    const R g = t.coef * ybar[t.c * np];
    R f[FB_MAX_ORDER], before[FB_MAX_ORDER], behind = 1;
    R product = g * pick(phi, t.order);
#pragma unroll
    for (int i = 0; i < FB_MAX_ORDER; i++)
      if (i < t.order) {
        f[i] = z[t.f[i] * np];
        before[i] = product;
        product *= f[i];
      }
#pragma unroll
    for (int i = FB_MAX_ORDER - 1; i >= 0; i--)
      if (i < t.order) {
        zbar[t.f[i] * np] += before[i] * behind; // one after another: a component may occur twice
        behind *= f[i];
      }
    put(phibar, t.order, g * behind);
  }
}

}  // namespace fb::generic

#endif
