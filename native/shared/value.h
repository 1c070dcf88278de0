#pragma once

// What an entry holds, as it comes in. Texts are canonical as those of keys are, so that equal
// values have equal bytes; a NaN is the one NaN. A Value borrows what it points to.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace heddle::shared {

enum class ValueKind : uint8_t {
  kUndefined,
  kNull,
  kFalse,
  kTrue,
  kNumber,
  kLatin1,
  kUtf16,
  kBytes,
  kClone,  // bytes that a serialiser made; opaque here
};

constexpr size_t kMaxValueBytes = size_t{1} << 30;

// One bit pattern for each number that Object.is tells apart.
[[nodiscard]] inline uint64_t bitsOf(double number) {
  if (std::isnan(number)) number = std::numeric_limits<double>::quiet_NaN();
  return std::bit_cast<uint64_t>(number);
}

struct Value {
  ValueKind kind = ValueKind::kUndefined;
  uint64_t number = 0;         // kNumber: bitsOf
  const void* data = nullptr;  // texts, bytes and clones
  size_t bytes = 0;

  static Value constant(ValueKind kind) { return {.kind = kind}; }
  static Value of(double number) { return {.kind = ValueKind::kNumber, .number = bitsOf(number)}; }
  static Value of(ValueKind kind, const void* data, size_t bytes) {
    return {.kind = kind, .data = data, .bytes = bytes};
  }
};

}  // namespace heddle::shared
