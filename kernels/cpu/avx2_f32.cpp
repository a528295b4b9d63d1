#pragma GCC target("avx2,fma,bmi,bmi2")
#define FB_NS isa_avx2_f32
#define FB_BITS 256
#define FB_REAL float
#define FB_TABLE fb_avx2_f32
#include "table.h"
