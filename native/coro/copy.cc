#include "coro/copy.h"

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace heddle::coro {

namespace {

#if defined(__x86_64__)
#define HEDDLE_WIDE [[gnu::target("avx")]]
using Wide = __m256i;

HEDDLE_WIDE [[gnu::always_inline]] inline Wide take(const char* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
HEDDLE_WIDE [[gnu::always_inline]] inline void put(char* to, Wide value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), value);
}

// At load: the answer of the processor does not change.
const bool hasWide = __builtin_cpu_supports("avx") != 0;
#else
#define HEDDLE_WIDE
#endif

// 16 bytes are what every processor of ours moves at once.
using Half = uint64_t __attribute__((vector_size(16), aligned(1), may_alias));

[[gnu::always_inline]] inline void copyHalves(char* to, const char* from, size_t bytes) {
  for (size_t at = 0; at < bytes; at += kCopyGranule) {
    const Half low = *reinterpret_cast<const Half*>(from + at);
    const Half high = *reinterpret_cast<const Half*>(from + at + 16);
    *reinterpret_cast<Half*>(to + at) = low;
    *reinterpret_cast<Half*>(to + at + 16) = high;
  }
}

void copyBothHalves(char* to, const char* from, size_t bytes, char* to2, const char* from2,
                    size_t bytes2) {
  copyHalves(to, from, bytes);
  copyHalves(to2, from2, bytes2);
}

#if defined(__x86_64__)

// From the end to the start: what a coroutine wrote last, which lies at the start, is still on its
// way to the cache.
HEDDLE_WIDE [[gnu::always_inline]] inline void copyWide(char* to, const char* from, size_t bytes) {
  while (bytes >= 4 * kCopyGranule) {
    bytes -= 4 * kCopyGranule;
    const Wide d = take(from + bytes + 3 * kCopyGranule);
    const Wide c = take(from + bytes + 2 * kCopyGranule);
    const Wide b = take(from + bytes + kCopyGranule);
    const Wide a = take(from + bytes);
    put(to + bytes + 3 * kCopyGranule, d);
    put(to + bytes + 2 * kCopyGranule, c);
    put(to + bytes + kCopyGranule, b);
    put(to + bytes, a);
  }
  while (bytes > 0) {
    bytes -= kCopyGranule;
    put(to + bytes, take(from + bytes));
  }
}

HEDDLE_WIDE void copyBothWide(char* to, const char* from, size_t bytes, char* to2,
                              const char* from2, size_t bytes2) {
  copyWide(to, from, bytes);
  copyWide(to2, from2, bytes2);
}

#endif

}  // namespace

void copyBoth(char* to, const char* from, size_t bytes, char* to2, const char* from2,
              size_t bytes2) {
#if defined(__x86_64__)
  if (hasWide) [[likely]]
    return copyBothWide(to, from, bytes, to2, from2, bytes2);
#endif
  copyBothHalves(to, from, bytes, to2, from2, bytes2);
}

}  // namespace heddle::coro
