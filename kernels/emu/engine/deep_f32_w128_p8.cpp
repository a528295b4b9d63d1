// The kernels of deep_f32_w128_p8.cu.
#include "../../src/deep_f32_w128_p8.cu"
