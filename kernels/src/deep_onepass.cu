// The one-pass kernel of the benchmark: forward, Burgers residual of the network alone, backward, nothing recomputed (deep.cuh).
#include "deep.cuh"

FB_DEEP_ONE_PASS(16)
FB_DEEP_ONE_PASS(32)
FB_DEEP_ONE_PASS(64)
