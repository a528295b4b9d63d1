// Layouts shared by Go and C++: the mirror of kernels.Plan and its parts. Plain C, so that cgo reads it too.
//
// Every pointer leads to memory outside the Go heap (kernels.Make) or to memory that outlives one call. Reals are void*:
// the table of functions chosen by Go (fb_table) fixes whether they are float or double.
#ifndef FB_H
#define FB_H

#include <stdint.h>

enum { FB_MAX_D = 4, FB_MAX_JETS = 70, FB_MAX_LAYERS = 9, FB_PAD = 16 };
enum { FB_TANH, FB_SIN, FB_ADAPTIVE_TANH, FB_ADAPTIVE_SIN }; // kernels.Activation

// kernels.Tile: x at X[x + a*pad(n) + i], w at W[w + c*pad(n) + i].
typedef struct {
	int32_t sub, n, run, runs, section, unused;
	int64_t x, w;
} fb_tile;

// kernels.Run: n points, from tile in the tile to point in its section.
typedef struct { int32_t tile, point, n; } fb_run;

// kernels.Section: component c of unknown k at point i is U[base + (k*nc+c)*stride + i].
typedef struct { int64_t base, stride; } fb_section;

// kernels.Layer: weights [out][in] at w, bias [out] at b, slopes [slopes][out] at slope.
typedef struct { int32_t in, out, w, b, slope; } fb_layer;

// kernels.Plan with kernels.Net and kernels.Jets flattened.
typedef struct fb_plan {
	// net
	int32_t d;                                // coordinates
	int32_t inputs;                           // kernels.Net.Inputs
	int32_t periodic[FB_MAX_D];               // 1: the axis enters as sin, cos of pi x
	int32_t fourier;                          // rows of frozen features, 0 = none
	int32_t hidden;                           // hidden layers; layers[hidden] is the linear output
	int32_t out;                              // n_u
	int32_t act;                              // FB_TANH ...
	int32_t params, frozen;                   // P; leading parameters that never move
	fb_layer layers[FB_MAX_LAYERS];
	// jets
	int32_t nc, order;
	uint8_t index[FB_MAX_JETS][FB_MAX_D];     // multi-index of each component
	// points
	const fb_tile *tiles;
	const fb_run *runs;
	const fb_section *sections;
	const void *x, *w, *inv_sigma, *scale, *shift, *theta;
	void *grad, *u;
	const void *ubar;
	// of the implementation
	int32_t max_n;                            // points of the largest tile
	int32_t max_pad;                          // the same, padded
	const void *tables;                       // of the generic kernel
	void *scratch;                            // 64-byte aligned, per kernel, of the size that its *_scratch function gave
} fb_plan;

// The three operations of kernels.Kernel over a list of tiles, in order. dir is null but for the tangent.
typedef void (*fb_op)(const fb_plan *p, const int32_t *tiles, int64_t n_tiles, const void *dir);

// kernels.Kernel.Block of one tile: parameters from `first` on, adjoints from p->ubar, work space at p->scratch. Callers that share a
// plan pass copies of it with their own ubar and scratch.
typedef void (*fb_block)(const fb_plan *p, int32_t tile, int32_t first, void *out, int64_t ld);

// kernels.Instr and kernels.Program.
typedef struct { int32_t op, dst, a, b, c; } fb_instr;
typedef struct {
	int32_t inputs, constants, registers, length, outputs;
	const void *constant;      // [constants]
	const fb_instr *code;      // [length]
	const int32_t *output;     // [outputs]
	void **registers_at;       // [registers], work space
	void *scratch;             // FB_BLOCK reals for each register
} fb_program;
enum { FB_BLOCK = 256 };

// What was chosen for a plan.
enum { FB_SHALLOW, FB_DEEP, FB_GENERIC };
typedef struct {
	fb_op forward, adjoint, tangent;
	fb_block block;
	int64_t scratch;       // bytes, of the three operations
	int64_t block_scratch; // bytes, of one block
	int32_t kind;    // FB_SHALLOW ...
} fb_kernel;

// All functions for one instruction set and one real type.
typedef struct {
	fb_kernel (*choose)(const fb_plan *p);
	void (*program)(const fb_program *p, const void *const *in, void *const *out, int64_t n);
	void (*adam)(int64_t n, const double *numbers, void *theta, const void *grad, void *m, void *v); // rate b1 b2 eps bias1 bias2
	double (*peak)(int64_t repetitions); // of 12 vector multiply-adds each
	double (*onepass)(const fb_plan *p, int32_t points, double nu);
	void (*elementary)(int which, int64_t n, const void *z, void *f, void *g);
	int32_t lanes;
} fb_table;

#ifdef __cplusplus
extern "C" {
#endif
extern const fb_table fb_avx512_f32, fb_avx512_f64, fb_avx2_f32, fb_avx2_f64, fb_base_f32, fb_base_f64;

// 2: AVX-512 F, DQ, BW, VL; 1: AVX2 and FMA; 0: any x86-64.
int fb_best_isa(void);
const fb_table *fb_table_of(int isa, int real_bytes);

// C cannot be handed the function pointers of a table through cgo, so these call them.
fb_kernel fb_choose(const fb_table *t, const fb_plan *p);
void fb_run_op(fb_op op, const fb_plan *p, const int32_t *tiles, int64_t n, const void *dir);
void fb_run_block(fb_block f, const fb_plan *p, int32_t tile, int32_t first, const void *ubar, void *out, int64_t ld, void *scratch);
void fb_run_program(const fb_table *t, const fb_program *p, const void *const *in, void *const *out, int64_t n);
void fb_adam(const fb_table *t, int64_t n, double rate, double b1, double b2, double eps, double bias1, double bias2,
	void *theta, const void *grad, void *m, void *v);
double fb_peak_seconds(const fb_table *t, int64_t repetitions); // the fastest of ten runs
double fb_onepass(const fb_table *t, const fb_plan *p, int32_t points, double nu);
void fb_elementary(const fb_table *t, int which, int64_t n, const void *z, void *f, void *g);
#ifdef __cplusplus
}
#endif

static inline int32_t fb_pad(int32_t n) { return (n + FB_PAD - 1) / FB_PAD * FB_PAD; }

#endif
