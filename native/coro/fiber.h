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

// How a coroutine begins.
struct Start {
  void (*main)(void* argument);
  void* argument;
};

#if defined(HEDDLE_FIBER_ASAN)

constexpr bool kCopiesStacks = false;

// Who resumes, with what AddressSanitizer knows of its stack.
struct Outside {
  Registers registers;
  void* fake;
  const void* low;
  size_t bytes;
};

// GCC 12 takes the address of what is thread-local for null when it checks for that itself.
[[gnu::always_inline]] inline Outside& seen(Outside& outside) {
  Outside* address = &outside;
  asm("" : "+r"(address));
  return *address;
}

struct Fiber {
  void* fake = nullptr;
  const void* low = nullptr;
  size_t bytes = 0;
  Start start{};  // the procedure's own

  bool open(Start& ofCoroutine, const void* stackLow, size_t stackBytes) {
    low = stackLow;
    bytes = stackBytes;
    start = ofCoroutine;
    ofCoroutine = {begin, this};
    return true;
  }
  // The arrival has to be said before anything else.
  static void begin(void* argument);
  void close() {
    if (low != nullptr) __asan_unpoison_memory_region(low, bytes);
    low = nullptr;
  }
  // On the coroutine's side.
  [[gnu::always_inline]] inline void leave(Outside& outside, bool forGood) {
    const Outside& to = seen(outside);
    __sanitizer_start_switch_fiber(forGood ? nullptr : &fake, to.low, to.bytes);
  }
  [[gnu::always_inline]] inline void arrive(Outside& outside) {
    Outside& from = seen(outside);
    __sanitizer_finish_switch_fiber(fake, &from.low, &from.bytes);
  }
  // On the resuming side.
  [[gnu::always_inline]] inline void enter(Outside& outside) {
    __sanitizer_start_switch_fiber(&seen(outside).fake, low, bytes);
  }
  [[gnu::always_inline]] inline void entered(Outside& outside) {
    __sanitizer_finish_switch_fiber(seen(outside).fake, nullptr, nullptr);
  }
  // In the signal handler that leaves the coroutine for good.
  void drop(Outside& outside) {
    const Outside& to = seen(outside);
    __sanitizer_start_switch_fiber(nullptr, to.low, to.bytes);
  }
};

#elif defined(HEDDLE_FIBER_TSAN)

constexpr bool kCopiesStacks = false;

struct Outside {
  Registers registers;
  void* fiber;
};

struct Fiber {
  void* fiber = nullptr;

  bool open(Start&, const void*, size_t) {
    fiber = __tsan_create_fiber(0);
    return fiber != nullptr;
  }
  void close() {
    if (fiber != nullptr) __tsan_destroy_fiber(fiber);
    fiber = nullptr;
  }
  [[gnu::always_inline]] inline void leave(Outside& to, bool) {
    __tsan_switch_to_fiber(to.fiber, 0);
  }
  [[gnu::always_inline]] inline void arrive(Outside&) {}
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

struct Outside {
  Registers registers;
};

struct Fiber {
  bool open(Start&, const void*, size_t) { return true; }
  void close() {}
  [[gnu::always_inline]] inline void leave(Outside&, bool) {}
  [[gnu::always_inline]] inline void arrive(Outside&) {}
  [[gnu::always_inline]] inline void enter(Outside&) {}
  [[gnu::always_inline]] inline void entered(Outside&) {}
  void drop(Outside&) {}
};

#endif

}  // namespace heddle::coro
