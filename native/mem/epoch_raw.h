#pragma once

// The one place where the epochs take and give memory: for the few long-lived records, which own
// cache lines. nullptr when there is no memory.

#include <new>
#include <utility>

#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::mem {

template <class T, class... Args>
[[nodiscard]] T* epochRawNew(Args&&... args) {
  static_assert(alignof(T) <= alignOf(Builtin::kEpochRecord));
  void* memory = allocateBytes(builtinType(Builtin::kEpochRecord), sizeof(T));
  return memory == nullptr ? nullptr : new (memory) T(std::forward<Args>(args)...);
}

template <class T>
void epochRawDelete(T* object) {
  object->~T();
  release(builtinType(Builtin::kEpochRecord), object);
}

}  // namespace heddle::mem
