/* deep.h: launch shape and shared memory of the kernels for networks with two or more hidden layers, all of the same width (deep.cuh).
 * Plain C: the host asks for the shape, the kernel for the places. */
#ifndef FB_DEEP_H
#define FB_DEEP_H
#include "abi.h"

#ifdef __CUDACC__
#define FB_DEEP_BOTH __host__ __device__ __forceinline__
#else
#define FB_DEEP_BOTH inline
#endif

/* A thread owns 8 neurons and 1 or 2 points with all their components, a warp 16 neurons and 16 times as many points: so a block has
 * w/16 warps, and passes over its chunk np = 16 or 32 points at a time. */
enum { FB_DEEP_MAX_OUT = 16 };

/* Shared memory of a block, in reals, each array on a 16-byte boundary; w stands for the width, L for the hidden layers. Where an array
 * begins is known when the kernel is compiled (deep_tile.cuh, Shape), or follows from few numbers:
 *
 *   slope  [w][np + pad]            f' of layer 0
 *   first  [d][w]                   weights of the first layer, transposed; gfirst their gradient, same shape
 *   in     [nc][w]                  its pre-activation derivatives, or the product of two of them
 *   bias   [FB_MAX_DEPTH][w]        gbias their gradient, same shape
 *   bo     [FB_DEEP_MAX_OUT]        bias of the output layer; gbo its gradient
 *   for each layer l = 1 to L-1     jets [w][ld] behind the activation of layer l-1, and
 *                                   tape [w][ld]: f' and pre-activation derivatives of layer l, then their adjoints
 *   weights [slots][w][w + pad]
 *   for each output                 wo [w], gwo [w] its weights and their gradient, and
 *                                   vbar [nc*np] adjoints of its jets
 *   outer  [L-1][tile][threads]     weight gradients that registers do not keep, unless in scratch
 *
 * Rows of a jet array hold nc*np columns and a pad, which keeps 8 neighbouring rows, or rows 4 apart, in different banks. */
static FB_DEEP_BOTH int32_t fb_deep_head(int32_t w, int32_t d, int32_t nc, int32_t np, int32_t vec) {
  return w * (np + vec) + (2 * d + nc + 2 * FB_MAX_DEPTH) * w + 2 * FB_DEEP_MAX_OUT;
}
static FB_DEEP_BOTH int32_t fb_deep_layer(int32_t w, int32_t nc, int32_t np, int32_t vec) { return 2 * w * (nc * np + vec); }
static FB_DEEP_BOTH int32_t fb_deep_output(int32_t w, int32_t nc, int32_t np) { return 2 * w + nc * np; }

/* Points a pass, np. Two a thread serve products best, but do not fit into registers in double precision or with 7 components, nor into
 * shared memory for 128 neurons; and where more layers need more memory, one a thread keeps twice as many warps busy in it. */
static FB_DEEP_BOTH int32_t fb_deep_points(int32_t w, int32_t L, int32_t nc, int32_t real_bytes) {
  return real_bytes == 8 || w == 128 || nc > 6 || L > 2 ? 16 : 32;
}

/* Whether threads keep their tiles of a weight gradient in registers over the whole chunk if there is but one such matrix (wide jets leave
 * too few), and how many reals a tile has: less where it comes and goes. */
static FB_DEEP_BOTH int32_t fb_deep_held(int32_t nc, int32_t real_bytes) { return nc < (real_bytes == 4 ? 6 : 5); }
static FB_DEEP_BOTH int32_t fb_deep_tile(int32_t w, int32_t nc, int32_t np, int32_t real_bytes) {
  return real_bytes == 4 && (w == 128 || (np == 32 && fb_deep_held(nc, real_bytes))) ? 64 : 32;
}

/* What is not settled by the instance. */
typedef struct {
  int32_t slots;    /* weight matrices that are resident: L-1, or one that is loaded again for each product */
  int32_t kept;     /* reals of `outer` */
  int32_t spilled;  /* whether it lies in scratch */
  int32_t reals;    /* of shared memory in all */
} fb_deep_plan;

/* fb_deep_choose returns 0 where the network does not fit. Of the ways to lay it out it takes the one that lets most blocks share a
 * multiprocessor (228 KiB, of which each block costs 1), up to 8 warps, as registers allow; of equals the one that loads least
 * again. Tiles of narrow networks come and go so often that the second-level cache would be the limit: to scratch only if they must. */
static FB_DEEP_BOTH int fb_deep_choose(const fb_net *p, int32_t w, int32_t real_bytes, fb_deep_plan *t) {
  const int32_t L = p->hidden, nc = p->nc, vec = 16 / real_bytes, np = fb_deep_points(w, L, nc, real_bytes), most = w < 128 ? 128 / w : 1;
  const int32_t fixed = fb_deep_head(w, p->d, nc, np, vec) + (L - 1) * fb_deep_layer(w, nc, np, vec) + p->out * fb_deep_output(w, nc, np);
  int32_t best = -1;
  t->kept = L > 2 || !fb_deep_held(nc, real_bytes) ? (L - 1) * fb_deep_tile(w, nc, np, real_bytes) * 2 * w : 0;
  t->slots = L - 1;
  t->spilled = t->reals = 0;
  for (int32_t way = 0; way < 4; way++) {
    const int32_t slots = way < 2 ? L - 1 : 1, spilled = way % 2;
    const int32_t reals = fixed + slots * w * (w + vec) + (spilled ? 0 : t->kept);
    int32_t blocks = 228 * 1024 / (reals * real_bytes + 1024);
    if (blocks == 0 || (spilled && t->kept == 0)) continue;
    if (blocks > most) blocks = most;
    if (spilled && w < 64) blocks = 0;
    if (blocks > best) best = blocks, t->slots = slots, t->spilled = spilled, t->reals = reals;
  }
  return best >= 0;
}

/* The most points of a chunk: enough to spread the parameters' way in and the gradient's way out over many points. */
enum { FB_DEEP_CHUNK = 512 };

/* One shape for forward and adjoint. */
static inline fb_shape fb_deep_shape(const fb_net *p, int real_bytes) {
  fb_shape none = {0, 0, 0, 0}, s;
  fb_deep_plan t;
  const int32_t w = p->layers[0].out;
  if (p->hidden < 2 || p->fourier != 0 || p->inputs != p->d || p->d > 3 || p->act > 1 || p->order > 2) return none;
  if (p->out > FB_DEEP_MAX_OUT || p->nc > 10 || p->hidden > FB_MAX_DEPTH) return none;
  if (w != 16 && w != 32 && w != 64 && w != 128) return none;
  for (int l = 1; l < p->hidden; l++)
    if (p->layers[l].out != w) return none;
  if (!fb_deep_choose(p, w, real_bytes, &t)) return none;
  s.threads = 2 * w;
  s.points = FB_DEEP_CHUNK;
  s.shared = (int64_t)t.reals * real_bytes;
  s.scratch = t.spilled ? (int64_t)t.kept * real_bytes : 0;
  return s;
}

#endif
