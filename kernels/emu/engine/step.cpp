// The kernels of step.cu.
#include "../../src/step.cu"
