#pragma once

// The coroutines of one OS thread, and the stacks they share. Made, used and closed on that thread;
// nothing here is called by another one. A thread may have several, but only one runs a coroutine
// at a time.
//
//   coro::Thread thread;
//   if (thread.open({}) < 0) …
//   coro::Coroutine* co = thread.make(main, argument, {});
//   while (thread.resume(co) == coro::State::kSuspended) …
//   thread.destroy(co);
//
// Memory: coroutines, save areas, clean-ups and the descriptions of stacks are typed memory
// (coro:…); stacks are mapped. Where there is none the call says so and nothing has changed. Misuse
// (resuming what has ended or from inside a coroutine, destroying what runs) stops the program.

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "coro/coroutine.h"

namespace heddle::coro {

struct StacksOptions {
  uint32_t count = 1;               // shared stacks; at least 1
  size_t bytes = size_t{64} << 10;  // usable in each; the guard is extra
};

struct StartOptions {
  // More is an overflow. More than a shared stack has is a stack of its own.
  size_t maxStackBytes = size_t{32} << 10;
  // Never copied: faster for large frames, and pointers to locals stay good; costs pages.
  bool ownStack = false;
  // Changes of the floating-point control words stay inside.
  bool keepsFloatingControl = false;
};

struct Stats {
  uint64_t switches = 0;  // one for each resume and the yield that answers it
  uint64_t copiesIn = 0;
  uint64_t copiesOut = 0;
  uint64_t bytesCopied = 0;  // both ways
  uint64_t saveBytes = 0;    // held by save areas now
  uint64_t maxStackSeen = 0;
  uint64_t live = 0;
  uint64_t overflows = 0;
};

class Thread {
 public:
  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread() { close(); }

  // 0, -EINVAL or -ENOMEM. Once.
  [[nodiscard]] int open(const StacksOptions& options);
  // After all coroutines are destroyed: one that is left stops the program. The destructor's part
  // for those who want it earlier.
  void close();

  // nullptr without memory. It begins at the first resume.
  [[nodiscard]] Coroutine* make(Main main, void* argument, const StartOptions& options);
  // Runs it until it yields, finishes or overflows, and returns the state it is left in. Not from
  // inside a coroutine. kNoMemory: it did not run, because what lies on its stack could not be put
  // aside.
  State resume(Coroutine* co);
  // Its clean-ups run, if it has not ended; its stack is dropped. Not the running one.
  void destroy(Coroutine* co);

  // Take notice of who is resumed next but one, and next: brings their memory near. Pays when there
  // are more of them than the cache holds (thousands).
  static void expectSoon(const Coroutine* co) {
    __builtin_prefetch(co, 1);
    __builtin_prefetch(&co->save_, 1);
  }
  static void expectNext(const Coroutine* co);

  [[nodiscard]] const Stats& stats() const { return stats_; }
  [[nodiscard]] size_t live() const { return stats_.live; }

 private:
  bool swap(Coroutine* co);
  bool bring(Coroutine* co);
  void begin(Coroutine* co);
  void watchDepth(Coroutine* co);
  static void place(Coroutine* co, Stack& stack);
  bool giveOwnStack(Coroutine* co, Start& start);
  Stack* takeOwnStack(size_t bytes);
  Stack* chooseStack();
  void dropStack(Coroutine* co);
  static void closeOwnStack(Stack* stack);
  bool fitSave(Coroutine* co, size_t bytes);
  void dropSave(Coroutine* co);
  void enter(Coroutine* co);
  State settle(Coroutine* co);
  State resumeOtherwise(Coroutine* co);
  State resumeWithExtras(Coroutine* co);
  State left(Coroutine* co);
  void end(Coroutine* co, State state);
  uint32_t following(uint32_t stack) const { return stack + 1 == count_ ? 0 : stack + 1; }

  int* errno_ = nullptr;
  Exceptions* exceptions_ = nullptr;
  Stats stats_;
  Stack* stacks_ = nullptr;
  uint32_t count_ = 0;
  uint32_t nextStack_ = 0;
  size_t stackBytes_ = 0;
  Stack* spare_ = nullptr;  // stacks of those that had one of their own
  uint32_t spares_ = 0;
  bool opened_ = false;
};

// Runs it until it is left.
[[gnu::always_inline]] inline void Thread::enter(Coroutine* co) {
  // Written only where it differs: what is written is waited for, twice in each turn.
  const int outerErrno = *errno_;
  if (co->errno_ != outerErrno) *errno_ = co->errno_;
  here.running = co;
  stats_.switches++;
  co->resumes_++;
  co->fiber_.enter(here.outside);
  switchStacks(&here.outside.registers, &co->registers_);
  co->fiber_.entered(here.outside);
  here.running = nullptr;
  const int innerErrno = *errno_;
  if (((innerErrno ^ outerErrno) | (innerErrno ^ co->errno_)) != 0) {
    co->errno_ = innerErrno;
    *errno_ = outerErrno;
  }
}

// Takes note of how it was left.
[[gnu::always_inline]] inline State Thread::settle(Coroutine* co) {
  const bool notable = co->registers_.stackPointer < co->lowest_;
  if (notable || exceptions_->any()) [[unlikely]]
    return left(co);
  return State::kSuspended;
}

[[gnu::always_inline]] inline State Thread::resume(Coroutine* co) {
  const auto inside = reinterpret_cast<uintptr_t>(here.running);
  if ((inside | co->extras_ | exceptions_->word()) != 0) [[unlikely]]
    return resumeOtherwise(co);
  enter(co);
  return settle(co);
}

inline void Thread::expectNext(const Coroutine* co) {
  // What is copied in; the processor follows by itself from the third line on.
  __builtin_prefetch(co->save_);
  __builtin_prefetch(co->save_ + 64);
  __builtin_prefetch(co->save_ + 128);
}

}  // namespace heddle::coro
