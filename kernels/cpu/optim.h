// Adam over all parameters of a rank, and the multiply-add peak that kernels are measured against.
#pragma once

#include "simd.h"

namespace FB_NS {
namespace {

// m = β1 m + (1-β1) g, v = β2 v + (1-β2) g², θ -= rate (m/bias1)/(√(v/bias2) + ε); bias_k = 1 - βk^step.
template <class R> static void adam(int64_t n, const double *numbers, void *theta_, const void *grad_, void *m_, void *v_) {
	R *theta = (R *)theta_, *m = (R *)m_, *v = (R *)v_;
	const R *grad = (const R *)grad_;
	using X = V<R>;
	const X beta1 = X(R(numbers[1])), beta2 = X(R(numbers[2])), rest1 = X(R(1 - numbers[1])), rest2 = X(R(1 - numbers[2]));
	const X rate = X(R(numbers[0] / numbers[4])), bias2 = X(R(1 / numbers[5])), eps = X(R(numbers[3]));
	for (int64_t i = 0; i < n; i += X::lanes) {
		int k = n - i < X::lanes ? (int)(n - i) : X::lanes;
		X g = X::loadm(grad + i, k);
		X mean = fma(beta1, X::loadm(m + i, k), rest1 * g), square = fma(beta2, X::loadm(v + i, k), rest2 * g * g);
		mean.storem(m + i, k);
		square.storem(v + i, k);
		(X::loadm(theta + i, k) - rate * mean / (sqrt(square * bias2) + eps)).storem(theta + i, k);
	}
}

// 12 chains of multiply-adds: enough to hide their latency on two pipes. Returns a value that depends on all.
template <class R> static double peak_loop(int64_t repetitions) {
	V<R> a[12];
	for (int i = 0; i < 12; i++) a[i] = V<R>(R(i));
	V<R> m(R(0.999)), c(R(0.001));
	__asm__ volatile("" : "+x"(m.v), "+x"(c.v));
	for (int64_t k = 0; k < repetitions; k++) {
#pragma GCC unroll 12
		for (int i = 0; i < 12; i++) a[i] = fma(a[i], m, c);
	}
	for (int i = 1; i < 12; i++) a[0] += a[i];
	return (double)hsum(a[0]);
}

// The functions of simd.h on arrays of a multiple of 16 values, for tests and measurements: tanh and 1 - tanh², sin and cos, exp.
template <class R> static void elementary(int which, int64_t n, const void *z_, void *f_, void *g_) {
	for (int64_t i = 0; i < n; i += V<R>::lanes) {
		V<R> z = V<R>::loadu((const R *)z_ + i), f, g;
		switch (which) {
		case 0: vtanh_parts(z, f, g); break;
		case 1: vsincos(z, f, g); break;
		default: f = vexp(z), g = f;
		}
		f.storeu((R *)f_ + i);
		g.storeu((R *)g_ + i);
	}
}

} // namespace
} // namespace FB_NS
