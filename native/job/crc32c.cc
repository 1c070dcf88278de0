#include "job/crc32c.h"

#include <array>
#include <bit>
#include <cstring>

#include "sys/processor.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace heddle::job {
namespace {

// Polynomials over two elements, bit 31 is the coefficient of x^0, as in all of this checksum.
constexpr uint32_t kPolynomial = 0x82f63b78;
constexpr uint32_t kOne = 0x80000000;

constexpr uint32_t timesX(uint32_t a) { return (a >> 1) ^ ((a & 1) != 0 ? kPolynomial : 0); }

constexpr uint32_t multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = kOne; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = timesX(b);
  }
  return product;
}

constexpr uint32_t powerOfX(size_t exponent) {
  uint32_t result = kOne;
  uint32_t square = kOne >> 1;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

// For each byte of a checksum what it becomes when so many bytes follow.
using ByteTable = std::array<uint32_t, 256>;
using Shift = std::array<ByteTable, 4>;

// A table follows from what it has for single bits.
constexpr void complete(ByteTable& table) {
  table[0] = 0;
  for (size_t byte = 1; byte < 256; byte++) {
    const size_t rest = byte & (byte - 1);
    if (rest != 0) table[byte] = table[rest] ^ table[byte ^ rest];
  }
}

constexpr Shift shiftBy(size_t bytes) {
  const uint32_t factor = powerOfX(bytes * 8);
  Shift shift{};
  for (size_t i = 0; i < shift.size(); i++) {
    for (size_t bit = 0; bit < 8; bit++)
      shift[i][size_t{1} << bit] = multiply(uint32_t{1} << (bit + 8 * i), factor);
    complete(shift[i]);
  }
  return shift;
}

// Table i: for a byte with i further bytes after it.
constexpr std::array<ByteTable, 8> slices() {
  std::array<ByteTable, 8> tables{};
  for (size_t i = 0; i < tables.size(); i++) {
    const uint32_t factor = powerOfX((i + 1) * 8);
    for (size_t bit = 0; bit < 8; bit++)
      tables[i][size_t{1} << bit] = multiply(uint32_t{1} << bit, factor);
    complete(tables[i]);
  }
  return tables;
}

constexpr std::array<ByteTable, 8> kSlices = slices();

uint64_t load(const uint8_t* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

// Checksums here and below are without the inversion before and after.
uint32_t byTables(uint32_t crc, const uint8_t* at, size_t size) {
  for (; size >= 8; at += 8, size -= 8) {
    const uint64_t word = load(at) ^ crc;
    crc = 0;
    for (size_t i = 0; i < 8; i++) crc ^= kSlices[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (; size > 0; at++, size--) crc = (crc >> 8) ^ kSlices[0][(crc ^ *at) & 0xff];
  return crc;
}

#if defined(__x86_64__) || defined(__aarch64__)

#if defined(__x86_64__)

#define HEDDLE_CRC_CODE __attribute__((target("sse4.2")))

HEDDLE_CRC_CODE inline uint32_t word8(uint32_t crc, uint64_t word) {
  return static_cast<uint32_t>(_mm_crc32_u64(crc, word));
}
HEDDLE_CRC_CODE inline uint32_t byte1(uint32_t crc, uint8_t byte) {
  return _mm_crc32_u8(crc, byte);
}

#else

#define HEDDLE_CRC_CODE

inline uint32_t word8(uint32_t crc, uint64_t word) {
  asm(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
  return crc;
}
inline uint32_t byte1(uint32_t crc, uint8_t byte) {
  asm(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(uint32_t{byte}));
  return crc;
}

#endif

// Of each of three streams at a time. The long ones make the putting together free, the short ones
// leave little to be done in one stream.
constexpr size_t kLong = 4096;
constexpr size_t kShort = 256;
constexpr Shift kLongShift = shiftBy(kLong);
constexpr Shift kShortShift = shiftBy(kShort);

uint32_t shifted(uint32_t crc, const Shift& shift) {
  return shift[0][crc & 0xff] ^ shift[1][(crc >> 8) & 0xff] ^ shift[2][(crc >> 16) & 0xff] ^
         shift[3][crc >> 24];
}

template <size_t kStream>
HEDDLE_CRC_CODE uint32_t threeStreams(uint32_t crc, const uint8_t* at, const Shift& shift) {
  uint32_t second = 0;
  uint32_t third = 0;
  for (const uint8_t* const end = at + kStream; at < end; at += 8) {
    crc = word8(crc, load(at));
    second = word8(second, load(at + kStream));
    third = word8(third, load(at + 2 * kStream));
  }
  return shifted(shifted(crc, shift) ^ second, shift) ^ third;
}

HEDDLE_CRC_CODE uint32_t byProcessor(uint32_t crc, const uint8_t* at, size_t size) {
  for (; size >= 3 * kLong; at += 3 * kLong, size -= 3 * kLong)
    crc = threeStreams<kLong>(crc, at, kLongShift);
  for (; size >= 3 * kShort; at += 3 * kShort, size -= 3 * kShort)
    crc = threeStreams<kShort>(crc, at, kShortShift);
  for (; size >= 8; at += 8, size -= 8) crc = word8(crc, load(at));
  for (; size > 0; at++, size--) crc = byte1(crc, *at);
  return crc;
}

uint32_t chosen(uint32_t crc, const uint8_t* at, size_t size) {
  static const bool available = sys::processorHasCrc32c();
  return available ? byProcessor(crc, at, size) : byTables(crc, at, size);
}

#else

uint32_t chosen(uint32_t crc, const uint8_t* at, size_t size) { return byTables(crc, at, size); }

#endif

}  // namespace

uint32_t crc32c(uint32_t crc, const void* bytes, size_t size) {
  return ~chosen(~crc, static_cast<const uint8_t*>(bytes), size);
}

uint32_t crc32cByTables(uint32_t crc, const void* bytes, size_t size) {
  return ~byTables(~crc, static_cast<const uint8_t*>(bytes), size);
}

}  // namespace heddle::job
