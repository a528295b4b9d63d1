// real.cuh: the library's functions by one name for float and double.
#ifndef FB_REAL_CUH
#define FB_REAL_CUH
#include "fb.cuh"

namespace fb {

#define FB_REAL_FUNCTION(name)                                                 \
  __device__ __forceinline__ float real_##name(float a) { return name##f(a); } \
  __device__ __forceinline__ double real_##name(double a) { return name(a); }
FB_REAL_FUNCTION(sqrt)
FB_REAL_FUNCTION(exp)
FB_REAL_FUNCTION(log)
FB_REAL_FUNCTION(sin)
FB_REAL_FUNCTION(cos)
FB_REAL_FUNCTION(tan)
FB_REAL_FUNCTION(tanh)
FB_REAL_FUNCTION(sinh)
FB_REAL_FUNCTION(cosh)
FB_REAL_FUNCTION(atan)
FB_REAL_FUNCTION(asin)
FB_REAL_FUNCTION(acos)
FB_REAL_FUNCTION(fabs)
#undef FB_REAL_FUNCTION

__device__ __forceinline__ float real_pow(float a, float b) { return powf(a, b); }
__device__ __forceinline__ double real_pow(double a, double b) { return pow(a, b); }
__device__ __forceinline__ float real_fma(float a, float b, float c) { return fmaf(a, b, c); }
__device__ __forceinline__ double real_fma(double a, double b, double c) { return fma(a, b, c); }
__device__ __forceinline__ float real_copysign(float a, float b) { return copysignf(a, b); }
__device__ __forceinline__ double real_copysign(double a, double b) { return copysign(a, b); }

}  // namespace fb

#endif
