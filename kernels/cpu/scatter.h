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
		for (; n >= L; n -= L, row += L, plane += L)
			for (int r = 0; r < n_rows; r++) (V<R>::loadu(plane + r * stride) + V<R>::loadu(row + r * pitch)).storeu(plane + r * stride);
		if (n == 1) {
			for (int r = 0; r < n_rows; r++) plane[r * stride] += row[r * pitch];
		} else if (n > 0) {
			const Part<R> rest(n);
			for (int r = 0; r < n_rows; r++) rest.store(plane + r * stride, rest.load(plane + r * stride) + rest.load(row + r * pitch));
		}
	});
}

// rows[r*pitch + i] = planes[r*stride + point] for the points lo..hi-1 of the tile.
template <class R> FB_INLINE void gather(Runs &runs, int lo, int hi, const R *planes, int64_t stride, R *rows, int pitch, int n_rows) {
	constexpr int L = V<R>::lanes;
	runs.each(lo, hi, [&](int i, int point, int n) __attribute__((always_inline)) {
		R *row = rows + i;
		const R *plane = planes + point;
		for (; n >= L; n -= L, row += L, plane += L)
			for (int r = 0; r < n_rows; r++) V<R>::loadu(plane + r * stride).storeu(row + r * pitch);
		if (n == 1) {
			for (int r = 0; r < n_rows; r++) row[r * pitch] = plane[r * stride];
		} else if (n > 0) {
			const Part<R> rest(n);
			for (int r = 0; r < n_rows; r++) rest.store(row + r * pitch, rest.load(plane + r * stride));
		}
	});
}

// Zeros in the padded lanes of a block (kernels.Kernel.Block), whatever a NaN has made of them.
template <class R> FB_INLINE void clear_padding(const fb_plan *p, const fb_tile &t, int first, R *out, int64_t ld) {
	const int pad = fb_pad(t.n);
	for (int column = 0; column < p->params - first; column++)
		for (int i = t.n; i < pad; i++) out[column * ld + i] = 0;
}

// Asks for the memory of the next tile, a few lines at a time while this one computes: the rows of a grid are too short for
// the processor to guess, and all at once they would block its ten or so outstanding loads. (A list of addresses made
// beforehand gave half as much: making it takes too long.)
template <class R> struct Ahead {
	const char *at = nullptr, *end = nullptr, *at2 = nullptr, *end2 = nullptr; // window jets, then coordinates
	const fb_run *run = nullptr, *last = nullptr;
	const R *base = nullptr;
	int64_t stride = 0;
	unsigned turn = 0;

	FB_MEMBER void plan(const fb_plan *p, const fb_tile &t, const void *planes) {
		const int pad = fb_pad(t.n);
		if (t.n > chunk_points) return; // long streams: the processor finds them itself
		at = (const char *)((const R *)p->w + t.w), end = at + sizeof(R) * p->nc * pad;
		at2 = (const char *)((const R *)p->x + t.x), end2 = at2 + sizeof(R) * p->d * pad;
		run = p->runs + t.run, last = run + t.runs;
		base = section_of<R>(p, t, planes, &stride);
		const char *theta = (const char *)((const R *)p->theta + (int64_t)t.sub * p->params);
		_mm_prefetch(theta, _MM_HINT_T0);
		_mm_prefetch(theta + 64, _MM_HINT_T0);
	}

	// Two lines, and every fourth time a run of all planes; called some fifty times a tile.
	template <int Planes> FB_MEMBER void ask() {
		if (at < end) {
			_mm_prefetch(at, _MM_HINT_T0);
			_mm_prefetch(at + 64, _MM_HINT_T0);
			at += 128;
		} else if (at2 < end2) {
			at = at2, end = end2;
			at2 = end2;
		}
		if ((++turn & 3) == 0 && run < last) {
			const char *first = (const char *)(base + run->point), *behind = first + sizeof(R) * (run->n - 1);
#pragma GCC unroll 16
			for (int c = 0; c < Planes; c++, first += stride * sizeof(R), behind += stride * sizeof(R)) {
				_mm_prefetch(first, _MM_HINT_T0);
				_mm_prefetch(behind, _MM_HINT_T0);
			}
			run++;
		}
	}
};

} // namespace
} // namespace FB_NS
