// The kernels of deep_f64_w128.cu.
#include "../../src/deep_f64_w128.cu"
