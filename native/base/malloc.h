#pragma once

// The memory policy of the containers in this folder when nothing else is asked for: the C
// library's, which nobody counts. What the core keeps in them names a memtype instead
// (mem/typed_memory.h).

#include <cstddef>
#include <cstdlib>

namespace heddle::base {

struct Malloc {
  // nullptr without memory.
  template <size_t kAlign>
  [[nodiscard]] static void* allocate(size_t bytes) {
    if constexpr (kAlign <= alignof(std::max_align_t)) return std::malloc(bytes);
    return std::aligned_alloc(kAlign, (bytes + kAlign - 1) / kAlign * kAlign);
  }
  static void release(void* memory) { std::free(memory); }
};

}  // namespace heddle::base
