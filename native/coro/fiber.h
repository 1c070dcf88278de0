#pragma once

// What sanitizers have to be told about a switch. Their shadow memory does not follow a stack that
// is copied, so under them every coroutine has a stack of its own (kCopiesStacks).
//
// A fiber stands for one side: a coroutine, or whoever resumes. In other builds it is empty.

#include <cstddef>

#include "coro/switch.h"

#if defined(__SANITIZE_ADDRESS__)
#define HEDDLE_FIBER_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define HEDDLE_FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEDDLE_FIBER_ASAN 1
#elif __has_feature(thread_sanitizer)
#define HEDDLE_FIBER_TSAN 1
#endif
#endif

#if defined(HEDDLE_FIBER_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(HEDDLE_FIBER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace heddle::coro {

#if defined(HEDDLE_FIBER_ASAN)

constexpr bool kCopiesStacks = false;

// Who resumes, with what AddressSanitizer knows of its stack.
struct Outside : Registers {
  void* fake = nullptr;
  const void* low = nullptr;
  size_t bytes = 0;
};

struct Fiber {
  void* fake = nullptr;
  const void* low = nullptr;
  size_t bytes = 0;
  Context context{};  // the procedure's own
  Outside* outside = nullptr;

  bool open(Context& ofCoroutine, Outside& from, const void* stackLow, size_t stackBytes) {
    low = stackLow;
    bytes = stackBytes;
    context = ofCoroutine;
    outside = &from;
    ofCoroutine.main = begin;
    ofCoroutine.argument = this;
    return true;
  }
  // The arrival has to be said before anything else.
  static void begin(void* argument) {
    auto* const self = static_cast<Fiber*>(argument);
    self->arrive(self->outside);
    self->context.main(self->context.argument);
  }
  void close() {
    if (low != nullptr) __asan_unpoison_memory_region(low, bytes);
    low = nullptr;
  }
  // On the coroutine's side.
  [[gnu::always_inline]] inline void leave(Outside* to, bool forGood) {
    __sanitizer_start_switch_fiber(forGood ? nullptr : &fake, to->low, to->bytes);
  }
  [[gnu::always_inline]] inline void arrive(Outside* from) {
    __sanitizer_finish_switch_fiber(fake, &from->low, &from->bytes);
  }
  // On the resuming side.
  [[gnu::always_inline]] inline void enter(Outside& from) {
    __sanitizer_start_switch_fiber(&from.fake, low, bytes);
  }
  [[gnu::always_inline]] inline void entered(Outside& from) {
    __sanitizer_finish_switch_fiber(from.fake, nullptr, nullptr);
  }
  // In the signal handler that leaves the coroutine for good.
  void drop(Outside& to) { __sanitizer_start_switch_fiber(nullptr, to.low, to.bytes); }
};

#elif defined(HEDDLE_FIBER_TSAN)

constexpr bool kCopiesStacks = false;

struct Outside : Registers {
  void* fiber = nullptr;
};

struct Fiber {
  void* fiber = nullptr;

  bool open(Context&, Outside&, const void*, size_t) {
    fiber = __tsan_create_fiber(0);
    return fiber != nullptr;
  }
  void close() {
    if (fiber != nullptr) __tsan_destroy_fiber(fiber);
    fiber = nullptr;
  }
  [[gnu::always_inline]] inline void leave(Outside* to, bool) {
    __tsan_switch_to_fiber(to->fiber, 0);
  }
  [[gnu::always_inline]] inline void arrive(Outside*) {}
  [[gnu::always_inline]] inline void enter(Outside& outside) {
    outside.fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber, 0);
  }
  [[gnu::always_inline]] inline void entered(Outside& outside) {
    // Somebody who left by a fault has not said so.
    if (__tsan_get_current_fiber() != outside.fiber) __tsan_switch_to_fiber(outside.fiber, 0);
  }
  void drop(Outside&) {}
};

#else

constexpr bool kCopiesStacks = true;

struct Outside : Registers {};

struct Fiber {
  bool open(Context&, Outside&, const void*, size_t) { return true; }
  void close() {}
  [[gnu::always_inline]] inline void leave(Outside*, bool) {}
  [[gnu::always_inline]] inline void arrive(Outside*) {}
  [[gnu::always_inline]] inline void enter(Outside&) {}
  [[gnu::always_inline]] inline void entered(Outside&) {}
  void drop(Outside&) {}
};

#endif

}  // namespace heddle::coro
