// The kernels of deep_f64_w64_p8.cu.
#include "../../src/deep_f64_w64_p8.cu"
