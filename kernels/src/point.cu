// point.cu: equations at points. An interpreter of kernels.Program, so that no compiler is needed where the program runs.
//
// A thread takes one point at a time. Its registers are a column of shared memory, [registers][threads]: no two threads of a warp
// meet in a bank, and none needs another's values. All threads run the same instruction, so the switch never diverges; the next
// instruction is on its way while one is carried out. The results are defined by kernels/host/program.go.
#include "fb.cuh"
#include "point.h"
#include "real.cuh"

namespace {

using namespace fb;

// kernels.Opcode, in its order.
enum { op_add, op_sub, op_mul, op_div, op_neg, op_muladd, op_pow, op_sqrt, op_exp, op_log, op_sin, op_cos, op_tan, op_tanh,
  op_sinh, op_cosh, op_atan, op_asin, op_acos, op_abs, op_sign, op_min, op_max, op_step };

// Exponents are nearly always constants of the program, and small whole numbers.
template <class R> __device__ __forceinline__ R power(R a, R b) {
  if (b == 2) return a * a;
  if (b == 3) return a * a * a;
  if (b == 4) return (a * a) * (a * a);
  if (b == 1) return a;
  if (b == -1) return 1 / a;
  return real_pow(a, b);
}

// The smaller number as Go's math.Min has it: -Inf beats NaN, NaN beats the rest, and -0 is below 0. lesser(-a, -b) is -Max.
template <class R> __device__ __forceinline__ R lesser(R a, R b) {
  if (a < b || (a == b && real_copysign(R(1), a) < 0)) return a;
  if (b <= a) return b;
  const R infinite = -1 / R(0); // a or b is NaN
  return a == infinite || b == infinite ? infinite : a + b;
}

template <class R> __device__ __forceinline__ R evaluate(int op, R a, const R *second, const R *third) {
  switch (op) {
  case op_add: return a + *second;
  case op_sub: return a - *second;
  case op_mul: return a * *second;
  case op_div: return a / *second;
  case op_neg: return -a;
  case op_muladd: return real_fma(a, *second, *third);
  case op_pow: return power(a, *second);
  case op_sqrt: return real_sqrt(a);
  case op_exp: return real_exp(a);
  case op_log: return real_log(a);
  case op_sin: return real_sin(a);
  case op_cos: return real_cos(a);
  case op_tan: return real_tan(a);
  case op_tanh: return real_tanh(a);
  case op_sinh: return real_sinh(a);
  case op_cosh: return real_cosh(a);
  case op_atan: return real_atan(a);
  case op_asin: return real_asin(a);
  case op_acos: return real_acos(a);
  case op_abs: return real_fabs(a);
  case op_sign: return a > 0 ? R(1) : a < 0 ? R(-1) : a; // a zero stays, NaN shows
  case op_min: return lesser(a, *second);
  case op_max: return -lesser(-a, -*second);
  case op_step: return a >= 0 ? R(1) : R(0);
  }
  return a; // kernels.Program.Check admits no other
}

__device__ __forceinline__ fb_instr read(const fb_instr *code) {
  return {__ldg(&code->op), __ldg(&code->dst), __ldg(&code->a), __ldg(&code->b), __ldg(&code->c)};
}

template <class R> __device__ __forceinline__ void interpret(const fb_point &p, R *registers) {
  const int threads = (int)blockDim.x;
  R *own = registers + threadIdx.x; // register r of this thread: own[r*threads]
  for (int k = 0; k < p.constants; k++) own[(p.inputs + k) * threads] = __ldg((const R *)p.constant + k);

  for (int64_t i = (int64_t)blockIdx.x * threads + threadIdx.x; i < p.n; i += (int64_t)gridDim.x * threads) {
#pragma unroll 4
    for (int r = 0; r < p.inputs; r++) own[r * threads] = ((const R *)p.in[r])[i];

    fb_instr next = p.length > 0 ? read(p.code) : fb_instr{};
    for (int k = 0; k < p.length; k++) {
      const fb_instr s = next;
      if (k + 1 < p.length) next = read(p.code + k + 1);
      own[s.dst * threads] = evaluate<R>(s.op, own[s.a * threads], own + s.b * threads, own + s.c * threads);
    }

    for (int o = 0; o < p.outputs; o++) {
      R *out = (R *)p.out[o];
      const int r = __ldg(p.output + o);
      if (out) out[i] = r < 0 ? R(0) : own[r * threads];
    }
  }
}

}  // namespace

FB_KERNEL(fb_point_f32, fb_point, FB_POINT_THREADS, 4) {
  FB_SHARED(float, registers);
  interpret<float>(p, registers);
}

FB_KERNEL(fb_point_f64, fb_point, FB_POINT_THREADS, 4) {
  FB_SHARED(double, registers);
  interpret<double>(p, registers);
}
