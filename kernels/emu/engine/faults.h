// faults.h: from a forbidden access of a kernel to a message that names it. Part of emu.cpp.
#ifndef FB_EMU_FAULTS_H
#define FB_EMU_FAULTS_H
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include "engine.h"

extern "C" void fb_emu_resume(); // continues what fb_emu_switch has left: emu.cpp

namespace fb_emu {

// message describes what went wrong; the launch ends then.
void message(const char *format, ...) __attribute__((format(printf, 1, 2)));
inline void message(const char *format, ...) {
  va_list a;
  va_start(a, format);
  vsnprintf(e.fault->message, sizeof e.fault->message, format, a);
  va_end(a);
}

inline struct sigaction previous[3];
const int signals[3] = {SIGSEGV, SIGBUS, SIGFPE};

// A fault of a fibre becomes a message, and the scheduler continues where it switched to the fibre. Everything else is the
// business of whoever handled the signal before. The handler touches only memory that exists.
inline void on_signal(int signal, siginfo_t *info, void *context) {
  fb_emu_thread *t = fb_emu_self;
  if (!t) {
    const struct sigaction &old = previous[signal == SIGSEGV ? 0 : signal == SIGBUS ? 1 : 2];
    if (old.sa_flags & SA_SIGINFO) old.sa_sigaction(signal, info, context);
    else if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) old.sa_handler(signal);
    else sigaction(signal, &old, nullptr); // the instruction runs again, and the default applies
    return;
  }
  mcontext_t &m = static_cast<ucontext_t *>(context)->uc_mcontext;
  const char *a = static_cast<char *>(info->si_addr);
  const bool write = m.gregs[REG_ERR] & 2;
  char what[200];
  if (signal == SIGFPE) {
    snprintf(what, sizeof what, "integer division by zero or overflow");
  } else if (a >= e.shared_end && a < e.shared_end + PAGE) {
    snprintf(what, sizeof what, "shared memory %s at byte %ld, of %ld asked for", write ? "written" : "read",
             long(a - e.shared), long(e.shared_bytes));
  } else if (a >= e.shared_pages - PAGE && a < e.shared) {
    snprintf(what, sizeof what, "shared memory %s %ld bytes before its start", write ? "written" : "read", long(e.shared - a));
  } else if (a < e.stack[t->index.x] && a >= e.stack[t->index.x] - PAGE) {
    snprintf(what, sizeof what, "stack of %d KiB used up", STACK >> 10);
  } else {
    snprintf(what, sizeof what, "%s of %p, which is not device memory", write ? "write" : "read", info->si_addr);
    e.fault->address = reinterpret_cast<uintptr_t>(a);
  }
  message("%s, block %u of %u, thread %u of %u: %s", e.kernel->name, fb_emu_here.block.x, fb_emu_here.blocks.x, t->index.x,
          fb_emu_here.threads.x, what);
  m.gregs[REG_RIP] = reinterpret_cast<greg_t>(fb_emu_resume);
  m.gregs[REG_RSP] = reinterpret_cast<greg_t>(e.scheduler.stack);
}

// handlers take the signals while they live. The handler needs a stack of its own, for faults on the fibre's guard page; Go's
// threads have one.
struct handlers {
  void *stack = nullptr;
  handlers() {
    stack_t s;
    if (!sigaltstack(nullptr, &s) && (s.ss_flags & SS_DISABLE)) {
      stack = s.ss_sp = malloc(64 << 10);
      s.ss_size = 64 << 10;
      s.ss_flags = 0;
      sigaltstack(&s, nullptr);
    }
    struct sigaction a = {};
    a.sa_sigaction = on_signal;
    a.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (int i = 0; i < 3; i++) sigaction(signals[i], &a, &previous[i]);
  }
  ~handlers() {
    for (int i = 0; i < 3; i++) sigaction(signals[i], &previous[i], nullptr);
    if (!stack) return;
    stack_t s = {};
    s.ss_flags = SS_DISABLE;
    sigaltstack(&s, nullptr);
    free(stack);
  }
};

} // namespace fb_emu
#endif
