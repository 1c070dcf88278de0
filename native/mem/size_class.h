#pragma once

// The block sizes of vsize types: steps of 16 bytes to 128, then eight per doubling to 8 KiB (at
// most an eighth is lost), then four per doubling to 256 KiB. Anything larger is mapped.

#include <bit>
#include <cstddef>
#include <cstdint>

namespace heddle::mem {

constexpr size_t kMaxSmallBytes = 8192;
constexpr size_t kMaxMediumBytes = 256 * 1024;
constexpr uint32_t kFineClasses = 8;                      // 16 … 128
constexpr uint32_t kSmallClasses = kFineClasses + 6 * 8;  // … 8 KiB
constexpr uint32_t kSizeClasses = kSmallClasses + 5 * 4;  // … 256 KiB

// The smallest class that holds `bytes`, at most kMaxMediumBytes.
constexpr uint32_t classOfSlow(size_t bytes) {
  if (bytes <= 128) return bytes <= 16 ? 0 : static_cast<uint32_t>((bytes + 15) / 16 - 1);
  const size_t last = bytes - 1;
  const auto power = static_cast<uint32_t>(std::bit_width(last)) - 1;  // 7 for 128 … 255
  if (power < 13) {
    return kFineClasses + (power - 7) * 8 + static_cast<uint32_t>((last >> (power - 3)) & 7);
  }
  return kSmallClasses + (power - 13) * 4 + static_cast<uint32_t>((last >> (power - 2)) & 3);
}

constexpr size_t bytesOfClass(uint32_t sizeClass) {
  if (sizeClass < kFineClasses) return 16 * (sizeClass + size_t{1});
  if (sizeClass < kSmallClasses) {
    const uint32_t step = sizeClass - kFineClasses;
    return (size_t{9} + step % 8) << (4 + step / 8);
  }
  const uint32_t step = sizeClass - kSmallClasses;
  return (size_t{5} + step % 4) << (11 + step / 4);
}

// The number of a class's bin; 0 is that of fixed types.
constexpr uint32_t binOfClass(uint32_t sizeClass) { return sizeClass + 1; }

struct BinTable {
  uint8_t of[kMaxSmallBytes / 16 + 1];
  constexpr BinTable() : of() {
    for (size_t i = 0; i <= kMaxSmallBytes / 16; i++) {
      of[i] = static_cast<uint8_t>(binOfClass(classOfSlow(i * 16)));
    }
  }
};
inline constexpr BinTable kBinTable;

// For at most kMaxSmallBytes.
inline uint32_t smallBinOf(size_t bytes) { return kBinTable.of[(bytes + 15) / 16]; }

}  // namespace heddle::mem
