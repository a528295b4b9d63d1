// The kernels of deep_f64_w16.cu.
#include "../../src/deep_f64_w16.cu"
