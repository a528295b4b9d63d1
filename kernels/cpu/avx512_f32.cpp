#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,bmi,bmi2")
#define FB_NS isa_avx512_f32
#define FB_BITS 512
#define FB_REAL float
#define FB_TABLE fb_avx512_f32
#include "table.h"
