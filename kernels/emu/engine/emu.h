// emu.h: the CUDA that our kernels use, for the processor. Included by fb.cuh where the compiler is not nvcc.
//
// Every thread of a block is a fibre that runs until its next barrier (emu.cpp). A barrier is told by its line: threads of a block
// that wait at different __syncthreads, or lanes of a warp at different shuffles, are a fault here and a hang, or worse, on a
// card. Every shuffle and __syncwarp takes the full mask.
#ifndef FB_EMU_H
#define FB_EMU_H
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "launch.h"
#include "races.h"

#define __device__
#define __host__
#define __global__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))

// Pointers to the kernels are gathered in a section of their own: no initialiser has to run, and the linker knows both ends. The
// argument is const on a card too, hence a reference does.
#define FB_KERNEL(name, Args, THREADS, MIN_BLOCKS) FB_EMU_KERNEL(name, Args, THREADS)
#define FB_EMU_KERNEL(name, Args, THREADS)                                                             \
  static void name(const Args &p);                                                                     \
  static void name##_emu_run(const void *a) { name(*static_cast<const Args *>(a)); }                   \
  static const fb_emu_kernel name##_emu_kernel = {#name, name##_emu_run, sizeof(Args), THREADS};       \
  static const fb_emu_kernel *const name##_emu_entry __attribute__((section("fb_emu_kernels"), used)) = \
      &name##_emu_kernel;                                                                              \
  static void name([[maybe_unused]] const Args &p)

#define FB_SHARED(type, name) type *const name = static_cast<type *>(fb_emu_shared())

// ---- Places and barriers

struct uint3 { unsigned x, y, z; };

struct fb_emu_place { uint3 block, threads, blocks; };
struct fb_emu_thread {
  uint3 index;
  unsigned shuffles, block_barriers, warp_barriers; // so far
  unsigned char (*slot)[2][8];      // [lane][turn]: what the lanes of this warp exchange
  unsigned lanes;                   // of this warp
  int state;
  const char *what, *file;          // barrier where it waits
  int line;
  void *stack;                      // pointer while it waits
  fb_emu_thread *next;              // runs when this one waits
};

extern __thread fb_emu_thread *fb_emu_self;
extern __thread fb_emu_place fb_emu_here;

#define threadIdx (fb_emu_self->index)
#define blockIdx (fb_emu_here.block)
#define blockDim (fb_emu_here.threads)
#define gridDim (fb_emu_here.blocks)
enum { warpSize = 32 };

void *fb_emu_shared();
void fb_emu_wait_block(const char *what, const char *file, int line);
void fb_emu_wait_warp(const char *what, const char *file, int line);
[[noreturn]] void fb_emu_fail(const char *what, const char *file, int line);

#define FB_EMU_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(FB_EMU_PLACE) { fb_emu_wait_block("__syncthreads", file, line); }

inline void __syncwarp(unsigned mask = 0xffffffffu, FB_EMU_PLACE) {
  if (mask != 0xffffffffu) fb_emu_fail("__syncwarp without the full mask", file, line);
  fb_emu_wait_warp("__syncwarp", file, line);
}

inline void __threadfence() {}
inline void __threadfence_block() {}

// ---- Shuffles: write to the lane's slot, wait for the warp, read the other lane's. Slots alternate, so that the next shuffle's
// write cannot overtake this one's reads; one barrier a shuffle is enough then.

template <class T> FB_EMU_QUIET T fb_emu_shuffle(unsigned mask, T v, unsigned from, const char *what, const char *file, int line) {
  static_assert(sizeof(T) <= 8, "a shuffle exchanges at most 8 bytes");
  if (mask != 0xffffffffu) fb_emu_fail("shuffle without the full mask", file, line);
  fb_emu_thread *self = fb_emu_self;
  if (self->lanes != warpSize) fb_emu_fail("shuffle in a warp that is not full", file, line);
  const unsigned turn = self->shuffles++ & 1;
  memcpy(self->slot[self->index.x % warpSize][turn], &v, sizeof v);
  fb_emu_wait_warp(what, file, line);
  memcpy(&v, self->slot[from][turn], sizeof v);
  return v;
}

// The lane that a shuffle reads lies in the same group of `width` lanes; beyond its end a lane reads itself, as on a card.
inline unsigned fb_emu_lane() { return threadIdx.x % warpSize; }
inline unsigned fb_emu_group(unsigned width) { return fb_emu_lane() & ~(width - 1); }

template <class T> T __shfl_sync(unsigned mask, T v, int lane, int width = warpSize, FB_EMU_PLACE) {
  return fb_emu_shuffle(mask, v, fb_emu_group(width) + (unsigned(lane) & (width - 1)), "__shfl_sync", file, line);
}
template <class T> T __shfl_xor_sync(unsigned mask, T v, int bits, int width = warpSize, FB_EMU_PLACE) {
  const unsigned from = fb_emu_lane() ^ unsigned(bits), end = fb_emu_group(width) + width;
  return fb_emu_shuffle(mask, v, from < end ? from : fb_emu_lane(), "__shfl_xor_sync", file, line);
}
template <class T> T __shfl_down_sync(unsigned mask, T v, unsigned by, int width = warpSize, FB_EMU_PLACE) {
  const unsigned from = fb_emu_lane() + by, end = fb_emu_group(width) + width;
  return fb_emu_shuffle(mask, v, from < end ? from : fb_emu_lane(), "__shfl_down_sync", file, line);
}
template <class T> T __shfl_up_sync(unsigned mask, T v, unsigned by, int width = warpSize, FB_EMU_PLACE) {
  const unsigned lane = fb_emu_lane();
  return fb_emu_shuffle(mask, v, lane - fb_emu_group(width) >= by ? lane - by : lane, "__shfl_up_sync", file, line);
}

// ---- Memory. Fibres take turns, so a plain operation would be atomic too; these say so to ThreadSanitizer.

template <class T> T __ldg(const T *p) { return *p; }

inline int atomicAdd(int *p, int v) { return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL); }
inline unsigned atomicAdd(unsigned *p, unsigned v) { return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL); }

// ---- Vectors: alignment as on a card, where a misaligned one faults

struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) double2 { double x, y; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline double2 make_double2(double x, double y) { return {x, y}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }

// ---- Arithmetic that <math.h> lacks. Divisions and roots are the exact ones: a card's approximate forms differ within tolerance.

inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float a) { return 1.0f / a; }
inline float rsqrtf(float a) { return 1.0f / sqrtf(a); }
inline double rsqrt(double a) { return 1.0 / sqrt(a); }

#define FB_EMU_MINMAX(T)                              \
  inline T min(T a, T b) { return b < a ? b : a; }    \
  inline T max(T a, T b) { return a < b ? b : a; }
FB_EMU_MINMAX(int)
FB_EMU_MINMAX(unsigned)
FB_EMU_MINMAX(long)
FB_EMU_MINMAX(long long)
FB_EMU_MINMAX(unsigned long)
FB_EMU_MINMAX(unsigned long long)
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }

template <class To, class From> To fb_emu_bits(From v) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To to;
  memcpy(&to, &v, sizeof to);
  return to;
}
inline int __float_as_int(float v) { return fb_emu_bits<int>(v); }
inline float __int_as_float(int v) { return fb_emu_bits<float>(v); }
inline unsigned __float_as_uint(float v) { return fb_emu_bits<unsigned>(v); }
inline float __uint_as_float(unsigned v) { return fb_emu_bits<float>(v); }
inline long long __double_as_longlong(double v) { return fb_emu_bits<long long>(v); }
inline double __longlong_as_double(long long v) { return fb_emu_bits<double>(v); }
inline int __float2int_rn(float v) { return int(rintf(v)); }
inline int __double2int_rn(double v) { return int(rint(v)); }

#endif
