// The table of one instruction set and real type, FB_TABLE. The six files that include this, avx512_f32.cpp to base_f64.cpp,
// differ by the macros FB_NS, FB_BITS, FB_REAL and FB_TABLE, and by the target pragma, which must stand before any include.
#pragma once

#include "deep_onepass.h"
#include "generic.h"
#include "optim.h"
#include "program.h"
#include "shallow.h"
#include "shallow_block.h"

namespace FB_NS {
namespace {

enum : unsigned { xx = 1u << 0, xy = 1u << 1, yy = 1u << 5, zz = 1u << 10 };

// The shallow kernel if the plan's components are exactly those of the set.
template <class R, int D, unsigned First, unsigned Second> struct Candidate {
	using J = Set<D, First, Second>;

	static bool matches(const fb_plan *p) {
		if (p->d != D || p->nc != J::nc) return false;
		for (int c = 0; c < J::nc; c++) {
			uint8_t m[FB_MAX_D] = {};
			if (c > 0 && c <= J::nf) m[J::at.axis[c - 1]]++;
			if (c > J::nf) m[J::at.a[c - 1 - J::nf]]++, m[J::at.b[c - 1 - J::nf]]++;
			for (int a = 0; a < FB_MAX_D; a++)
				if (p->index[c][a] != m[a]) return false;
		}
		return true;
	}

	template <class Phi> static void of(fb_kernel &k, const fb_plan *p) {
		using K = Shallow<R, Phi, D, First, Second, 1>;
		k.forward = K::forward, k.adjoint = K::adjoint, k.tangent = K::tangent, k.kind = FB_SHALLOW;
		const int64_t bytes = K::scratch(p);
		if (k.scratch < bytes) k.scratch = bytes;
	}
	static void take(fb_kernel &k, const fb_plan *p) {
		if (!matches(p)) return;
		if (p->act == FB_TANH) of<Tanh>(k, p);
		if constexpr (FB_BITS > 128 && (D == 1 || Second == xx || Second == (xx | yy)))
			if (p->act == FB_SIN) of<Sin>(k, p);
	}
};

// Every instance takes half a second to compile, so the list is short: one unknown, the sets of the usual equations, and sin
// for some of them. Blocks of shallow networks need no such list (shallow_block.h).
template <class R> static fb_kernel choose(const fb_plan *p) {
	const int64_t generic = generic_scratch<R>(p);
	fb_kernel k = {generic_forward<R>, generic_adjoint<R>, generic_tangent<R>, generic_block<R>, generic, generic, FB_GENERIC};
	if (deep_takes<R>(*p)) {
		DeepOps d = deep_ops<R>(*p);
		return {d.forward, d.adjoint, d.tangent, generic_block<R>, (int64_t)deep_scratch<R>(*p), generic, FB_DEEP};
	}
	take_shallow_block<R>(k, p);
	if (p->hidden != 1 || p->out != 1 || p->fourier != 0 || p->inputs != p->d) return k;
	Candidate<R, 1, 0, 0>::take(k, p);
	Candidate<R, 1, 1, 0>::take(k, p);
	Candidate<R, 1, 1, xx>::take(k, p);
	Candidate<R, 2, 0, 0>::take(k, p);
	Candidate<R, 2, 3, 0>::take(k, p);
	Candidate<R, 2, 3, xx>::take(k, p);
	Candidate<R, 2, 3, yy>::take(k, p);
	Candidate<R, 2, 3, xx | yy>::take(k, p);
	Candidate<R, 2, 3, xx | xy | yy>::take(k, p);
	Candidate<R, 3, 7, xx | yy | zz>::take(k, p);
	return k;
}

template <class R> constexpr fb_table table = {choose<R>, program_run<R>, adam<R>, peak_loop<R>, deep_onepass<R>, elementary<R>, V<R>::lanes};

} // namespace
} // namespace FB_NS

extern "C" {
extern const fb_table FB_TABLE;
const fb_table FB_TABLE = FB_NS::table<FB_REAL>;
}
