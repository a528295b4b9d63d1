// The kernels of point.cu.
#include "../../src/point.cu"
