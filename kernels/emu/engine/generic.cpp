// The kernels of generic.cu.
#include "../../src/generic.cu"
