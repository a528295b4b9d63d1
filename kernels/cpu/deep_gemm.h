// The two matrix products of a hidden layer, rows = (point, component) pairs of a tile, lanes = neurons.
//
// With neurons in the lanes neither the weight gradients nor their sums over points need a horizontal sum or a transposed
// copy: all three products of a layer (forward, back through the weights, weight gradient) read one operand as whole
// vectors and the other as scalars spread by the load ports, which costs the arithmetic ports nothing. Register tiles:
// 8 rows x 2 vectors (16 sums hide the latency of two FMA ports; 10 loads feed 16 FMAs), 16 x 1 for one-vector layers.
#pragma once

#include "simd.h"

namespace FB_NS {
namespace {

// A block of N*B columns: z[r][n] = (Add ? z : 0) + sum_k a[r][k] w[k][n] for M rows. LDA, LDW: row lengths, 0 = at run time.
template <class R, int M, int N, int LDA, int LDW, bool Add>
FB_INLINE void product_block(const R *a, int lda, const R *w, int ldw, int depth, R *z, int ldz) {
	using X = V<R>;
	const ptrdiff_t la = LDA ? LDA : lda, lw = LDW ? LDW : ldw, lz = LDW ? LDW : ldz;
	X sum[M][N];
#pragma GCC unroll 16
	for (int r = 0; r < M; r++)
#pragma GCC unroll 4
		for (int n = 0; n < N; n++) sum[r][n] = Add ? X::load(z + r * lz + n * X::lanes) : X::zero();
#pragma GCC unroll 2
	for (int k = 0; k < depth; k++) {
		X b[N];
#pragma GCC unroll 4
		for (int n = 0; n < N; n++) b[n] = X::load(w + k * lw + n * X::lanes);
#pragma GCC unroll 16
		for (int r = 0; r < M; r++) {
			X s = X::broadcast(a[r * la + k]);
#pragma GCC unroll 4
			for (int n = 0; n < N; n++) sum[r][n] = fma(s, b[n], sum[r][n]);
		}
	}
#pragma GCC unroll 16
	for (int r = 0; r < M; r++)
#pragma GCC unroll 4
		for (int n = 0; n < N; n++) sum[r][n].store(z + r * lz + n * X::lanes);
}

// All rows of a block of columns: M at a time, then halves of M.
template <class R, int M, int N, int LDA, int LDW, bool Add>
FB_INLINE void product_rows(const R *a, int lda, const R *w, int ldw, int depth, R *z, int ldz, int rows) {
	const ptrdiff_t la = LDA ? LDA : lda, lz = LDW ? LDW : ldz;
	int r = 0;
	for (; r + M <= rows; r += M) product_block<R, M, N, LDA, LDW, Add>(a + r * la, lda, w, ldw, depth, z + r * lz, ldz);
	if constexpr (M > 1)
		if (r < rows) product_rows<R, M / 2, N, LDA, LDW, Add>(a + r * la, lda, w, ldw, depth, z + r * lz, ldz, rows - r);
}

// z[rows][ldz] = a[rows][lda] w[depth][ldz]; ldz a multiple of the lanes.
template <class R, int LDA, int LDW, bool Add>
__attribute__((noinline)) void product_of(const R *a, int lda, const R *w, int depth, R *z, int ldz, int rows) {
	constexpr int B = V<R>::lanes;
	constexpr bool wide = FB_BITS == 512; // 32 registers
	constexpr int pair = LDA && wide ? 8 : 4, single = LDA && wide ? 16 : LDA ? 8 : 4;
	const int ld = LDW ? LDW : ldz;
	int n = 0;
	for (; n + 2 * B <= ld; n += 2 * B) product_rows<R, pair, 2, LDA, LDW, Add>(a, lda, w + n, ldz, depth, z + n, ldz, rows);
	if (n < ld) product_rows<R, single, 1, LDA, LDW, Add>(a, lda, w + n, ldz, depth, z + n, ldz, rows);
}

// The same for whichever row lengths: the usual square layers have their own code, in which row offsets are constants.
// Not so the adding form, which only the tangent uses.
template <class R, bool Add = false>
FB_INLINE void product(const R *a, int lda, const R *w, int depth, R *z, int ldz, int rows) {
	if constexpr (!Add) {
		const int square = lda == ldz ? lda : 0;
		if (square == 16) return product_of<R, 16, 16, false>(a, lda, w, depth, z, ldz, rows);
		if (square == 32) return product_of<R, 32, 32, false>(a, lda, w, depth, z, ldz, rows);
		if (square == 64) return product_of<R, 64, 64, false>(a, lda, w, depth, z, ldz, rows);
		if (square == 128) return product_of<R, 128, 128, false>(a, lda, w, depth, z, ldz, rows);
	}
	product_of<R, 0, 0, Add>(a, lda, w, depth, z, ldz, rows);
}

// g[o][n] += sum_r z[r][o] a[r][n] for M neighbouring o and N vectors of n.
template <class R, int M, int N>
FB_INLINE void outer_block(const R *z, int ldz, const R *a, int lda, R *g, int rows) {
	using X = V<R>;
	X sum[M][N];
#pragma GCC unroll 16
	for (int o = 0; o < M; o++)
#pragma GCC unroll 4
		for (int n = 0; n < N; n++) sum[o][n] = X::load(g + (ptrdiff_t)o * lda + n * X::lanes);
#pragma GCC unroll 2
	for (int r = 0; r < rows; r++, z += ldz, a += lda) {
		X b[N];
#pragma GCC unroll 4
		for (int n = 0; n < N; n++) b[n] = X::load(a + n * X::lanes);
#pragma GCC unroll 16
		for (int o = 0; o < M; o++) {
			X s = X::broadcast(z[o]);
#pragma GCC unroll 4
			for (int n = 0; n < N; n++) sum[o][n] = fma(s, b[n], sum[o][n]);
		}
	}
#pragma GCC unroll 16
	for (int o = 0; o < M; o++)
#pragma GCC unroll 4
		for (int n = 0; n < N; n++) sum[o][n].store(g + (ptrdiff_t)o * lda + n * X::lanes);
}

// W̄ += Z̄ᵀ A: g[ldz][lda] += z[rows][ldz]ᵀ a[rows][lda]; ldz a multiple of 8, lda of the lanes. Padded rows of g receive zeros.
template <class R> __attribute__((noinline)) void outer(const R *z, int ldz, const R *a, int lda, R *g, int rows) {
	constexpr int B = V<R>::lanes;
	constexpr int pair = FB_BITS == 512 ? 8 : 4, single = 8;
	int n = 0;
	for (; n + 2 * B <= lda; n += 2 * B)
		for (int o = 0; o < ldz; o += pair) outer_block<R, pair, 2>(z + o, ldz, a + n, lda, g + (ptrdiff_t)o * lda + n, rows);
	if (n == lda) return;
	int o = 0;
	if (FB_BITS == 512)
		for (; o + 16 <= ldz; o += 16) outer_block<R, 16, 1>(z + o, ldz, a + n, lda, g + (ptrdiff_t)o * lda + n, rows);
	for (; o < ldz; o += single) outer_block<R, single, 1>(z + o, ldz, a + n, lda, g + (ptrdiff_t)o * lda + n, rows);
}

} // namespace
} // namespace FB_NS
