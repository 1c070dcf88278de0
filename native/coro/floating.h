#pragma once

// The control words of the floating-point unit: rounding, precision, which exceptions trap; on
// x86-64 with the flags of those that happened. On AMD's processors reading MXCSR is what costs (15
// cycles), so nothing is read that need not be.

#include <cstdint>

namespace heddle::coro {

#if defined(__x86_64__)

struct Floating {
  uint32_t vector = 0;  // MXCSR
  uint16_t x87 = 0;     // the control word

  [[gnu::always_inline]] inline void read() {
    asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(vector), "=m"(x87));
  }
  // Makes these the thread's.
  [[gnu::always_inline]] inline void apply() const {
    asm volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(vector), "m"(x87));
  }
};

#elif defined(__aarch64__)

struct Floating {
  uint32_t control = 0;  // FPCR, whose upper half is reserved
  uint16_t none = 0;

  [[gnu::always_inline]] inline void read() {
    uint64_t word;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    control = static_cast<uint32_t>(word);
  }
  // Makes these the thread's.
  [[gnu::always_inline]] inline void apply() const {
    asm volatile("msr fpcr, %0" : : "r"(uint64_t{control}));
  }
};

#endif

}  // namespace heddle::coro
