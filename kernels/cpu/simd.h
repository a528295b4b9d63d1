// One vector of reals, V<R>, for the width FB_BITS (512, 256 or 128) that the including file was compiled for, and the
// elementary functions on it. Everything sits in namespace FB_NS, one per instruction set, and nothing comes from the C++
// library: an inline function of a standard header compiled here for AVX-512 could otherwise be the copy that the linker
// keeps for everybody, also on a processor without it.
#pragma once

#include <immintrin.h>
#include <stddef.h>

#include "fb.h"

#define FB_INLINE static inline __attribute__((always_inline))
#define FB_MEMBER inline __attribute__((always_inline))

namespace FB_NS {
namespace {

template <class R> struct Register; // compiler vectors: whole, as integers, and at any address
template <> struct Register<float> {
	typedef int32_t Int;
	typedef float Raw __attribute__((vector_size(FB_BITS / 8)));
	typedef int32_t RawInt __attribute__((vector_size(FB_BITS / 8)));
	typedef float Loose __attribute__((vector_size(FB_BITS / 8), aligned(4), may_alias));
};
template <> struct Register<double> {
	typedef int64_t Int;
	typedef double Raw __attribute__((vector_size(FB_BITS / 8)));
	typedef int64_t RawInt __attribute__((vector_size(FB_BITS / 8)));
	typedef double Loose __attribute__((vector_size(FB_BITS / 8), aligned(8), may_alias));
};

// V is a register of `lanes` reals. Arithmetic is by lane; a scalar is spread over the lanes.
template <class R> struct V {
	using Scalar = R;
	using Int = typename Register<R>::Int;
	using Raw = typename Register<R>::Raw;
	using RawInt = typename Register<R>::RawInt;
	using Loose = typename Register<R>::Loose;
	static constexpr int lanes = FB_BITS / 8 / (int)sizeof(R);

	Raw v;

	V() = default;
	FB_MEMBER V(Raw r) : v(r) {}
	FB_MEMBER V(R s) : v(s - Raw{}) {}

	FB_MEMBER static V zero() { return V(Raw{}); }
	FB_MEMBER static V broadcast(R s) { return V(s); }
	FB_MEMBER static V load(const R *p) { return V(*(const Raw *)__builtin_assume_aligned(p, FB_BITS / 8)); } // aligned
	FB_MEMBER static V loadu(const R *p) { return V((Raw)*(const Loose *)p); }
	FB_MEMBER void store(R *p) const { *(Raw *)__builtin_assume_aligned(p, FB_BITS / 8) = v; } // aligned
	FB_MEMBER void storeu(R *p) const { *(Loose *)p = (Loose)v; }
	FB_MEMBER static V loadm(const R *p, int k);   // lanes 0..k-1 from p, the others 0; 0 <= k <= lanes
	FB_MEMBER void storem(R *p, int k) const;      // lanes 0..k-1 to p, nothing else is touched
	FB_MEMBER RawInt bits() const { return (RawInt)v; }
	FB_MEMBER static V of(RawInt b) { return V((Raw)b); }
	FB_MEMBER V &operator+=(V b) { v += b.v; return *this; }
	FB_MEMBER V &operator-=(V b) { v -= b.v; return *this; }
	FB_MEMBER V &operator*=(V b) { v *= b.v; return *this; }
};

template <class R> FB_INLINE V<R> operator+(V<R> a, V<R> b) { return V<R>(a.v + b.v); }
template <class R> FB_INLINE V<R> operator-(V<R> a, V<R> b) { return V<R>(a.v - b.v); }
template <class R> FB_INLINE V<R> operator*(V<R> a, V<R> b) { return V<R>(a.v * b.v); }
template <class R> FB_INLINE V<R> operator/(V<R> a, V<R> b) { return V<R>(a.v / b.v); }
template <class R> FB_INLINE V<R> operator-(V<R> a) { return V<R>(-a.v); }
template <class R> FB_INLINE V<R> operator+(V<R> a, R b) { return V<R>(a.v + b); }
template <class R> FB_INLINE V<R> operator-(V<R> a, R b) { return V<R>(a.v - b); }
template <class R> FB_INLINE V<R> operator*(V<R> a, R b) { return V<R>(a.v * b); }
template <class R> FB_INLINE V<R> operator*(R a, V<R> b) { return V<R>(a * b.v); }
template <class R> FB_INLINE V<R> operator-(R a, V<R> b) { return V<R>(a - b.v); }
template <class R> FB_INLINE V<R> operator+(R a, V<R> b) { return V<R>(a + b.v); }

// a*b + c, rounded once where the processor can (all but the baseline: there twice).
#if FB_BITS == 512
FB_INLINE V<float> fma(V<float> a, V<float> b, V<float> c) { return V<float>((V<float>::Raw)_mm512_fmadd_ps((__m512)a.v, (__m512)b.v, (__m512)c.v)); }
FB_INLINE V<double> fma(V<double> a, V<double> b, V<double> c) { return V<double>((V<double>::Raw)_mm512_fmadd_pd((__m512d)a.v, (__m512d)b.v, (__m512d)c.v)); }
FB_INLINE V<float> sqrt(V<float> a) { return V<float>((V<float>::Raw)_mm512_sqrt_ps((__m512)a.v)); }
FB_INLINE V<double> sqrt(V<double> a) { return V<double>((V<double>::Raw)_mm512_sqrt_pd((__m512d)a.v)); }
FB_INLINE V<float> min(V<float> a, V<float> b) { return V<float>((V<float>::Raw)_mm512_min_ps((__m512)a.v, (__m512)b.v)); } // b if a NaN is involved
FB_INLINE V<double> min(V<double> a, V<double> b) { return V<double>((V<double>::Raw)_mm512_min_pd((__m512d)a.v, (__m512d)b.v)); }
FB_INLINE V<float> max(V<float> a, V<float> b) { return V<float>((V<float>::Raw)_mm512_max_ps((__m512)a.v, (__m512)b.v)); }
FB_INLINE V<double> max(V<double> a, V<double> b) { return V<double>((V<double>::Raw)_mm512_max_pd((__m512d)a.v, (__m512d)b.v)); }
#elif FB_BITS == 256
FB_INLINE V<float> fma(V<float> a, V<float> b, V<float> c) { return V<float>((V<float>::Raw)_mm256_fmadd_ps((__m256)a.v, (__m256)b.v, (__m256)c.v)); }
FB_INLINE V<double> fma(V<double> a, V<double> b, V<double> c) { return V<double>((V<double>::Raw)_mm256_fmadd_pd((__m256d)a.v, (__m256d)b.v, (__m256d)c.v)); }
FB_INLINE V<float> sqrt(V<float> a) { return V<float>((V<float>::Raw)_mm256_sqrt_ps((__m256)a.v)); }
FB_INLINE V<double> sqrt(V<double> a) { return V<double>((V<double>::Raw)_mm256_sqrt_pd((__m256d)a.v)); }
FB_INLINE V<float> min(V<float> a, V<float> b) { return V<float>((V<float>::Raw)_mm256_min_ps((__m256)a.v, (__m256)b.v)); }
FB_INLINE V<double> min(V<double> a, V<double> b) { return V<double>((V<double>::Raw)_mm256_min_pd((__m256d)a.v, (__m256d)b.v)); }
FB_INLINE V<float> max(V<float> a, V<float> b) { return V<float>((V<float>::Raw)_mm256_max_ps((__m256)a.v, (__m256)b.v)); }
FB_INLINE V<double> max(V<double> a, V<double> b) { return V<double>((V<double>::Raw)_mm256_max_pd((__m256d)a.v, (__m256d)b.v)); }
#else
template <class R> FB_INLINE V<R> fma(V<R> a, V<R> b, V<R> c) { return V<R>(a.v * b.v + c.v); }
FB_INLINE V<float> sqrt(V<float> a) { return V<float>((V<float>::Raw)_mm_sqrt_ps((__m128)a.v)); }
FB_INLINE V<double> sqrt(V<double> a) { return V<double>((V<double>::Raw)_mm_sqrt_pd((__m128d)a.v)); }
FB_INLINE V<float> min(V<float> a, V<float> b) { return V<float>((V<float>::Raw)_mm_min_ps((__m128)a.v, (__m128)b.v)); }
FB_INLINE V<double> min(V<double> a, V<double> b) { return V<double>((V<double>::Raw)_mm_min_pd((__m128d)a.v, (__m128d)b.v)); }
FB_INLINE V<float> max(V<float> a, V<float> b) { return V<float>((V<float>::Raw)_mm_max_ps((__m128)a.v, (__m128)b.v)); }
FB_INLINE V<double> max(V<double> a, V<double> b) { return V<double>((V<double>::Raw)_mm_max_pd((__m128d)a.v, (__m128d)b.v)); }
#endif

template <class R> FB_INLINE V<R> fnma(V<R> a, V<R> b, V<R> c) { return fma(-a, b, c); } // c - a*b
template <class R> FB_INLINE V<R> fms(V<R> a, V<R> b, V<R> c) { return fma(a, b, -c); }  // a*b - c

// Partial loads and stores.
#if FB_BITS == 512
template <> FB_MEMBER V<float> V<float>::loadm(const float *p, int k) { return V((Raw)_mm512_maskz_loadu_ps((__mmask16)((1u << k) - 1), p)); }
template <> FB_MEMBER void V<float>::storem(float *p, int k) const { _mm512_mask_storeu_ps(p, (__mmask16)((1u << k) - 1), (__m512)v); }
template <> FB_MEMBER V<double> V<double>::loadm(const double *p, int k) { return V((Raw)_mm512_maskz_loadu_pd((__mmask8)((1u << k) - 1), p)); }
template <> FB_MEMBER void V<double>::storem(double *p, int k) const { _mm512_mask_storeu_pd(p, (__mmask8)((1u << k) - 1), (__m512d)v); }
#elif FB_BITS == 256
static const int32_t first32[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
static const int64_t first64[8] = {-1, -1, -1, -1};
template <> FB_MEMBER V<float> V<float>::loadm(const float *p, int k) { return V((Raw)_mm256_maskload_ps(p, _mm256_loadu_si256((const __m256i *)(first32 + 8 - k)))); }
template <> FB_MEMBER void V<float>::storem(float *p, int k) const { _mm256_maskstore_ps(p, _mm256_loadu_si256((const __m256i *)(first32 + 8 - k)), (__m256)v); }
template <> FB_MEMBER V<double> V<double>::loadm(const double *p, int k) { return V((Raw)_mm256_maskload_pd(p, _mm256_loadu_si256((const __m256i *)(first64 + 4 - k)))); }
template <> FB_MEMBER void V<double>::storem(double *p, int k) const { _mm256_maskstore_pd(p, _mm256_loadu_si256((const __m256i *)(first64 + 4 - k)), (__m256d)v); }
#else
template <class R> FB_MEMBER V<R> V<R>::loadm(const R *p, int k) {
	Raw r{};
	for (int i = 0; i < lanes; i++)
		if (i < k) r[i] = p[i];
	return V(r);
}
template <class R> FB_MEMBER void V<R>::storem(R *p, int k) const {
	for (int i = 0; i < lanes; i++)
		if (i < k) p[i] = v[i];
}
#endif

// The first k lanes, 0 <= k <= lanes, for several loads and stores.
template <class R> struct Part {
#if FB_BITS == 512
	__mmask16 m;
	FB_MEMBER explicit Part(int k) : m((__mmask16)((1u << k) - 1)) {}
	FB_MEMBER V<float> load(const float *p) const { return V<float>((V<float>::Raw)_mm512_maskz_loadu_ps(m, p)); }
	FB_MEMBER V<double> load(const double *p) const { return V<double>((V<double>::Raw)_mm512_maskz_loadu_pd((__mmask8)m, p)); }
	FB_MEMBER void store(float *p, V<float> a) const { _mm512_mask_storeu_ps(p, m, (__m512)a.v); }
	FB_MEMBER void store(double *p, V<double> a) const { _mm512_mask_storeu_pd(p, (__mmask8)m, (__m512d)a.v); }
#else
	int k;
	FB_MEMBER explicit Part(int lanes) : k(lanes) {}
	FB_MEMBER V<R> load(const R *p) const { return V<R>::loadm(p, k); }
	FB_MEMBER void store(R *p, V<R> a) const { a.storem(p, k); }
#endif
};

// Sum of the lanes, halving each time.
template <class R> FB_INLINE R hsum(V<R> a) {
	R s[V<R>::lanes];
	a.storeu(s);
	for (int h = V<R>::lanes / 2; h > 0; h /= 2)
		for (int i = 0; i < h; i++) s[i] += s[i + h];
	return s[0];
}

// Lane i of the result is the sum of the lanes of a[i], for `lanes` vectors at once: 3 instructions a vector where hsum
// takes 8. Destroys a.
template <class R> FB_INLINE V<R> hsums(V<R> *a) {
	using Int = typename V<R>::RawInt;
	constexpr int n = V<R>::lanes;
#pragma GCC unroll 4
	for (int h = 1; h < n; h *= 2) {
		Int keep, swap; // constants once unrolled: lanes with bit h come from b, numbered from n
		for (int i = 0; i < n; i++) {
			keep[i] = i & h ? n + i : i;
			swap[i] = (i & h ? n : 0) + (i ^ h);
		}
#pragma GCC unroll 16
		for (int k = 0; k < n; k += 2 * h)
			a[k].v = __builtin_shuffle(a[k].v, a[k + h].v, keep) + __builtin_shuffle(a[k].v, a[k + h].v, swap);
	}
	return a[0];
}

// Numbers of the two types: polynomials are minimax fits (Remez in 40 digits), their errors relative.
template <class R> struct Num;
template <> struct Num<float> {
	static constexpr int mantissa = 23, bias = 127, top = 31;
	static constexpr float round = 12582912.f;          // 1.5 * 2^23: adding it rounds to an integer, kept in the low bits
	static constexpr float clamp = 43.f;                // beyond it tanh is 1 and the square of exp(2z) still finite
	static constexpr float expMin = -104.f, expMax = 89.f;
	static constexpr float twoLog2e = 2.885390043e+00f, twoLog2eLow = 3.85192598e-8f;
	static constexpr float log2e = 1.4426950408889634f, log2eLow = 1.9259629911e-8f;
	static constexpr float pi1 = 3.14159274101257324f, pi2 = -8.74227765734758577e-8f;                        // with fma
	static constexpr float piA = 3.140625f, piB = 9.67502593994140625e-4f, piC = 1.5099067240953445e-7f, piD = 5.126688136514179e-12f; // without: short
	// (2^f - 1)/f on |f| <= 1/2, error 1.1e-8
	static constexpr float exp2m1[] = {0.693147188f, 0.2402264979f, 0.05550357221f, 0.0096182379f, 0.00133908496f, 0.0001540351683f};
	// sin r = r + r y P(y), cos r = 1 - y/2 + y² Q(y), y = r², |r| <= pi/2, errors 6e-9, 4e-10
	static constexpr float sinP[] = {-0.1666665949f, 0.008333064626f, -0.0001980947553f, 2.605482155e-6f};
	static constexpr float cosQ[] = {0.04166665569f, -0.001388856727f, 2.476917762e-5f, -2.61911638e-7f};
};
template <> struct Num<double> {
	static constexpr int mantissa = 52, bias = 1023, top = 63;
	static constexpr double round = 6755399441055744.; // 1.5 * 2^52
	static constexpr double clamp = 350.;
	static constexpr double expMin = -746., expMax = 710.;
	static constexpr double twoLog2e = 2.8853900817779268, twoLog2eLow = 4.0710547481862064e-17;
	static constexpr double log2e = 1.4426950408889634074, log2eLow = 2.0355273740931033e-17;
	static constexpr double pi1 = 3.141592653589793116, pi2 = 1.2246467991473531772e-16;
	static constexpr double piA = 3.1415926218032836914, piB = 3.1786509424591713469e-8, piC = 1.2246467864107188502e-16, piD = 1.2736634327021899816e-24;
	// error 1.8e-17
	static constexpr double exp2m1[] = {0.6931471805599453112, 0.2402265069591009815, 0.05550410866482123266, 0.00961812910760689435,
		0.001333355814653258647, 0.0001540353044177026547, 0.00001525273370046665544, 1.321544254713760287e-6,
		1.017812149537741535e-7, 7.072597183903374353e-9, 4.44552905738348208e-10};
	// errors 4e-22, 9e-21
	static constexpr double sinP[] = {-0.1666666666666666666, 0.008333333333333333015, -0.0001984126984126966845, 2.755731922393965354e-6,
		-2.505210837841960317e-8, 1.605904319089095552e-10, -7.647127036260824561e-13, 2.810197859220707275e-15,
		-7.980909319676337301e-18};
	static constexpr double cosQ[] = {0.04166666666666666463, -0.001388888888888871041, 0.00002480158730152684462,
		-2.755731921335433431e-7, 2.087675590473130495e-9, -1.147067918695879559e-11, 4.777057932184135294e-14,
		-1.513584568438418656e-16};
};

// Horner's rule, unrolled.
template <class R, int N> FB_INLINE V<R> poly(const R (&c)[N], V<R> x) {
	V<R> p(c[N - 1]);
#pragma GCC unroll 16
	for (int k = N - 2; k >= 0; k--) p = fma(p, x, V<R>(c[k]));
	return p;
}

// 1/a for 1 <= a <= 2^127 to about an ulp.
FB_INLINE V<float> reciprocal(V<float> a) {
#if FB_BITS == 512
	V<float> r((V<float>::Raw)_mm512_rcp14_ps((__m512)a.v));
	return fma(r, fnma(a, r, V<float>(1.f)), r);
#else
	return V<float>(1.f) / a;
#endif
}
FB_INLINE V<double> reciprocal(V<double> a) {
#if FB_BITS == 512
	V<double> r((V<double>::Raw)_mm512_rcp14_pd((__m512d)a.v)), one(1.);
	r = fma(r, fnma(a, r, one), r);
	return fma(r, fnma(a, r, one), r);
#else
	return V<double>(1.) / a;
#endif
}

// t = tanh z and a quarter of s = 1 - tanh² z from y + low = 2 log2(e) z, |y| <= 2 log2(e) clamp. With m = 2^y - 1 formed
// without cancellation and E = 2^y: t = m/(2+m), s/4 = E/(2+m)². U vectors go side by side, step by step: the chain of
// dependences is some 20 instructions of 4 cycles long.
template <int U, class R> FB_INLINE void tanh_of_exponent(const V<R> (&y)[U], const V<R> *low, V<R> (&t)[U], V<R> (&quarter)[U]) {
	using N = Num<R>;
	constexpr R shift = N::round + R(N::bias); // low bits of y + shift: nearest integer + exponent bias
	constexpr int top = sizeof(N::exp2m1) / sizeof(R) - 1;
	V<R> f[U], scale[U], p[U];
#define FB_EACH _Pragma("GCC unroll 8") for (int u = 0; u < U; u++)
	FB_EACH scale[u] = y[u] + shift;
	FB_EACH f[u] = y[u] - (scale[u] - shift);
	if (low) FB_EACH f[u] += low[u];
	FB_EACH p[u] = fma(V<R>(N::exp2m1[top]), f[u], V<R>(N::exp2m1[top - 1]));
#pragma GCC unroll 16
	for (int k = top - 2; k >= 0; k--)
		FB_EACH p[u] = fma(p[u], f[u], V<R>(N::exp2m1[k]));
	FB_EACH p[u] *= f[u];
	FB_EACH scale[u] = V<R>::of(scale[u].bits() << N::mantissa);
	FB_EACH quarter[u] = fma(scale[u], p[u], scale[u]);
	FB_EACH t[u] = fma(scale[u], p[u], scale[u] - R(1));
	FB_EACH p[u] = reciprocal(fma(scale[u], p[u], scale[u] + R(1)));
	FB_EACH t[u] *= p[u];
	FB_EACH quarter[u] *= p[u];
	FB_EACH quarter[u] *= p[u];
#undef FB_EACH
}

// The same from y = 2 log2(e) z of any size, NaN included, for callers that get y by folding the factor into the weights that
// make z: its rounding is then that of z itself.
template <int U, class R> FB_INLINE void vtanh_quarter(const V<R> (&y)[U], V<R> (&t)[U], V<R> (&quarter)[U]) {
	constexpr R limit = R(2 * 1.4426950408889634) * Num<R>::clamp;
	V<R> inside[U];
#pragma GCC unroll 8
	for (int u = 0; u < U; u++) inside[u] = min(V<R>(limit), max(V<R>(-limit), y[u])); // a NaN is the second operand and stays
	tanh_of_exponent<U, R>(inside, nullptr, t, quarter);
}

// a*b - p for p = a*b rounded.
template <class R> FB_INLINE V<R> product_error(V<R> a, V<R> b, V<R> p) {
#if FB_BITS == 128
	constexpr int cut = (Num<R>::mantissa + 1) / 2; // halves whose products are exact (Dekker 1971)
	constexpr typename V<R>::Int mask = ~((typename V<R>::Int(1) << cut) - 1);
	V<R> ah = V<R>::of(a.bits() & mask), bh = V<R>::of(b.bits() & mask), al = a - ah, bl = b - bh;
	return ((ah * bh - p) + ah * bl + al * bh) + al * bl;
#else
	return fma(a, b, -p);
#endif
}

// t = tanh z, s = 1 - t² (s = 4E/(1+E)², never 1 - t·t: that loses all digits by |z| = 9). s magnifies a relative error of the
// exponent 2|z| times, so the exponent carries its rounding error along.
template <class R> FB_INLINE void vtanh_parts(V<R> z, V<R> &t, V<R> &s) {
	using N = Num<R>;
	z = min(V<R>(N::clamp), max(V<R>(-N::clamp), z));
	V<R> y[1] = {z * N::twoLog2e}, low[1] = {fma(z, V<R>(N::twoLog2eLow), product_error(z, V<R>(N::twoLog2e), y[0]))}, tanh[1], quarter[1];
	tanh_of_exponent<1, R>(y, low, tanh, quarter);
	t = tanh[0];
	s = quarter[0] * R(4);
}

// s = sin z, c = cos z, absolute error a few 1e-8 for |z| <= 1e4 (float), 1e-15 for |z| <= 1e6 (double): one step of pi,
// the sign is the parity of the multiple.
template <class R> FB_INLINE void vsincos(V<R> z, V<R> &s, V<R> &c) {
	using N = Num<R>;
	V<R> shifted = fma(z, V<R>(R(0.31830988618379067)), V<R>(N::round));
	V<R> n = shifted - N::round;
	typename V<R>::RawInt sign = shifted.bits() << N::top;
#if FB_BITS == 128
	V<R> r = (((z - n * N::piA) - n * N::piB) - n * N::piC) - n * N::piD;
#else
	V<R> r = fnma(n, V<R>(N::pi2), fnma(n, V<R>(N::pi1), z));
#endif
	V<R> y = r * r;
	V<R> a = fma(r * y, poly(N::sinP, y), r);
	V<R> b = fma(y * y, poly(N::cosQ, y), fma(y, V<R>(R(-0.5)), V<R>(R(1))));
	s = V<R>::of(a.bits() ^ sign);
	c = V<R>::of(b.bits() ^ sign);
}

// exp x to 2 ulp, 0 and infinity where they belong. The power of two is applied in two halves, so that neither overflows.
template <class R> FB_INLINE V<R> vexp(V<R> x) {
	using N = Num<R>;
	x = min(V<R>(N::expMax), max(V<R>(N::expMin), x));
	V<R> shifted = fma(x, V<R>(N::log2e), V<R>(N::round));
	V<R> n = shifted - N::round;
#if FB_BITS == 128
	// ln 2 in two parts, the first short enough that n times it is exact
	constexpr R hi = sizeof(R) == 4 ? R(0.693359375) : R(6.93145751953125e-1), lo = sizeof(R) == 4 ? R(-2.12194440e-4) : R(1.42860682030941723212e-6);
	V<R> f = ((x - n * hi) - n * lo) * N::log2e;
#else
	V<R> f = fma(x, V<R>(N::log2eLow), fma(x, V<R>(N::log2e), -n));
#endif
	V<R> p = fma(f, poly(N::exp2m1, f), V<R>(R(1)));
	typename V<R>::RawInt k = shifted.bits() - V<R>(N::round).bits(), half = k >> 1;
	V<R> a = V<R>::of((half + N::bias) << N::mantissa), b = V<R>::of((k - half + N::bias) << N::mantissa);
	return p * a * b;
}

} // namespace
} // namespace FB_NS
