#pragma once

// Tells AddressSanitizer which parts of the slabs are blocks in use.

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define HEDDLE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEDDLE_ASAN 1
#endif
#endif

#ifdef HEDDLE_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace heddle::mem {

inline void poison([[maybe_unused]] void* start, [[maybe_unused]] size_t bytes) {
#ifdef HEDDLE_ASAN
  ASAN_POISON_MEMORY_REGION(start, bytes);
#endif
}

inline void unpoison([[maybe_unused]] void* start, [[maybe_unused]] size_t bytes) {
#ifdef HEDDLE_ASAN
  ASAN_UNPOISON_MEMORY_REGION(start, bytes);
#endif
}

}  // namespace heddle::mem
