// Any x86-64: SSE2, no fused multiply-add.
#define FB_NS isa_base_f32
#define FB_BITS 128
#define FB_REAL float
#define FB_TABLE fb_base_f32
#include "table.h"
