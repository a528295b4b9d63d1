// Loads OpenBLAS, and sees to it that its kernel is one for this processor.
#define _GNU_SOURCE
#include "dense.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// fb_better_core names a kernel of OpenBLAS for the vector instructions of this processor if the one chosen uses lesser ones, else 0.
// OpenBLAS knows processors by family and model; one that is newer than the library gets a kernel of twenty years ago, a fifth
// as fast. Names that are not listed are of newer libraries, which know better than we do.
const char *fb_better_core(const char *chosen) {
#ifdef __x86_64__
	static const char *const sse_or_avx[] = {"Katmai", "Coppermine", "Northwood", "Prescott", "Banias", "Atom", "Core2", "Penryn",
		"Dunnington", "Nehalem", "Sandybridge", "Athlon", "Opteron", "Opteron_SSE3", "Barcelona", "Bobcat", "Bulldozer",
		"Piledriver", "Steamroller", "Excavator", "Nano", "Unknown"};
	static const char *const avx2[] = {"Haswell", "Zen"};
	int level = 2;
	for (size_t i = 0; i < sizeof sse_or_avx / sizeof *sse_or_avx; i++)
		if (!strcasecmp(chosen, sse_or_avx[i])) level = 0;
	for (size_t i = 0; i < sizeof avx2 / sizeof *avx2; i++)
		if (!strcasecmp(chosen, avx2[i])) level = 1;
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl"))
		return level < 2 ? "SkylakeX" : 0;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return level < 1 ? "Haswell" : 0;
#endif
	(void)chosen;
	return 0;
}

// find_all fills the table; returns the name of a function that is missing, or 0.
static const char *find_all(fb_blas *b) {
	struct {
		const char *name;
		void **to;
	} all[] = {{"dgemm_", (void **)&b->dgemm}, {"dsyrk_", (void **)&b->dsyrk}, {"dtrsm_", (void **)&b->dtrsm},
		{"dtrmm_", (void **)&b->dtrmm}, {"dgemv_", (void **)&b->dgemv}, {"dtrsv_", (void **)&b->dtrsv},
		{"dpotrf_", (void **)&b->dpotrf}, {"dgeqrt_", (void **)&b->dgeqrt}, {"dgemqrt_", (void **)&b->dgemqrt},
		{"dgesdd_", (void **)&b->dgesdd}, {"dgesvd_", (void **)&b->dgesvd}, {"dsyevd_", (void **)&b->dsyevd},
		{"dsygvd_", (void **)&b->dsygvd}};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!(*all[i].to = dlsym(b->handle, all[i].name))) return all[i].name;
	*(void **)&b->config = dlsym(b->handle, "openblas_get_config");
	*(void **)&b->core = dlsym(b->handle, "openblas_get_corename");
	*(void **)&b->parallel = dlsym(b->handle, "openblas_get_parallel");
	*(void **)&b->threads = dlsym(b->handle, "openblas_set_num_threads");
	return 0;
}

const char *fb_blas_open(fb_blas *b, const char *path) {
	memset(b, 0, sizeof *b);
	// Read while the library loads: without these it would start a thread for every core.
	setenv("OPENBLAS_NUM_THREADS", "1", 1);
	setenv("OMP_NUM_THREADS", "1", 0);
	for (;;) {
		b->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		if (!b->handle) return dlerror();
		const char *missing = find_all(b);
		if (missing) {
			fb_blas_close(b);
			return missing;
		}
		const char *core = b->core ? fb_better_core(b->core()) : 0;
		if (!core || getenv("OPENBLAS_CORETYPE")) break;
		// A loaded library keeps its kernel, so it goes and comes again. It does not stay loaded in between: nobody else
		// holds it, unless it was opened before, and then the variable has been set and this loop is left above.
		fb_blas_close(b);
		setenv("OPENBLAS_CORETYPE", core, 1);
	}
	if (b->threads) b->threads(1);
	return 0;
}

void fb_blas_close(fb_blas *b) {
	if (b->handle) dlclose(b->handle);
	memset(b, 0, sizeof *b);
}

const char *fb_blas_file(const fb_blas *b) {
	Dl_info info;
	return dladdr(*(void **)&b->dgemm, &info) ? info.dli_fname : "";
}

const char *fb_blas_config(const fb_blas *b) { return b->config ? b->config() : ""; }
const char *fb_blas_core(const fb_blas *b) { return b->core ? b->core() : ""; }
int fb_blas_parallel(const fb_blas *b) { return b->parallel ? b->parallel() : -1; }
