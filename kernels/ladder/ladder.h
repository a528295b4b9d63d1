// ladder.h: what the programs of this folder share: memory, launches, the comparison with the lowest rung, times.
//
//	nvcc -O3 -std=c++17 -arch=native kernels/ladder/deep.cu -o deep && ./deep         on a card: checks and times every rung
//	g++ -O1 -std=c++17 -x c++ kernels/ladder/deep.cu kernels/emu/engine/emu.cpp -o deep && ./deep    on the processor: checks only
#ifndef FB_LADDER_H
#define FB_LADDER_H
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../src/fb.cuh"

namespace ladder {

// Relative distance of two float32 gradients in the Euclidean norm: each is a sum over points of terms of both signs, added in an order of
// its own, so it is off by some ten roundings of 6e-8.
const double TOLERANCE = 3e-6;

#ifdef __CUDACC__
#define FB_RUNG(kernel) #kernel, reinterpret_cast<const void *>(&kernel)
const int CHUNKS = 4096;

inline void must(cudaError_t e, const char *what) {
  if (e == cudaSuccess) return;
  fprintf(stderr, "ladder: %s: %s\n", what, cudaGetErrorString(e));
  exit(1);
}
template <class T> T *make(size_t n) {
  void *p = nullptr;
  must(cudaMallocManaged(&p, n * sizeof(T)), "allocate");
  must(cudaMemset(p, 0, n * sizeof(T)), "clear");
  must(cudaDeviceSynchronize(), "clear");
  return static_cast<T *>(p);
}
inline void start(const char *name, const void *kernel, int blocks, int threads, size_t shared, const fb_net &p) {
  must(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared)), name);
  void *arguments[] = {const_cast<fb_net *>(&p)};
  must(cudaLaunchKernel(kernel, dim3(blocks), dim3(threads), arguments, shared, nullptr), name);
}
inline void finish(const char *name) { must(cudaDeviceSynchronize(), name); }
// Seconds of the fastest of ten runs.
inline double seconds(const char *name, const void *kernel, int blocks, int threads, size_t shared, const fb_net &p) {
  cudaEvent_t from, to;
  must(cudaEventCreate(&from), "event"), must(cudaEventCreate(&to), "event");
  float best = 1e30f;
  for (int i = 0; i < 10; i++) {
    float ms = 0;
    must(cudaEventRecord(from), "event");
    start(name, kernel, blocks, threads, shared, p);
    must(cudaEventRecord(to), "event");
    must(cudaEventSynchronize(to), name);
    must(cudaEventElapsedTime(&ms, from, to), "event");
    if (ms < best) best = ms;
  }
  return best * 1e-3;
}
#else
}  // namespace ladder
#include "../emu/engine/launch.h"
namespace ladder {
#define FB_RUNG(kernel) #kernel, nullptr
const int CHUNKS = 3;

template <class T> T *make(size_t n) {
  void *p = aligned_alloc(64, (n * sizeof(T) + 63) / 64 * 64);
  memset(p, 0, n * sizeof(T));
  return static_cast<T *>(p);
}
inline void start(const char *name, const void *, int blocks, int threads, size_t shared, const fb_net &p) {
  fb_emu_launch(name, blocks, threads, int64_t(shared), &p);
}
inline void finish(const char *) {}
inline double seconds(const char *, const void *, int, int, size_t, const fb_net &) { return 0; }
#endif

// Numbers in [-1, 1], the same on every machine.
inline float draw() {
  static uint64_t s = 88172645463325252ull;
  s ^= s << 13, s ^= s >> 7, s ^= s << 17;
  return float(double(s >> 11) / 4503599627370496.0 - 1);
}
inline float *drawn(size_t n, float size) {
  float *v = make<float>(n);
  for (size_t i = 0; i < n; i++) v[i] = size * draw();
  return v;
}

// One subdomain's network d-w-...-w-1 on chunks of a few lengths, on a card all full but the last ones.
inline fb_net problem(int d, int width, int hidden, int nc, int points) {
  fb_net p;
  memset(&p, 0, sizeof p);
  p.d = p.inputs = d, p.hidden = hidden, p.out = 1, p.nc = nc, p.order = 2, p.points = points;
  int in = d, at = 0;
  for (int l = 0; l <= hidden; l++) {
    const int out = l < hidden ? width : 1;
    p.layers[l] = {in, out, at, at + in * out, at + in * out + out};
    at += in * out + out;
    in = out;
  }
  p.params = at;
  float *theta = make<float>(at);
  for (int l = 0; l <= hidden; l++)
    for (int i = p.layers[l].w; i < p.layers[l].slope; i++) theta[i] = 1.5f * draw() / sqrtf(float(p.layers[l].in));
  fb_chunk *chunks = make<fb_chunk>(CHUNKS);
  int32_t *list = make<int32_t>(CHUNKS);
  int64_t row = 0;
  for (int e = 0; e < CHUNKS; e++) {
    const int n = CHUNKS > 3 && e < CHUNKS - 3 ? points : e % 3 == 0 ? 65 : e % 3 == 1 ? 1 : 96;
    chunks[e] = {0, n, 0, points, d * row, nc * row, row};
    list[e] = e;
    row += points;
  }
  fb_section *section = make<fb_section>(1);
  section->stride = points;
  int32_t *point = make<int32_t>(row);
  for (int64_t i = 0; i < row; i++) point[i] = int32_t(i * 7 % points);
  float *scale = make<float>(1), *inv_sigma = make<float>(d);
  *scale = 0.01f;
  for (int a = 0; a < d; a++) inv_sigma[a] = 1.5f - 0.5f * a;
  p.chunks = chunks, p.list = list, p.entries = CHUNKS, p.sections = section, p.point = point, p.pairs = row;
  p.x = drawn(d * row, 1), p.w = drawn(nc * row, 1), p.ubar = drawn(nc * points, 1);
  p.inv_sigma = inv_sigma, p.scale = scale, p.theta = theta;
  p.partial = make<float>(size_t(CHUNKS) * at);
  p.shared = 227 << 10;  // of an H100
  return p;
}

// Runs a rung: compares the gradients of all entries with those of the first rung, and prints what it took.
class Climb {
  const fb_net p;
  const double flops;  // useful ones of a point
  double points = 0;
  std::vector<float> first;
  bool good = true;

 public:
  Climb(const fb_net &net, double flops_of_a_point) : p(net), flops(flops_of_a_point) {
    for (int e = 0; e < p.entries; e++) points += p.chunks[e].n;
  }
  void rung(const char *idea, const char *name, const void *kernel, int blocks, int threads, size_t shared, void *scratch, int64_t scratch_block) {
    fb_net q = p;
    q.scratch = scratch, q.scratch_block = scratch_block;
    float *g = static_cast<float *>(p.partial);
    const size_t n = size_t(p.entries) * p.params;
    for (size_t i = 0; i < n; i++) g[i] = NAN;  // all of it has to be written
    start(name, kernel, blocks, threads, shared, q);
    finish(name);
    if (first.empty()) first.assign(g, g + n);
    double difference = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
      difference += double(g[i] - first[i]) * (g[i] - first[i]);
      norm += double(first[i]) * first[i];
    }
    const double error = sqrt(difference / norm);
    const bool close = error <= TOLERANCE;  // false for NaN
    good = good && close;
    printf("%-58s %.1e%s", idea, error, close ? "" : " WRONG");
    const double s = seconds(name, kernel, blocks, threads, shared, q);
    if (s > 0) printf("  %8.3f ms  %7.3f ns/point  %6.2f TFLOP/s useful", s * 1e3, s / points * 1e9, points * flops / s * 1e-12);
    printf("\n");
  }
  int result() const { return good ? 0 : 1; }
};

}  // namespace ladder
#endif
