#pragma once

// The control words of the floating-point unit: rounding, precision, which exceptions trap. Reading
// them is cheap and writing is not, so only what differs is written. The sticky flags of exceptions
// that happened are no part of it.

#include <cstdint>

namespace heddle::coro {

#if defined(__x86_64__)

struct Floating {
  uint32_t vector = 0;  // MXCSR
  uint16_t x87 = 0;     // the control word

  [[gnu::always_inline]] static inline Floating read() {
    Floating words;
    asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(words.vector), "=m"(words.x87));
    return words;
  }
  // Makes these the thread's; `now` is what it has.
  [[gnu::always_inline]] inline void apply(const Floating& now) const {
    constexpr uint32_t kFlags = 0x3f;
    const uint32_t wanted = (vector & ~kFlags) | (now.vector & kFlags);
    if (wanted != now.vector) asm volatile("ldmxcsr %0" : : "m"(wanted));
    if (x87 != now.x87) asm volatile("fldcw %0" : : "m"(x87));
  }
};

#elif defined(__aarch64__)

struct Floating {
  uint64_t control = 0;  // FPCR

  [[gnu::always_inline]] static inline Floating read() {
    Floating words;
    asm volatile("mrs %0, fpcr" : "=r"(words.control));
    return words;
  }
  // Makes these the thread's; `now` is what it has.
  [[gnu::always_inline]] inline void apply(const Floating& now) const {
    if (control != now.control) asm volatile("msr fpcr, %0" : : "r"(control));
  }
};

#endif

}  // namespace heddle::coro
