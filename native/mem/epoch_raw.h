#pragma once

// The one place where the epochs take and give memory.

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace heddle::mem {

[[nodiscard]] inline void* epochRawAllocate(size_t bytes) { return std::malloc(bytes); }

inline void epochRawRelease(void* memory) { std::free(memory); }

// nullptr when there is no memory. For the few long-lived records, which own cache lines.
template <class T, class... Args>
[[nodiscard]] T* epochRawNew(Args&&... args) {
  constexpr size_t kRounded = (sizeof(T) + alignof(T) - 1) / alignof(T) * alignof(T);
  void* memory = std::aligned_alloc(alignof(T), kRounded);
  return memory == nullptr ? nullptr : new (memory) T(std::forward<Args>(args)...);
}

template <class T>
void epochRawDelete(T* object) {
  object->~T();
  std::free(object);
}

}  // namespace heddle::mem
