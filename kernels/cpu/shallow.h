// Networks with one hidden layer, plain inputs and jets of order <= 2, for sets of components known when compiling.
//
// With t = φ(z), s = φ', p = φ'', q = φ''' of a neuron, its input weights w̃_a = w_a/σ_a and its output weight v, the jet of
// the network is (method: docs/theory.md, section 6)
//
//	N = Σ v t + b    N_a = Σ (v w̃_a) s    N_ab = Σ (v w̃_a w̃_b) p
//
// so a neuron and point cost one φ and n_c multiply-adds. The tangent along (ẇ, ḃ, v̇) has, with ż = ẇ·x̂ + ḃ, another n_c of them:
//
//	Ṅ_m = Σ (v ω_m)˙ φ⁽|m|⁾ + (v ω_m) φ⁽|m|⁺¹⁾ ż,   ω = 1, w̃_a, w̃_a w̃_b
//
// and is as cheap as the values where only v and the last bias move (frozen features). The adjoint z̄ = s A + p B + q C has A = v N̄, B = Σ v w̃_a N̄_a,
// C = Σ v w̃_a w̃_b N̄_ab; what reaches v and w̃ directly goes through Σ t N̄, Σ s N̄_a, Σ p N̄_ab over the points.
//
// Forward and Tangent have points in the lanes, so that the sum over neurons is plain; Adjoint has neurons in the lanes, so that the sums
// over points are: neither needs a horizontal sum.
#pragma once

#include "scatter.h"

namespace FB_NS {
namespace {

#define FB_UNROLL _Pragma("GCC unroll 16")

// The components u, u_a for a in first, u_ab for (a,b) in second (bit 4a+b), in the order of kernels.Jets.
template <int D, unsigned First, unsigned Second> struct Set {
	static constexpr int nf = __builtin_popcount(First), ns = __builtin_popcount(Second), nc = 1 + nf + ns;
	struct Table { int axis[4], a[10], b[10], place[4]; }; // place: component of u_a
	static constexpr Table make() {
		Table t{};
		int f = 0, s = 0;
		for (int a = 0; a < D; a++)
			if (First >> a & 1) {
				t.axis[f] = a;
				t.place[a] = 1 + f++;
			}
		for (int a = 0; a < D; a++)
			for (int b = a; b < D; b++)
				if (Second >> (4 * a + b) & 1) {
					t.a[s] = a;
					t.b[s++] = b;
				}
		return t;
	}
	static constexpr Table at = make();
};

// φ as the kernel wants it: from y = kz·z the value t, S = s/ks, P = p/kp, Q = q/kq, and z̄ from A', B', C' that were built with the
// factors ka, kb, kc.
struct Tanh { // P = t S; z̄ = s(A - 2C + t(-2B + 6tC))
	static constexpr double kz = 2.8853900817779268, ks = 4, kp = -8, kq = 8, ka = 4, kb = -8, kc = 24;
	template <int U, class R> FB_INLINE void parts(const V<R> (&y)[U], V<R> (&t)[U], V<R> (&S)[U]) { vtanh_quarter<U>(y, t, S); }
	template <class R> FB_INLINE V<R> second(V<R> t, V<R> S) { return t * S; }
	template <class R> FB_INLINE V<R> third(V<R> t, V<R> S) { return S * fma(t * R(3), t, V<R>(R(-1))); }
	template <class R> FB_INLINE V<R> zbar2(V<R> t, V<R> S, V<R> A, V<R> B, V<R> C) { return S * fma(t, fma(t, C, B), fma(C, V<R>(R(-1. / 3)), A)); }
	template <class R> FB_INLINE V<R> zbar1(V<R> t, V<R> S, V<R> A, V<R> B) { return S * fma(t, B, A); }
};
struct Sin { // S = cos z, P = t; z̄ = S(A - C) - tB
	static constexpr double kz = 1, ks = 1, kp = -1, kq = -1, ka = 1, kb = -1, kc = -1;
	template <int U, class R> FB_INLINE void parts(const V<R> (&y)[U], V<R> (&t)[U], V<R> (&S)[U]) {
		FB_UNROLL for (int u = 0; u < U; u++) vsincos(y[u], t[u], S[u]);
	}
	template <class R> FB_INLINE V<R> second(V<R> t, V<R>) { return t; }
	template <class R> FB_INLINE V<R> third(V<R>, V<R> S) { return S; }
	template <class R> FB_INLINE V<R> zbar2(V<R> t, V<R> S, V<R> A, V<R> B, V<R> C) { return fma(S, A + C, t * B); }
	template <class R> FB_INLINE V<R> zbar1(V<R> t, V<R> S, V<R> A, V<R> B) { return fma(S, A, t * B); }
};

template <class R, class Phi, int D, unsigned First, unsigned Second, int Out> struct Shallow {
	using J = Set<D, First, Second>;
	using Vec = V<R>;
	static constexpr int L = Vec::lanes, nc = J::nc, nf = J::nf, ns = J::ns;
	static constexpr int rows = D + 1 + Out * nc; // of a block of L neurons: kz w_a, kz b, then v, ks v w̃_a, kp v w̃_a w̃_b
	static constexpr int moving_rows = rows + D + 1 + Out * nc; // behind them w˙_a, b˙, then v ks, v kp w̃_a, v kq w̃_a w̃_b: what ż multiplies
	static constexpr int wide = FB_BITS == 512 ? 2 : 1;

	// A block of neurons, one in a lane; lanes beyond the width hold zeros.
	struct Block {
		Vec w[D], b, v[Out], wt[D];
	};

	FB_INLINE Block block(const fb_plan *p, const R *theta, const R *inv, int first, int width) {
		Block k;
		const fb_layer &l0 = p->layers[0], &l1 = p->layers[1];
		if (D == 1) {
			k.w[0] = Vec::loadm(theta + l0.w + first, width);
		} else {
			alignas(64) R column[D][L] = {};
			const R *row = theta + l0.w + first * D;
			for (int i = 0; i < width; i++)
				for (int a = 0; a < D; a++) column[a][i] = row[i * D + a];
			FB_UNROLL for (int a = 0; a < D; a++) k.w[a] = Vec::load(column[a]);
		}
		k.b = Vec::loadm(theta + l0.b + first, width);
		FB_UNROLL for (int o = 0; o < Out; o++) k.v[o] = Vec::loadm(theta + l1.w + o * l1.in + first, width);
		FB_UNROLL for (int a = 0; a < D; a++) k.wt[a] = k.w[a] * inv[a];
		return k;
	}

	// The parts of v ω_m, by component, with factors for φ, φ', φ'' of the neuron.
	FB_INLINE void omegas(Vec v, const Vec (&wt)[D], R k0, R k1, R k2, Vec (&to)[nc]) {
		to[0] = v * k0;
		FB_UNROLL for (int f = 0; f < nf; f++) to[1 + f] = v * wt[J::at.axis[f]] * k1;
		FB_UNROLL for (int s = 0; s < ns; s++) to[1 + nf + s] = v * wt[J::at.a[s]] * wt[J::at.b[s]] * k2;
	}

	// Writes the rows of all blocks; the scale of the unknown rides on v. With a direction, the rows of its tangent: dir is null, or
	// moves the output alone, or (moving) all.
	template <bool Moving> FB_INLINE void prepare(const fb_plan *p, const R *theta, const R *dir, const R *inv, R *out) {
		const R *scale = (const R *)p->scale;
		int width = p->layers[0].out;
		for (int first = 0; first < width; first += L) {
			int here = width - first < L ? width - first : L;
			Block k = block(p, theta, inv, first, here), moved;
			if (dir) moved = block(p, dir, inv, first, here);
			FB_UNROLL for (int a = 0; a < D; a++, out += L) (k.w[a] * R(Phi::kz)).store(out);
			(k.b * R(Phi::kz)).store(out);
			out += L;
			FB_UNROLL for (int o = 0; o < Out; o++) {
				Vec omega[nc], v = k.v[o] * scale[o];
				omegas((dir ? moved : k).v[o] * scale[o], k.wt, R(1), R(Phi::ks), R(Phi::kp), omega);
				if (Moving) { // v ω˙
					FB_UNROLL for (int f = 0; f < nf; f++) omega[1 + f] = fma(v * R(Phi::ks), moved.wt[J::at.axis[f]], omega[1 + f]);
					FB_UNROLL for (int s = 0; s < ns; s++) {
						int a = J::at.a[s], b = J::at.b[s];
						Vec pair = fma(moved.wt[a], k.wt[b], k.wt[a] * moved.wt[b]);
						omega[1 + nf + s] = fma(v * R(Phi::kp), pair, omega[1 + nf + s]);
					}
				}
				FB_UNROLL for (int c = 0; c < nc; c++, out += L) omega[c].store(out);
			}
			if (!Moving) continue;
			FB_UNROLL for (int a = 0; a < D; a++, out += L) moved.w[a].store(out);
			moved.b.store(out);
			out += L;
			FB_UNROLL for (int o = 0; o < Out; o++) {
				Vec omega[nc];
				omegas(k.v[o] * scale[o], k.wt, R(Phi::ks), R(Phi::kp), R(Phi::kq), omega);
				FB_UNROLL for (int c = 0; c < nc; c++, out += L) omega[c].store(out);
			}
		}
	}

	// U vectors of points: network jets or their tangents, un-normalised, times the window, into rows of pitch chunk_points.
	template <int U, bool Moving> FB_INLINE void points(const R *x, const R *window, int pad, const R *weights, int width, const R *base, R *rows_out, Ahead<R> &ahead) {
		Vec in[D][U], acc[Out * nc][U];
		FB_UNROLL for (int a = 0; a < D; a++)
			FB_UNROLL for (int u = 0; u < U; u++) in[a][u] = Vec::load(x + (int64_t)a * pad + u * L);
		FB_UNROLL for (int c = 0; c < Out * nc; c++)
			FB_UNROLL for (int u = 0; u < U; u++) acc[c][u] = Vec::zero();
		for (int first = 0; first < width; first += L, weights += (Moving ? moving_rows : rows) * L) {
			int here = width - first < L ? width - first : L;
			for (int j = 0; j < here; j++) {
				const R *k = weights + j;
				ahead.template ask<Out * nc>();
				Vec y[U], t[U], S[U], P[U];
				FB_UNROLL for (int u = 0; u < U; u++) y[u] = fma(in[0][u], Vec(k[0]), Vec(k[D * L]));
				FB_UNROLL for (int a = 1; a < D; a++)
					FB_UNROLL for (int u = 0; u < U; u++) y[u] = fma(in[a][u], Vec(k[a * L]), y[u]);
				Phi::template parts<U>(y, t, S);
				if (ns > 0)
					FB_UNROLL for (int u = 0; u < U; u++) P[u] = Phi::second(t[u], S[u]);
				FB_UNROLL for (int o = 0; o < Out; o++)
					FB_UNROLL for (int c = 0; c < nc; c++) {
						Vec weight(k[(D + 1 + o * nc + c) * L]);
						FB_UNROLL for (int u = 0; u < U; u++) acc[o * nc + c][u] = fma(weight, c == 0 ? t[u] : c <= nf ? S[u] : P[u], acc[o * nc + c][u]);
					}
				if (Moving) {
					const R *m = k + rows * L;
					Vec z[U], Q[U];
					FB_UNROLL for (int u = 0; u < U; u++) z[u] = fma(in[0][u], Vec(m[0]), Vec(m[D * L]));
					FB_UNROLL for (int a = 1; a < D; a++)
						FB_UNROLL for (int u = 0; u < U; u++) z[u] = fma(in[a][u], Vec(m[a * L]), z[u]);
					FB_UNROLL for (int u = 0; u < U; u++) {
						if (ns > 0) Q[u] = Phi::third(t[u], S[u]) * z[u];
						if (nf > 0) P[u] = Phi::second(t[u], S[u]) * z[u];
						S[u] = S[u] * z[u];
					}
					FB_UNROLL for (int o = 0; o < Out; o++)
						FB_UNROLL for (int c = 0; c < nc; c++) {
							Vec weight(m[(D + 1 + o * nc + c) * L]);
							FB_UNROLL for (int u = 0; u < U; u++) acc[o * nc + c][u] = fma(weight, c == 0 ? S[u] : c <= nf ? P[u] : Q[u], acc[o * nc + c][u]);
						}
				}
			}
		}
		FB_UNROLL for (int u = 0; u < U; u++) {
			Vec w[nc];
			FB_UNROLL for (int c = 0; c < nc; c++) w[c] = Vec::load(window + (int64_t)c * pad + u * L);
			FB_UNROLL for (int o = 0; o < Out; o++) {
				Vec g[nc];
				g[0] = acc[o * nc][u] + base[o];
				FB_UNROLL for (int c = 1; c < nc; c++) g[c] = acc[o * nc + c][u];
				R *row = rows_out + o * nc * chunk_points + u * L;
				(w[0] * g[0]).store(row);
				FB_UNROLL for (int f = 1; f <= nf; f++) fma(w[0], g[f], w[f] * g[0]).store(row + f * chunk_points);
				FB_UNROLL for (int s = 0; s < ns; s++) {
					constexpr auto at = J::at;
					int a = at.place[at.a[s]], b = at.place[at.b[s]], c = 1 + nf + s;
					Vec r = fma(w[0], g[c], w[c] * g[0]);
					if (a == b) r = fma(w[a] + w[a], g[a], r);
					else r = fma(w[a], g[b], fma(w[b], g[a], r));
					r.store(row + c * chunk_points);
				}
			}
		}
	}

	// Points lo to hi-1 of a tile.
	template <bool Moving> __attribute__((noinline)) static void stretch(const R *x, const R *window, int pad, const R *weights, int width, const R *base, int lo, int hi, R *rows_out, Ahead<R> &ahead) {
		int at = lo;
		for (; wide > 1 && at + (wide - 1) * L < hi; at += wide * L)
			points<wide, Moving>(x + at, window + at, pad, weights, width, base, rows_out + (at - lo), ahead);
		for (; at < hi; at += L) points<1, Moving>(x + at, window + at, pad, weights, width, base, rows_out + (at - lo), ahead);
	}

	// U of the tiles, or with a direction U˙.
	FB_INLINE void jets(const fb_plan *p, const int32_t *list, int64_t n_tiles, const R *dirs) {
		R *rows_out = (R *)p->scratch, *weights = rows_out + (int64_t)Out * nc * chunk_points;
		const fb_layer &l0 = p->layers[0], &l1 = p->layers[1];
		int width = l0.out;
		Ahead<R> ahead;
		for (int64_t i = 0; i < n_tiles; i++) {
			const fb_tile &t = p->tiles[list[i]];
			if (i + 1 < n_tiles) ahead.plan(p, p->tiles[list[i + 1]], p->u);
			const int64_t sub = (int64_t)t.sub * p->params;
			const R *theta = (const R *)p->theta + sub, *dir = dirs ? dirs + sub : nullptr, *inv = (const R *)p->inv_sigma + (int64_t)t.sub * D;
			R base[Out]; // s_k b_k + m_k
			for (int o = 0; o < Out; o++)
				base[o] = ((const R *)p->scale)[o] * (dir ? dir : theta)[l1.b + o] + (dir ? R(0) : ((const R *)p->shift)[o]);
			bool moving = false;
			if (dir)
				for (int k = l0.w; k < l1.w; k++) moving |= dir[k] != 0; // NaN too
			if (moving) prepare<true>(p, theta, dir, inv, weights);
			else prepare<false>(p, theta, dir, inv, weights);
			const R *x = (const R *)p->x + t.x, *window = (const R *)p->w + t.w;
			int pad = fb_pad(t.n);
			int64_t stride;
			R *planes = section_of<R>(p, t, p->u, &stride);
			Runs runs(p, t);
			for (int lo = 0; lo < t.n; lo += chunk_points) {
				int hi = lo + chunk_points < t.n ? lo + chunk_points : t.n;
				if (moving) stretch<true>(x, window, pad, weights, width, base, lo, hi, rows_out, ahead);
				else stretch<false>(x, window, pad, weights, width, base, lo, hi, rows_out, ahead);
				scatter_add(runs, lo, hi, planes, stride, rows_out, chunk_points, Out * nc);
			}
		}
	}

	static void forward(const fb_plan *p, const int32_t *list, int64_t n_tiles, const void *) { tangent(p, list, n_tiles, nullptr); }
	static void tangent(const fb_plan *p, const int32_t *list, int64_t n_tiles, const void *dir) { jets(p, list, n_tiles, (const R *)dir); }

	// Adjoint of un-normalisation and window product in place: rows hold Ū_c and receive N̄_c. Adds the value's to sum[o].
	FB_INLINE void window_adjoint(R *rows_io, const R *window, int pad, const R *scale, Vec (&sum)[Out]) {
		Vec w[nc];
		FB_UNROLL for (int c = 0; c < nc; c++) w[c] = Vec::load(window + (int64_t)c * pad);
		FB_UNROLL for (int o = 0; o < Out; o++) {
			R *row = rows_io + o * nc * chunk_points;
			Vec bar[nc], g[nc];
			FB_UNROLL for (int c = 0; c < nc; c++) {
				bar[c] = Vec::load(row + c * chunk_points) * scale[o];
				g[c] = bar[c] * w[0];
				if (c > 0) g[0] = fma(bar[c], w[c], g[0]);
			}
			FB_UNROLL for (int s = 0; s < ns; s++) {
				constexpr auto at = J::at;
				int a = at.place[at.a[s]], b = at.place[at.b[s]], c = 1 + nf + s;
				g[a] = fma(bar[c], w[b], g[a]);
				g[b] = fma(bar[c], w[a], g[b]); // a = b: twice, as it should be
			}
			FB_UNROLL for (int c = 0; c < nc; c++) g[c].store(row + c * chunk_points);
			sum[o] += g[0];
		}
	}

	// The sums of one block of neurons over the points.
	struct Sums {
		Vec g[Out * nc], db, dw[D]; // Σ t N̄, Σ S N̄_a, Σ P N̄_ab; Σ z̄; Σ z̄ x̂_a
	};

	template <int U> FB_INLINE void neuron_points(const Vec (&wz)[D], Vec bz, const Vec (&k)[Out * nc], const R *x, int pad, const R *bar, Sums &sum) {
		Vec y[U], t[U], S[U];
		FB_UNROLL for (int u = 0; u < U; u++) y[u] = fma(Vec(x[u]), wz[0], bz);
		FB_UNROLL for (int a = 1; a < D; a++)
			FB_UNROLL for (int u = 0; u < U; u++) y[u] = fma(Vec(x[(int64_t)a * pad + u]), wz[a], y[u]);
		Phi::template parts<U>(y, t, S);
		FB_UNROLL for (int u = 0; u < U; u++) {
			Vec A = Vec::zero(), B = Vec::zero(), C = Vec::zero(), P = Phi::second(t[u], S[u]);
			FB_UNROLL for (int o = 0; o < Out; o++)
				FB_UNROLL for (int c = 0; c < nc; c++) {
					Vec n(bar[(o * nc + c) * chunk_points + u]);
					int at = o * nc + c;
					if (c == 0) A = o == 0 ? n * k[at] : fma(n, k[at], A);
					else if (c <= nf) B = o == 0 && c == 1 ? n * k[at] : fma(n, k[at], B);
					else C = o == 0 && c == 1 + nf ? n * k[at] : fma(n, k[at], C);
					sum.g[at] = fma(n, c == 0 ? t[u] : c <= nf ? S[u] : P, sum.g[at]);
				}
			Vec z = ns > 0 ? Phi::zbar2(t[u], S[u], A, B, C) : nf > 0 ? Phi::zbar1(t[u], S[u], A, B) : S[u] * A;
			sum.db += z;
			FB_UNROLL for (int a = 0; a < D; a++) sum.dw[a] = fma(z, Vec(x[(int64_t)a * pad + u]), sum.dw[a]);
		}
	}

	// One block of neurons over points lo..hi-1: adds to the gradient of the subdomain.
	FB_INLINE void neurons(const fb_plan *p, const R *theta, const R *inv, int first, int width, const R *x, int pad, int n, const R *bar, R *grad, Ahead<R> &ahead) {
		Block blk = block(p, theta, inv, first, width);
		Vec wz[D], bz = blk.b * R(Phi::kz), k[Out * nc];
		FB_UNROLL for (int a = 0; a < D; a++) wz[a] = blk.w[a] * R(Phi::kz);
		FB_UNROLL for (int o = 0; o < Out; o++) {
			k[o * nc] = blk.v[o] * R(Phi::ka);
			FB_UNROLL for (int f = 0; f < nf; f++) k[o * nc + 1 + f] = blk.v[o] * blk.wt[J::at.axis[f]] * R(Phi::kb);
			FB_UNROLL for (int s = 0; s < ns; s++) k[o * nc + 1 + nf + s] = blk.v[o] * blk.wt[J::at.a[s]] * blk.wt[J::at.b[s]] * R(Phi::kc);
		}
		Sums sum;
		FB_UNROLL for (int c = 0; c < Out * nc; c++) sum.g[c] = Vec::zero();
		sum.db = Vec::zero();
		FB_UNROLL for (int a = 0; a < D; a++) sum.dw[a] = Vec::zero();
		constexpr int U = FB_BITS == 512 ? 2 : 1;
		static_assert(L % U == 0, "bar is zero up to a whole vector: beyond n nothing is added");
		for (int i = 0; i < n; i += U) {
			ahead.template ask<Out * nc>();
			neuron_points<U>(wz, bz, k, x + i, pad, bar + i, sum);
		}

		Vec dwt[D]; // to w̃
		FB_UNROLL for (int a = 0; a < D; a++) dwt[a] = Vec::zero();
		const fb_layer &l0 = p->layers[0], &l1 = p->layers[1];
		FB_UNROLL for (int o = 0; o < Out; o++) {
			Vec dv = sum.g[o * nc];
			FB_UNROLL for (int f = 0; f < nf; f++) {
				Vec g = sum.g[o * nc + 1 + f] * R(Phi::ks);
				int a = J::at.axis[f];
				dv = fma(blk.wt[a], g, dv);
				dwt[a] = fma(blk.v[o], g, dwt[a]);
			}
			FB_UNROLL for (int s = 0; s < ns; s++) {
				Vec g = sum.g[o * nc + 1 + nf + s] * R(Phi::kp);
				int a = J::at.a[s], b = J::at.b[s];
				dv = fma(blk.wt[a] * blk.wt[b], g, dv);
				g *= blk.v[o];
				dwt[a] = fma(blk.wt[b], g, dwt[a]);
				dwt[b] = fma(blk.wt[a], g, dwt[b]);
			}
			R *at = grad + l1.w + o * l1.in + first;
			(Vec::loadm(at, width) + dv).storem(at, width);
		}
		R *at = grad + l0.b + first;
		(Vec::loadm(at, width) + sum.db).storem(at, width);
		at = grad + l0.w + first * D;
		alignas(64) R column[D][L];
		FB_UNROLL for (int a = 0; a < D; a++) fma(dwt[a], Vec(inv[a]), sum.dw[a]).store(column[a]);
		for (int j = 0; j < width; j++)
			for (int a = 0; a < D; a++) at[j * D + a] += column[a][j];
	}

	static void adjoint(const fb_plan *p, const int32_t *list, int64_t n_tiles, const void *) {
		R *bar = (R *)p->scratch;
		int width = p->layers[0].out;
		const R *scale = (const R *)p->scale;
		Ahead<R> ahead;
		for (int64_t i = 0; i < n_tiles; i++) {
			const fb_tile &t = p->tiles[list[i]];
			if (i + 1 < n_tiles) ahead.plan(p, p->tiles[list[i + 1]], p->ubar);
			const R *theta = (const R *)p->theta + (int64_t)t.sub * p->params, *inv = (const R *)p->inv_sigma + (int64_t)t.sub * D;
			R *grad = (R *)p->grad + (int64_t)t.sub * p->params;
			const R *x = (const R *)p->x + t.x, *window = (const R *)p->w + t.w;
			int pad = fb_pad(t.n);
			int64_t stride;
			const R *planes = section_of<R>(p, t, p->ubar, &stride);
			Runs runs(p, t);
			Vec sum[Out];
			FB_UNROLL for (int o = 0; o < Out; o++) sum[o] = Vec::zero();
			for (int lo = 0; lo < t.n; lo += chunk_points) {
				int hi = lo + chunk_points < t.n ? lo + chunk_points : t.n;
				gather(runs, lo, hi, planes, stride, bar, chunk_points, Out * nc);
				int last = (hi - lo) / L * L; // lanes beyond the tile: clear what an earlier tile left
				if (last < hi - lo)
					for (int r = 0; r < Out * nc; r++) {
						R *row = bar + r * chunk_points + last;
						Vec::loadm(row, hi - lo - last).store(row);
					}
				for (int at = lo; at < hi; at += L) window_adjoint(bar + (at - lo), window + at, pad, scale, sum);
				for (int first = 0; first < width; first += L)
					neurons(p, theta, inv, first, width - first < L ? width - first : L, x + lo, pad, hi - lo, bar, grad, ahead);
			}
			for (int o = 0; o < Out; o++) grad[p->layers[1].b + o] += hsum(sum[o]);
		}
	}

	static int64_t scratch(const fb_plan *p) {
		int64_t blocks = (p->layers[0].out + L - 1) / L;
		return (int64_t)sizeof(R) * (Out * nc * chunk_points + blocks * moving_rows * L);
	}
};

} // namespace
} // namespace FB_NS
