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

/* A warp owns 16 neurons, so a block has w/16 warps. It passes over its chunk np = 32, 16 or 8 points at a time: threads own 8 neurons
 * and 2 or 1 points with all their components, or 4 neurons and 1 point. With 8 points the block is frugal in shared memory too: of a
 * weight matrix for 64 or 128 neurons it holds a panel of columns or rows at a time, 128 bytes of each row. Where even that is too much
 * for registers, threads own 2 neurons, and the block 4 points. */
enum { FB_DEEP_MAX_OUT = 16, FB_DEEP_PANEL = 128 };

/* Shared memory of a block, in reals, each array on a 16-byte boundary; w stands for the width, L for the hidden layers. Where an array
 * begins is known when the kernel is compiled (deep_tile.cuh, Shape), or follows from few numbers:
 *
 *   slope  [w][np + pad]            f' of layer 0
 *   first  [d][w]                   weights of the first layer, transposed; gfirst their gradient, same shape
 *   in     [nc][w]                  its pre-activation derivatives, or the product of two of them
 *   bo     [FB_DEEP_MAX_OUT]        bias of the output layer; gbo its gradient
 *   for each layer l = 1 to L-1     jets [w][ld] behind the activation of layer l-1, and
 *                                   tape [w][ld]: f' and pre-activation derivatives of layer l, then their adjoints
 *   weights [slots][matrix]         [w][w + pad], or a panel
 *   bias   [L][w]                   gbias their gradient, same shape
 *   for each output                 wo [w], gwo [w] its weights and their gradient, and
 *                                   vbar [nc*np] adjoints of its jets
 *   outer  [L-1][tile][threads]     weight gradients that registers do not keep, unless in scratch
 *
 * Rows of a jet array hold nc*np columns and a pad, which keeps 8 neighbouring rows, or rows 4 apart, in different banks.
 *
 * The tangent has the direction where the adjoint has the gradient, and two arrays [w][ld] for any depth: jets and their tangents. */
static FB_DEEP_BOTH int32_t fb_deep_slopes(int32_t np, int32_t vec) { return np > 8 ? np + vec : np + 1; }
static FB_DEEP_BOTH int32_t fb_deep_head(int32_t w, int32_t d, int32_t nc, int32_t np, int32_t vec) {
  return w * fb_deep_slopes(np, vec) + (2 * d + nc) * w + 2 * FB_DEEP_MAX_OUT;
}
static FB_DEEP_BOTH int32_t fb_deep_layer(int32_t w, int32_t nc, int32_t np, int32_t vec) { return 2 * w * (nc * np + vec); }
static FB_DEEP_BOTH int32_t fb_deep_output(int32_t w, int32_t nc, int32_t np) { return 2 * w + nc * np; }
static FB_DEEP_BOTH int32_t fb_deep_panels(int32_t w, int32_t np) { return np <= 8 && w > 32; }
static FB_DEEP_BOTH int32_t fb_deep_matrix(int32_t w, int32_t np, int32_t vec) {
  return fb_deep_panels(w, np) ? w * (FB_DEEP_PANEL / 16 * vec + vec) : w * (w + vec);
}

/* The most points a pass that there is a kernel for. 32 serve products best, but do not fit into registers in double precision or with 7
 * components, nor into shared memory for 128 neurons; and where more layers need more memory, half of them keep twice as many warps
 * busy in it. Double precision has 8 where 16 would fill registers (10 components) or leave no room for weights (128 neurons). The tangent
 * has two tiles in registers instead of one. */
static FB_DEEP_BOTH int32_t fb_deep_points(int32_t w, int32_t L, int32_t nc, int32_t real_bytes, int32_t tangent) {
  if (real_bytes == 8 && nc > 7 && (tangent || w < 64)) return 4;
  if (real_bytes == 8 && (w == 128 || nc > (tangent ? 5 : 7))) return 8;
  return real_bytes == 8 || w == 128 || nc > 6 || L > 2 || tangent ? 16 : 32;
}

/* Whether threads keep their tiles of a weight gradient in registers over the whole chunk if there is but one such matrix (wide jets leave
 * too few), and how many reals a tile has: less where it comes and goes. */
static FB_DEEP_BOTH int32_t fb_deep_held(int32_t w, int32_t nc, int32_t real_bytes) { return nc < (real_bytes == 4 ? 6 : w < 128 ? 5 : 4); }
static FB_DEEP_BOTH int32_t fb_deep_tile(int32_t w, int32_t nc, int32_t np, int32_t real_bytes) {
  return w == 128 || (real_bytes == 4 && np == 32 && fb_deep_held(w, nc, real_bytes)) ? 64 : 32;
}

/* What is not settled by the instance. */
typedef struct {
  int32_t slots;    /* weight matrices that are resident: all, or one (or its panel) that is loaded again for each product */
  int32_t kept;     /* reals of `outer` */
  int32_t spilled;  /* whether it lies in scratch */
  int32_t reals;    /* of shared memory in all */
} fb_deep_plan;

/* fb_deep_choose returns 0 where the network does not fit the card with np points a pass. Of the ways to lay it out it takes the one that
 * lets most blocks share a multiprocessor (which has 1 KiB more than it gives one block, and each block costs 1), up to 8 warps, as
 * registers allow; of equals the one that loads least again. Tiles of narrow networks come and go so often that the second-level cache
 * would be the limit: to scratch only if they must. */
static FB_DEEP_BOTH int fb_deep_choose(const fb_net *p, int32_t w, int32_t np, int32_t real_bytes, int32_t tangent, fb_deep_plan *t) {
  const int32_t L = p->hidden, nc = p->nc, vec = 16 / real_bytes, most = w < 128 ? 128 / w : 1;
  const int32_t matrices = tangent ? 2 * (L - 1) : L - 1, layers = tangent ? 1 : L - 1, matrix = fb_deep_matrix(w, np, vec);
  const int32_t fixed = fb_deep_head(w, p->d, nc, np, vec) + layers * fb_deep_layer(w, nc, np, vec) + 2 * L * w + p->out * fb_deep_output(w, nc, np);
  int32_t best = -1;
  t->kept = !tangent && (L > 2 || !fb_deep_held(w, nc, real_bytes)) ? (L - 1) * fb_deep_tile(w, nc, np, real_bytes) * 2 * w : 0;
  t->slots = matrices;
  t->spilled = t->reals = 0;
  for (int32_t way = 0; way < 4; way++) {
    const int32_t slots = way < 2 && !fb_deep_panels(w, np) ? matrices : 1, spilled = way % 2;
    const int32_t reals = fixed + slots * matrix + (spilled ? 0 : t->kept);
    int32_t blocks = (p->shared + 1024) / (reals * real_bytes + 1024);
    if (blocks == 0 || (spilled && t->kept == 0)) continue;
    if (blocks > most) blocks = most;
    if (spilled && w < 64) blocks = 0;
    if (blocks > best) best = blocks, t->slots = slots, t->spilled = spilled, t->reals = reals;
  }
  return best >= 0;
}

/* The most points of a chunk: enough to spread the parameters' way in and the gradient's way out over many points. */
enum { FB_DEEP_CHUNK = 512 };

/* The shape with np points a pass: one for forward and adjoint, one for the tangent. */
static inline fb_shape fb_deep_shape(const fb_net *p, int real_bytes, int np, int tangent) {
  fb_shape none = {0, 0, 0, 0, 0}, s;
  fb_deep_plan t;
  const int32_t w = p->layers[0].out;
  if (p->hidden < 2 || p->fourier != 0 || p->inputs != p->d || p->d > 3 || p->act > 1 || p->order > 2) return none;
  if (p->out > FB_DEEP_MAX_OUT || p->nc > 10 || p->hidden > FB_MAX_DEPTH) return none;
  if (w != 16 && w != 32 && w != 64 && w != 128) return none;
  for (int l = 1; l < p->hidden; l++)
    if (p->layers[l].out != w) return none;
  if (np > fb_deep_points(w, p->hidden, p->nc, real_bytes, tangent)) return none;
  if (!fb_deep_choose(p, w, np, real_bytes, tangent, &t)) return none;
  s.threads = 2 * w;
  s.points = FB_DEEP_CHUNK;
  s.shared = (int64_t)t.reals * real_bytes;
  s.scratch = t.spilled ? (int64_t)t.kept * real_bytes : 0;
  s.pass = np;
  return s;
}

#endif
