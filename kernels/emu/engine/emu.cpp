// emu.cpp: runs a grid of emulated threads.
//
// Blocks run one after the other. Within a block, warp after warp runs up to the next barrier of the block; within a warp, lane
// after lane up to the next barrier of the warp. A lane is a fibre: the scheduler switches to it and gets control back at its
// barrier. Shared memory ends at a page without access and is filled with NaN (0xff) before every block, stacks end at such a page
// too. A forbidden access arrives here as a signal, and leaves fb_emu_try as a fault that names kernel, block and thread.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "engine.h"
#include "faults.h"

#ifndef __x86_64__
#error "the emulation switches stacks in x86-64 assembly"
#endif

// fb_emu_switch(&old, new) keeps the registers that a function has to keep, and the stack pointer, of the one and takes those of
// the other. About 20 instructions without a system call (swapcontext makes two). It jumps, since the processor's stack of
// return addresses does not fit here. fb_emu_resume is its second half, where the signal handler continues.
extern "C" void fb_emu_switch(void **from, void *to);
asm(R"(
  .text
  .globl fb_emu_switch
  .type fb_emu_switch, @function
fb_emu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  .globl fb_emu_resume
fb_emu_resume:
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmp *%rcx
  .size fb_emu_switch, .-fb_emu_switch
)");

// Ends of the section that FB_KERNEL fills; weak, because a program may hold no kernel.
extern const fb_emu_kernel *const __start_fb_emu_kernels[] __attribute__((weak, visibility("hidden")));
extern const fb_emu_kernel *const __stop_fb_emu_kernels[] __attribute__((weak, visibility("hidden")));

__thread fb_emu_thread *fb_emu_self;
__thread fb_emu_place fb_emu_here;

using namespace fb_emu;

namespace {

// ---- Fibres

// A lane that waits or ends hands over to the next lane of its warp, the last one to the scheduler.
FB_EMU_QUIET inline void pass_on() {
  fb_emu_thread *t = fb_emu_self;
  fb_emu_self = t->next;
  if (t->next == &e.scheduler) fb_emu_races::leave();
  else fb_emu_races::enter(fb_emu_here.block.x, t->next->index.x);
  fb_emu_switch(&t->stack, t->next->stack);
}

FB_EMU_QUIET void fibre() {
  fb_emu_races::begin_thread();
  e.kernel->run(e.arguments);
  fb_emu_races::end_thread();
  fb_emu_self->state = ENDED;
  pass_on();
  abort(); // an ended thread is not resumed
}

// Stack tops are staggered: at equal offsets in their pages they would all fall into the same sets of the first cache.
FB_EMU_QUIET bool make_ready(int i, int threads) {
  if (!e.stack[i]) {
    void *m = mmap(nullptr, STACK + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED || mprotect(static_cast<char *>(m) + PAGE, STACK, PROT_READ | PROT_WRITE)) {
      message("no memory for the stack of thread %d", i);
      return false;
    }
    e.stack[i] = static_cast<char *>(m) + PAGE;
  }
  fb_emu_thread &t = e.thread[i];
  t.index = {unsigned(i), 0, 0};
  t.shuffles = t.block_barriers = t.warp_barriers = 0;
  t.slot = e.slot[i / 32];
  t.lanes = unsigned(min(32, threads - i / 32 * 32));
  t.state = READY;
  const int next = e.order == FB_EMU_DESCENDING ? i - 1 : i + 1, warp = i / 32 * 32;
  t.next = next < warp || next >= min(warp + 32, threads) ? &e.scheduler : &e.thread[next];
  // Eight words: six registers, the address to jump to, and the word that a call would have pushed (alignment).
  void **top = reinterpret_cast<void **>(e.stack[i] + STACK - 64 * (1 + i % 32)) - 8;
  for (int k = 0; k < 8; k++) top[k] = nullptr;
  top[6] = reinterpret_cast<void *>(fibre);
  t.stack = top;
  return true;
}

// ---- Barriers that not all reach

const char *verb(const fb_emu_thread &t) { return t.state == ENDED ? "has ended" : t.what; }

FB_EMU_QUIET bool same(const fb_emu_thread &a, const fb_emu_thread &b) {
  if (a.state != b.state) return false;
  return a.state == ENDED || (a.line == b.line && (a.file == b.file || !strcmp(a.file, b.file)));
}

void divergence(const fb_emu_thread &a, const fb_emu_thread &b) {
  char place[2][160];
  const fb_emu_thread *t[2] = {&a, &b};
  for (int k = 0; k < 2; k++) {
    if (t[k]->state == ENDED)
      snprintf(place[k], sizeof place[k], "thread %u has ended", t[k]->index.x);
    else
      snprintf(place[k], sizeof place[k], "thread %u waits in %s at %s:%d", t[k]->index.x, verb(*t[k]), t[k]->file, t[k]->line);
  }
  message("%s, block %u of %u: barrier not reached by all: %s, %s", e.kernel->name, fb_emu_here.block.x, fb_emu_here.blocks.x,
          place[0], place[1]);
}

// ---- Shared memory: pages between two guards, of which the last `bytes`, rounded up to 16, are the block's. What lies in front of
// them in their first page, and the rounding, must keep its 0xff.

bool make_shared(int64_t bytes) {
  if (bytes == e.shared_bytes) return true;
  if (!e.shared_pages) {
    void *m = mmap(nullptr, (SHARED_PAGES + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED) {
      message("no memory for the shared memory");
      return false;
    }
    e.shared_pages = static_cast<char *>(m) + PAGE;
    e.shared_end = e.shared_pages + SHARED_PAGES * PAGE;
  }
  const int64_t used = (bytes + 15) / 16 * 16, pages = (used + PAGE - 1) / PAGE * PAGE;
  e.shared = e.shared_end - used;
  if (mprotect(e.shared_pages, size_t(SHARED_PAGES * PAGE - pages), PROT_NONE) ||
      mprotect(e.shared_end - pages, size_t(pages), PROT_READ | PROT_WRITE)) {
    message("shared memory: %s", strerror(errno));
    return false;
  }
  e.shared_bytes = bytes;
  return true;
}

char *shared_page() { return e.shared_end - (e.shared_end - e.shared + PAGE - 1) / PAGE * PAGE; }

void fill_shared() {
  const size_t size = size_t(e.shared_end - shared_page());
#ifdef __SANITIZE_THREAD__
  // The shared memory of one block is not that of the next: fresh pages make the sanitizer forget who used it.
  if (size) mmap(shared_page(), size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
#endif
  memset(shared_page(), 0xff, size);
}

FB_EMU_QUIET bool untouched(const char *from, const char *to) {
  for (; from < to; from++)
    if (*from != char(0xff)) return false;
  return true;
}

void check_shared() {
  if (!untouched(shared_page(), e.shared))
    message("%s, block %u of %u: shared memory written before its start", e.kernel->name, fb_emu_here.block.x, fb_emu_here.blocks.x);
  else if (!untouched(e.shared + e.shared_bytes, e.shared_end))
    message("%s, block %u of %u: shared memory written past the %ld bytes asked for", e.kernel->name, fb_emu_here.block.x,
            fb_emu_here.blocks.x, long(e.shared_bytes));
}

// ---- The scheduler

int ordered(int i, int n) { return e.order == FB_EMU_DESCENDING ? n - 1 - i : i; }

// Runs the lanes of a warp until all wait at one barrier of the block or have ended.
FB_EMU_QUIET void run_warp(int first, int lanes) {
  fb_emu_thread *t = e.thread + first;
  for (;;) {
    fb_emu_self = t + ordered(0, lanes);
    fb_emu_races::enter(fb_emu_here.block.x, fb_emu_self->index.x);
    fb_emu_switch(&e.scheduler.stack, fb_emu_self->stack);
    fb_emu_self = nullptr;
    if (failed()) return;
    for (int i = 1; i < lanes; i++)
      if (!same(t[0], t[i])) return divergence(t[0], t[i]);
    if (t[0].state != AT_WARP) return;
    for (int i = 0; i < lanes; i++) t[i].state = READY;
  }
}

FB_EMU_QUIET void run_block(int block, int blocks, int threads) {
  fb_emu_here = {{unsigned(block), 0, 0}, {unsigned(threads), 1, 1}, {unsigned(blocks), 1, 1}};
  fill_shared();
  fb_emu_races::begin_block();
  for (int i = 0; i < threads; i++)
    if (!make_ready(i, threads)) return;
  const int warps = (threads + 31) / 32;
  for (;;) {
    for (int i = 0; i < warps; i++) {
      const int first = ordered(i, warps) * 32;
      run_warp(first, min(32, threads - first));
      if (failed()) return;
    }
    for (int w = 1; w < warps; w++)
      if (!same(e.thread[0], e.thread[w * 32])) return divergence(e.thread[0], e.thread[w * 32]);
    if (e.thread[0].state == ENDED) return check_shared();
  }
}

int default_order;

} // namespace

void *fb_emu_shared() { return e.shared; }

FB_EMU_QUIET void fb_emu_wait_block(const char *what, const char *file, int line) {
  fb_emu_thread *t = fb_emu_self;
  t->state = AT_BLOCK, t->what = what, t->file = file, t->line = line;
  char *barrier = fb_emu_races::of_block(t->block_barriers++);
  fb_emu_races::arrive(barrier);
  pass_on();
  fb_emu_races::depart(barrier);
}

FB_EMU_QUIET void fb_emu_wait_warp(const char *what, const char *file, int line) {
  fb_emu_thread *t = fb_emu_self;
  t->state = AT_WARP, t->what = what, t->file = file, t->line = line;
  char *barrier = fb_emu_races::of_warp(t->index.x, t->warp_barriers++);
  fb_emu_races::arrive(barrier);
  pass_on();
  fb_emu_races::depart(barrier);
}

void fb_emu_fail(const char *what, const char *file, int line) {
  message("%s, block %u of %u, thread %u of %u: %s at %s:%d", e.kernel->name, fb_emu_here.block.x, fb_emu_here.blocks.x,
          fb_emu_self->index.x, fb_emu_here.threads.x, what, file, line);
  fb_emu_races::leave();
  fb_emu_switch(&fb_emu_self->stack, e.scheduler.stack);
  abort();
}

const fb_emu_kernel *fb_emu_at(int i) {
  return i >= 0 && i < __stop_fb_emu_kernels - __start_fb_emu_kernels ? __start_fb_emu_kernels[i] : nullptr;
}

const fb_emu_kernel *fb_emu_find(const char *name) {
  for (int i = 0; const fb_emu_kernel *k = fb_emu_at(i); i++)
    if (!strcmp(k->name, name)) return k;
  return nullptr;
}

int fb_emu_try(const fb_emu_kernel *k, int order, int blocks, int threads, int64_t shared, const void *arguments,
               fb_emu_fault *fault) {
  pthread_mutex_lock(&e.lock);
  fault->message[0] = 0;
  fault->address = 0;
  e.fault = fault, e.kernel = k, e.arguments = arguments, e.order = order;
  if (blocks < 1 || threads < 1 || threads > k->threads || threads > FB_EMU_THREADS || shared < 0 || shared > FB_EMU_SHARED) {
    message("%s: cannot launch %d blocks of %d threads (bound %d) with %ld bytes of shared memory", k->name, blocks, threads,
            k->threads, long(shared));
  } else if (make_shared(shared)) {
    handlers installed;
    fb_emu_races::begin_launch();
    for (int b = 0; b < blocks && !failed(); b++)
      run_block(ordered(b, blocks), blocks, threads);
    fb_emu_races::end_launch();
  }
  const int rc = failed();
  pthread_mutex_unlock(&e.lock);
  return rc;
}

void fb_emu_order(int order) { default_order = order; }

void fb_emu_launch(const char *name, int blocks, int threads, int64_t shared, const void *arguments) {
  fb_emu_fault fault;
  const fb_emu_kernel *k = fb_emu_find(name);
  if (k && !fb_emu_try(k, default_order, blocks, threads, shared, arguments, &fault)) return;
  fprintf(stderr, "emu: %s\n", k ? fault.message : name);
  abort();
}
