// The kernels of deep_f32_w64.cu.
#include "../../src/deep_f32_w64.cu"
