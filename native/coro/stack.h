#pragma once

// Memory to run on: usable bytes above a guard that faults. A stack is shared by the coroutines
// that are bound to it, or belongs to one alone.
//
//   map    [ guard, kGuardBytes | low ............ top | colour ]
//
// The owner is the coroutine whose frames lie there now. Owned and used by one thread.

#include <cstddef>
#include <cstdint>

namespace heddle::coro {

class Coroutine;

// Where frames may jump over: a frame larger than this that is not touched in between may miss the
// guard (-fstack-clash-protection touches).
constexpr size_t kGuardBytes = size_t{64} << 10;

struct Stack {
  Coroutine* owner = nullptr;
  char* top = nullptr;
  char* low = nullptr;
  char* map = nullptr;
  size_t mapBytes = 0;
  Stack* nextSpare = nullptr;
  bool shared = false;
  uint32_t number = 0;  // valgrind's

  // At least `bytes` usable. Tops of different colours lie in different cache lines. False without
  // memory.
  [[nodiscard]] bool open(size_t bytes, size_t colour);
  void close();

  [[nodiscard]] size_t bytes() const { return static_cast<size_t>(top - low); }
  // Whether the address lies in the guard.
  [[nodiscard]] bool guards(uintptr_t address) const {
    return address - reinterpret_cast<uintptr_t>(map) < static_cast<size_t>(low - map);
  }
};

}  // namespace heddle::coro
