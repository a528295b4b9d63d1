// The passes over one chunk of points: first layer, activations, output layer, forward and backward. Every array of a chunk
// is [point][component][neuron], neurons fastest and padded; padded neurons have zero weights and stay zero throughout.
#pragma once

#include "deep_gemm.h"
#include "deep_jets.h"

namespace FB_NS {
namespace {

enum { DEEP_MAX_HIDDEN = FB_MAX_LAYERS - 1 };

// Everything a visit of one subdomain needs, in scratch memory (deep_layout). l counts hidden layers from 0.
template <class R> struct Deep {
	int d, hidden, out, nc;
	int chunk;                  // points of a chunk
	int w[DEEP_MAX_HIDDEN];     // width
	int wp[DEEP_MAX_HIDDEN];    // width padded to whole registers, and to 8
	// parameters of the subdomain, repacked
	R *first;                   // W_1ᵀ [d][wp]
	R *in;                      // pre-activation jets of the first layer but the value, [nc][wp]: firsts W_1[:,a]/σ_a, seconds the product of two of them
	R *bias[DEEP_MAX_HIDDEN];   // [wp]
	R *W[DEEP_MAX_HIDDEN];      // [w][wp below], l >= 1
	R *Wt[DEEP_MAX_HIDDEN];     // [w below][wp], l >= 1
	R *Wo, *bo;                 // [out][wp], [out]
	// their gradients; of the first layer the parts that do not depend on the point are applied at the end of the visit
	R *gFirst;                  // Σ z̄_0 x̂_a, [d][wp]
	R *gIn;                     // firsts Σ f' ā_c, seconds Σ f'' ā_c, [nc][wp]
	R *gBias[DEEP_MAX_HIDDEN], *gW[DEEP_MAX_HIDDEN], *gWo;
	R *gbo;                     // [out][lanes]
	// tape of a chunk
	R *A[DEEP_MAX_HIDDEN];      // jets after the activation, [chunk][nc][wp]
	R *Z[DEEP_MAX_HIDDEN];      // l >= 1: jets before it, f' in place of the value; then their adjoints. l = 0: f', [chunk][wp]
	R *Abar;                    // [chunk][nc][wp]
	R *dots;                    // [nc][lanes] registers: products of the output layer before their horizontal sums
	R *v, *vbar;                // network jets and their adjoints, [out][nc][chunk], points fastest
};

// Points whose activations are worked on side by side.
enum { DEEP_TOGETHER = FB_BITS == 512 ? 4 : 2 };

template <class R, int Act, int U, class J>
FB_INLINE void first_points(const J &j, const Deep<R> &k, const R *x, ptrdiff_t stride, int i) {
	using X = V<R>;
	const int wp = k.wp[0];
	const ptrdiff_t row = (ptrdiff_t)j.C * wp;
	for (int m = 0; m < wp; m += X::lanes) {
		X z[U], f[U], f1[U];
#pragma GCC unroll 8
		for (int u = 0; u < U; u++) z[u] = X::load(k.bias[0] + m);
		for (int e = 0; e < k.d; e++) {
			X w = X::load(k.first + e * wp + m);
#pragma GCC unroll 8
			for (int u = 0; u < U; u++) z[u] = fma(X::broadcast(x[e * stride + i + u]), w, z[u]);
		}
		activate<R, Act, U>(z, f, f1);
#pragma GCC unroll 8
		for (int u = 0; u < U; u++) {
			R *a = k.A[0] + (i + u) * row + m;
			f[u].store(a);
			f1[u].store(k.Z[0] + (ptrdiff_t)(i + u) * wp + m);
			X f2 = second<R, Act>(f[u], f1[u]);
#pragma GCC unroll 16
			for (int c = 1; c < j.C; c++) ((c <= j.F ? f1[u] : f2) * X::load(k.in + c * wp + m)).store(a + c * wp);
		}
	}
}

// A of layer 0 and its tape from x̂ [d][stride] for n points.
template <class R, int Act, class J>
void first_forward(const J &j, const Deep<R> &k, const R *x, ptrdiff_t stride, int n) {
	int i = 0;
	for (; i + DEEP_TOGETHER <= n; i += DEEP_TOGETHER) first_points<R, Act, DEEP_TOGETHER>(j, k, x, stride, i);
	for (; i < n; i++) first_points<R, Act, 1>(j, k, x, stride, i);
}

template <class R, int Act, int U, class J> FB_INLINE void hidden_points(const J &j, const Deep<R> &k, int l, int i) {
	using X = V<R>;
	const int wp = k.wp[l];
	const ptrdiff_t row = (ptrdiff_t)j.C * wp;
	for (int m = 0; m < wp; m += X::lanes) {
		X z0[U], f[U], f1[U], bias = X::load(k.bias[l] + m);
#pragma GCC unroll 8
		for (int u = 0; u < U; u++) z0[u] = X::load(k.Z[l] + (i + u) * row + m) + bias;
		activate<R, Act, U>(z0, f, f1);
#pragma GCC unroll 8
		for (int u = 0; u < U; u++) {
			R *zs = k.Z[l] + (i + u) * row + m, *as = k.A[l] + (i + u) * row + m;
			X z[DEEP_MAX_C], a[DEEP_MAX_C];
			f[u].store(as);
			f1[u].store(zs);
#pragma GCC unroll 16
			for (int c = 1; c < j.C; c++) z[c] = X::load(zs + c * wp);
			compose<R>(j, f1[u], second<R, Act>(f[u], f1[u]), z, a);
#pragma GCC unroll 16
			for (int c = 1; c < j.C; c++) a[c].store(as + c * wp);
		}
	}
}

// A of layer l from Z, which becomes the tape.
template <class R, int Act, class J> void hidden_forward(const J &j, const Deep<R> &k, int l, int n) {
	int i = 0;
	for (; i + DEEP_TOGETHER <= n; i += DEEP_TOGETHER) hidden_points<R, Act, DEEP_TOGETHER>(j, k, l, i);
	for (; i < n; i++) hidden_points<R, Act, 1>(j, k, l, i);
}

// Lane numbers as types: the two-operand shuffles below take constants only.
template <int... I> struct Lanes {};

// Adds the halves of a and b that bit H of the lane number separates: lanes with the bit come from b.
template <class R, int H, int... I> FB_INLINE V<R> fold_pair(V<R> a, V<R> b, Lanes<I...>) {
	constexpr int n = V<R>::lanes;
	return V<R>(__builtin_shufflevector(a.v, b.v, ((I & H) ? n + I : I)...)) +
	       V<R>(__builtin_shufflevector(a.v, b.v, (((I & H) ? n : 0) + (I ^ H))...));
}

// Lane i of the result is the sum of row i of a, for `lanes` rows of one register each: 3 instructions a row.
template <class R, int Rows = V<R>::lanes> FB_INLINE V<R> row_sums(const R *a) {
	if constexpr (Rows == 1)
		return V<R>::load(a);
	else
		return fold_pair<R, Rows / 2>(row_sums<R, Rows / 2>(a), row_sums<R, Rows / 2>(a + Rows / 2 * V<R>::lanes),
			Lanes<__integer_pack(V<R>::lanes)...>());
}

// v [out][nc][chunk] from A of the last hidden layer; lanes beyond n of the last register are arbitrary.
template <class R, class J> void output_forward(const J &j, const Deep<R> &k, const R *A, int n, bool bias) {
	using X = V<R>;
	const int wp = k.wp[k.hidden - 1];
	for (int o = 0; o < k.out; o++) {
		const R *w = k.Wo + o * wp;
		for (int i = 0; i < n; i += X::lanes) {
			const int here = n - i < X::lanes ? n - i : X::lanes;
			for (int q = 0; q < here; q++)
#pragma GCC unroll 16
				for (int c = 0; c < j.C; c++) {
					const R *a = A + ((ptrdiff_t)(i + q) * j.C + c) * wp;
					X s = X::load(a) * X::load(w);
					for (int m = X::lanes; m < wp; m += X::lanes) s = fma(X::load(a + m), X::load(w + m), s);
					s.store(k.dots + (c * X::lanes + q) * X::lanes);
				}
#pragma GCC unroll 16
			for (int c = 0; c < j.C; c++) {
				X sum = row_sums<R>(k.dots + c * X::lanes * X::lanes);
				if (c == 0 && bias) sum += X::broadcast(k.bo[o]);
				sum.store(k.v + ((ptrdiff_t)o * j.C + c) * k.chunk + i);
			}
		}
	}
}

// Ā of the last hidden layer and the gradient of the output layer, from v̄ (zero beyond n in the last register).
template <class R, class J> void output_backward(const J &j, const Deep<R> &k, int n) {
	using X = V<R>;
	const int l = k.hidden - 1, wp = k.wp[l];
	for (int o = 0; o < k.out; o++) {
		const R *vbar = k.vbar + (ptrdiff_t)o * j.C * k.chunk;
		X b = X::load(k.gbo + o * X::lanes);
		for (int i = 0; i < n; i += X::lanes) b += X::load(vbar + i);
		b.store(k.gbo + o * X::lanes);
		for (int m = 0; m < wp; m += X::lanes) {
			X w = X::load(k.Wo + o * wp + m), g[DEEP_MAX_C];
#pragma GCC unroll 16
			for (int c = 0; c < j.C; c++) g[c] = X::zero();
			for (int i = 0; i < n; i++) {
				const ptrdiff_t at = (ptrdiff_t)i * j.C * wp + m;
#pragma GCC unroll 16
				for (int c = 0; c < j.C; c++) {
					X s = X::broadcast(vbar[c * k.chunk + i]);
					R *abar = k.Abar + at + c * wp;
					(o == 0 ? s * w : fma(s, w, X::load(abar))).store(abar);
					g[c] = fma(s, X::load(k.A[l] + at + c * wp), g[c]);
				}
			}
#pragma GCC unroll 16
			for (int c = 1; c < j.C; c++) g[0] += g[c];
			(X::load(k.gWo + o * wp + m) + g[0]).store(k.gWo + o * wp + m);
		}
	}
}

// Z̄ of layer l >= 1 in place of its tape, from Ā; the bias's gradient.
template <class R, int Act, class J> void hidden_backward(const J &j, const Deep<R> &k, int l, int n) {
	using X = V<R>;
	const int wp = k.wp[l];
	for (int m = 0; m < wp; m += X::lanes) {
		X b = X::load(k.gBias[l] + m);
		for (int i = 0; i < n; i++) {
			const ptrdiff_t at = (ptrdiff_t)i * j.C * wp + m;
			R *zs = k.Z[l] + at;
			const R *as = k.Abar + at;
			X z[DEEP_MAX_C], abar[DEEP_MAX_C], zbar[DEEP_MAX_C];
#pragma GCC unroll 16
			for (int c = 0; c < j.C; c++) z[c] = X::load(zs + c * wp), abar[c] = X::load(as + c * wp);
			compose_adjoint<R, Act>(j, X::load(k.A[l] + at), z[0], z, abar, zbar);
			b += zbar[0];
#pragma GCC unroll 16
			for (int c = 0; c < j.C; c++) zbar[c].store(zs + c * wp);
		}
		b.store(k.gBias[l] + m);
	}
}

// Gradient of the first layer from Ā: the sums over points that first_finish turns into W̄_1.
template <class R, int Act, class J>
void first_backward(const J &j, const Deep<R> &k, const R *x, ptrdiff_t stride, int n) {
	using X = V<R>;
	const int wp = k.wp[0];
	for (int m = 0; m < wp; m += X::lanes) {
		X g[DEEP_MAX_C], in[DEEP_MAX_C], b = X::load(k.gBias[0] + m), gx[FB_MAX_D];
#pragma GCC unroll 16
		for (int c = 1; c < j.C; c++) g[c] = X::load(k.gIn + c * wp + m), in[c] = X::load(k.in + c * wp + m);
#pragma GCC unroll 4
		for (int e = 0; e < FB_MAX_D; e++) gx[e] = X::zero();
		for (int i = 0; i < n; i++) {
			X f = X::load(k.A[0] + (ptrdiff_t)i * j.C * wp + m), f1 = X::load(k.Z[0] + (ptrdiff_t)i * wp + m);
			X f2 = second<R, Act>(f, f1), inner = X::zero(), outer = X::zero();
			const R *as = k.Abar + (ptrdiff_t)i * j.C * wp + m;
#pragma GCC unroll 16
			for (int c = 1; c < j.C; c++) {
				X abar = X::load(as + c * wp);
				if (c <= j.F) {
					inner = fma(abar, in[c], inner);
					g[c] = fma(abar, f1, g[c]);
				} else {
					outer = fma(abar, in[c], outer);
					g[c] = fma(abar, f2, g[c]);
				}
			}
			X zbar = f1 * X::load(as);
			if (j.C > 1) zbar = fma(f2, inner, zbar);
			if (j.C > j.F + 1) zbar = fma(half_third<R, Act>(f, f1), outer + outer, zbar);
			b += zbar;
#pragma GCC unroll 4
			for (int e = 0; e < FB_MAX_D; e++)
				if (e < k.d) gx[e] = fma(zbar, X::broadcast(x[e * stride + i]), gx[e]);
		}
#pragma GCC unroll 16
		for (int c = 1; c < j.C; c++) g[c].store(k.gIn + c * wp + m);
		b.store(k.gBias[0] + m);
		for (int e = 0; e < k.d; e++) (X::load(k.gFirst + e * wp + m) + gx[e]).store(k.gFirst + e * wp + m);
	}
}

// W̄_1 in gFirst: z̄_a reaches W_1[:,a] through z_a = W_1[:,a]/σ_a, Σ z̄_a = Σ f' ā_a + Σ_b (1+[a=b]) z_b Σ f'' ā_ab.
template <class R, class J> void first_finish(const J &j, const Deep<R> &k, const R *inv_sigma) {
	const int wp = k.wp[0];
	for (int c = 1; c <= j.F; c++)
		for (int m = 0; m < k.w[0]; m++) k.gFirst[j.axis(c) * wp + m] += inv_sigma[j.axis(c)] * k.gIn[c * wp + m];
	for (int c = j.F + 1; c < j.C; c++) {
		const int p = j.p(c), q = j.q(c), a = j.axis(p), b = j.axis(q);
		for (int m = 0; m < k.w[0]; m++) { // a = b: both lines apply and add up to the factor 2
			k.gFirst[a * wp + m] += inv_sigma[a] * k.gIn[c * wp + m] * k.in[q * wp + m];
			k.gFirst[b * wp + m] += inv_sigma[b] * k.gIn[c * wp + m] * k.in[p * wp + m];
		}
	}
}

// Forward of a chunk up to A of the last hidden layer, leaving the tape.
template <class R, int Act, class J>
void chunk_forward(const J &j, const Deep<R> &k, const R *x, ptrdiff_t stride, int n) {
	first_forward<R, Act>(j, k, x, stride, n);
	for (int l = 1; l < k.hidden; l++) {
		product<R>(k.A[l - 1], k.wp[l - 1], k.Wt[l], k.w[l - 1], k.Z[l], k.wp[l], n * j.C);
		hidden_forward<R, Act>(j, k, l, n);
	}
}

// Adds the chunk's part of the gradient, from v̄ and the tape, which it uses up.
template <class R, int Act, class J>
void chunk_backward(const J &j, const Deep<R> &k, const R *x, ptrdiff_t stride, int n) {
	output_backward<R>(j, k, n);
	for (int l = k.hidden - 1; l > 0; l--) {
		hidden_backward<R, Act>(j, k, l, n);
		outer<R>(k.Z[l], k.wp[l], k.A[l - 1], k.wp[l - 1], k.gW[l], n * j.C);
		product<R>(k.Z[l], k.wp[l], k.W[l], k.w[l], k.Abar, k.wp[l - 1], n * j.C);
	}
	first_backward<R, Act>(j, k, x, stride, n);
}

} // namespace
} // namespace FB_NS
