#pragma once

// A built-in memtype as the memory policy of a container of base (base/malloc.h is the other one).

#include <cstddef>

#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::mem {

template <Builtin kWhich>
struct TypedMemory {
  static_assert(kindOf(kWhich) == Kind::kVsize);

  template <size_t kAlign>
  [[nodiscard]] static void* allocate(size_t bytes) {
    static_assert(kAlign <= alignOf(kWhich));
    return allocateBytes(builtinType(kWhich), bytes);
  }
  static void release(void* memory) { mem::release(builtinType(kWhich), memory); }
};

}  // namespace heddle::mem
