// A stand-in for NVIDIA's driver on machines without a card: those entry points of libcuda.so.1 that gorgonia.org/cu and
// cuda_calls.h reach when this program runs, over the emulation of the kernels in kernels/emu/engine. With it in front of the loader's
// path, fbpinn-mpi-cuda and the tests of the tag cuda run as they are (scripts/standin.sh): hand-over, devices, driver, arguments,
// recordings. It computes at once, so what waits for what is not tested here; that is the emulated driver's job (package emu).
//
// cuda.h declares every function below: a wrong signature does not compile.
//
//   STANDIN_CARDS   number of cards, 1 if not set
#include <cuda.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "../../emu/engine/launch.h"

namespace {

constexpr size_t MEMORY = size_t(8) << 30;

struct Node {
  enum { SET, COPY, RUN } kind;
  void *to;
  const void *from;
  size_t bytes;
  unsigned char value;
  const fb_emu_kernel *kernel;
  unsigned blocks, threads, shared;
  std::vector<char> argument;
};

std::vector<Node> *recording; // of the capture under way
CUresult broken = CUDA_SUCCESS;
thread_local bool current; // whether this thread has a context: calls from others fail, as they do with a card
std::map<const void *, size_t> device, pinned;
size_t used;

int cards() {
  const char *s = getenv("STANDIN_CARDS");
  return s ? atoi(s) : 1;
}

void play(const Node &n) {
  switch (n.kind) {
    case Node::SET: memset(n.to, n.value, n.bytes); break;
    case Node::COPY: memcpy(n.to, n.from, n.bytes); break;
    case Node::RUN: {
      static fb_emu_fault fault;
      if (!broken && fb_emu_try(n.kernel, FB_EMU_ASCENDING, int(n.blocks), int(n.threads), n.shared, n.argument.data(), &fault)) {
        fprintf(stderr, "stand-in: %s\n", fault.message);
        broken = CUDA_ERROR_ILLEGAL_ADDRESS; // and so it stays, as a context does
      }
    }
  }
}

CUresult state() { return current ? broken : CUDA_ERROR_INVALID_CONTEXT; }

CUresult queue(Node n) {
  if (state()) return state();
  if (recording)
    recording->push_back(std::move(n));
  else
    play(n);
  return CUDA_SUCCESS;
}

// within tells whether [p, p+bytes) lies in one allocation.
bool within(const std::map<const void *, size_t> &all, const void *p, size_t bytes) {
  auto a = all.upper_bound(p);
  if (a == all.begin()) return false;
  --a;
  return static_cast<const char *>(p) + bytes <= static_cast<const char *>(a->first) + a->second;
}

CUresult allocate(std::map<const void *, size_t> &all, size_t bytes, int filling, void **p) {
  if (state()) return state();
  if (recording) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  *p = aligned_alloc(256, (bytes + 255) / 256 * 256);
  memset(*p, filling, bytes); // floats that are NaN: nobody may count on zeros
  all[*p] = bytes;
  return CUDA_SUCCESS;
}

CUresult release(std::map<const void *, size_t> &all, void *p) {
  if (!all.erase(p)) return CUDA_ERROR_INVALID_VALUE;
  free(p);
  return CUDA_SUCCESS;
}

void *address(CUdeviceptr p) { return reinterpret_cast<void *>(p); }

template <class T>
T handle(size_t n) { return reinterpret_cast<T>(n); }

} // namespace

extern "C" {

CUresult cuInit(unsigned) { return cards() ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE; }
CUresult cuDriverGetVersion(int *v) { return *v = 12040, CUDA_SUCCESS; }
CUresult cuDeviceGetCount(int *n) { return *n = cards(), CUDA_SUCCESS; }
CUresult cuDeviceGet(CUdevice *d, int i) { return i < cards() ? (*d = i, CUDA_SUCCESS) : CUDA_ERROR_INVALID_DEVICE; }
CUresult cuDeviceGetName(char *s, int n, CUdevice) { return snprintf(s, size_t(n), "stand-in"), CUDA_SUCCESS; }
CUresult cuDeviceTotalMem(size_t *n, CUdevice) { return *n = MEMORY, CUDA_SUCCESS; }
CUresult cuDeviceGetUuid_v2(CUuuid *u, CUdevice d) { return memset(u, 0xa0 + d, sizeof *u), CUDA_SUCCESS; }

CUresult cuDeviceGetAttribute(int *v, CUdevice_attribute a, CUdevice) {
  switch (a) {
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *v = 1; break;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: *v = 1000000; break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *v = FB_EMU_SHARED; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *v = 9; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *v = 0; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice) { return *c = handle<CUcontext>(1), CUDA_SUCCESS; }
CUresult cuDevicePrimaryCtxRelease(CUdevice) { return CUDA_SUCCESS; }
CUresult cuCtxSetCurrent(CUcontext c) { return current = c != nullptr, CUDA_SUCCESS; }

CUresult cuMemGetInfo(size_t *left, size_t *all) { return *all = MEMORY, *left = MEMORY - used, CUDA_SUCCESS; }

CUresult cuMemAlloc(CUdeviceptr *p, size_t bytes) {
  if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (bytes > MEMORY - used) return CUDA_ERROR_OUT_OF_MEMORY;
  void *v;
  CUresult r = allocate(device, bytes, 0xff, &v);
  if (!r) *p = reinterpret_cast<CUdeviceptr>(v), used += bytes;
  return r;
}

CUresult cuMemFree(CUdeviceptr p) {
  auto a = device.find(address(p));
  if (a != device.end()) used -= a->second;
  return release(device, address(p));
}

CUresult cuMemHostAlloc(void **p, size_t bytes, unsigned flags) {
  return flags == CU_MEMHOSTALLOC_PORTABLE && bytes ? allocate(pinned, bytes, 7, p) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemFreeHost(void *p) { return release(pinned, p); }

CUresult cuMemsetD8Async(CUdeviceptr p, unsigned char value, size_t bytes, CUstream) {
  if (!within(device, address(p), bytes)) return CUDA_ERROR_INVALID_VALUE;
  return queue({.kind = Node::SET, .to = address(p), .bytes = bytes, .value = value});
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes, CUstream) {
  if (!within(device, address(to), bytes) || !within(pinned, from, bytes)) return CUDA_ERROR_INVALID_VALUE;
  return queue({.kind = Node::COPY, .to = address(to), .from = from, .bytes = bytes});
}

CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream) {
  if (!within(device, address(from), bytes) || !within(pinned, to, bytes)) return CUDA_ERROR_INVALID_VALUE;
  return queue({.kind = Node::COPY, .to = to, .from = address(from), .bytes = bytes});
}

CUresult cuStreamCreate(CUstream *s, unsigned) { return *s = handle<CUstream>(2), CUDA_SUCCESS; }
CUresult cuStreamDestroy(CUstream) { return CUDA_SUCCESS; }
CUresult cuStreamSynchronize(CUstream) { return recording ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : state(); }

// An event counts how often it was asked for: it has passed the second time, so that callers must ask again.
CUresult cuEventCreate(CUevent *e, unsigned) { return *e = reinterpret_cast<CUevent>(new int(0)), CUDA_SUCCESS; }
CUresult cuEventDestroy(CUevent e) { return delete reinterpret_cast<int *>(e), CUDA_SUCCESS; }
CUresult cuEventRecord(CUevent e, CUstream) { return *reinterpret_cast<int *>(e) = 0, state(); }
CUresult cuEventQuery(CUevent e) { return state() ? state() : (*reinterpret_cast<int *>(e))++ ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY; }
CUresult cuEventSynchronize(CUevent) { return state(); }

// The kernels are those of the emulation, whatever the image. It must be one, though: the magic number of a fatbin.
CUresult cuModuleLoadData(CUmodule *m, const void *image) {
  unsigned magic;
  memcpy(&magic, image, sizeof magic);
  return magic == 0xba55ed50 ? (*m = handle<CUmodule>(3), CUDA_SUCCESS) : CUDA_ERROR_INVALID_IMAGE;
}

CUresult cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }

CUresult cuModuleGetFunction(CUfunction *f, CUmodule, const char *name) {
  const fb_emu_kernel *k = fb_emu_find(name);
  return k ? (*f = reinterpret_cast<CUfunction>(const_cast<fb_emu_kernel *>(k)), CUDA_SUCCESS) : CUDA_ERROR_NOT_FOUND;
}

CUresult cuFuncGetAttribute(int *v, CUfunction_attribute, CUfunction f) {
  return *v = reinterpret_cast<const fb_emu_kernel *>(f)->threads, CUDA_SUCCESS;
}

std::map<CUfunction, int> &allowed() {
  static std::map<CUfunction, int> m;
  return m;
}

CUresult cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int v) {
  if (a != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || v > FB_EMU_SHARED) return CUDA_ERROR_INVALID_VALUE;
  return allowed()[f] = v, CUDA_SUCCESS;
}

CUresult cuLaunchKernel(CUfunction f, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned ty, unsigned tz, unsigned shared,
                        CUstream, void **parameters, void **) {
  const auto *k = reinterpret_cast<const fb_emu_kernel *>(f);
  const unsigned most = unsigned(std::max(allowed()[f], 48 << 10));
  if (x == 0 || y * z * ty * tz != 1 || threads == 0 || threads > unsigned(k->threads) || shared > most) return CUDA_ERROR_INVALID_VALUE;
  const char *argument = static_cast<const char *>(parameters[0]);
  return queue({.kind = Node::RUN, .kernel = k, .blocks = x, .threads = threads, .shared = shared, .argument = {argument, argument + k->bytes}});
}

CUresult cuStreamBeginCapture(CUstream, CUstreamCaptureMode) { return recording = new std::vector<Node>, state(); }

CUresult cuStreamEndCapture(CUstream, CUgraph *g) {
  *g = reinterpret_cast<CUgraph>(recording);
  recording = nullptr;
  return state();
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *e, CUgraph g, unsigned long long) {
  return *e = reinterpret_cast<CUgraphExec>(new std::vector<Node>(*reinterpret_cast<std::vector<Node> *>(g))), CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph g) { return delete reinterpret_cast<std::vector<Node> *>(g), CUDA_SUCCESS; }
CUresult cuGraphUpload(CUgraphExec, CUstream) { return CUDA_SUCCESS; }

CUresult cuGraphLaunch(CUgraphExec e, CUstream) {
  for (const Node &n : *reinterpret_cast<std::vector<Node> *>(e)) play(n);
  return state();
}

CUresult cuGraphExecDestroy(CUgraphExec e) { return delete reinterpret_cast<std::vector<Node> *>(e), CUDA_SUCCESS; }

CUresult cuGetErrorName(CUresult, const char **s) { return *s = "error of the stand-in", CUDA_SUCCESS; }
CUresult cuGetErrorString(CUresult, const char **s) { return *s = "see cuda.h for its code", CUDA_SUCCESS; }

} // extern "C"
