// jets.cuh: sets of derivatives that are known when a kernel is compiled (kernels.Jets: value, full gradient, some second derivatives).
//
// Components c ascend by order, then put earlier coordinates first: u, u_x, u_y, u_xx, u_xy, u_yy. Nothing here takes time on a
// card: after unrolling, every function below is a constant.
#ifndef FB_JETS_CUH
#define FB_JETS_CUH
#include "fb.cuh"

namespace fb {

// Jets is the set over D coordinates with the value, all D first derivatives, and those second derivatives whose bit is set in SECOND.
// The bits number the pairs of axes p <= q in the order of components: for D = 3 xx, xy, xz, yy, yz, zz.
template <int D_, unsigned SECOND> struct Jets {
  static constexpr int D = D_;

  static constexpr int count(unsigned bits) { return bits == 0 ? 0 : int(bits & 1) + count(bits >> 1); }
  static constexpr int C = 1 + D + count(SECOND);  // components, kernels.Jets.N
  static constexpr int ORDER = SECOND == 0 ? 1 : 2;
  static_assert(C <= 15, "fb: four bits a component must fit into 64");

  // axes packs p + 4 q of component c into bits 4c to 4c+3: c is the derivative along p (first order) or along p and q.
  static constexpr unsigned long long pack() {
    unsigned long long bits = 0;
    int c = 1, pair = 0;
    for (int a = 0; a < D; a++, c++) bits |= (unsigned long long)a << (4 * c);
    for (int p = 0; p < D; p++)
      for (int q = p; q < D; q++, pair++)
        if (SECOND >> pair & 1) bits |= (unsigned long long)(p + 4 * q) << (4 * c++);
    return bits;
  }
  static constexpr unsigned long long axes = pack();

  __host__ __device__ static constexpr int order(int c) { return c == 0 ? 0 : c <= D ? 1 : 2; }
  __host__ __device__ static constexpr int p(int c) { return int(axes >> (4 * c)) & 3; }
  __host__ __device__ static constexpr int q(int c) { return int(axes >> (4 * c + 2)) & 3; }
};

}  // namespace fb

// FB_JET_SETS names the sets that specialised kernels exist for, once for all families: X(suffix of the kernel's name, D, SECOND). They
// are grouped by their number of components, at most 5, 7 and 10, on which the form of a kernel may depend.
#define FB_JET_SETS(X) FB_JET_SETS_5(X) FB_JET_SETS_7(X) FB_JET_SETS_10(X)
#define FB_JET_SETS_5(X) \
  X(d1, 1, 0x00)          /* u, u_x */ \
  X(d1_xx, 1, 0x01)       /* oscillators, 1-d boundary value problems */ \
  X(d2, 2, 0x00)          /* advection, first-order systems */ \
  X(d2_xx, 2, 0x01)       /* Burgers, heat, wave with one second derivative */ \
  X(d2_yy, 2, 0x04) \
  X(d2_xx_yy, 2, 0x05)    /* Laplace, Helmholtz, wave */
#define FB_JET_SETS_7(X) \
  X(d2_xx_xy_yy, 2, 0x07) /* full Hessian, mixed terms */ \
  X(d3_xx_yy, 3, 0x09)    /* heat, Navier-Stokes in the plane and time */ \
  X(d3_xx_yy_zz, 3, 0x29)
#define FB_JET_SETS_10(X) X(d3_xx_xy_xz_yy_yz_zz, 3, 0x3f)

#endif
