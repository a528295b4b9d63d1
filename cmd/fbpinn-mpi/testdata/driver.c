/* A driver with as many cards as FAKE_CARDS says, or that fails with FAKE_CODE: see TestHandOver. */
#include <stdlib.h>

static int number(const char *name) {
  const char *s = getenv(name);
  return s ? atoi(s) : 0;
}

int cuInit(unsigned flags) { return flags ? 1 : number("FAKE_CODE"); }
int cuDeviceGetCount(int *n) { return *n = number("FAKE_CARDS"), 0; }
int cuDriverGetVersion(int *v) { return *v = 12040, 0; }
int cuGetErrorString(int code, const char **s) { return *s = code == 803 ? "driver and library do not match" : "no card", 0; }
