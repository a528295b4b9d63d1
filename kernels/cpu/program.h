// Point programs (kernels.Program): an interpreter whose instructions work on blocks of points, so that the cost of reading an
// instruction vanishes. Registers are addresses: inputs are read where they lie, results are formed in the output planes.
#pragma once

#include "simd.h"

namespace FB_NS {
namespace {

// Points of a block: a register of doubles then takes 2 KiB, and a program with a dozen live values stays in L1.
constexpr int block_points = FB_BLOCK;

// The library's functions, lane by lane, for what is rare in equations.
#define FB_LIBM(name) \
	FB_INLINE float lib_##name(float a) { return __builtin_##name##f(a); } \
	FB_INLINE double lib_##name(double a) { return __builtin_##name(a); }
FB_LIBM(log) FB_LIBM(sin) FB_LIBM(cos) FB_LIBM(tan) FB_LIBM(sinh) FB_LIBM(cosh) FB_LIBM(atan) FB_LIBM(asin) FB_LIBM(acos)
#undef FB_LIBM
FB_INLINE float lib_pow(float a, float b) { return __builtin_powf(a, b); }
FB_INLINE double lib_pow(double a, double b) { return __builtin_pow(a, b); }

// The reduction of vsincos keeps its accuracy up to here; a block with a larger argument (or NaN) takes the library.
constexpr double sincos_range = 1e4;

template <class R, class F> FB_INLINE void lanes1(int n, R *d, const R *a, F f) {
	for (int i = 0; i < n; i++) d[i] = f(a[i]);
}

// f works on vectors; n is a multiple of the lanes.
template <class R, class F> FB_INLINE void vectors(int n, R *d, const R *a, const R *b, const R *c, F f) {
	for (int i = 0; i < n; i += V<R>::lanes) f(V<R>::loadu(a + i), V<R>::loadu(b + i), V<R>::loadu(c + i)).storeu(d + i);
}

template <class R> FB_INLINE bool in_range(int n, const R *a) {
	bool all = true;
	for (int i = 0; i < n; i++) all &= __builtin_fabs((double)a[i]) <= sincos_range;
	return all;
}

template <class R> static void sine(int n, R *d, const R *a) {
	if (!in_range(n, a)) return lanes1(n, d, a, [](R x) { return lib_sin(x); });
	vectors(n, d, a, a, a, [](V<R> x, V<R>, V<R>) { V<R> s, c; vsincos(x, s, c); return s; });
}

template <class R> static void cosine(int n, R *d, const R *a) {
	if (!in_range(n, a)) return lanes1(n, d, a, [](R x) { return lib_cos(x); });
	vectors(n, d, a, a, a, [](V<R> x, V<R>, V<R>) { V<R> s, c; vsincos(x, s, c); return c; });
}

// Small whole exponents by multiplication, the rest by the library. Exponents are nearly always constants.
template <class R> static void power(int n, R *d, const R *a, const R *b) {
	bool same = true;
	for (int i = 1; i < n; i++) same &= b[i] == b[0];
	if (same && b[0] == R(2)) return vectors(n, d, a, a, a, [](V<R> x, V<R>, V<R>) { return x * x; });
	if (same && b[0] == R(3)) return vectors(n, d, a, a, a, [](V<R> x, V<R>, V<R>) { return x * x * x; });
	for (int i = 0; i < n; i++) d[i] = lib_pow(a[i], b[i]);
}

// kernels.Opcode, in its order.
enum { op_add, op_sub, op_mul, op_div, op_neg, op_muladd, op_pow, op_sqrt, op_exp, op_log, op_sin, op_cos, op_tan, op_tanh,
	op_sinh, op_cosh, op_atan, op_asin, op_acos, op_abs, op_sign, op_min, op_max, op_step };

// d = op(a, b, c) for n points, a multiple of 16. d may be a, b or c.
template <class R> static void instruction(int op, int n, R *d, const R *a, const R *b, const R *c) {
	using X = V<R>;
#define FB_VECTOR(expression) return vectors(n, d, a, b, c, [](X x, X y, X z) { (void)y; (void)z; return expression; })
#define FB_LANES(expression) for (int i = 0; i < n; i++) { R x = a[i]; d[i] = expression; } return
	switch (op) {
	case op_add: FB_VECTOR(x + y);
	case op_sub: FB_VECTOR(x - y);
	case op_mul: FB_VECTOR(x * y);
	case op_div: FB_VECTOR(x / y);
	case op_neg: FB_VECTOR(-x);
	case op_muladd: FB_VECTOR(fma(x, y, z));
	case op_pow: return power(n, d, a, b);
	case op_sqrt: FB_VECTOR(sqrt(x));
	case op_exp: FB_VECTOR(vexp(x));
	case op_log: FB_LANES(lib_log(x));
	case op_sin: return sine(n, d, a);
	case op_cos: return cosine(n, d, a);
	case op_tan: FB_LANES(lib_tan(x));
	case op_tanh: return vectors(n, d, a, b, c, [](X x, X, X) { X t, s; vtanh_parts(x, t, s); return t; });
	case op_sinh: FB_LANES(lib_sinh(x));
	case op_cosh: FB_LANES(lib_cosh(x));
	case op_atan: FB_LANES(lib_atan(x));
	case op_asin: FB_LANES(lib_asin(x));
	case op_acos: FB_LANES(lib_acos(x));
	case op_abs: FB_LANES(x < 0 ? -x : x == 0 ? R(0) : x);
	case op_sign: FB_LANES(x > 0 ? R(1) : x < 0 ? R(-1) : x); // a zero stays, NaN shows
	case op_min: for (int i = 0; i < n; i++) { R x = a[i], y = b[i]; d[i] = y < x || y != y ? y : x; } return;
	case op_max: for (int i = 0; i < n; i++) { R x = a[i], y = b[i]; d[i] = y > x || y != y ? y : x; } return;
	case op_step: FB_LANES(x >= 0 ? R(1) : R(0));
	}
#undef FB_VECTOR
#undef FB_LANES
}

template <class R> static void program_run(const fb_program *p, const void *const *in, void *const *out, int64_t n) {
	R *scratch = (R *)p->scratch; // a block for each register, and one for the zero plane
	R **reg = (R **)p->registers_at;
	int first = p->inputs + p->constants;
	for (int k = 0; k < p->constants; k++)
		for (int i = 0; i < block_points; i++) scratch[(p->inputs + k) * block_points + i] = ((const R *)p->constant)[k];
	for (int64_t at = 0; at < n; at += block_points) {
		int here = n - at < block_points ? (int)(n - at) : block_points;
		bool whole = here == block_points;
		int padded = fb_pad(here);
		for (int r = 0; r < p->registers; r++) reg[r] = scratch + r * block_points;
		for (int r = 0; r < p->inputs; r++) {
			const R *plane = (const R *)in[r] + at;
			if (whole) {
				reg[r] = (R *)plane; // never written: an instruction's destination is a temporary
				continue;
			}
			for (int i = 0; i < padded; i++) reg[r][i] = i < here ? plane[i] : R(1);
		}
		if (whole)
			for (int o = 0; o < p->outputs; o++)
				if (out[o] && p->output[o] >= first) reg[p->output[o]] = (R *)out[o] + at; // in and out do not overlap
		for (int k = 0; k < p->length; k++) {
			const fb_instr &s = p->code[k];
			instruction(s.op, padded, reg[s.dst], reg[s.a], reg[s.b], reg[s.c]);
		}
		for (int o = 0; o < p->outputs; o++) {
			if (!out[o]) continue;
			R *to = (R *)out[o] + at;
			const R *from = p->output[o] < 0 ? nullptr : reg[p->output[o]];
			if (to == from) continue;
			for (int i = 0; i < here; i++) to[i] = from ? from[i] : R(0);
		}
	}
}

} // namespace
} // namespace FB_NS
