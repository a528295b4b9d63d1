// The kernels of deep_f32_w128.cu.
#include "../../src/deep_f32_w128.cu"
