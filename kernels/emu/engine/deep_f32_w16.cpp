// The kernels of deep_f32_w16.cu.
#include "../../src/deep_f32_w16.cu"
