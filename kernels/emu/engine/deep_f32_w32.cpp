// The kernels of deep_f32_w32.cu.
#include "../../src/deep_f32_w32.cu"
