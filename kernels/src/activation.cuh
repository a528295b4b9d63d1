// activation.cuh: tanh and sin with their derivatives f⁽⁰⁾ … f⁽ᴺ⁾, N <= 5, as straight-line code: no branch, no slow path, no table.
//
// A hidden neuron of a narrow network spends most of its time here, so both are written out: tanhf and sinf of the CUDA library
// give no derivative, and 1 - tanh² has lost all its digits by |z| = 9 in float32.
//
// Errors stated here are those of this text compiled for the processor, against 113-bit arithmetic. On a card only reciprocal() differs:
// MUFU.RCP has at most 1 ulp (CUDA Programming Guide) in float32; the double form is corrected to the last place from any seed.
#ifndef FB_ACTIVATION_CUH
#define FB_ACTIVATION_CUH
#include <math.h>
#include <string.h>

#include "fb.cuh"

namespace fb {

enum Activation { TANH, SIN, ADAPTIVE_TANH, ADAPTIVE_SIN };  // kernels.Activation, fb_net.act

// a b + c, rounded once. Written out where an exact remainder depends on it; elsewhere the compiler contracts by itself.
__device__ __forceinline__ float fused(float a, float b, float c) { return fmaf(a, b, c); }
__device__ __forceinline__ double fused(double a, double b, double c) { return fma(a, b, c); }

// The bits of a number and back: moves between registers, on a card not even that.
__device__ __forceinline__ uint32_t low_bits(float v) { uint32_t b; memcpy(&b, &v, 4); return b; }
__device__ __forceinline__ uint32_t low_bits(double v) { uint64_t b; memcpy(&b, &v, 8); return uint32_t(b); }
__device__ __forceinline__ float from_bits(uint32_t b, float) { float v; memcpy(&v, &b, 4); return v; }
__device__ __forceinline__ double from_bits(uint64_t b, double) { double v; memcpy(&v, &b, 8); return v; }

// power_of_two gives 2^n for n = bits - bias: only the low bits of a sum with a "magic" number, whose last place counts ones.
__device__ __forceinline__ float power_of_two(float magic) { return from_bits(low_bits(magic) << 23, 0.0f); }
__device__ __forceinline__ double power_of_two(double magic) { return from_bits(uint64_t(low_bits(magic) << 20) << 32, 0.0); }

// flip gives v the opposite sign if the last place of a magic sum is odd.
__device__ __forceinline__ float flip(float v, float magic) { return from_bits(low_bits(v) ^ low_bits(magic) << 31, 0.0f); }
__device__ __forceinline__ double flip(double v, double magic) {
  uint64_t b;
  memcpy(&b, &v, 8);
  return from_bits(b ^ uint64_t(low_bits(magic)) << 63, 0.0);
}

// signed_as gives v >= 0 the sign of z.
__device__ __forceinline__ float signed_as(float v, float z) { return from_bits(low_bits(v) | (low_bits(z) & 0x80000000u), 0.0f); }
__device__ __forceinline__ double signed_as(double v, double z) {
  uint64_t a, b;
  memcpy(&a, &v, 8);
  memcpy(&b, &z, 8);
  return from_bits(a | (b & 0x8000000000000000u), 0.0);
}

// limited is the smaller of |v| and a limit, and NaN where v is: a network that has diverged must not look saturated. The double form
// compares upper words as integers, because comparing doubles takes the card longer, and lets infinity pass to become NaN later.
__device__ __forceinline__ float limited(float v, float limit) {
#ifdef __CUDACC__
  float m;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(m) : "f"(fabsf(v)), "f"(limit));
  return m;
#else
  return fabsf(v) > limit ? limit : fabsf(v);
#endif
}
__device__ __forceinline__ double limited(double v, double limit) {
  uint64_t a, b;
  memcpy(&a, &v, 8);
  memcpy(&b, &limit, 8);
  a &= 0x7fffffffffffffffu;
  const uint32_t upper = uint32_t(b >> 32);
  return from_bits(uint32_t(a >> 32) - upper < 0x7ff00000u - upper ? b : a, 0.0);
}

// reciprocal of h in [1, 2]; the general division would test for subnormal numbers each time.
__device__ __forceinline__ float reciprocal(float h) {
#ifdef __CUDACC__
  float r;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(h));
  return r;
#else
  return 1.0f / h;
#endif
}
__device__ __forceinline__ double reciprocal(double h) {
  double r;  // to 20 bits or more, then one step of third order: 1/h = r / (1 - e) = r (1 + e + e² + O(e³)), e = 1 - h r
#ifdef __CUDACC__
  asm("rcp.approx.ftz.f64 %0, %1;" : "=d"(r) : "d"(h));
#else
  r = 1.0f / float(h);
#endif
  const double e = fma(-h, r, 1.0);
  return fma(r, fma(e, e, e), r);
}

// Constants of one precision. EXPM1: expm1(w) = w + w² P(w) for |w| <= ln2/2. SINE, COSINE: sin r = r + r u S(u), cos r = 1 + u C(u),
// u = r², |r| <= π/2. Minimax polynomials (Remez), from the constant term.
template <class T> struct Constants;

template <> struct Constants<float> {
  static constexpr int EXPM1 = 5, SINE = 4, COSINE = 5;
  static constexpr float LIMIT = 86.0f;  // of |2z|: 2^j stays a normal number; tanh' is below 2e-37 there
  static constexpr float ROUND = 12582912.0f, BIAS = 127.0f;  // 1.5·2²³: the last place is one
  static constexpr float LN2 = 0.693147182f, PI1 = 3.14159274f, PI2 = -8.74227766e-08f;
  // Remez errors: 1.3e-8 relative to w, 4.9e-9 and 2.5e-10 absolute.
  __device__ static __forceinline__ float expm1(int i) {
    constexpr float k[] = {0.5f, 0.166665435f, 0.0416662805f, 0.00836661085f, 0.00139464962f};
    return k[i];
  }
  __device__ static __forceinline__ float sine(int i) {
    constexpr float k[] = {-0.166666604f, 0.00833308744f, -0.000198110534f, 2.60878948e-06f};
    return k[i];
  }
  __device__ static __forceinline__ float cosine(int i) {
    constexpr float k[] = {-0.499999995f, 0.0416666406f, -0.00138884021f, 2.4761808e-05f, -2.60756599e-07f};
    return k[i];
  }
};

template <> struct Constants<double> {
  static constexpr int EXPM1 = 10, SINE = 8, COSINE = 8;
  static constexpr double LIMIT = 700.0;
  static constexpr double ROUND = 6755399441055744.0, BIAS = 1023.0;  // 1.5·2⁵²
  static constexpr double LN2 = 0.69314718055994529, PI1 = 3.1415926535897931, PI2 = 1.2246467991473532e-16;
  // Remez errors: 1.8e-17, 2.3e-19 and 4.3e-18.
  __device__ static __forceinline__ double expm1(int i) {
    constexpr double k[] = {0.50000000000000056, 0.16666666666666685, 0.041666666666573329, 0.0083333333333144924, 0.0013888888932484082,
                            0.00019841269903253267, 2.4801504311936807e-05, 2.7557227749687083e-06, 2.7626382381318838e-07, 2.5114539209080242e-08};
    return k[i];
  }
  __device__ static __forceinline__ double sine(int i) {
    constexpr double k[] = {-0.16666666666666666, 0.0083333333333332118, -0.00019841269841215024, 2.7557319212084546e-06,
                            -2.5052106955616846e-08, 1.6058943689980725e-10, -7.6430909232275254e-13, 2.7222181915303312e-15};
    return k[i];
  }
  __device__ static __forceinline__ double cosine(int i) {
    constexpr double k[] = {-0.49999999999999983, 0.041666666666664354, -0.0013888888888785034, 2.4801587279037255e-05,
                            -2.7557316514490729e-07, 2.0876567177596786e-09, -1.1463024125828274e-11, 4.6101278727442275e-14};
    return k[i];
  }
};

// tanh_quarter gives t = tanh z and s/4 = tanh' z / 4 from 2z. With 2^j nearest to E = exp(-2|z|) and E = 2^j (1 + m),
//
//	|t| = (1 - E)/(1 + E),  1 - E = (1 - 2^j) - 2^j m  (exact but for one rounding near 0)     s/4 = E/(1 + E)²
//
// Worst errors measured: float32 t 2.8 ulp, s 3.3e-7 relative to |z| = 43, tanh'' 4.5e-7 relative, tanh''' 1.7e-6 of s (it has a zero).
// float64: t 3.0 ulp, s 8e-16 relative to |z| = 4 and 3e-15 to 43: the reduction subtracts j ln2 with one constant, since s is small
// there. On a card at most 1 ulp of reciprocal() comes on top for t, and 2 for s, in float32.
template <class T> __device__ __forceinline__ void tanh_quarter(T twice, T &t, T &quarter) {
  typedef Constants<T> K;
  const T a = limited(twice, K::LIMIT);
  const T magic = fused(a, T(-1.4426950408889634), K::ROUND + K::BIAS);  // -log2 e
  const T w = fused(magic - (K::ROUND + K::BIAS), -K::LN2, -a);
  const T scale = power_of_two(magic);
  T P = K::expm1(K::EXPM1 - 1);
#pragma unroll
  for (int i = K::EXPM1 - 2; i >= 0; i--) P = fused(P, w, K::expm1(i));
  const T m = fused(w * w, P, w);
  const T E = fused(scale, m, scale);
  const T g = reciprocal(T(1) + E);
  t = signed_as(fused(-scale, m, T(1) - scale) * g, twice);
  quarter = E * g * g;
}

// tanh_slope gives t = tanh z and s = tanh' z.
template <class T> __device__ __forceinline__ void tanh_slope(T z, T &t, T &s) {
  tanh_quarter(z + z, t, s);
  s *= T(4);
}

// tanh_family continues with the derivatives of tanh. They are polynomials in s as well as in t² = 1 - s, and s is the one at hand.
template <int N, class T> __device__ __forceinline__ void tanh_family(T t, T s, T (&f)[N + 1]) {
  f[0] = t;
  if (N >= 1) f[1 <= N ? 1 : 0] = s;
  if (N >= 2) f[2 <= N ? 2 : 0] = T(-2) * t * s;
  if (N >= 3) f[3 <= N ? 3 : 0] = s * (T(4) - T(6) * s);
  if (N >= 4) f[4 <= N ? 4 : 0] = s * t * (T(24) * s - T(8));
  if (N >= 5) f[5 <= N ? 5 : 0] = s * (T(16) + s * (T(120) * s - T(120)));
}

// sine_cosine reduces by whole multiples of π, so one integer gives both signs. With fused products two constants suffice: what they
// leave of π is 3e-15 (float32). Worst absolute errors measured: float32 1.4e-7 to |z| = 1e5, 1.7e-7 to 1e6 and 4.4e-7 to 4e6, meaningless
// beyond 1e7; float64 2.8e-16 to 1e8.
template <class T> __device__ __forceinline__ void sine_cosine(T z, T &sine, T &cosine) {
  typedef Constants<T> K;
  const T magic = fused(z, T(0.31830988618379067), K::ROUND);
  const T k = magic - K::ROUND;
  const T r = fused(k, -K::PI2, fused(k, -K::PI1, z));
  const T u = r * r;
  T S = K::sine(K::SINE - 1), C = K::cosine(K::COSINE - 1);
#pragma unroll
  for (int i = K::SINE - 2; i >= 0; i--) S = fused(S, u, K::sine(i));
#pragma unroll
  for (int i = K::COSINE - 2; i >= 0; i--) C = fused(C, u, K::cosine(i));
  sine = flip(fused(r * u, S, r), magic);
  cosine = flip(fused(u, C, T(1)), magic);
}

// The activations as types, so that a loop over neurons is compiled for each. family gives the derivatives themselves. Where every
// instruction counts, powers of two can be moved out of the loop, into coefficients that are computed once:
//
//	f⁽ⁿ⁾(z) = factor(n) g_n,  n <= 3     raw gives g_0 .. g_N, N <= 3, from input() z
//	                                     next gives Σ_n part_n g_{n+1}, n = 0 .. N <= 2, from them
struct Tanh {
  template <int N, class T> __device__ static __forceinline__ void family(T z, T (&f)[N + 1]) {
    T t, s;
    tanh_slope(z, t, s);
    tanh_family<N>(t, s, f);
  }
  __device__ static __forceinline__ int input() { return 2; }
  __device__ static __forceinline__ int factor(int n) { return n == 0 ? 1 : n == 1 ? 4 : n == 2 ? -8 : 16; }
  template <int N, class T> __device__ static __forceinline__ void raw(T twice, T (&g)[N + 1]) {
    tanh_quarter(twice, g[0], g[1]);
    if (N >= 2) g[2 <= N ? 2 : 0] = g[0] * g[1];
    if (N >= 3) g[3 <= N ? 3 : 0] = g[1] * (T(1) - T(6) * g[1]);
  }
  template <int N, class T> __device__ static __forceinline__ T next(const T (&g)[N + 1], const T (&part)[N + 1]) {
    T sum = part[0] + g[0] * part[1];
    if (N >= 2) sum += (T(1) - T(6) * g[1]) * part[2 <= N ? 2 : 0];
    return g[1] * sum;
  }
};

struct Sine {
  template <int N, class T> __device__ static __forceinline__ void family(T z, T (&f)[N + 1]) {
    T s, c;
    sine_cosine(z, s, c);
#pragma unroll
    for (int n = 0; n <= N; n++) {
      const T v = n % 2 == 0 ? s : c;
      f[n] = n % 4 < 2 ? v : -v;
    }
  }
  __device__ static __forceinline__ int input() { return 1; }
  __device__ static __forceinline__ int factor(int n) { return n < 2 ? 1 : -1; }
  template <int N, class T> __device__ static __forceinline__ void raw(T z, T (&g)[N + 1]) {
    sine_cosine(z, g[0], g[1]);
    if (N >= 2) g[2 <= N ? 2 : 0] = g[0];
    if (N >= 3) g[3 <= N ? 3 : 0] = g[1];
  }
  template <int N, class T> __device__ static __forceinline__ T next(const T (&g)[N + 1], const T (&part)[N + 1]) {
    T sum = part[0];
    if (N >= 2) sum += part[2 <= N ? 2 : 0];
    return g[1] * sum + g[0] * part[1];
  }
};

}  // namespace fb
#endif
