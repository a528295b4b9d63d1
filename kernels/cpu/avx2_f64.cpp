#pragma GCC target("avx2,fma,bmi,bmi2")
#define FB_NS isa_avx2_f64
#define FB_BITS 256
#define FB_REAL double
#define FB_TABLE fb_avx2_f64
#include "table.h"
