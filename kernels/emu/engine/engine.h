// engine.h: the state of the emulation, shared by the scheduler (emu.cpp) and the handler of faults (faults.h).
#ifndef FB_EMU_ENGINE_H
#define FB_EMU_ENGINE_H
#include <pthread.h>

#include "emu.h"

namespace fb_emu {

enum { READY, AT_WARP, AT_BLOCK, ENDED };
enum { PAGE = 4096, STACK = 256 << 10, WARPS = FB_EMU_THREADS / 32, SHARED_PAGES = (FB_EMU_SHARED + PAGE - 1) / PAGE };

// One grid runs at a time; the lock is held while the rest is in use.
struct engine {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  fb_emu_thread thread[FB_EMU_THREADS];
  char *stack[FB_EMU_THREADS];                    // lowest byte, above the guard page
  unsigned char slot[WARPS][32][2][8];            // of shuffles
  fb_emu_thread scheduler;                        // only its stack pointer, while fibres run
  char *shared_pages, *shared, *shared_end;       // [guard page] pages [guard page]; start of what the block may use
  int64_t shared_bytes = -1;
  const fb_emu_kernel *kernel;
  const void *arguments;
  fb_emu_fault *fault;
  int order;
};
inline engine e;

inline bool failed() { return e.fault->message[0] != 0; }

} // namespace fb_emu
#endif
