// (∂U/∂θ) dir: the forward pass of a chunk carried together with its derivative along a direction of the parameters.
#pragma once

#include "deep_window.h"

namespace FB_NS {
namespace {

// Ȧ of layer l from its tape and Ż; of layer 0, where second derivatives of z vanish, Ż is formed on the way. k holds the
// network, d the direction in the same places.
template <class R, int Act, class J>
void first_tangent(const J &j, const Deep<R> &k, const Deep<R> &d, const R *x, ptrdiff_t stride, int n) {
	using X = V<R>;
	const int wp = k.wp[0];
	for (int i = 0; i < n; i++)
		for (int m = 0; m < wp; m += X::lanes) {
			const ptrdiff_t at = (ptrdiff_t)i * j.C * wp + m;
			X z[DEEP_MAX_C], zdot[DEEP_MAX_C], adot[DEEP_MAX_C];
			zdot[0] = X::load(d.bias[0] + m);
			for (int e = 0; e < k.d; e++) zdot[0] = fma(X::broadcast(x[e * stride + i]), X::load(d.first + e * wp + m), zdot[0]);
			for (int c = 1; c < j.C; c++) {
				z[c] = c <= j.F ? X::load(k.in + c * wp + m) : X::zero();
				zdot[c] = c <= j.F ? X::load(d.in + c * wp + m) : X::zero();
			}
			compose_tangent<R, Act>(j, X::load(k.A[0] + at), X::load(k.Z[0] + (ptrdiff_t)i * wp + m), z, zdot, adot);
			for (int c = 0; c < j.C; c++) adot[c].store(d.A[0] + at + c * wp);
		}
}

template <class R, int Act, class J> void hidden_tangent(const J &j, const Deep<R> &k, const Deep<R> &d, int l, int n) {
	using X = V<R>;
	const int wp = k.wp[l];
	for (int i = 0; i < n; i++)
		for (int m = 0; m < wp; m += X::lanes) {
			const ptrdiff_t at = (ptrdiff_t)i * j.C * wp + m;
			X z[DEEP_MAX_C], zdot[DEEP_MAX_C], adot[DEEP_MAX_C];
			for (int c = 0; c < j.C; c++) z[c] = X::load(k.Z[l] + at + c * wp), zdot[c] = X::load(d.Z[l] + at + c * wp);
			zdot[0] += X::load(d.bias[l] + m);
			compose_tangent<R, Act>(j, X::load(k.A[l] + at), z[0], z, zdot, adot);
			for (int c = 0; c < j.C; c++) adot[c].store(d.A[l] + at + c * wp);
		}
}

// v̇ in d.v.
template <class R, int Act, class J>
void chunk_tangent(const J &j, const Deep<R> &k, const Deep<R> &d, const R *x, ptrdiff_t stride, int n) {
	first_tangent<R, Act>(j, k, d, x, stride, n);
	for (int l = 1; l < k.hidden; l++) {
		const int rows = n * j.C;
		product<R>(d.A[l - 1], k.wp[l - 1], k.Wt[l], k.w[l - 1], d.Z[l], k.wp[l], rows);
		product<R, true>(k.A[l - 1], k.wp[l - 1], d.Wt[l], k.w[l - 1], d.Z[l], k.wp[l], rows);
		hidden_tangent<R, Act>(j, k, d, l, n);
	}
	const int last = k.hidden - 1;
	output_forward<R>(j, d, k.A[last], n, true);
	output_forward<R>(j, k, d.A[last], n, false);
	for (int i = 0; i < k.out * j.C * k.chunk; i += V<R>::lanes) (V<R>::load(d.v + i) + V<R>::load(k.v + i)).store(d.v + i);
}

} // namespace
} // namespace FB_NS
