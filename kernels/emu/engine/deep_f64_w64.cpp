// The kernels of deep_f64_w64.cu.
#include "../../src/deep_f64_w64.cu"
