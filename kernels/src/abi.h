/* abi.h: what the host passes to the kernels, in plain C, read alike by nvcc, by the emulation and by cgo.
 *
 * Every kernel takes one structure by value. Pointers are addresses of device memory. Symbols as in package kernels. */
#ifndef FB_ABI_H
#define FB_ABI_H
#include <stdint.h>

enum { FB_MAX_D = 4, FB_MAX_ORDER = 4, FB_MAX_DEPTH = 8, FB_MAX_WIDTH = 256, FB_MAX_JETS = 70 };

/* A chunk is what one block works on: up to fb_shape.points consecutive points of a tile. Its boundaries follow from the tile
 * alone. Rows of x and w lie `stride` values apart (the padded length of the tile). Pairs of a plan are numbered through;
 * those of a chunk are consecutive, and start at a multiple of 32. */
typedef struct {
  int32_t sub;      /* slot of the network: parameters at theta[sub*params] */
  int32_t n;        /* points */
  int32_t section;  /* of U and UBar */
  int32_t stride;
  int64_t x, w;     /* offsets of the chunk's first point in x and w */
  int64_t pair;     /* number of its first pair */
} fb_chunk;

/* Component c of unknown k at point i of a section: u[base + (k*nc + c)*stride + i]. */
typedef struct { int64_t base, stride; } fb_section;

typedef struct { int32_t in, out, w, b, slope; } fb_layer; /* see kernels.Layer */

/* Terms of the product and of the composition of jets: kernels.Product and kernels.Composition, same layout. */
typedef struct { int32_t c, a, b; double coef; } fb_product;
typedef struct { int32_t c, order; double coef; int32_t f[FB_MAX_ORDER]; } fb_composition;

/* The networks of one plan and one list of its chunks. Grid: one block an entry of the list. */
typedef struct {
  int32_t d, inputs, fourier, hidden, out, act, params, frozen, nc, order;
  int32_t periodic[FB_MAX_D];
  fb_layer layers[FB_MAX_DEPTH + 1];
  uint8_t index[FB_MAX_JETS][FB_MAX_D];  /* derivatives of component c */
  int32_t first[FB_MAX_D];               /* component of the first derivative along an axis, or -1 */
  int32_t products, compositions;
  const fb_product *product;
  const fb_composition *composition;

  const fb_chunk *chunks;
  const fb_section *sections;
  const int32_t *list;   /* numbers of chunks */
  int32_t entries;       /* of the list */
  int32_t points;        /* most points of a chunk */
  const int32_t *point;  /* [pairs] point within the section */
  int64_t pairs;         /* stride of v */

  const void *x, *w, *inv_sigma, *scale, *shift, *theta;
  const void *dir;       /* direction in theta, tangent only */
  const void *ubar;
  void *v;               /* out of forward and tangent: windowed jets [out*nc][pairs] */
  void *partial;         /* out of adjoint: gradient of each entry [entries][params]; all of it is written */
  void *scratch;         /* [blocks of the grid][scratch_block] bytes; generic and deep kernels */
  int64_t scratch_block;

  int32_t shared;        /* most shared memory that this card gives a block, in bytes */
  int32_t pass;          /* fb_shape.pass of the kernel that is launched */
} fb_net;

/* Sum of windowed jets at points: u[at + p*stride] += Σ_k v[p*pairs + pair[k]], k = first[t] .. first[t+1]-1 in this order,
 * for every plane p < planes and target t < targets. */
typedef struct { int64_t at, stride; } fb_target;
typedef struct {
  const fb_target *target;
  const int32_t *first;   /* [targets+1] */
  const int32_t *pair;
  int32_t targets, planes;
  int64_t pairs;
  const void *v;
  void *u;
} fb_gather;

/* Sum of partial gradients: grad[slot[s]*params + p] += Σ_e partial[entry[e]*params + p], e = first[s] .. first[s+1]-1. */
typedef struct {
  const int32_t *slot, *first, *entry;
  int32_t slots, params;
  const void *partial;
  void *grad;
} fb_reduce;

/* Point program: kernels.Program over n points. in and out are arrays of plane addresses in device memory; a null output plane is
 * skipped. Registers lie in shared memory, [registers][threads]. */
typedef struct { int32_t op, dst, a, b, c; } fb_instr;
typedef struct {
  int32_t inputs, constants, registers, length, outputs;
  const void *constant;
  const fb_instr *code;
  const int32_t *output;
  const void *const *in;
  void *const *out;
  int64_t n;
} fb_point;

/* ½ Σ q r² of planes: blocks write partial sums [plane][blocks] and the first index with a value that is not finite (else n);
 * fb_squares_finish (one block a plane) adds them in block order. bad holds run, plane, point of the first run that failed. */
typedef struct {
  int32_t planes, blocks;
  int64_t n;
  const void *q;
  const void *const *r;
  double *partial;      /* [planes][blocks] */
  int64_t *where;       /* [planes][blocks] */
  double *sum;          /* [planes] */
  int64_t *bad;         /* [planes][2]: run (0: none yet), point */
  int64_t *run;         /* [planes] runs so far, counted by fb_squares_finish */
} fb_squares;

/* Port: message[i] = v[index(i)] over blocks; start[b] is the position of block b in the message, ascending, start[blocks] = n. */
typedef struct {
  const int64_t *at, *start;
  int64_t blocks, n;
  void *message;
  void *v;
} fb_port;

typedef struct {
  int64_t n;
  double rate, beta1, beta2, eps, correct1, correct2; /* correct = 1 - beta^step */
  void *theta, *m, *v;
  const void *grad;
} fb_adam;

/* Measurements of the card. fb_peak: independent chains of multiply-adds (bench.h); never writes, but the compiler must not know.
 * fb_copy: n values of 16 bytes from one array to another. */
typedef struct { int64_t iterations; void *out; } fb_bench_peak;
typedef struct { const void *from; void *to; int64_t n; } fb_bench_copy;

/* How to launch a kernel of fb_net. points: most points of a chunk; shared: bytes; scratch: bytes a block; pass: points that a block
 * takes through the layers at a time, deep kernels only. threads 0: this family does not take the network, or not on this card. */
typedef struct { int32_t threads, points; int64_t shared, scratch; int32_t pass; } fb_shape;

#endif
