#pragma once

// What a thread that looks again and again owes its processor. Any thread; nothing fails.

namespace heddle::sys {

// Between two looks: leaves the other thread of this core its turn, and the memory bus in peace.
inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

// Processors that the calling thread may run on; at least 1.
[[nodiscard]] int usableProcessors();

// Whether a wait on this descriptor would return at once.
[[nodiscard]] bool isReadable(int fd);

}  // namespace heddle::sys
