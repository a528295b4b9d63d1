#include "probe.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* The few entry points that are needed here, as the driver API has had them since CUDA 6. */
typedef int (*init_fn)(unsigned);
typedef int (*number_fn)(int *);
typedef int (*text_fn)(int, const char **);

void fb_probe_cards(fb_probe *p) {
  memset(p, 0, sizeof *p);
  void *lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL); /* stays loaded: a driver that has started cannot be unloaded */
  if (!lib) {
    snprintf(p->text, sizeof p->text, "%s", dlerror());
    return;
  }
  init_fn init = (init_fn)dlsym(lib, "cuInit");
  number_fn count = (number_fn)dlsym(lib, "cuDeviceGetCount"), version = (number_fn)dlsym(lib, "cuDriverGetVersion");
  text_fn text = (text_fn)dlsym(lib, "cuGetErrorString");
  if (!init || !count || !version || !text) {
    snprintf(p->text, sizeof p->text, "libcuda.so.1 lacks an entry point");
    return;
  }
  p->library = 1;
  version(&p->driver);
  p->code = init(0);
  if (p->code == 0) p->code = count(&p->devices);
  const char *s = 0;
  if (p->code && text(p->code, &s) == 0 && s) snprintf(p->text, sizeof p->text, "%s", s);
}
