#pragma once

// What valgrind has to be told: where stacks lie. It does not follow a stack that is copied, so
// under it every coroutine has one of its own, as under the sanitizers. Nothing without its header
// at build time, next to nothing when it does not run.

#include <cstddef>
#include <cstdint>

#include "coro/fiber.h"

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#define HEDDLE_HAS_VALGRIND 1
#endif

namespace heddle::coro {

#if defined(HEDDLE_HAS_VALGRIND)

inline const bool underValgrind = [] { return RUNNING_ON_VALGRIND != 0; }();

inline uint32_t announceStack(char* low, char* top) {
  return static_cast<uint32_t>(VALGRIND_STACK_REGISTER(low, top - 1));
}
inline void withdrawStack(uint32_t number) { VALGRIND_STACK_DEREGISTER(number); }
// What an earlier coroutine left there is nobody's.
inline void openStack(char* low, char* top) { (void)VALGRIND_MAKE_MEM_UNDEFINED(low, top - low); }

#else

constexpr bool underValgrind = false;

inline uint32_t announceStack(char*, char*) { return 0; }
inline void withdrawStack(uint32_t) {}
inline void openStack(char*, char*) {}

#endif

// It takes a step of less than this for a frame, and not for a switch.
constexpr size_t kFrameOfValgrind = size_t{4} << 20;

inline bool copiesStacks() { return kCopiesStacks && !underValgrind; }

}  // namespace heddle::coro
