// Fused kernels for networks with two or more tanh or sin hidden layers on plain inputs and jets of order <= 2: any widths,
// any list of components, any number of outputs.
//
// Use, from the file that holds the dispatch, for R = float or double:
//
//	bool   deep_takes<R>(plan)     whether this kernel computes the plan
//	size_t deep_scratch<R>(plan)   bytes of plan.scratch, aligned to 64; contents need not be kept between calls
//	DeepOps deep_ops<R>(plan)      the three operations, compiled for the plan's list of components if it is a frequent one
//
// A visit repacks the parameters of a subdomain into padded rows, and successive tiles of one subdomain share it. The points
// of a tile pass in chunks whose tape stays in the caches: forward, or forward again, backward and weight gradients. Nothing
// larger than a chunk is stored. Gradients of a visit collect in scratch and are added to Grad once.
//
//	deep_jets.h    lists of components, activation with its adjoint and tangent
//	deep_gemm.h    the matrix products, neurons in the lanes
//	deep_layers.h  the passes over a chunk
//	deep_tangent.h the passes with their derivative along a direction
//	deep_window.h  window product, scatter and gather, points in the lanes
#pragma once

#include "deep_tangent.h"

namespace FB_NS {
namespace {

// The tape of a chunk should stay in the first-level cache: 16 and 32 points beat 64 by 15 % at widths 32 and 16.
enum { DEEP_TAPE_BYTES = 40 << 10, DEEP_MAX_CHUNK = 64 };

// Lays a Deep out from base and returns the bytes it takes; base null just measures.
template <class R> size_t deep_layout(const fb_plan &p, void *base, Deep<R> &k) {
	constexpr int lanes = V<R>::lanes, to = lanes < 8 ? 8 : lanes;
	size_t used = 0;
	auto take = [&](size_t n) {
		R *at = base ? (R *)((char *)base + used) : nullptr;
		used += (n * sizeof(R) + 63) / 64 * 64;
		return at;
	};
	k.d = p.d, k.hidden = p.hidden, k.out = p.out, k.nc = p.nc;
	size_t point = 0, widest = 0;
	for (int l = 0; l < k.hidden; l++) {
		k.w[l] = p.layers[l].out, k.wp[l] = (k.w[l] + to - 1) / to * to;
		point += (size_t)k.wp[l] * (l == 0 ? k.nc + 1 : 2 * k.nc) * sizeof(R);
		if ((size_t)k.wp[l] > widest) widest = k.wp[l];
	}
	point += widest * k.nc * sizeof(R);
	k.chunk = (int)(DEEP_TAPE_BYTES / point) / FB_PAD * FB_PAD;
	if (k.chunk < FB_PAD) k.chunk = FB_PAD;
	if (k.chunk > DEEP_MAX_CHUNK) k.chunk = DEEP_MAX_CHUNK;

	const int L = k.hidden, last = k.wp[L - 1];
	k.first = take((size_t)k.d * k.wp[0]), k.in = take((size_t)k.nc * k.wp[0]);
	k.gFirst = take((size_t)k.d * k.wp[0]), k.gIn = take((size_t)k.nc * k.wp[0]);
	k.Wo = take((size_t)k.out * last), k.bo = take(k.out);
	k.gWo = take((size_t)k.out * last), k.gbo = take((size_t)k.out * lanes);
	for (int l = 0; l < L; l++) {
		k.bias[l] = take(k.wp[l]), k.gBias[l] = take(k.wp[l]);
		const size_t below = l ? k.wp[l - 1] : 0;
		k.W[l] = take(k.wp[l] * below), k.Wt[l] = take(k.wp[l] * below), k.gW[l] = take(k.wp[l] * below);
		k.A[l] = take((size_t)k.chunk * k.nc * k.wp[l]);
		k.Z[l] = take((size_t)k.chunk * (l ? k.nc : 1) * k.wp[l]);
	}
	k.Abar = take((size_t)k.chunk * k.nc * widest);
	k.dots = take((size_t)k.nc * lanes * lanes);
	k.v = take((size_t)k.out * k.nc * k.chunk), k.vbar = take((size_t)k.out * k.nc * k.chunk);
	return used;
}

template <class R> FB_INLINE void deep_clear(R *a, size_t n) {
	for (size_t i = 0; i < n; i++) a[i] = R(0);
}

// Repacks the parameters of a subdomain; rows and columns beyond the widths are zero.
template <class R, class J>
void deep_load(const J &j, const fb_plan &p, const Deep<R> &k, const R *theta, const R *inv_sigma) {
	const fb_layer *ls = p.layers;
	const int wp = k.wp[0];
	deep_clear(k.first, (size_t)k.d * wp);
	for (int m = 0; m < k.w[0]; m++)
		for (int e = 0; e < k.d; e++) k.first[e * wp + m] = theta[ls[0].w + m * k.d + e];
	for (int c = 1; c < j.C; c++)
		for (int m = 0; m < wp; m++)
			k.in[c * wp + m] = c <= j.F ? k.first[j.axis(c) * wp + m] * inv_sigma[j.axis(c)] : k.in[j.p(c) * wp + m] * k.in[j.q(c) * wp + m];
	for (int l = 0; l < k.hidden; l++) {
		deep_clear(k.bias[l], k.wp[l]);
		for (int m = 0; m < k.w[l]; m++) k.bias[l][m] = theta[ls[l].b + m];
		if (l == 0) continue;
		const int below = k.w[l - 1], belowP = k.wp[l - 1], here = k.wp[l];
		const R *w = theta + ls[l].w;
		if (below != belowP) deep_clear(k.W[l], (size_t)here * belowP);
		if (k.w[l] != here) deep_clear(k.Wt[l], (size_t)belowP * here);
		for (int o = 0; o < k.w[l]; o++)
			for (int i = 0; i < below; i++) k.W[l][o * belowP + i] = w[o * below + i];
		for (int i = 0; i < below; i++)
			for (int o = 0; o < k.w[l]; o++) k.Wt[l][i * here + o] = w[o * below + i];
	}
	const fb_layer &last = ls[k.hidden];
	const int wl = k.w[k.hidden - 1], wlp = k.wp[k.hidden - 1];
	deep_clear(k.Wo, (size_t)k.out * wlp);
	for (int o = 0; o < k.out; o++) {
		for (int i = 0; i < wl; i++) k.Wo[o * wlp + i] = theta[last.w + o * wl + i];
		k.bo[o] = theta[last.b + o];
	}
}

template <class R> void deep_clear_gradient(const Deep<R> &k) {
	deep_clear(k.gFirst, (size_t)k.d * k.wp[0]);
	deep_clear(k.gIn, (size_t)k.nc * k.wp[0]);
	for (int l = 0; l < k.hidden; l++) {
		deep_clear(k.gBias[l], k.wp[l]);
		if (l) deep_clear(k.gW[l], (size_t)k.wp[l] * k.wp[l - 1]);
	}
	deep_clear(k.gWo, (size_t)k.out * k.wp[k.hidden - 1]);
	deep_clear(k.gbo, (size_t)k.out * V<R>::lanes);
}

// Adds what a visit collected to the gradient of its subdomain.
template <class R, class J>
void deep_add_gradient(const J &j, const fb_plan &p, const Deep<R> &k, const R *inv_sigma, R *grad) {
	const fb_layer *ls = p.layers;
	first_finish<R>(j, k, inv_sigma);
	for (int m = 0; m < k.w[0]; m++)
		for (int e = 0; e < k.d; e++) grad[ls[0].w + m * k.d + e] += k.gFirst[e * k.wp[0] + m];
	for (int l = 0; l < k.hidden; l++) {
		for (int m = 0; m < k.w[l]; m++) grad[ls[l].b + m] += k.gBias[l][m];
		if (l == 0) continue;
		const int below = k.w[l - 1];
		for (int o = 0; o < k.w[l]; o++)
			for (int i = 0; i < below; i++) grad[ls[l].w + o * below + i] += k.gW[l][o * k.wp[l - 1] + i];
	}
	const fb_layer &last = ls[k.hidden];
	const int wl = k.w[k.hidden - 1], wlp = k.wp[k.hidden - 1];
	for (int o = 0; o < k.out; o++) {
		for (int i = 0; i < wl; i++) grad[last.w + o * wl + i] += k.gWo[o * wlp + i];
		grad[last.b + o] += hsum<R>(V<R>::load(k.gbo + o * V<R>::lanes));
	}
}

// kernels.Kernel.Forward.
template <class R, int Act, class J> void deep_forward(const fb_plan *p, const int32_t *tiles, int64_t n_tiles, const void *) {
	J j;
	j.read(*p);
	Deep<R> k;
	deep_layout<R>(*p, p->scratch, k);
	for (int l = 2; l < k.hidden; l++) { // no tape: later layers use the memory of earlier ones while it suffices
		if (k.wp[l] <= k.wp[l - 2]) k.A[l] = k.A[l - 2];
		if (k.wp[l] <= k.wp[l - 1]) k.Z[l] = k.Z[l - 1];
	}
	int32_t loaded = -1;
	for (int64_t t = 0; t < n_tiles; t++) {
		const fb_tile *tile = p->tiles + tiles[t];
		if (tile->n == 0) continue;
		if (tile->sub != loaded) deep_load<R>(j, *p, k, (const R *)p->theta + (int64_t)tile->sub * p->params, (const R *)p->inv_sigma + (int64_t)tile->sub * p->d);
		loaded = tile->sub;
		const int64_t pad = fb_pad(tile->n);
		for (int from = 0; from < tile->n; from += k.chunk) {
			const int n = tile->n - from < k.chunk ? tile->n - from : k.chunk;
			chunk_forward<R, Act>(j, k, (const R *)p->x + tile->x + from, pad, n);
			output_forward<R>(j, k, k.A[k.hidden - 1], n, true);
			window_forward<R>(j, k, Window{p, tile, from, n}, true);
		}
	}
}

// kernels.Kernel.Adjoint.
template <class R, int Act, class J> void deep_adjoint(const fb_plan *p, const int32_t *tiles, int64_t n_tiles, const void *) {
	J j;
	j.read(*p);
	Deep<R> k;
	deep_layout<R>(*p, p->scratch, k);
	int32_t loaded = -1;
	auto leave = [&] {
		if (loaded >= 0) deep_add_gradient<R>(j, *p, k, (const R *)p->inv_sigma + (int64_t)loaded * p->d, (R *)p->grad + (int64_t)loaded * p->params);
	};
	for (int64_t t = 0; t < n_tiles; t++) {
		const fb_tile *tile = p->tiles + tiles[t];
		if (tile->n == 0) continue;
		if (tile->sub != loaded) {
			leave();
			deep_load<R>(j, *p, k, (const R *)p->theta + (int64_t)tile->sub * p->params, (const R *)p->inv_sigma + (int64_t)tile->sub * p->d);
			deep_clear_gradient(k);
			loaded = tile->sub;
		}
		const int64_t pad = fb_pad(tile->n);
		for (int from = 0; from < tile->n; from += k.chunk) {
			const int n = tile->n - from < k.chunk ? tile->n - from : k.chunk;
			const R *x = (const R *)p->x + tile->x + from;
			window_backward<R>(j, k, Window{p, tile, from, n});
			chunk_forward<R, Act>(j, k, x, pad, n);
			chunk_backward<R, Act>(j, k, x, pad, n);
		}
	}
	leave();
}

// kernels.Kernel.Tangent. The direction is packed like the parameters, behind the network's own scratch.
template <class R, int Act, class J> void deep_tangent(const fb_plan *p, const int32_t *tiles, int64_t n_tiles, const void *dir) {
	J j;
	j.read(*p);
	Deep<R> k, d;
	const size_t own = deep_layout<R>(*p, p->scratch, k);
	deep_layout<R>(*p, (char *)p->scratch + own, d);
	deep_clear(d.v, (size_t)k.out * j.C * k.chunk), deep_clear(k.v, (size_t)k.out * j.C * k.chunk);
	int32_t loaded = -1;
	for (int64_t t = 0; t < n_tiles; t++) {
		const fb_tile *tile = p->tiles + tiles[t];
		if (tile->n == 0) continue;
		if (tile->sub != loaded) {
			const R *inv_sigma = (const R *)p->inv_sigma + (int64_t)tile->sub * p->d;
			deep_load<R>(j, *p, k, (const R *)p->theta + (int64_t)tile->sub * p->params, inv_sigma);
			deep_load<R>(j, *p, d, (const R *)dir + (int64_t)tile->sub * p->params, inv_sigma);
		}
		loaded = tile->sub;
		const int64_t pad = fb_pad(tile->n);
		for (int from = 0; from < tile->n; from += k.chunk) {
			const int n = tile->n - from < k.chunk ? tile->n - from : k.chunk;
			const R *x = (const R *)p->x + tile->x + from;
			chunk_forward<R, Act>(j, k, x, pad, n);
			chunk_tangent<R, Act>(j, k, d, x, pad, n);
			window_forward<R>(j, d, Window{p, tile, from, n}, false);
		}
	}
}

template <class R> bool deep_takes(const fb_plan &p) {
	ListedJets j;
	return p.fourier == 0 && p.inputs == p.d && p.hidden >= 2 && p.hidden <= DEEP_MAX_HIDDEN && (p.act == FB_TANH || p.act == FB_SIN) && j.read(p);
}

template <class R> size_t deep_scratch(const fb_plan &p) {
	Deep<R> k;
	return 2 * deep_layout<R>(p, nullptr, k); // network and direction
}

struct DeepOps {
	fb_op forward, adjoint, tangent;
};

// The tangent is not on the path of a gradient step: one code for all lists.
template <class R, int Act> DeepOps deep_ops_of(const fb_plan &p) {
	fb_op tangent = deep_tangent<R, Act, ListedJets>;
	if (Jets3().read(p)) return {deep_forward<R, Act, Jets3>, deep_adjoint<R, Act, Jets3>, tangent};
	if (Jets4().read(p)) return {deep_forward<R, Act, Jets4>, deep_adjoint<R, Act, Jets4>, tangent};
	if (Jets5().read(p)) return {deep_forward<R, Act, Jets5>, deep_adjoint<R, Act, Jets5>, tangent};
	if (Jets6().read(p)) return {deep_forward<R, Act, Jets6>, deep_adjoint<R, Act, Jets6>, tangent};
	if (Jets7().read(p)) return {deep_forward<R, Act, Jets7>, deep_adjoint<R, Act, Jets7>, tangent};
	return {deep_forward<R, Act, ListedJets>, deep_adjoint<R, Act, ListedJets>, tangent};
}

template <class R> DeepOps deep_ops(const fb_plan &p) {
	return p.act == FB_SIN ? deep_ops_of<R, FB_SIN>(p) : deep_ops_of<R, FB_TANH>(p);
}

} // namespace
} // namespace FB_NS
