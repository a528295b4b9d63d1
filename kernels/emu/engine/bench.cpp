// The kernels of bench.cu.
#include "../../src/bench.cu"
