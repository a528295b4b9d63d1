/* generic.h: which networks fb_generic_{forward,tangent,adjoint}_{f32,f64} take (all that kernels.Plan.Check admits), how to launch
 * them, and what memory they need. Read by cgo, and by the kernels themselves. */
#ifndef FB_GENERIC_H
#define FB_GENERIC_H
#include "abi.h"

#ifdef __CUDACC__
#define FB_BOTH_SIDES __host__ __device__
#else
#define FB_BOTH_SIDES
#endif

enum {
  FB_GENERIC_THREADS = 256,
  FB_GENERIC_PANEL = 48 << 10,   /* most bytes of weights in shared memory */
  FB_GENERIC_TILE = 8,           /* neurons that a thread computes at a time */
  FB_GENERIC_OUTER = 4,          /* rows and columns of a weight gradient that a warp computes at a time */
  FB_GENERIC_OUTER_STRIDE = 33,  /* lanes of a warp, and one against bank conflicts */
  FB_GENERIC_TAPE = 256 << 10    /* bytes of a tape for which chunks are made as long as possible */
};

/* Of a matrix with m rows of n weights, `rows` at a time lie in shared memory, as a panel [n][stride]: as many as fit, a multiple of
 * FB_GENERIC_TILE. stride/8 is odd, so that 4 by 8 neighbouring weights are written to different banks. n is at most 512 (256
 * Fourier features), for which a tile of doubles just fits. */
typedef struct { int32_t rows, stride; } fb_panel;
static inline FB_BOTH_SIDES fb_panel fb_generic_panel(int32_t m, int32_t n, int32_t real_bytes) {
  int32_t most = FB_GENERIC_PANEL / (n * real_bytes * FB_GENERIC_TILE), tiles = (m + FB_GENERIC_TILE - 1) / FB_GENERIC_TILE;
  if (most % 2 == 0) most--;
  if (tiles > most) tiles = most;
  fb_panel panel = {tiles * FB_GENERIC_TILE, (tiles % 2 == 1 ? tiles : tiles + 1) * FB_GENERIC_TILE};
  return panel;
}

/* Neurons of the largest layer, of the largest output of a layer, and of all arrays of a tape (generic.cu, generic_tape). */
typedef struct { int32_t in, out, widest, tape; } fb_generic_size;
static inline FB_BOTH_SIDES fb_generic_size fb_generic_neurons(const fb_net *p) {
  fb_generic_size s = {0, 0, p->fourier, p->fourier > 0 ? p->inputs : 0};
  for (int32_t l = 0; l <= p->hidden; l++) {
    const fb_layer *a = &p->layers[l];
    if (a->in > s.in) s.in = a->in;
    if (a->out > s.out) s.out = a->out;
    s.tape += a->in + a->out;
  }
  if (s.in > s.widest) s.widest = s.in;
  if (s.out > s.widest) s.widest = s.out;
  s.tape += 2 * s.widest;
  return s;
}

/* The shape for all three operations. Blocks loop over the entries of the list and use p.scratch + blockIdx*scratch_block, so a grid
 * smaller than the list saves memory; two blocks live on a processor at a time. Chunks have 128, 64 or 32 points, as many as keep
 * the tape short:
 *
 *   scratch = (Σ_l (in_l + out_l) + 2 max_l(in_l, out_l, fourier) + (fourier ? inputs : 0)) · nc · points · real_bytes */
static inline fb_shape fb_generic_shape(const fb_net *p, int32_t real_bytes) {
  fb_shape shape = {FB_GENERIC_THREADS, 128, 0, 0, 0};
  const int64_t point = (int64_t)fb_generic_neurons(p).tape * p->nc * real_bytes;
  while (shape.points > 32 && point * shape.points > FB_GENERIC_TAPE) shape.points /= 2;
  shape.scratch = point * shape.points;

  /* The largest panel of the layers, forwards and transposed, or the sums of the weight gradients. */
  shape.shared = FB_GENERIC_THREADS / 32 * FB_GENERIC_OUTER * FB_GENERIC_OUTER * FB_GENERIC_OUTER_STRIDE * real_bytes;
  for (int32_t l = -1; l <= p->hidden; l++) {
    const int32_t in = l < 0 ? p->inputs : p->layers[l].in, out = l < 0 ? p->fourier : p->layers[l].out;
    if (out == 0) continue;
    const int64_t ahead = (int64_t)fb_generic_panel(out, in, real_bytes).stride * in * real_bytes;
    const int64_t back = (int64_t)fb_generic_panel(in, out, real_bytes).stride * out * real_bytes;
    if (ahead > shape.shared) shape.shared = ahead;
    if (back > shape.shared) shape.shared = back;
  }
  return shape;
}

#endif
