// The one-pass kernel, benchmark of record: the Burgers residual r = u_t + u u_x - nu u_xx of a single network without window,
// so that forward, residual, backward and weight gradients of a chunk run in one go with nothing recomputed.
#pragma once

#include "deep.h"

namespace FB_NS {
namespace {

// Adds d/dθ of sum_i r_i²/2 to grad and returns the sum. The plan gives the net (d = 2, coordinates x, t; one output), theta,
// inv_sigma and x [2][pad(n)]; jets u, u_x, u_t, u_xx.
template <class R> double deep_onepass(const fb_plan *p, int32_t points, double nu) {
	using X = V<R>;
	Jets4 j;
	Deep<R> k;
	deep_layout<R>(*p, p->scratch, k);
	const R *inv_sigma = (const R *)p->inv_sigma, *x = (const R *)p->x;
	deep_load<R>(j, *p, k, (const R *)p->theta, inv_sigma);
	deep_clear_gradient(k);
	const int64_t pad = fb_pad(points);
	X loss = X::zero();
	for (int from = 0; from < points; from += k.chunk) {
		const int n = points - from < k.chunk ? points - from : k.chunk;
		chunk_forward<R, FB_TANH>(j, k, x + from, pad, n);
		output_forward<R>(j, k, k.A[k.hidden - 1], n, true);
		for (int i = 0; i < n; i += X::lanes) {
			const int m = n - i < X::lanes ? n - i : X::lanes;
			X u = X::loadm(k.v + i, m), ux = X::loadm(k.v + k.chunk + i, m), ut = X::loadm(k.v + 2 * k.chunk + i, m), uxx = X::loadm(k.v + 3 * k.chunk + i, m);
			X r = fma(u, ux, ut) - uxx * R(nu);
			loss = fma(r * R(0.5), r, loss);
			(r * ux).store(k.vbar + i);
			(r * u).store(k.vbar + k.chunk + i);
			r.store(k.vbar + 2 * k.chunk + i);
			(r * R(-nu)).store(k.vbar + 3 * k.chunk + i);
		}
		chunk_backward<R, FB_TANH>(j, k, x + from, pad, n);
	}
	deep_add_gradient<R>(j, *p, k, inv_sigma, (R *)p->grad);
	return hsum<R>(loss);
}

} // namespace
} // namespace FB_NS
