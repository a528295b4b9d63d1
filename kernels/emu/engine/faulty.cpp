// Kernels with one fault each, and sound ones beside them: they show that the emulation finds what it is there to find.
#include "../../src/fb.cuh"

struct faulty {
  float *x;
  int64_t n;
};

// x[b*threads + t] = t of the neighbour, through shared memory.
FB_KERNEL(emu_rotate, faulty, 1024, 1) {
  FB_SHARED(int, s);
  s[threadIdx.x] = int(threadIdx.x);
  __syncthreads();
  p.x[blockIdx.x * blockDim.x + threadIdx.x] = float(s[(threadIdx.x + 1) % blockDim.x]);
}

FB_KERNEL(emu_missing_barrier, faulty, 1024, 1) {
  FB_SHARED(float, s);
  s[threadIdx.x] = float(threadIdx.x);
  p.x[blockIdx.x * blockDim.x + threadIdx.x] = s[(threadIdx.x + 1) % blockDim.x];
}

// Here an old value hides the missing barrier from the lanes that run after the one they read: one order only shows it.
FB_KERNEL(emu_missing_barrier_behind, faulty, 32, 1) {
  FB_SHARED(float, s);
  s[threadIdx.x] = float(threadIdx.x);
  p.x[threadIdx.x] = s[threadIdx.x / 2];
}

FB_KERNEL(emu_divergent_barrier, faulty, 1024, 1) {
  if (int64_t(threadIdx.x) < p.n)
    __syncthreads();
  else
    __syncthreads();
}

FB_KERNEL(emu_early_return, faulty, 1024, 1) {
  if (int64_t(threadIdx.x) >= p.n) return;
  __syncthreads();
  p.x[threadIdx.x] = 1;
}

FB_KERNEL(emu_divergent_shuffle, faulty, 1024, 1) {
  if (int64_t(threadIdx.x) < p.n) p.x[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
}

// Every kind of shuffle, one after the other: x[k*32 + lane].
FB_KERNEL(emu_shuffles, faulty, 32, 1) {
  const unsigned all = 0xffffffffu, lane = threadIdx.x;
  const float v = float(lane);
  p.x[lane] = __shfl_sync(all, v, 5);
  p.x[32 + lane] = __shfl_sync(all, v, 3, 8);
  p.x[64 + lane] = __shfl_xor_sync(all, v, 9);
  p.x[96 + lane] = __shfl_down_sync(all, v, 4);
  p.x[128 + lane] = __shfl_down_sync(all, v, 3, 16);
  p.x[160 + lane] = float(__shfl_up_sync(all, double(lane), 2));
  float sum = v;
  for (int bits = 16; bits; bits /= 2) sum += __shfl_xor_sync(all, sum, bits);
  p.x[192 + lane] = sum;
}

FB_KERNEL(emu_shared_write, faulty, 32, 1) {
  FB_SHARED(float, s);
  s[p.n + int64_t(threadIdx.x)] = 1;
}

FB_KERNEL(emu_write, faulty, 32, 1) {
  if (threadIdx.x == 3) p.x[p.n] = 7;
}

FB_KERNEL(emu_read, faulty, 32, 1) { p.x[0] = p.x[p.n]; }

// Stays as it is: a call below itself needs its frame until it returns.
__noinline__ static float deep(int64_t n, const volatile float *above) {
  volatile float frame[256];
  for (int i = 0; i < 256; i++) frame[i] = above[i];
  return n > 0 ? deep(n - 1, frame) + frame[n % 256] : frame[0];
}

FB_KERNEL(emu_deep, faulty, 32, 1) {
  volatile float frame[256] = {};
  p.x[threadIdx.x] = deep(p.n, frame);
}

FB_KERNEL(emu_divide, faulty, 32, 1) { p.x[threadIdx.x] = float(5 / p.n); }

// Blocks that add to one ticket: the last one, whichever it is, writes.
FB_KERNEL(emu_ticket, faulty, 32, 1) {
  FB_SHARED(unsigned, last);
  __threadfence();
  if (threadIdx.x == 0) *last = atomicAdd(reinterpret_cast<unsigned *>(p.x), 1u) + 1 == gridDim.x;
  __syncthreads();
  if (*last && threadIdx.x == 0) p.x[1] = float(blockIdx.x);
}

FB_KERNEL(emu_increment, faulty, 32, 1) { p.x[threadIdx.x] += 1; }

// n barriers, for measuring them.
FB_KERNEL(emu_barriers, faulty, 1024, 1) {
  for (int64_t i = 0; i < p.n; i++) __syncthreads();
}
