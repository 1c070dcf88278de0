// Byte scanning for the HTTP parser, 16 or 64 bytes at a time: SSE2 on x86-64, NEON on aarch64,
// plain loops elsewhere, chosen when compiling. The only file of the parser that knows the machine.
//
// Masks have bit i set for byte i. Every function reads exactly the bytes its name says.
#pragma once

#include <bit>
#include <cstdint>

#if defined(__SSE2__) && !defined(HEDDLE_SCALAR_SCAN)
#define HEDDLE_SCAN_SSE2 1
#include <emmintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(HEDDLE_SCALAR_SCAN)
#define HEDDLE_SCAN_NEON 1
#include <arm_neon.h>
#endif

namespace heddle::net {

inline constexpr uint32_t kScanBytes = 16;

#if defined(HEDDLE_SCAN_SSE2)

inline __m128i loadScan(const char* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

inline uint32_t moveMask(__m128i v) { return static_cast<uint32_t>(_mm_movemask_epi8(v)); }

// Bytes a field value must not contain: 0x00 to 0x1f except HTAB, and DEL.
inline uint32_t controlMask16(const char* p) {
  const __m128i v = loadScan(p);
  const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
  const __m128i tab = _mm_cmpeq_epi8(v, _mm_set1_epi8('\t'));
  const __m128i del = _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f));
  return moveMask(_mm_or_si128(_mm_andnot_si128(tab, low), del));
}

inline uint64_t controlMask64(const char* p) {
  const uint64_t a = controlMask16(p) | controlMask16(p + 16) << 16;
  const uint64_t b = controlMask16(p + 32) | controlMask16(p + 48) << 16;
  return a | b << 32;
}

inline uint32_t equalMask16(const char* p, char c) {
  return moveMask(_mm_cmpeq_epi8(loadScan(p), _mm_set1_epi8(c)));
}

// Bytes outside 0x21 to 0x7f (DEL counts as visible here: controlMask finds it).
inline uint32_t blankMask16(const char* p) {
  return moveMask(_mm_cmpgt_epi8(loadScan(p), _mm_set1_epi8(0x20))) ^ 0xffffu;
}

// Bytes of p that equal those of `name` after setting the bits of `fold`.
inline uint32_t foldedEqualMask16(const char* p, const char* name, const char* fold) {
  const __m128i v = _mm_or_si128(loadScan(p), loadScan(fold));
  return moveMask(_mm_cmpeq_epi8(v, loadScan(name)));
}

#elif defined(HEDDLE_SCAN_NEON)

inline uint8x16_t loadScan(const char* p) { return vld1q_u8(reinterpret_cast<const uint8_t*>(p)); }

inline uint8x16_t bitWeights() {
  static constexpr uint8_t kWeights[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                           1, 2, 4, 8, 16, 32, 64, 128};
  return vld1q_u8(kWeights);
}

inline uint32_t moveMask(uint8x16_t v) {
  uint8x16_t t = vandq_u8(v, bitWeights());
  t = vpaddq_u8(t, t);
  t = vpaddq_u8(t, t);
  t = vpaddq_u8(t, t);
  return vgetq_lane_u16(vreinterpretq_u16_u8(t), 0);
}

inline uint8x16_t controlBytes(const char* p) {
  const uint8x16_t v = loadScan(p);
  const uint8x16_t low = vcltq_u8(v, vdupq_n_u8(0x20));
  const uint8x16_t tab = vceqq_u8(v, vdupq_n_u8('\t'));
  return vorrq_u8(vbicq_u8(low, tab), vceqq_u8(v, vdupq_n_u8(0x7f)));
}

inline uint32_t controlMask16(const char* p) { return moveMask(controlBytes(p)); }

// Each addition of neighbours halves the bytes; after three, byte i holds the bits of bytes
// 8i…8i+7.
inline uint64_t controlMask64(const char* p) {
  const uint8x16_t w = bitWeights();
  const uint8x16_t a = vpaddq_u8(vandq_u8(controlBytes(p), w), vandq_u8(controlBytes(p + 16), w));
  const uint8x16_t b =
      vpaddq_u8(vandq_u8(controlBytes(p + 32), w), vandq_u8(controlBytes(p + 48), w));
  const uint8x16_t c = vpaddq_u8(a, b);
  return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(c, c)), 0);
}

inline uint32_t equalMask16(const char* p, char c) {
  return moveMask(vceqq_u8(loadScan(p), vdupq_n_u8(static_cast<uint8_t>(c))));
}

inline uint32_t blankMask16(const char* p) {
  const int8x16_t v = vreinterpretq_s8_u8(loadScan(p));
  return moveMask(vcleq_s8(v, vdupq_n_s8(0x20)));
}

inline uint32_t foldedEqualMask16(const char* p, const char* name, const char* fold) {
  return moveMask(vceqq_u8(vorrq_u8(loadScan(p), loadScan(fold)), loadScan(name)));
}

#else

inline bool isControlByte(char c) {
  const auto u = static_cast<uint8_t>(c);
  return (u < 0x20 && u != '\t') || u == 0x7f;
}

template <typename Mask, uint32_t kBytes, typename Test>
inline Mask maskOf(Test test) {
  Mask mask = 0;
  for (uint32_t i = 0; i < kBytes; i++) mask |= static_cast<Mask>(test(i)) << i;
  return mask;
}

inline uint32_t controlMask16(const char* p) {
  return maskOf<uint32_t, 16>([p](uint32_t i) { return isControlByte(p[i]); });
}

inline uint64_t controlMask64(const char* p) {
  return maskOf<uint64_t, 64>([p](uint32_t i) { return isControlByte(p[i]); });
}

inline uint32_t equalMask16(const char* p, char c) {
  return maskOf<uint32_t, 16>([p, c](uint32_t i) { return p[i] == c; });
}

inline uint32_t blankMask16(const char* p) {
  return maskOf<uint32_t, 16>([p](uint32_t i) {
    const auto u = static_cast<uint8_t>(p[i]);
    return u <= 0x20 || u >= 0x80;
  });
}

inline uint32_t foldedEqualMask16(const char* p, const char* name, const char* fold) {
  return maskOf<uint32_t, 16>([=](uint32_t i) { return (p[i] | fold[i]) == name[i]; });
}

#endif

// The mask of the up to 16 bytes from p, where `end` is the first byte that must not be read and
// at least 16 bytes before `end` are readable. Bits beyond `end` are clear.
template <typename Scan>
inline uint32_t maskBefore(const char* p, const char* end, Scan scan) {
  const auto left = static_cast<uint32_t>(end - p);
  if (left >= kScanBytes) return scan(p);
  return scan(end - kScanBytes) >> (kScanBytes - left);
}

// Yields the control bytes (see controlMask16) of a range of at least 16 bytes, in order.
class ControlScan {
 public:
  ControlScan(const char* begin, const char* end) : block_(begin), next_(begin), end_(end) {}

  // The next control byte, or the end of the range.
  const char* next() {
    while (bits_ == 0) {
      if (next_ == end_) return end_;
      load();
    }
    const char* found = block_ + std::countr_zero(bits_);
    bits_ &= bits_ - 1;
    return found;
  }

 private:
  void load() {
    block_ = next_;
    if (end_ - next_ >= 64) {
      bits_ = controlMask64(next_);
      next_ += 64;
      return;
    }
    for (uint32_t shift = 0; next_ < end_; shift += kScanBytes) {
      bits_ |= static_cast<uint64_t>(maskBefore(next_, end_, controlMask16)) << shift;
      next_ += end_ - next_ < kScanBytes ? end_ - next_ : kScanBytes;
    }
  }

  uint64_t bits_ = 0;
  const char* block_;  // where bit 0 of bits_ stands
  const char* next_;   // the first byte not loaded yet
  const char* end_;
};

}  // namespace heddle::net
