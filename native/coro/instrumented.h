#pragma once

// What valgrind has to be told: where stacks lie, and what of one may be touched when it is copied.
// Nothing without its header at build time, next to nothing when it does not run.

#include <cstddef>
#include <cstdint>

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
// Below a stack pointer nothing may be touched, but a copy takes what it is rounded up to.
inline void permit(char* from, char* to) { (void)VALGRIND_MAKE_MEM_DEFINED(from, to - from); }
inline void forbid(char* from, char* to) { (void)VALGRIND_MAKE_MEM_NOACCESS(from, to - from); }

#else

constexpr bool underValgrind = false;

inline uint32_t announceStack(char*, char*) { return 0; }
inline void withdrawStack(uint32_t) {}
inline void permit(char*, char*) {}
inline void forbid(char*, char*) {}

#endif

}  // namespace heddle::coro
