// shallow.cu: kernels for networks with one hidden layer, one for each jet set and precision (shallow.cuh).
#include "shallow.cuh"

#define FB_SHALLOW(jets, D, SECOND)         \
  FB_SHALLOW_IN(float, f32, jets, D, SECOND) \
  FB_SHALLOW_IN(double, f64, jets, D, SECOND)

#define FB_SHALLOW_IN(T, real, jets, D, SECOND)                                                                            \
  FB_KERNEL(fb_shallow_forward_##real##_##jets, fb_net, FB_SHALLOW_THREADS,                                                 \
            fb::shallow_forward_blocks(sizeof(T), D + 1 + fb::Jets<D, SECOND>::C)) {                                        \
    fb::shallow_forward<fb::Jets<D, SECOND>, T, 1>(p);                                                                     \
  }                                                                                                                        \
  FB_KERNEL(fb_shallow_tangent_##real##_##jets, fb_net, FB_SHALLOW_THREADS,                                                 \
            fb::shallow_adjoint_blocks(sizeof(T), D + 1 + fb::Jets<D, SECOND>::C)) {                                        \
    fb::shallow_forward<fb::Jets<D, SECOND>, T, 2>(p);                                                                     \
  }                                                                                                                        \
  FB_KERNEL(fb_shallow_adjoint_##real##_##jets, fb_net, FB_SHALLOW_THREADS,                                                 \
            fb::shallow_adjoint_blocks(sizeof(T), D + 1 + fb::Jets<D, SECOND>::C)) {                                        \
    fb::shallow_adjoint<fb::Jets<D, SECOND>, T>(p);                                                                        \
  }

FB_JET_SETS(FB_SHALLOW)
