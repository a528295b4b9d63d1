// The kernels of shallow.cu.
#include "../../src/shallow.cu"
