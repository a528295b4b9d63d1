// Blocks J_j of networks with one hidden layer and plain inputs (kernels.Kernel.Block), for any set of jets and any number of unknowns.
//
// z = w·x̂ + b is linear in x, so the jet of a neuron has one term a component: with w̃_a = w_a/σ_a and |m| the order of component m,
//
//	v_m = Σ_k v_k ω_m φ⁽|m|⁾(z_k),   ω_m = Π_a w̃_a^m_a
//
// Window and un-normalisation are folded into the adjoints first, N̄ = s Wᵀ Ū (Leibniz), once a point. Then, with the sums over components
// of one order G_n = Σ_{|m|=n} N̄_m ω_m, the entries of a neuron are
//
//	∂/∂v = Σ_n G_n φ⁽ⁿ⁾        z̄ = ∂/∂b = v Σ_n G_n φ⁽ⁿ⁺¹⁾
//	∂/∂w_a = z̄ x̂_a + v Σ_m N̄_m φ⁽|m|⁾ (m_a/σ_a) Π_b w̃_b^(m_b-[a=b])
//
// so a point and neuron cost one φ and n_c multiply-adds, or about three times as many for all columns. Lanes are points, neurons are in
// the outer loop: what belongs to a neuron stays in registers, N̄ and x̂ of a chunk in the first-level cache, and columns are written in
// long stretches. Adaptive activations A f(k z) are the plain ones with k in w and b, and A kⁿ in ω; their slopes have no path here.
#pragma once

#include "generic.h"
#include "shallow.h"

namespace FB_NS {
namespace {

// φ⁽ⁿ⁾ = k_n q_n, the factors k_n folded into ω: Σ_n G_n φ⁽ⁿ⁾, the same without n = 0, and Σ_n G_n φ⁽ⁿ⁺¹⁾, for n <= K. S is 1-t² over 4.
struct TanhOrders : Tanh {
	static constexpr double k[] = {1, 4, -8, 8, 32}; // t, S, tS, qS, t(1-q)S with q = 3t²-1
	template <int K, class R> FB_INLINE V<R> above(V<R> t, V<R> S, const V<R> (&G)[K + 1]) {
		V<R> u = fma(t, G[2], G[1]);
		if (K > 2) {
			V<R> q = fma(t * R(3), t, V<R>(R(-1)));
			u = fma(q, G[K > 2 ? 3 : 0], u);
			if (K > 3) u = fma(fnma(t, q, t), G[K > 3 ? 4 : 0], u);
		}
		return S * u;
	}
	template <int K, class R> FB_INLINE V<R> value(V<R> t, V<R> S, const V<R> (&G)[K + 1]) { return fma(t, G[0], above<K, R>(t, S, G)); }
	template <int K, class R> FB_INLINE V<R> shifted(V<R> t, V<R> S, const V<R> (&G)[K + 1]) {
		V<R> q = fma(t * R(3), t, V<R>(R(-1))), u = fma(t * R(-2), G[1], G[0] * R(4));
		u = fnma(q, G[2], u);
		if (K > 2) u = fma(fnma(t, q, t) * R(4), G[K > 2 ? 3 : 0], u);
		if (K > 3) u = fma(fma(t * t, fma(t * R(15), t, V<R>(R(-15))), V<R>(R(2))), G[K > 3 ? 4 : 0], u);
		return S * u;
	}
};
struct SinOrders : Sin {
	static constexpr double k[] = {1, 1, -1, -1, 1}; // t, S, t, S, t
	template <int K, class R> FB_INLINE V<R> odd(const V<R> (&G)[K + 1]) { return K > 2 ? G[1] + G[K > 2 ? 3 : 0] : G[1]; }
	template <int K, class R> FB_INLINE V<R> even(const V<R> (&G)[K + 1]) { return K > 3 ? G[2] + G[K > 3 ? 4 : 0] : G[2]; }
	template <int K, class R> FB_INLINE V<R> above(V<R> t, V<R> S, const V<R> (&G)[K + 1]) { return fma(t, even<K, R>(G), S * odd<K, R>(G)); }
	template <int K, class R> FB_INLINE V<R> value(V<R> t, V<R> S, const V<R> (&G)[K + 1]) {
		return fma(t, G[0] + even<K, R>(G), S * odd<K, R>(G));
	}
	template <int K, class R> FB_INLINE V<R> shifted(V<R> t, V<R> S, const V<R> (&G)[K + 1]) {
		return fnma(t, odd<K, R>(G), S * (G[0] + even<K, R>(G)));
	}
};

// Jets to order K = 2 or 4; lower ones have empty sums.
template <class R, class Phi, int K> struct ShallowBlock {
	using Vec = V<R>;
	static constexpr int L = Vec::lanes, chunk = 256; // points: N̄ of five components takes a third of a first-level cache
	static constexpr int wide = FB_BITS == 512 ? 4 : 2, wideAll = FB_BITS == 512 ? 2 : 1;

	// Which components belong to an order n, first[n] to first[n+1]-1, and for each coordinate a those with a derivative along a: component
	// c[j] for j = at[a][n] to at[a][n+1]-1. at[a] begins where at[a-1] ends.
	struct Terms {
		int d, nc, out, width;
		int first[K + 2], at[FB_MAX_D][K + 2], c[FB_MAX_D * FB_MAX_JETS], terms;
		int row; // reals of a neuron: k w_a, k b, ω [nc], v [out], then its terms times v [out][terms]

		FB_MEMBER explicit Terms(const fb_plan *p) : d(p->d), nc(p->nc), out(p->out), width(p->layers[0].out), terms(0) {
			int at_c = 0;
			for (int n = 0; n <= K + 1; n++) {
				first[n] = at_c;
				while (at_c < nc && order(p, at_c) == n) at_c++;
			}
			for (int a = 0; a < d; a++) {
				int m = 0;
				for (int n = 0; n <= K + 1; n++) {
					at[a][n] = terms;
					for (; m < nc && order(p, m) == n; m++)
						if (p->index[m][a]) c[terms++] = m;
				}
			}
			row = d + 1 + nc + out + out * terms;
		}
		FB_INLINE int order(const fb_plan *p, int m) { return p->index[m][0] + p->index[m][1] + p->index[m][2] + p->index[m][3]; }
	};

	// Writes the rows of all neurons of a tile.
	static void prepare(const fb_plan *p, const Terms &e, const R *theta, const R *inv, bool all, R *rows) {
		const fb_layer &l0 = p->layers[0], &l1 = p->layers[1];
		for (int i = 0; i < e.width; i++) {
			R *r = rows + (int64_t)i * e.row, A = 1, k = 1, power[FB_MAX_D][K + 1];
			if (p->act >= FB_ADAPTIVE_TANH) A = theta[l0.slope + i];
			if (p->act == FB_ADAPTIVE_TANH) k = 1 / A;
			if (p->act == FB_ADAPTIVE_SIN) k = theta[l0.slope + l0.out + i];
			for (int a = 0; a < e.d; a++) {
				R w = theta[l0.w + i * e.d + a] * k;
				*r++ = w * R(Phi::kz);
				power[a][0] = 1;
				for (int n = 1; n <= K; n++) power[a][n] = power[a][n - 1] * (w * inv[a]);
			}
			*r++ = theta[l0.b + i] * k * R(Phi::kz);
			for (int c = 0; c < e.nc; c++) {
				R omega = A * R(Phi::k[Terms::order(p, c)]);
				for (int a = 0; a < e.d; a++) omega *= power[a][p->index[c][a]];
				*r++ = omega;
			}
			if (!all) continue;
			for (int o = 0; o < e.out; o++) *r++ = theta[l1.w + o * l1.in + i];
			for (int o = 0; o < e.out; o++) {
				R v = theta[l1.w + o * l1.in + i];
				int j = 0;
				for (int a = 0; a < e.d; a++)
					for (; j < e.at[a][K + 1]; j++) {
						const uint8_t *m = p->index[e.c[j]];
						R term = v * inv[a] * R(m[a]) * R(Phi::k[Terms::order(p, e.c[j])]);
						for (int b = 0; b < e.d; b++) term *= power[b][a == b ? m[b] - 1 : m[b]];
						*r++ = term;
					}
			}
		}
	}

	// N̄ from Ū in place, rows of pitch chunk: N̄_b = s Σ coef W_a Ū_c.
	static void window_adjoint(const fb_plan *p, const Terms &e, const R *w, int64_t pad, int n, R *bar) {
		const fb_generic_tables &tab = *(const fb_generic_tables *)p->tables;
		for (int o = 0; o < e.out; o++, bar += e.nc * chunk) {
			const Vec s(((const R *)p->scale)[o]);
			for (int i = 0; i < n; i += L) {
				Vec sum[FB_MAX_JETS];
				for (int c = 0; c < e.nc; c++) sum[c] = Vec::zero();
				for (int t = 0; t < tab.products; t++) {
					const fb_product &m = tab.product[t];
					sum[m.b] = fma(Vec::load(w + m.a * pad + i) * R(m.coef), Vec::load(bar + m.c * chunk + i), sum[m.b]);
				}
				for (int c = 0; c < e.nc; c++) (sum[c] * s).store(bar + c * chunk + i);
			}
		}
	}

	template <int U> FB_INLINE void activate(const Terms &e, const R *row, const R *x, int64_t pad, Vec (&t)[U], Vec (&S)[U]) {
		Vec y[U];
		FB_UNROLL for (int u = 0; u < U; u++) y[u] = fma(Vec::load(x + u * L), Vec(row[0]), Vec(row[e.d]));
		for (int a = 1; a < e.d; a++)
			FB_UNROLL for (int u = 0; u < U; u++) y[u] = fma(Vec::load(x + a * pad + u * L), Vec(row[a]), y[u]);
		Phi::template parts<U>(y, t, S);
	}

	// G_n = Σ_{|m|=n} N̄_m ω_m.
	template <int U> FB_INLINE void orders(const Terms &e, const R *omega, const R *bar, Vec (&G)[U][K + 1]) {
		FB_UNROLL for (int n = 0; n <= K; n++) {
			FB_UNROLL for (int u = 0; u < U; u++) G[u][n] = Vec::zero();
			for (int c = e.first[n]; c < e.first[n + 1]; c++)
				FB_UNROLL for (int u = 0; u < U; u++) G[u][n] = fma(Vec::load(bar + c * chunk + u * L), Vec(omega[c]), G[u][n]);
		}
	}

	// The output weights of one neuron at U vectors of points: columns `next` apart for the unknowns.
	template <int U> FB_INLINE void output(const Terms &e, const R *row, const R *x, int64_t pad, const R *bar, R *out, int64_t next) {
		Vec t[U], S[U], G[U][K + 1];
		activate<U>(e, row, x, pad, t, S);
		for (int o = 0; o < e.out; o++, bar += e.nc * chunk, out += next) {
			orders<U>(e, row + e.d + 1, bar, G);
			FB_UNROLL for (int u = 0; u < U; u++) Phi::template value<K, R>(t[u], S[u], G[u]).storeu(out + u * L);
		}
	}

	// All parameters of one neuron.
	struct Places {
		R *v, *w, *b;
		int64_t next, ld; // from one unknown to the next; from one coordinate to the next
	};
	template <int U> FB_INLINE void all(const Terms &e, const R *row, const R *x, int64_t pad, const R *bar, const Places &at, int i) {
		Vec t[U], S[U], G[U][K + 1], z[U], sum[U][K + 1];
		activate<U>(e, row, x, pad, t, S);
		const R *v = row + e.d + 1 + e.nc, *term = v + e.out;
		for (int o = 0; o < e.out; o++) {
			orders<U>(e, row + e.d + 1, bar + o * e.nc * chunk, G);
			FB_UNROLL for (int u = 0; u < U; u++) {
				Phi::template value<K, R>(t[u], S[u], G[u]).storeu(at.v + o * at.next + i + u * L);
				FB_UNROLL for (int n = 0; n <= K; n++) sum[u][n] = o == 0 ? G[u][n] * v[0] : fma(G[u][n], Vec(v[o]), sum[u][n]);
			}
		}
		FB_UNROLL for (int u = 0; u < U; u++) {
			z[u] = Phi::template shifted<K, R>(t[u], S[u], sum[u]);
			z[u].storeu(at.b + i + u * L);
		}
		for (int a = 0; a < e.d; a++) {
			FB_UNROLL for (int n = 0; n <= K; n++) {
				FB_UNROLL for (int u = 0; u < U; u++) G[u][n] = Vec::zero();
				if (n == 0) continue;
				for (int o = 0; o < e.out; o++)
					for (int j = e.at[a][n]; j < e.at[a][n + 1]; j++) {
						const R *from = bar + (o * e.nc + e.c[j]) * chunk;
						FB_UNROLL for (int u = 0; u < U; u++) G[u][n] = fma(Vec::load(from + u * L), Vec(term[o * e.terms + j]), G[u][n]);
					}
			}
			FB_UNROLL for (int u = 0; u < U; u++)
				fma(z[u], Vec::load(x + a * pad + u * L), Phi::template above<K, R>(t[u], S[u], G[u])).storeu(at.w + a * at.ld + i + u * L);
		}
	}

	static void block(const fb_plan *p, int32_t tile, int32_t from, void *to, int64_t ld) {
		const fb_tile &t = p->tiles[tile];
		const fb_layer &l0 = p->layers[0], &l1 = p->layers[1];
		const bool hidden = from <= l0.w;
		if (hidden && p->act >= FB_ADAPTIVE_TANH) return generic_block<R>(p, tile, from, to, ld);
		const Terms e(p);
		R *bar = (R *)p->scratch, *rows = bar + e.out * e.nc * chunk, *out = (R *)to - from * ld;
		prepare(p, e, (const R *)p->theta + (int64_t)t.sub * p->params, (const R *)p->inv_sigma + (int64_t)t.sub * p->d, hidden, rows);
		const int64_t pad = fb_pad(t.n);
		int64_t stride;
		const R *planes = section_of<R>(p, t, (void *)p->ubar, &stride);
		Runs runs(p, t);
		for (int lo = 0; lo < t.n; lo += chunk) {
			const int hi = lo + chunk < t.n ? lo + chunk : t.n, n = fb_pad(hi - lo);
			const R *x = (const R *)p->x + t.x + lo;
			for (int c = 0; c < e.out * e.nc; c++)
				for (int i = hi - lo; i < n; i++) bar[c * chunk + i] = 0;
			gather(runs, lo, hi, planes, stride, bar, chunk, e.out * e.nc);
			window_adjoint(p, e, (const R *)p->w + t.w + lo, pad, n, bar);
			for (int k = 0; k < e.width; k++) {
				const R *row = rows + (int64_t)k * e.row;
				const Places at = {out + (l1.w + k) * ld + lo, out + (l0.w + k * e.d) * ld + lo, out + (l0.b + k) * ld + lo, l1.in * ld, ld};
				int i = 0;
				if (hidden) {
					for (; i + wideAll * L <= n; i += wideAll * L) all<wideAll>(e, row, x + i, pad, bar + i, at, i);
					for (; i < n; i += L) all<1>(e, row, x + i, pad, bar + i, at, i);
				} else {
					for (; i + wide * L <= n; i += wide * L) output<wide>(e, row, x + i, pad, bar + i, at.v + i, at.next);
					for (; i < n; i += L) output<1>(e, row, x + i, pad, bar + i, at.v + i, at.next);
				}
			}
			for (int o = 0; o < e.out; o++) // the bias has the value's component alone
				for (int i = 0; i < n; i += L) Vec::load(bar + o * e.nc * chunk + i).storeu(out + (l1.b + o) * ld + lo + i);
		}
		clear_padding<R>(p, t, from, (R *)to, ld);
	}

	static int64_t scratch(const fb_plan *p) {
		const Terms e(p);
		return (int64_t)sizeof(R) * (e.out * e.nc * chunk + (int64_t)e.width * e.row);
	}
};

// Gives the kernel this block if the network is one for it.
template <class R> static void take_shallow_block(fb_kernel &k, const fb_plan *p) {
	if (p->hidden != 1 || p->fourier != 0 || p->inputs != p->d) return;
	const bool sine = p->act == FB_SIN || p->act == FB_ADAPTIVE_SIN;
	int64_t bytes;
	if (p->order > 2) {
		k.block = sine ? ShallowBlock<R, SinOrders, 4>::block : ShallowBlock<R, TanhOrders, 4>::block;
		bytes = ShallowBlock<R, TanhOrders, 4>::scratch(p);
	} else {
		k.block = sine ? ShallowBlock<R, SinOrders, 2>::block : ShallowBlock<R, TanhOrders, 2>::block;
		bytes = ShallowBlock<R, TanhOrders, 2>::scratch(p);
	}
	if (k.block_scratch < bytes) k.block_scratch = bytes;
}

} // namespace
} // namespace FB_NS
