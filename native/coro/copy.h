#pragma once

// Copies of stacks to save areas and back: short, of a size that is a multiple of kCopyGranule, and
// no two alike, so a call of memcpy would cost as much as the copy.

#include <cstddef>

namespace heddle::coro {

constexpr size_t kCopyGranule = 32;

struct Copy {
  char* to;
  const char* from;
  size_t bytes;  // a multiple of kCopyGranule
};

// First one, then the other. The source of neither overlaps its target.
void copyBoth(char* to, const char* from, size_t bytes, char* to2, const char* from2,
              size_t bytes2);
[[gnu::always_inline]] inline void copyBoth(const Copy& first, const Copy& second) {
  copyBoth(first.to, first.from, first.bytes, second.to, second.from, second.bytes);
}

}  // namespace heddle::coro
