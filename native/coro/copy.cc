#include "coro/copy.h"

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace heddle::coro {

namespace {

// 16 bytes: what every processor of ours moves at once.
using Half = uint64_t __attribute__((vector_size(16), aligned(1), may_alias));

[[gnu::always_inline]] inline void copyHalves(const Copy& copy) {
  for (size_t at = 0; at < copy.bytes; at += kCopyGranule) {
    const Half low = *reinterpret_cast<const Half*>(copy.from + at);
    const Half high = *reinterpret_cast<const Half*>(copy.from + at + 16);
    *reinterpret_cast<Half*>(copy.to + at) = low;
    *reinterpret_cast<Half*>(copy.to + at + 16) = high;
  }
}

void copyBothHalves(const Copy& first, const Copy& second) {
  copyHalves(first);
  copyHalves(second);
}

#if defined(__x86_64__)

[[gnu::target("avx")]] inline void copyWhole(const Copy& copy) {
  for (size_t at = 0; at < copy.bytes; at += kCopyGranule) {
    const __m256i whole = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(copy.from + at));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(copy.to + at), whole);
  }
}

[[gnu::target("avx")]] void copyBothWhole(const Copy& first, const Copy& second) {
  copyWhole(first);
  copyWhole(second);
}

// At load: the answer of the processor does not change.
const bool copiesWhole = __builtin_cpu_supports("avx") != 0;

#endif

}  // namespace

void copyBoth(const Copy& first, const Copy& second) {
#if defined(__x86_64__)
  if (copiesWhole) return copyBothWhole(first, second);
#endif
  copyBothHalves(first, second);
}

}  // namespace heddle::coro
