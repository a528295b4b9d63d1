// Between a tile and the jet planes: runs of consecutive points are added to a section or copied out of it. A run is
// typically a row of a grid inside a subdomain (9-20 points), a whole tile (one coordinate) or a single random point.
#pragma once

#include "simd.h"

namespace FB_NS {
namespace {

// Points of a tile that are worked on together: with 5 components they fill a fifth of a 48 KiB L1.
constexpr int chunk_points = 512;

// Walks the runs of a tile chunk by chunk; a run may straddle chunks.
struct Runs {
	const fb_run *at, *end;
	FB_MEMBER Runs(const fb_plan *p, const fb_tile &t) : at(p->runs + t.run), end(p->runs + t.run + t.runs) {}

	// Calls f(first point in the chunk, first point in the section, number) for the parts of runs in points lo..hi-1.
	template <class F> FB_MEMBER void each(int lo, int hi, F f) {
		for (; at < end && at->tile < hi; at++) {
			int from = at->tile > lo ? at->tile : lo, to = at->tile + at->n < hi ? at->tile + at->n : hi;
			if (from < to) f(from - lo, at->point + (from - at->tile), to - from);
			if (at->tile + at->n > hi) return; // the rest belongs to the next chunk
		}
	}
};

template <class R> FB_INLINE R *section_of(const fb_plan *p, const fb_tile &t, const void *planes, int64_t *stride) {
	const fb_section &s = p->sections[t.section];
	*stride = s.stride;
	return (R *)planes + s.base;
}

// planes[r*stride + point] += rows[r*pitch + i] for the points lo..hi-1 of the tile.
template <class R> FB_INLINE void scatter_add(Runs &runs, int lo, int hi, R *planes, int64_t stride, const R *rows, int pitch, int n_rows) {
	constexpr int L = V<R>::lanes;
	runs.each(lo, hi, [&](int i, int point, int n) __attribute__((always_inline)) {
		const R *row = rows + i;
		R *plane = planes + point;
		if (n == 1) {
			for (int r = 0; r < n_rows; r++) plane[r * stride] += row[r * pitch];
			return;
		}
		for (int r = 0; r < n_rows; r++, plane += stride, row += pitch) {
			int k = 0;
			for (; k + L <= n; k += L) (V<R>::loadu(plane + k) + V<R>::loadu(row + k)).storeu(plane + k);
			if (k < n) (V<R>::loadm(plane + k, n - k) + V<R>::loadm(row + k, n - k)).storem(plane + k, n - k);
		}
	});
}

// rows[r*pitch + i] = planes[r*stride + point] for the points lo..hi-1 of the tile.
template <class R> FB_INLINE void gather(Runs &runs, int lo, int hi, const R *planes, int64_t stride, R *rows, int pitch, int n_rows) {
	constexpr int L = V<R>::lanes;
	runs.each(lo, hi, [&](int i, int point, int n) __attribute__((always_inline)) {
		R *row = rows + i;
		const R *plane = planes + point;
		if (n == 1) {
			for (int r = 0; r < n_rows; r++) row[r * pitch] = plane[r * stride];
			return;
		}
		for (int r = 0; r < n_rows; r++, plane += stride, row += pitch) {
			int k = 0;
			for (; k + L <= n; k += L) V<R>::loadu(plane + k).storeu(row + k);
			if (k < n) V<R>::loadm(plane + k, n - k).storem(row + k, n - k);
		}
	});
}

// Asks for what the next tile reads ahead of time: rows of a grid are too short for the processor to guess, and a tile takes
// long enough to bring the lines in.
template <class R> FB_INLINE void prefetch_tile(const fb_plan *p, const fb_tile &t, const void *planes, int n_rows) {
	if (t.n > chunk_points) return;
	constexpr int line = 64 / (int)sizeof(R);
	const int pad = fb_pad(t.n);
	const R *x = (const R *)p->x + t.x, *w = (const R *)p->w + t.w;
	for (int i = 0; i < p->d * pad; i += line) _mm_prefetch((const char *)(x + i), _MM_HINT_T0);
	for (int i = 0; i < p->nc * pad; i += line) _mm_prefetch((const char *)(w + i), _MM_HINT_T0);
	int64_t stride;
	const R *base = section_of<R>(p, t, planes, &stride);
	for (int32_t r = t.run; r < t.run + t.runs; r++) {
		const R *first = base + p->runs[r].point, *last = first + p->runs[r].n - 1;
		for (int c = 0; c < n_rows; c++) {
			_mm_prefetch((const char *)(first + c * stride), _MM_HINT_T0);
			if (((uintptr_t)(first + c * stride) ^ (uintptr_t)(last + c * stride)) >> 6) _mm_prefetch((const char *)(last + c * stride), _MM_HINT_T0);
		}
	}
}

} // namespace
} // namespace FB_NS
