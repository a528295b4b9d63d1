// Between the networks of a tile and the points: U_k += W ⊗ (s_k v_k + m_k) scattered by the runs, and its adjoint. Lanes
// are points here.
#pragma once

#include "deep_layers.h"

namespace FB_NS {
namespace {

// The window product of a chunk: points from..from+n of a tile.
struct Window {
	const fb_plan *plan;
	const fb_tile *tile;
	int from, n;
};

// Calls f(i, m, point) for stretches of at most `lanes` points: chunk points i..i+m lie at point..point+m of the section.
template <int Lanes, class F> FB_INLINE void each_stretch(const Window &at, F f) {
	const fb_run *run = at.plan->runs + at.tile->run;
	for (int r = 0; r < at.tile->runs; r++, run++) {
		int begin = run->tile - at.from, end = begin + run->n;
		const int64_t shift = (int64_t)run->point - begin;
		if (begin < 0) begin = 0;
		if (end > at.n) end = at.n;
		for (int i = begin; i < end; i += Lanes) f(i, end - i < Lanes ? end - i : Lanes, i + shift);
	}
}

// U += W ⊗ (s v + shift). v is [out][nc][chunk] and is overwritten; offset: whether m_k applies (not to tangents).
template <class R, class J> void window_forward(const J &j, const Deep<R> &k, const Window &at, bool offset) {
	using X = V<R>;
	const fb_plan &p = *at.plan;
	const int64_t pad = fb_pad(at.tile->n);
	const R *w = (const R *)p.w + at.tile->w + at.from;
	const fb_section section = p.sections[at.tile->section];
	for (int o = 0; o < k.out; o++) {
		const R scale = ((const R *)p.scale)[o], shift = offset ? ((const R *)p.shift)[o] : R(0);
		R *v = k.v + (ptrdiff_t)o * j.C * k.chunk;
		for (int i = 0; i < at.n; i += X::lanes) {
			X f[DEEP_MAX_C], g[DEEP_MAX_C];
#pragma GCC unroll 16
			for (int c = 0; c < j.C; c++) {
				f[c] = X::loadu(w + c * pad + i);
				g[c] = X::load(v + c * k.chunk + i) * scale;
			}
			g[0] = g[0] + shift;
			(f[0] * g[0]).store(v + i);
#pragma GCC unroll 16
			for (int c = 1; c < j.C; c++) {
				X u = fma(f[c], g[0], f[0] * g[c]);
				if (c > j.F) u = fma(f[j.p(c)], g[j.q(c)], fma(f[j.q(c)], g[j.p(c)], u));
				u.store(v + c * k.chunk + i);
			}
		}
		R *u = (R *)p.u + section.base + (int64_t)o * j.C * section.stride;
		each_stretch<X::lanes>(at, [&](int i, int m, int64_t point) {
			for (int c = 0; c < j.C; c++) {
				R *to = u + c * section.stride + point;
				const R *from = v + c * k.chunk + i;
				if (m == X::lanes)
					(X::loadu(to) + X::loadu(from)).storeu(to);
				else
					(X::loadm(to, m) + X::loadm(from, m)).storem(to, m);
			}
		});
	}
}

// v̄ = s Wᵀ Ū; lanes beyond n of the last register become zero.
template <class R, class J> void window_backward(const J &j, const Deep<R> &k, const Window &at) {
	using X = V<R>;
	const fb_plan &p = *at.plan;
	const int64_t pad = fb_pad(at.tile->n);
	const R *w = (const R *)p.w + at.tile->w + at.from;
	const fb_section section = p.sections[at.tile->section];
	for (int o = 0; o < k.out; o++) {
		const R scale = ((const R *)p.scale)[o];
		R *v = k.vbar + (ptrdiff_t)o * j.C * k.chunk;
		for (int c = 0; c < j.C; c++) X::zero().store(v + c * k.chunk + (at.n - 1) / X::lanes * X::lanes);
		const R *u = (const R *)p.ubar + section.base + (int64_t)o * j.C * section.stride;
		each_stretch<X::lanes>(at, [&](int i, int m, int64_t point) {
			for (int c = 0; c < j.C; c++) {
				const R *from = u + c * section.stride + point;
				if (m == X::lanes)
					X::loadu(from).storeu(v + c * k.chunk + i);
				else
					X::loadm(from, m).storem(v + c * k.chunk + i, m);
			}
		});
		for (int i = 0; i < at.n; i += X::lanes) {
			X f[DEEP_MAX_C], u[DEEP_MAX_C], g[DEEP_MAX_C];
#pragma GCC unroll 16
			for (int c = 0; c < j.C; c++) f[c] = X::loadu(w + c * pad + i), u[c] = X::load(v + c * k.chunk + i), g[c] = f[0] * u[c];
#pragma GCC unroll 16
			for (int c = 1; c < j.C; c++) {
				g[0] = fma(f[c], u[c], g[0]);
				if (c > j.F) {
					g[j.p(c)] = fma(f[j.q(c)], u[c], g[j.p(c)]);
					g[j.q(c)] = fma(f[j.p(c)], u[c], g[j.q(c)]);
				}
			}
#pragma GCC unroll 16
			for (int c = 0; c < j.C; c++) (g[c] * scale).store(v + c * k.chunk + i);
		}
	}
}

} // namespace
} // namespace FB_NS
