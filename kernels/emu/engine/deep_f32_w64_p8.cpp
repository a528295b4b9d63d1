// The kernels of deep_f32_w64_p8.cu.
#include "../../src/deep_f32_w64_p8.cu"
