// The kernels of deep_onepass.cu.
#include "../../src/deep_onepass.cu"
