// Chooses a table at run time and calls through it. Compiled for any x86-64.
#include "fb.h"

#include <time.h>

extern "C" {

int fb_best_isa(void) {
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl"))
		return 2;
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") ? 1 : 0;
}

const fb_table *fb_table_of(int isa, int real_bytes) {
	const fb_table *t[3][2] = {{&fb_base_f32, &fb_base_f64}, {&fb_avx2_f32, &fb_avx2_f64}, {&fb_avx512_f32, &fb_avx512_f64}};
	return t[isa][real_bytes == 8];
}

fb_kernel fb_choose(const fb_table *t, const fb_plan *p) { return t->choose(p); }

void fb_run_op(fb_op op, const fb_plan *p, const int32_t *tiles, int64_t n, const void *dir) { op(p, tiles, n, dir); }

void fb_run_block(fb_block f, const fb_plan *p, int32_t tile, int32_t first, const void *ubar, void *out, int64_t ld, void *scratch) {
	fb_plan own = *p;
	own.ubar = ubar, own.scratch = scratch;
	f(&own, tile, first, out, ld);
}

void fb_run_program(const fb_table *t, const fb_program *p, const void *const *in, void *const *out, int64_t n) {
	t->program(p, in, out, n);
}

void fb_adam(const fb_table *t, int64_t n, double rate, double b1, double b2, double eps, double bias1, double bias2,
	void *theta, const void *grad, void *m, void *v) {
	const double numbers[] = {rate, b1, b2, eps, bias1, bias2};
	t->adam(n, numbers, theta, grad, m, v);
}

double fb_peak_seconds(const fb_table *t, int64_t repetitions) {
	double best = 1e30;
	static volatile double keep; // so that the loop is not removed
	for (int r = 0; r < 10; r++) {
		timespec a, b;
		clock_gettime(CLOCK_MONOTONIC, &a);
		keep = t->peak(repetitions);
		clock_gettime(CLOCK_MONOTONIC, &b);
		double s = double(b.tv_sec - a.tv_sec) + 1e-9 * double(b.tv_nsec - a.tv_nsec);
		if (s < best) best = s;
	}
	(void)keep;
	return best;
}

double fb_onepass(const fb_table *t, const fb_plan *p, int32_t points, double nu) { return t->onepass(p, points, nu); }

void fb_elementary(const fb_table *t, int which, int64_t n, const void *z, void *f, void *g) { t->elementary(which, n, z, f, g); }
}
