// races.h: tells ThreadSanitizer about fibres, so that a build with -fsanitize=thread finds data races between the threads of a
// block, and between blocks that run near each other. Without that flag everything here is empty.
//
//   CGO_CXXFLAGS="-g -O1 -fsanitize=thread" CGO_LDFLAGS=-fsanitize=thread TSAN_OPTIONS=halt_on_error=1 go test ./kernels/device
//
// The order of events that it knows is the one that a card promises: barriers order the threads that they join, launches follow
// each other, an atomic operation releases and acquires. Two blocks of one launch are not ordered.
#ifndef FB_EMU_RACES_H
#define FB_EMU_RACES_H

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>

// The engine's own accesses, and the slots of shuffles, are no business of the kernels.
#define FB_EMU_QUIET __attribute__((no_sanitize("thread")))

namespace fb_emu_races {

// Blocks take turns among SETS of fibres, since a fibre that is used again is ordered after its former self.
enum { SETS = 2 };

struct fibres {
  void *lane[SETS][FB_EMU_THREADS];
  void *scheduler;
  char begin, done;                         // objects that carry the order
  char block[2], warp[FB_EMU_THREADS / 32][2]; // by turns: a late reader of one barrier must not see writers of the next
};
inline fibres f;

FB_EMU_QUIET inline void *&lane(unsigned block, unsigned i) { return f.lane[block % SETS][i]; }
FB_EMU_QUIET inline void enter(unsigned block, unsigned i) {
  if (!lane(block, i)) lane(block, i) = __tsan_create_fiber(0);
  __tsan_switch_to_fiber(lane(block, i), __tsan_switch_to_fiber_no_sync);
}
FB_EMU_QUIET inline void leave() { __tsan_switch_to_fiber(f.scheduler, __tsan_switch_to_fiber_no_sync); }
FB_EMU_QUIET inline void begin_launch() { f.scheduler = __tsan_get_current_fiber(); }
FB_EMU_QUIET inline void begin_block() { __tsan_release(&f.begin); } // the scheduler does not know yet what other blocks did
FB_EMU_QUIET inline void end_launch() { __tsan_acquire(&f.done); }
FB_EMU_QUIET inline void begin_thread() { __tsan_acquire(&f.begin); }
FB_EMU_QUIET inline void end_thread() { __tsan_release(&f.done); }
FB_EMU_QUIET inline void arrive(char *barrier) { __tsan_release(barrier); }
FB_EMU_QUIET inline void depart(char *barrier) { __tsan_acquire(barrier); }
FB_EMU_QUIET inline char *of_block(unsigned turn) { return &f.block[turn % 2]; }
FB_EMU_QUIET inline char *of_warp(unsigned i, unsigned turn) { return &f.warp[i / 32][turn % 2]; }

} // namespace fb_emu_races

#else
#define FB_EMU_QUIET

namespace fb_emu_races {
inline void enter(unsigned, unsigned) {}
inline void leave() {}
inline void begin_launch() {}
inline void begin_block() {}
inline void end_launch() {}
inline void begin_thread() {}
inline void end_thread() {}
inline void arrive(char *) {}
inline void depart(char *) {}
inline char *of_block(unsigned) { return nullptr; }
inline char *of_warp(unsigned, unsigned) { return nullptr; }
} // namespace fb_emu_races
#endif
#endif
