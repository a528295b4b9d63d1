/* cuda_calls.h: what gorgonia.org/cu lacks of the driver API, as static functions for the preamble of cgo.
 *
 * Handles travel as void *, so that the Go side does not depend on the names that a version of cuda.h gives them. */
#ifndef FB_CUDA_CALLS_H
#define FB_CUDA_CALLS_H
#include <cuda.h>
#include <stdint.h>

#if CUDA_VERSION >= 13000
#error "gorgonia.org/cu v0.9.6 does not build against the headers of CUDA 13 (cuCtxCreate has another signature there). \
Build with the headers of CUDA 11.8 to 12.x: scripts/cuda.sh looks for them. The program runs on newer drivers."
#endif

static const char *fb_cuda_name(int code) {
  const char *s = 0;
  return cuGetErrorName((CUresult)code, &s) == CUDA_SUCCESS && s ? s : "unknown CUDA error";
}

static const char *fb_cuda_text(int code) {
  const char *s = 0;
  return cuGetErrorString((CUresult)code, &s) == CUDA_SUCCESS && s ? s : "";
}

/* The second version tells the slices of a MIG card apart. */
static int fb_cuda_uuid(int device, unsigned char uuid[16]) {
  CUuuid u;
  int code = cuDeviceGetUuid_v2(&u, device);
  for (int i = 0; i < 16; i++) uuid[i] = (unsigned char)u.bytes[i];
  return code;
}

/* Portable: every context of the process may use it, also the one that a CUDA-aware MPI library makes. */
static int fb_cuda_host_alloc(size_t bytes, void **p) { return cuMemHostAlloc(p, bytes, CU_MEMHOSTALLOC_PORTABLE); }

static int fb_cuda_module(const void *image, void **module) { return cuModuleLoadData((CUmodule *)module, image); }
static int fb_cuda_unload(void *module) { return cuModuleUnload((CUmodule)module); }

/* Asking for an attribute loads the code now: with lazy loading it would happen at the first launch, perhaps inside a capture. */
static int fb_cuda_function(void *module, const char *name, void **function) {
  int threads, code = cuModuleGetFunction((CUfunction *)function, (CUmodule)module, name);
  return code ? code : cuFuncGetAttribute(&threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, (CUfunction)*function);
}

static int fb_cuda_allow_shared(void *function, int bytes) {
  return cuFuncSetAttribute((CUfunction)function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
}

/* The kernel's one parameter is a structure; the driver copies it before it returns. */
static int fb_cuda_launch(void *function, unsigned blocks, unsigned threads, unsigned shared, void *stream, void *argument) {
  void *parameters[1] = {argument};
  return cuLaunchKernel((CUfunction)function, blocks, 1, 1, threads, 1, 1, shared, (CUstream)stream, parameters, 0);
}

/* Thread-local: other threads, such as those of MPI, may go on with what a global capture would forbid. */
static int fb_cuda_capture(void *stream) { return cuStreamBeginCapture((CUstream)stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL); }

/* Ends the capture and makes the graph executable; sends it to the device at once so that the first launch is not the slow one. */
static int fb_cuda_instantiate(void *stream, void **graph) {
  CUgraph template = 0;
  int code = cuStreamEndCapture((CUstream)stream, &template);
  if (code) return code;
  code = cuGraphInstantiateWithFlags((CUgraphExec *)graph, template, 0);
  cuGraphDestroy(template);
  return code ? code : cuGraphUpload((CUgraphExec)*graph, (CUstream)stream);
}

static int fb_cuda_play(void *graph, void *stream) { return cuGraphLaunch((CUgraphExec)graph, (CUstream)stream); }
static int fb_cuda_forget(void *graph) { return cuGraphExecDestroy((CUgraphExec)graph); }

#endif
