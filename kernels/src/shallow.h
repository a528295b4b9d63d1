/* shallow.h: launch shape of the kernels for networks with one hidden layer (shallow.cuh), in plain C, read by cgo too. */
#ifndef FB_SHALLOW_H
#define FB_SHALLOW_H
#include "abi.h"

/* Two warps: a chunk of the finest level has about 90 points, and set-up and final sums are paid by each thread. All points of a
 * chunk lie in shared memory during the adjoint. NEURONS: of a lane there, so 64 of a warp; PAD: neurons of two forward steps. */
enum { FB_SHALLOW_THREADS = 64, FB_SHALLOW_POINTS = 512, FB_SHALLOW_NEURONS = 2, FB_SHALLOW_TILE = 32 * FB_SHALLOW_NEURONS, FB_SHALLOW_PAD = 4 };

/* fb_shallow_record is the number of values of a record in shared memory: whole 16-byte loads. */
static inline int64_t fb_shallow_record(int64_t values, int64_t real_bytes) {
  const int64_t lane = 16 / real_bytes;
  return (values + lane - 1) / lane * lane;
}

/* fb_shallow_shape takes networks with plain inputs, one hidden layer, tanh or sin without slopes, and jets of at most second order. */
static inline fb_shape fb_shallow_shape(const fb_net *p, int real_bytes) {
  fb_shape none = {0, 0, 0, 0, 0}, shape;
  int64_t neuron, forward, points, sums;
  const int64_t values = p->d + 1 + p->nc; /* of a neuron: W, b, coefficients; adjoint: their sums */
  if (p->hidden != 1 || p->inputs != p->d || p->fourier != 0 || p->act > 1 || p->order > 2 || p->layers[0].out > FB_MAX_WIDTH) return none;
  neuron = fb_shallow_record(values, real_bytes);
  forward = (p->layers[0].out + FB_SHALLOW_PAD - 1) / FB_SHALLOW_PAD * FB_SHALLOW_PAD * 2 * neuron; /* of the tangent: two records */
  points = FB_SHALLOW_POINTS * fb_shallow_record(values - 1, real_bytes) + FB_SHALLOW_TILE * neuron;
  sums = FB_SHALLOW_THREADS * (FB_SHALLOW_NEURONS * values + 1) + FB_SHALLOW_TILE * values;
  shape.threads = FB_SHALLOW_THREADS;
  shape.points = FB_SHALLOW_POINTS;
  shape.shared = forward > points ? forward : points;
  if (sums > shape.shared) shape.shared = sums;
  shape.shared *= real_bytes;
  shape.scratch = 0;
  shape.pass = 0;
  return shape;
}

#endif
