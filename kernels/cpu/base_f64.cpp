// Any x86-64: SSE2, no fused multiply-add.
#define FB_NS isa_base_f64
#define FB_BITS 128
#define FB_REAL double
#define FB_TABLE fb_base_f64
#include "table.h"
