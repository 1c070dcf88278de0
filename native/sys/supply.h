#pragma once

// Where this folder takes the few bytes it keeps. It lies below typed memory and cannot call it, so
// mem puts its own functions here when the program is loaded; without mem it is the C library.
//
// Threads: replaced at most once, before the first use; used by any thread. Failure is nullptr.

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace heddle::sys {

struct Supply {
  // As realloc: from nullptr it allocates.
  void* (*resize)(void* memory, size_t bytes);
  void (*release)(void* memory);
};

inline constinit Supply supply{
    [](void* memory, size_t bytes) { return std::realloc(memory, bytes); },
    [](void* memory) { std::free(memory); }};

template <class T, class... Args>
[[nodiscard]] T* supplyNew(Args&&... args) {
  static_assert(alignof(T) <= alignof(std::max_align_t));
  void* const memory = supply.resize(nullptr, sizeof(T));
  return memory == nullptr ? nullptr : ::new (memory) T{std::forward<Args>(args)...};
}

template <class T>
void supplyDelete(T* object) {
  if (object == nullptr) return;
  object->~T();
  supply.release(object);
}

}  // namespace heddle::sys
