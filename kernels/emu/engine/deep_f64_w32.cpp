// The kernels of deep_f64_w32.cu.
#include "../../src/deep_f64_w32.cu"
