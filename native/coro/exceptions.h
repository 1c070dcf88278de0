#pragma once

// What the C++ runtime knows of a thread's exceptions: those being handled, and how many are being
// thrown. A coroutine that yields inside a handler takes them along. The core throws nothing; code
// in a coroutine may.

#include <cstdint>

namespace heddle::coro {

// The layout is that of __cxa_eh_globals in the C++ ABI. One for each thread, at an address that
// stays.
struct Exceptions {
  void* caught = nullptr;
  unsigned uncaught = 0;

  // 0: none.
  [[nodiscard]] uintptr_t word() const { return reinterpret_cast<uintptr_t>(caught) | uncaught; }
  [[nodiscard]] bool any() const { return word() != 0; }
};

// The calling thread's.
[[nodiscard]] Exceptions* exceptionsOfThread();

// Ends the handlers that `left` was in: their exceptions are destroyed. Nothing is being handled on
// the calling thread.
void endHandlers(Exceptions left);

}  // namespace heddle::coro
