// The generic kernel: networks of any width and depth with every activation and embedding, jets of any downward-closed set to
// fourth order. It does what kernels/host does, by the same tables, on vectors whose lanes are points.
//
// Points are taken in chunks of 16 to 64; only the chunk in hand has a tape. Jets of a layer lie as [neuron][n_c][np], np the
// lanes of the chunk, so that an affine layer is one matrix product over n_c*np columns, and an activation reads and writes the
// components of one neuron at distance np.
//
// Plain C up to the namespace, so that Go can fill the tables.
#ifndef FB_GENERIC_H
#define FB_GENERIC_H

#include "fb.h"

// kernels.Product: (f g)_c += coef f_a g_b, ascending in c.
typedef struct {
	int32_t c, a, b;
	double coef;
} fb_product;

// kernels.Composition: y_c += coef phi^(order) z_f[0] ... z_f[order-1], ascending in c.
typedef struct {
	int32_t c, order;
	double coef;
	int32_t f[4];
} fb_composition;

// What fb_plan.tables leads to. The arrays are kernels.Jets.Products and Compositions as they are; first[a] is the component
// of the first derivative in coordinate a, or -1.
typedef struct {
	const fb_product *product;
	const fb_composition *composition;
	int32_t products, compositions;
	int32_t first[FB_MAX_D];
} fb_generic_tables;

#endif

#if defined(__cplusplus) && defined(FB_NS) && !defined(FB_GENERIC_BODY)
#define FB_GENERIC_BODY
#include "scatter.h"
#include "simd.h"

namespace FB_NS {
namespace {
namespace gen { // the helpers have plain names

// ---- matrix products -----------------------------------------------------------------------------------------------------

// Register tile: 4 rows by `tileCols` vectors leave registers for operands (32 with AVX-512, else 16).
constexpr int tileRows = 4, tileCols = FB_BITS == 512 ? 4 : 2;

// z[i][q] (+)= sum_k w[i*wi + k*wk] y[k][q] for one tile of rows and of vectors q; rows lie `cols` apart.
template <class R, int I, int Q>
FB_INLINE void affine_tile(const R *w, int wi, int wk, int n, const R *y, R *z, int64_t cols, bool add) {
	constexpr int lanes = V<R>::lanes;
	V<R> acc[I][Q];
#pragma GCC unroll 16
	for (int i = 0; i < I; i++)
#pragma GCC unroll 16
		for (int q = 0; q < Q; q++) acc[i][q] = add ? V<R>::load(z + i * cols + q * lanes) : V<R>::zero();
	for (int k = 0; k < n; k++) {
		V<R> col[Q];
#pragma GCC unroll 16
		for (int q = 0; q < Q; q++) col[q] = V<R>::load(y + k * cols + q * lanes);
#pragma GCC unroll 16
		for (int i = 0; i < I; i++) {
			V<R> wik(w[i * wi + k * wk]);
#pragma GCC unroll 16
			for (int q = 0; q < Q; q++) acc[i][q] = fma(wik, col[q], acc[i][q]);
		}
	}
#pragma GCC unroll 16
	for (int i = 0; i < I; i++)
#pragma GCC unroll 16
		for (int q = 0; q < Q; q++) acc[i][q].store(z + i * cols + q * lanes);
}

// Z [m][cols] (+)= W Y, Y [n][cols], W_ik at w[i*wi + k*wk]: a row-major matrix with wi its width and wk = 1, its transpose with the
// two exchanged.
template <class R>
static void affine(const R *w, int wi, int wk, int m, int n, const R *y, R *z, int64_t cols, bool add) {
	constexpr int lanes = V<R>::lanes;
	int64_t q = 0;
	for (; q + tileCols * lanes <= cols; q += tileCols * lanes) {
		int i = 0;
		for (; i + tileRows <= m; i += tileRows) affine_tile<R, tileRows, tileCols>(w + i * wi, wi, wk, n, y + q, z + i * cols + q, cols, add);
		for (; i < m; i++) affine_tile<R, 1, tileCols>(w + i * wi, wi, wk, n, y + q, z + i * cols + q, cols, add);
	}
	for (; q < cols; q += lanes) {
		int i = 0;
		for (; i + tileRows <= m; i += tileRows) affine_tile<R, tileRows, 1>(w + i * wi, wi, wk, n, y + q, z + i * cols + q, cols, add);
		for (; i < m; i++) affine_tile<R, 1, 1>(w + i * wi, wi, wk, n, y + q, z + i * cols + q, cols, add);
	}
}

// w[i][k] += sum over columns of zbar[i] y[k], one tile.
template <class R, int I, int K>
FB_INLINE void outer_tile(const R *zbar, const R *y, int64_t cols, R *w, int n) {
	constexpr int lanes = V<R>::lanes;
	V<R> acc[I * K];
#pragma GCC unroll 16
	for (int t = 0; t < I * K; t++) acc[t] = V<R>::zero();
	for (int64_t q = 0; q < cols; q += lanes) {
		V<R> row[K];
#pragma GCC unroll 16
		for (int k = 0; k < K; k++) row[k] = V<R>::load(y + k * cols + q);
#pragma GCC unroll 16
		for (int i = 0; i < I; i++) {
			V<R> zi = V<R>::load(zbar + i * cols + q);
#pragma GCC unroll 16
			for (int k = 0; k < K; k++) acc[i * K + k] = fma(zi, row[k], acc[i * K + k]);
		}
	}
	R sums[I * K < lanes ? lanes : I * K];
	if (I * K % lanes == 0)
#pragma GCC unroll 16
		for (int t = 0; t < I * K; t += lanes) hsums(acc + t).storeu(sums + t);
	else
#pragma GCC unroll 16
		for (int t = 0; t < I * K; t++) sums[t] = hsum(acc[t]);
#pragma GCC unroll 16
	for (int i = 0; i < I; i++)
#pragma GCC unroll 16
		for (int k = 0; k < K; k++) w[i * n + k] += sums[i * K + k];
}

// W [m][n] += Zbar Y^T over all columns.
template <class R>
static void outer(const R *zbar, const R *y, int64_t cols, R *w, int m, int n) {
	int i = 0;
	for (; i + tileRows <= m; i += tileRows) {
		int k = 0;
		for (; k + tileCols <= n; k += tileCols) outer_tile<R, tileRows, tileCols>(zbar + i * cols, y + k * cols, cols, w + i * n + k, n);
		for (; k < n; k++) outer_tile<R, tileRows, 1>(zbar + i * cols, y + k * cols, cols, w + i * n + k, n);
	}
	for (; i < m; i++) {
		int k = 0;
		for (; k + tileRows <= n; k += tileRows) outer_tile<R, 1, tileRows>(zbar + i * cols, y + k * cols, cols, w + i * n + k, n);
		for (; k < n; k++) outer_tile<R, 1, 1>(zbar + i * cols, y + k * cols, cols, w + i * n + k, n);
	}
}

// ---- functions of jets ---------------------------------------------------------------------------------------------------

constexpr int maxDerivatives = 6; // phi to order K+1, K <= 4

// tanh and sin with derivatives 0..n at z.
template <class R> FB_INLINE void tanhs(V<R> z, int n, V<R> *f) {
	V<R> t, e;
	vtanh_parts(z, t, e);
	V<R> tt = t * t;
	f[0] = t;
	f[1] = e;
	f[2] = R(-2) * t * e;
	if (n > 2) f[3] = e * (R(6) * tt - R(2));
	if (n > 3) f[4] = e * t * (R(16) - R(24) * tt);
	if (n > 4) f[5] = e * fma(tt, R(120) * tt - R(120), V<R>(R(16)));
}

template <class R> FB_INLINE void cycle(V<R> s, V<R> c, V<R> *f) {
	f[0] = s, f[1] = c, f[2] = -s, f[3] = -c, f[4] = s, f[5] = c;
}

// phi[n] for n <= order+1 of the activation with slopes s0, s1, and by[s][n] = d phi[n] / d slope for n <= order, where by is
// not null (kernels/host, activate).
template <class R> FB_INLINE void activate(int act, R s0, R s1, V<R> z, int order, V<R> *phi, V<R> (*by)[maxDerivatives]) {
	V<R> f[maxDerivatives];
	if (act == FB_TANH) return tanhs(z, order + 1, phi);
	if (act == FB_SIN || act == FB_ADAPTIVE_SIN) {
		V<R> s, c;
		vsincos(act == FB_SIN ? z : z * s1, s, c);
		if (act == FB_SIN) return cycle(s, c, phi);
		cycle(s, c, f);
		R power = 1, below = 0; // o^n, n o^(n-1)
		for (int n = 0; n <= order + 1; n++) {
			phi[n] = f[n] * (s0 * power);
			if (by && n <= order) {
				by[0][n] = f[n] * power;
				by[1][n] = s0 * fma(z * power, f[n + 1], f[n] * below);
			}
			below = R(n + 1) * power;
			power *= s1;
		}
		return;
	}
	V<R> za = z / V<R>(s0);
	tanhs(za, order + 1, f);
	R power = s0; // a^(1-n)
	for (int n = 0; n <= order + 1; n++) {
		phi[n] = f[n] * power;
		if (by && n <= order) by[0][n] = (f[n] * R(1 - n) - za * f[n + 1]) * (power / s0);
		power /= s0;
	}
}

// The factors z_f of a term, multiplied. z points to the value; components are np apart.
template <class R> FB_INLINE V<R> factors(const fb_composition &t, const R *z, int64_t np) {
	V<R> p = V<R>::load(z + t.f[0] * np);
	for (int i = 1; i < t.order; i++) p *= V<R>::load(z + t.f[i] * np);
	return p;
}

// y = phi(z) at `lanes` points of one neuron.
template <class R>
FB_INLINE void compose(const fb_generic_tables &tab, const V<R> *phi, const R *z, R *y, int64_t np) {
	const fb_composition *t = tab.composition, *end = t + tab.compositions;
	while (t < end) {
		int32_t c = t->c;
		V<R> sum = V<R>::zero();
		for (; t < end && t->c == c; t++)
			sum = t->order == 0 ? phi[0] : fma(phi[t->order] * R(t->coef), factors(*t, z, np), sum);
		sum.store(y + c * np);
	}
}

// ydot along zdot and phidot.
template <class R>
FB_INLINE void compose_tangent(const fb_generic_tables &tab, const V<R> *phi, const V<R> *phidot, const R *z, const R *zdot, R *ydot, int64_t np) {
	const fb_composition *t = tab.composition, *end = t + tab.compositions;
	while (t < end) {
		int32_t c = t->c;
		V<R> sum = V<R>::zero();
		for (; t < end && t->c == c; t++) {
			if (t->order == 0) {
				sum = phidot[0];
				continue;
			}
			V<R> moved = V<R>::zero(); // sum_i zdot_fi prod_{j != i} z_fj by the product rule, one factor after another
			V<R> all = V<R>(R(1));
			for (int i = 0; i < t->order; i++) {
				V<R> zi = V<R>::load(z + t->f[i] * np);
				moved = fma(moved, zi, all * V<R>::load(zdot + t->f[i] * np));
				all *= zi;
			}
			sum = fma(V<R>(R(t->coef)), fma(phidot[t->order], all, phi[t->order] * moved), sum);
		}
		sum.store(ydot + c * np);
	}
}

// zbar (local, n_c vectors, cleared here) and phibar from ybar.
template <class R>
FB_INLINE void compose_adjoint(const fb_generic_tables &tab, int nc, int order, const V<R> *phi, const R *z, const R *ybar, V<R> *zbar, V<R> *phibar, int64_t np) {
	for (int c = 0; c < nc; c++) zbar[c] = V<R>::zero();
	for (int n = 0; n <= order; n++) phibar[n] = V<R>::zero();
	for (const fb_composition *t = tab.composition, *end = t + tab.compositions; t < end; t++) {
		V<R> g = V<R>::load(ybar + t->c * np) * R(t->coef);
		if (t->order == 0) {
			phibar[0] += g;
			continue;
		}
		V<R> f[4], before[4], behind(R(1));
		before[0] = g * phi[t->order];
		for (int i = 0; i < t->order; i++) {
			f[i] = V<R>::load(z + t->f[i] * np);
			if (i > 0) before[i] = before[i - 1] * f[i - 1];
		}
		for (int i = t->order - 1; i >= 0; i--) {
			zbar[t->f[i]] = fma(before[i], behind, zbar[t->f[i]]);
			behind *= f[i];
		}
		phibar[t->order] = fma(g, behind, phibar[t->order]);
	}
}

// ---- the kernel ----------------------------------------------------------------------------------------------------------

// Generic is the kernel of one plan at work.
template <class R> struct Generic {
	static constexpr int lanes = V<R>::lanes;

	const fb_plan &p;
	const fb_generic_tables &tab;
	const int nc;
	int64_t np = 0;  // lanes of the chunk in hand, a multiple of FB_PAD
	int64_t cols = 0; // nc*np

	// The chunk: points first .. first+n-1 of the tile, lanes to first+np-1 exist in X and W.
	const fb_tile *tile = nullptr;
	int first = 0, n = 0;
	Runs runs;

	// Scratch, each [neurons][nc][np]. Without a tape all layers share one y and one z.
	R *inputs, *features, *y[FB_MAX_LAYERS], *z[FB_MAX_LAYERS], *yd, *zd, *out;

	// Reals of scratch for one lane of one component.
	static int64_t neurons(const fb_plan &p) {
		int64_t sum = p.inputs + p.fourier + p.out, widest = 0;
		for (int l = 0; l <= p.hidden; l++) {
			sum += p.layers[l].in + p.layers[l].out;
			if (p.layers[l].in > widest) widest = p.layers[l].in;
			if (p.layers[l].out > widest) widest = p.layers[l].out;
		}
		return sum + 2 * widest;
	}

	// Lanes of a full chunk: as many as keep the tape within half a second-level cache of 2 MB, at least one padding unit.
	static int64_t chunk(const fb_plan &p) {
		for (int64_t k = 64; k > FB_PAD; k /= 2)
			if (k * neurons(p) * p.nc * (int64_t)sizeof(R) <= 1 << 20) return k;
		return FB_PAD;
	}

	static int64_t scratch(const fb_plan &p) { return chunk(p) * neurons(p) * p.nc * (int64_t)sizeof(R); }

	Generic(const fb_plan &plan, bool tape) : p(plan), tab(*(const fb_generic_tables *)plan.tables), nc(plan.nc), runs(&plan, fb_tile{}) {
		R *at = (R *)p.scratch;
		const int64_t unit = chunk(p) * nc;
		auto take = [&](int64_t k) { R *r = at; at += k * unit; return r; };
		int in = 0, most = 0, widest; // neurons of the largest layers
		for (int l = 0; l <= p.hidden; l++) {
			if (p.layers[l].in > in) in = p.layers[l].in;
			if (p.layers[l].out > most) most = p.layers[l].out;
		}
		widest = in > most ? in : most;
		inputs = take(p.inputs);
		features = take(p.fourier);
		out = take(p.out);
		yd = take(widest);
		zd = take(widest);
		for (int l = 0; l <= p.hidden; l++) {
			y[l] = tape || l == 0 ? take(tape ? p.layers[l].in : in) : y[0];
			z[l] = tape || l == 0 ? take(tape ? p.layers[l].out : most) : z[0];
		}
	}

	const R *theta() const { return (const R *)p.theta + (int64_t)tile->sub * p.params; }

	// Calls work for every chunk of the tiles.
	template <class F> void visit(const int32_t *tiles, int64_t count, F work) {
		const int full = (int)chunk(p);
		for (int64_t i = 0; i < count; i++) {
			tile = p.tiles + tiles[i];
			runs = Runs(&p, *tile);
			for (first = 0; first < tile->n; first += full) {
				n = tile->n - first < full ? tile->n - first : full;
				np = fb_pad(n);
				cols = nc * np;
				work();
			}
		}
	}

	// ---- embedding: kernels/host, embed

	void wave(const R *x, R *sine, R *cosine, R factor) {
		for (int64_t q = 0; q < np; q += lanes) {
			V<R> s, c, sines[maxDerivatives], cosines[maxDerivatives];
			vsincos(V<R>::load(x + q) * factor, s, c);
			cycle(s, c, sines);
			cycle(c, -s, cosines);
			R power = 1;
			for (int k = 0; k <= p.order; k++, power *= factor) {
				sines[k] = sines[k] * power;
				cosines[k] = cosines[k] * power;
			}
			compose(tab, sines, x + q, sine + q, np);
			compose(tab, cosines, x + q, cosine + q, np);
		}
	}

	void embed() {
		R *v = p.fourier ? inputs : y[0];
		const R *x = (const R *)p.x + tile->x + first;
		const R *inv = (const R *)p.inv_sigma + (int64_t)tile->sub * p.d;
		const int64_t pad = fb_pad(tile->n);
		for (int a = 0; a < p.d; a++, x += pad) {
			R *jet = p.periodic[a] ? out : v; // out is free until the layers have run
			for (int64_t q = np; q < cols; q++) jet[q] = 0;
			for (int64_t q = 0; q < np; q++) jet[q] = x[q];
			if (tab.first[a] >= 0)
				for (int64_t q = 0; q < np; q++) jet[tab.first[a] * np + q] = inv[a];
			if (p.periodic[a]) wave(out, v, v + cols, R(3.14159265358979323846));
			v += p.periodic[a] ? 2 * cols : cols;
		}
		if (!p.fourier) return;
		affine(theta(), p.inputs, 1, p.fourier, p.inputs, inputs, features, cols, false);
		for (int r = 0; r < p.fourier; r++) wave(features + r * cols, y[0] + r * cols, y[0] + (p.fourier + r) * cols, R(1));
	}

	// ---- layers

	// rows [m][nc][np] get the bias on their value.
	void bias(const R *b, int m, R *rows) {
		for (int i = 0; i < m; i++) {
			V<R> bi(b[i]);
			for (int64_t q = 0; q < np; q += lanes) (V<R>::load(rows + i * cols + q) + bi).store(rows + i * cols + q);
		}
	}

	// Slopes of neuron i of a layer in th (parameters or a direction), 0 where there are none.
	void slopes(const R *th, const fb_layer &l, int i, R &s0, R &s1) const {
		s0 = p.act >= FB_ADAPTIVE_TANH ? th[l.slope + i] : R(0);
		s1 = p.act == FB_ADAPTIVE_SIN ? th[l.slope + l.out + i] : R(0);
	}

	void forward() {
		embed();
		const R *th = theta();
		for (int l = 0; l <= p.hidden; l++) {
			const fb_layer &a = p.layers[l];
			affine(th + a.w, a.in, 1, a.out, a.in, y[l], z[l], cols, false);
			bias(th + a.b, a.out, z[l]);
			if (l < p.hidden) activate_layer(a, th, z[l], y[l + 1]);
		}
	}

	void activate_layer(const fb_layer &a, const R *th, const R *zl, R *next) {
		for (int i = 0; i < a.out; i++) {
			R s0, s1;
			slopes(th, a, i, s0, s1);
			for (int64_t q = i * cols; q < i * cols + np; q += lanes) {
				V<R> phi[maxDerivatives];
				activate<R>(p.act, s0, s1, V<R>::load(zl + q), p.order, phi, nullptr);
				compose(tab, phi, zl + q, next + q, np);
			}
		}
	}

	// zdot of the last layer is left in zd. Layer by layer beside the values, so that no tape is needed. Where the direction moves the
	// output layer alone (frozen features), the values are all.
	void tangent(const R *dir) {
		embed();
		const R *th = theta();
		dir += (int64_t)tile->sub * p.params;
		bool moving = false;
		for (int k = p.frozen; k < p.layers[p.hidden].w; k++) moving |= dir[k] != 0; // NaN too
		for (int l = 0; l <= p.hidden; l++) {
			const fb_layer &a = p.layers[l];
			if (!moving && l < p.hidden) {
				affine(th + a.w, a.in, 1, a.out, a.in, y[l], z[l], cols, false);
				bias(th + a.b, a.out, z[l]);
				activate_layer(a, th, z[l], y[l + 1]);
				continue;
			}
			affine(dir + a.w, a.in, 1, a.out, a.in, y[l], zd, cols, false);
			bias(dir + a.b, a.out, zd);
			if (moving && l > 0) affine(th + a.w, a.in, 1, a.out, a.in, yd, zd, cols, true); // the embedding does not move
			if (l == p.hidden) return;
			affine(th + a.w, a.in, 1, a.out, a.in, y[l], z[l], cols, false);
			bias(th + a.b, a.out, z[l]);
			tangent_layer(a, th, dir, z[l], y[l + 1]);
		}
	}

	void tangent_layer(const fb_layer &a, const R *th, const R *dir, const R *zl, R *next) {
		for (int i = 0; i < a.out; i++) {
			R s0, s1, d0, d1;
			slopes(th, a, i, s0, s1);
			slopes(dir, a, i, d0, d1);
			for (int64_t q = i * cols; q < i * cols + np; q += lanes) {
				V<R> phi[maxDerivatives], by[2][maxDerivatives], phidot[maxDerivatives];
				activate<R>(p.act, s0, s1, V<R>::load(zl + q), p.order, phi, by);
				V<R> z0dot = V<R>::load(zd + q);
				for (int k = 0; k <= p.order; k++) {
					phidot[k] = phi[k + 1] * z0dot;
					if (p.act >= FB_ADAPTIVE_TANH) phidot[k] = fma(by[0][k], V<R>(d0), phidot[k]);
					if (p.act == FB_ADAPTIVE_SIN) phidot[k] = fma(by[1][k], V<R>(d1), phidot[k]);
				}
				compose_tangent(tab, phi, phidot, zl + q, zd + q, yd + q, np);
				compose(tab, phi, zl + q, next + q, np);
			}
		}
	}

	// From vbar in zd, with the tape of forward.
	void adjoint() {
		const R *th = theta();
		R *grad = (R *)p.grad + (int64_t)tile->sub * p.params;
		for (int l = p.hidden; l >= 0; l--) {
			const fb_layer &a = p.layers[l];
			outer(zd, y[l], cols, grad + a.w, a.out, a.in);
			for (int i = 0; i < a.out; i++) {
				V<R> sum = V<R>::zero();
				for (int64_t q = 0; q < np; q += lanes) sum += V<R>::load(zd + i * cols + q);
				grad[a.b + i] += hsum(sum);
			}
			if (l == 0) return; // the embedding and the Fourier features are frozen
			affine(th + a.w, 1, a.in, a.in, a.out, zd, yd, cols, false);
			const fb_layer &below = p.layers[l - 1];
			V<R> g0, g1;
			adjoint_layer(below, th, z[l - 1], [&](int i, int64_t q, V<R> d0, V<R> d1) {
				g0 = q == 0 ? d0 : g0 + d0, g1 = q == 0 ? d1 : g1 + d1;
				if (q + lanes < np) return;
				grad[below.slope + i] += hsum(g0);
				if (p.act == FB_ADAPTIVE_SIN) grad[below.slope + below.out + i] += hsum(g1);
			});
		}
	}

	// From ybar in yd to zbar in zd. Adaptive activations: calls slopes_bar(neuron, first point, gradients of its two slopes), points
	// ascending.
	template <class F> void adjoint_layer(const fb_layer &a, const R *th, const R *zl, F slopes_bar) {
		for (int i = 0; i < a.out; i++) {
			R s0, s1;
			slopes(th, a, i, s0, s1);
			for (int64_t q = i * cols; q < i * cols + np; q += lanes) {
				V<R> phi[maxDerivatives], by[2][maxDerivatives], phibar[maxDerivatives], zbar[FB_MAX_JETS], g0 = V<R>::zero(), g1 = V<R>::zero();
				activate<R>(p.act, s0, s1, V<R>::load(zl + q), p.order, phi, by);
				compose_adjoint(tab, nc, p.order, phi, zl + q, yd + q, zbar, phibar, np);
				for (int k = 0; k <= p.order; k++) {
					zbar[0] = fma(phi[k + 1], phibar[k], zbar[0]);
					if (p.act >= FB_ADAPTIVE_TANH) g0 = fma(by[0][k], phibar[k], g0);
					if (p.act == FB_ADAPTIVE_SIN) g1 = fma(by[1][k], phibar[k], g1);
				}
				for (int c = 0; c < nc; c++) zbar[c].store(zd + q + c * np);
				if (p.act >= FB_ADAPTIVE_TANH) slopes_bar(i, q - i * cols, g0, g1);
			}
		}
	}

	// ---- the adjoint point by point: kernels/host, block.go

	// From vbar in zd and the tape of forward, last layer first, as far as parameters from `from` on reach: out[(parameter - from)*ld + q].
	void block(int from, R *out, int64_t ld) {
		const R *th = theta();
		auto column = [&](int parameter) { return out + (parameter - from) * ld; };
		for (int l = p.hidden; l >= 0; l--) {
			const fb_layer &a = p.layers[l];
			for (int i = 0; i < a.out; i++) {
				for (int k = 0; k < a.in; k++) products(zd + i * cols, y[l] + k * cols, column(a.w + i * a.in + k));
				for (int64_t q = 0; q < np; q += lanes) V<R>::load(zd + i * cols + q).storeu(column(a.b + i) + q);
			}
			if (l == 0 || p.layers[l - 1].w < from) return;
			affine(th + a.w, 1, a.in, a.in, a.out, zd, yd, cols, false);
			const fb_layer &below = p.layers[l - 1];
			adjoint_layer(below, th, z[l - 1], [&](int i, int64_t q, V<R> g0, V<R> g1) {
				g0.storeu(column(below.slope + i) + q);
				if (p.act == FB_ADAPTIVE_SIN) g1.storeu(column(below.slope + below.out + i) + q);
			});
		}
	}

	// One column: sum over components of zbar y, both [nc][np].
	void products(const R *zbar, const R *yl, R *column) {
		for (int64_t q = 0; q < np; q += lanes) {
			V<R> sum = V<R>::zero();
			for (int64_t c = q; c < cols; c += np) sum = fma(V<R>::load(zbar + c), V<R>::load(yl + c), sum);
			sum.storeu(column + q);
		}
	}

	// ---- window and points: kernels/host, window.go

	// U += W (x) (s v + m); m only with the values themselves, not with their tangents.
	void scatter(const R *v, bool mean) {
		const R *w = (const R *)p.w + tile->w + first, *s = (const R *)p.scale, *m = (const R *)p.shift;
		const int64_t pad = fb_pad(tile->n);
		for (int k = 0; k < p.out; k++) {
			for (int64_t q = k * cols; q < k * cols + np; q += lanes) {
				V<R> u[FB_MAX_JETS];
				for (int c = 0; c < nc; c++) u[c] = V<R>::load(v + q + c * np) * s[k];
				if (mean) u[0] = u[0] + m[k];
				const fb_product *t = tab.product, *end = t + tab.products;
				while (t < end) {
					int32_t c = t->c;
					V<R> sum = V<R>::zero();
					for (; t < end && t->c == c; t++) sum = fma(V<R>::loadu(w + (q - k * cols) + t->a * pad) * R(t->coef), u[t->b], sum);
					sum.store(out + q + c * np);
				}
			}
		}
		int64_t stride;
		R *planes = section_of<R>(&p, *tile, p.u, &stride);
		scatter_add<R>(runs, first, first + n, planes, stride, out, (int)np, p.out * nc);
	}

	// zd = s W^T Ubar.
	void gather() {
		int64_t stride;
		const R *planes = section_of<R>(&p, *tile, (void *)p.ubar, &stride);
		for (int64_t q = 0; q < p.out * cols; q++) out[q] = 0; // the padding
		FB_NS::gather<R>(runs, first, first + n, planes, stride, out, (int)np, p.out * nc);
		const R *w = (const R *)p.w + tile->w + first, *s = (const R *)p.scale;
		const int64_t pad = fb_pad(tile->n);
		for (int k = 0; k < p.out; k++) {
			for (int64_t q = k * cols; q < k * cols + np; q += lanes) {
				V<R> vbar[FB_MAX_JETS];
				for (int c = 0; c < nc; c++) vbar[c] = V<R>::zero();
				for (int t = 0; t < tab.products; t++) {
					const fb_product &m = tab.product[t];
					V<R> wa = V<R>::loadu(w + (q - k * cols) + m.a * pad) * R(m.coef);
					vbar[m.b] = fma(wa, V<R>::load(out + q + m.c * np), vbar[m.b]);
				}
				for (int c = 0; c < nc; c++) (vbar[c] * s[k]).store(zd + q + c * np);
			}
		}
	}
};

} // namespace gen

// The operations as fb_op and fb_block; scratch of generic_scratch bytes, aligned to 64, lies at fb_plan.scratch.

template <class R> int64_t generic_scratch(const fb_plan *p) { return gen::Generic<R>::scratch(*p); }

template <class R> void generic_forward(const fb_plan *p, const int32_t *tiles, int64_t n_tiles, const void *) {
	gen::Generic<R> g(*p, false);
	g.visit(tiles, n_tiles, [&] {
		g.forward();
		g.scatter(g.z[p->hidden], true);
	});
}

template <class R> void generic_tangent(const fb_plan *p, const int32_t *tiles, int64_t n_tiles, const void *dir) {
	gen::Generic<R> g(*p, false);
	g.visit(tiles, n_tiles, [&] {
		g.tangent((const R *)dir);
		g.scatter(g.zd, false);
	});
}

template <class R> void generic_adjoint(const fb_plan *p, const int32_t *tiles, int64_t n_tiles, const void *) {
	gen::Generic<R> g(*p, true);
	g.visit(tiles, n_tiles, [&] {
		g.forward();
		g.gather();
		g.adjoint();
	});
}

template <class R> void generic_block(const fb_plan *p, int32_t tile, int32_t first, void *out, int64_t ld) {
	gen::Generic<R> g(*p, true);
	g.visit(&tile, 1, [&] {
		g.forward();
		g.gather();
		g.block(first, (R *)out + g.first, ld);
	});
	clear_padding<R>(p, p->tiles[tile], first, (R *)out, ld);
}

} // namespace
} // namespace FB_NS
#endif
