// Jets of order <= 2 through one activation, its adjoint and its tangent, for neurons in the lanes.
//
// The component lists are types: their loops unroll and their look-ups are constants. ListedJets carries any other list at
// run time through the same code.
#pragma once

#include "simd.h"

namespace FB_NS {
namespace {

enum { DEEP_MAX_C = 15 }; // value, 4 first, 10 second derivatives

// Components: 0 the value, 1..F first derivatives in coordinate axis(c), then second derivatives of the firsts p(c) <= q(c)
// (positions in the list). Codes of the template arguments: 10+a for u_a; 100 + 10 p + q for a second derivative.
template <int... Codes> struct FixedJets {
	static constexpr int codes[] = {Codes..., 0};
	static constexpr int C = sizeof...(Codes) + 1;
	static constexpr int count() {
		int f = 0;
		for (int k = 0; k + 1 < C; k++) f += codes[k] < 100;
		return f;
	}
	static constexpr int F = count();
	static constexpr int axis(int c) { return codes[c - 1] - 10; }
	static constexpr int p(int c) { return (codes[c - 1] - 100) / 10; }
	static constexpr int q(int c) { return (codes[c - 1] - 100) % 10; }
	FB_MEMBER bool read(const fb_plan &plan); // whether the plan asks for just this list
};

struct ListedJets {
	int C, F;
	int8_t axes[DEEP_MAX_C], ps[DEEP_MAX_C], qs[DEEP_MAX_C];
	FB_MEMBER int axis(int c) const { return axes[c]; }
	FB_MEMBER int p(int c) const { return ps[c]; }
	FB_MEMBER int q(int c) const { return qs[c]; }
	bool read(const fb_plan &plan); // false above second order
};

bool ListedJets::read(const fb_plan &plan) {
	if (plan.order > 2 || plan.nc > DEEP_MAX_C) return false;
	int at[FB_MAX_D] = {0, 0, 0, 0};
	C = plan.nc, F = 0;
	for (int c = 1; c < C; c++) {
		int a = -1, b = -1, order = 0;
		for (int k = 0; k < FB_MAX_D; k++)
			for (int m = plan.index[c][k]; m > 0; m--, order++) (a < 0 ? a : b) = k;
		axes[c] = ps[c] = qs[c] = 0;
		if (order == 1) {
			axes[c] = (int8_t)a, at[a] = c;
			F++;
		} else {
			ps[c] = (int8_t)at[a], qs[c] = (int8_t)at[b];
		}
	}
	return true;
}

template <int... Codes> FB_MEMBER bool FixedJets<Codes...>::read(const fb_plan &plan) {
	ListedJets l;
	if (!l.read(plan) || l.C != C || l.F != F) return false;
	for (int c = 1; c <= F; c++)
		if (l.axes[c] != axis(c)) return false;
	for (int c = F + 1; c < C; c++)
		if (l.ps[c] != p(c) || l.qs[c] != q(c)) return false;
	return true;
}

typedef FixedJets<10, 111> Jets3;                // u, u_x, u_xx
typedef FixedJets<10, 11, 111> Jets4;            // u, u_x, u_t, u_xx
typedef FixedJets<10, 11, 111, 122> Jets5;       // u, u_x, u_y, u_xx, u_yy
typedef FixedJets<10, 11, 111, 112, 122> Jets6;  // full Hessian in 2 coordinates
typedef FixedJets<10, 11, 12, 111, 122, 133> Jets7; // Laplacian in 3 coordinates

// f, f' of the activation at U places side by side, which hides the latency of its long chain of operations.
template <class R, int Act, int U> FB_INLINE void activate(const V<R> (&z)[U], V<R> (&f)[U], V<R> (&f1)[U]) {
	if constexpr (Act == FB_TANH) {
		V<R> y[U];
#pragma GCC unroll 8
		for (int u = 0; u < U; u++) y[u] = z[u] * R(2.8853900817779268); // 2 log2(e)
		vtanh_quarter<U>(y, f, f1);
#pragma GCC unroll 8
		for (int u = 0; u < U; u++) f1[u] *= V<R>(R(4));
	} else {
#pragma GCC unroll 8
		for (int u = 0; u < U; u++) vsincos(z[u], f[u], f1[u]);
	}
}

// f'' and f'''/2 from f and f'.
template <class R, int Act> FB_INLINE V<R> second(V<R> f, V<R> f1) {
	if constexpr (Act == FB_TANH) return f * f1 * R(-2);
	return -f;
}
template <class R, int Act> FB_INLINE V<R> half_third(V<R> f, V<R> f1) {
	if constexpr (Act == FB_TANH) return f1 * fma(f * f, V<R>(R(3)), V<R>(R(-1)));
	return f1 * R(-0.5);
}

// a_c from z_c (c >= 1) and f, f', f'': a_a = f' z_a, a_ab = f' z_ab + f'' z_a z_b.
template <class R, class J>
FB_INLINE void compose(const J &j, V<R> f1, V<R> f2, const V<R> *z, V<R> *a) {
	V<R> g[DEEP_MAX_C];
#pragma GCC unroll 16
	for (int c = 1; c <= j.F; c++) a[c] = f1 * z[c], g[c] = f2 * z[c];
#pragma GCC unroll 16
	for (int c = j.F + 1; c < j.C; c++) a[c] = fma(g[j.p(c)], z[j.q(c)], f1 * z[c]);
}

// Adjoint of compose and of the value: z̄ from ā, z (c >= 1) and f, f'. With e_i = sum over the seconds that hold i:
// z̄_i = f' ā_i + f'' e_i and the third-order term of z̄_0 is f'''/2 sum_i e_i z_i.
template <class R, int Act, class J>
FB_INLINE void compose_adjoint(const J &j, V<R> f, V<R> f1, const V<R> *z, const V<R> *abar, V<R> *zbar) {
	V<R> e[DEEP_MAX_C];
#pragma GCC unroll 16
	for (int c = 1; c <= j.F; c++) e[c] = V<R>::zero();
	V<R> inner = V<R>::zero(), outer = V<R>::zero();
#pragma GCC unroll 16
	for (int c = j.F + 1; c < j.C; c++) {
		const int p = j.p(c), q = j.q(c);
		zbar[c] = f1 * abar[c];
		inner = fma(abar[c], z[c], inner);
		if (p == q) {
			e[p] = fma(abar[c] + abar[c], z[p], e[p]);
		} else {
			e[p] = fma(abar[c], z[q], e[p]);
			e[q] = fma(abar[c], z[p], e[q]);
		}
	}
	V<R> f2 = second<R, Act>(f, f1);
#pragma GCC unroll 16
	for (int c = 1; c <= j.F; c++) {
		zbar[c] = fma(f2, e[c], f1 * abar[c]);
		inner = fma(abar[c], z[c], inner);
		outer = fma(e[c], z[c], outer);
	}
	zbar[0] = fma(f1, abar[0], f2 * inner);
	if (j.C > j.F + 1) zbar[0] = fma(half_third<R, Act>(f, f1), outer, zbar[0]);
}

// Tangent of compose and of the value: ȧ from z, ż.
template <class R, int Act, class J>
FB_INLINE void compose_tangent(const J &j, V<R> f, V<R> f1, const V<R> *z, const V<R> *zdot, V<R> *adot) {
	V<R> f2 = second<R, Act>(f, f1), d1 = f2 * zdot[0], d2 = half_third<R, Act>(f, f1) * zdot[0] * R(2);
	adot[0] = f1 * zdot[0];
#pragma GCC unroll 16
	for (int c = 1; c <= j.F; c++) adot[c] = fma(d1, z[c], f1 * zdot[c]);
#pragma GCC unroll 16
	for (int c = j.F + 1; c < j.C; c++) {
		const int p = j.p(c), q = j.q(c);
		V<R> cross = fma(zdot[p], z[q], z[p] * zdot[q]);
		adot[c] = fma(d1, z[c], f1 * zdot[c]) + fma(f2, cross, d2 * z[p] * z[q]);
	}
}

} // namespace
} // namespace FB_NS
