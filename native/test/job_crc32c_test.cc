// CRC-32C against the vectors of RFC 3720, against its definition, and both ways against each
// other.
#include <cstdint>
#include <string>
#include <vector>

#include "job/crc32c.h"
#include "test/check.h"

using heddle::job::crc32c;
using heddle::job::crc32cByTables;

namespace {

// A bit at a time, as the polynomial says.
uint32_t byDefinition(const uint8_t* bytes, size_t size) {
  uint32_t crc = ~uint32_t{0};
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

std::vector<uint8_t> randomBytes(size_t size) {
  check::Random random(check::seed());
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
  return bytes;
}

void checkKnown(const std::vector<uint8_t>& bytes, uint32_t expected) {
  CHECK_EQ(crc32c(0, bytes.data(), bytes.size()), expected);
  CHECK_EQ(crc32cByTables(0, bytes.data(), bytes.size()), expected);
}

}  // namespace

CASE("crc32c: the answers of RFC 3720, B.4, and of the catalogue's check string") {
  std::vector<uint8_t> rising(32);
  std::vector<uint8_t> falling(32);
  for (uint8_t i = 0; i < 32; i++) {
    rising[i] = i;
    falling[i] = static_cast<uint8_t>(31 - i);
  }
  checkKnown(std::vector<uint8_t>(32, 0), 0x8a9136aa);
  checkKnown(std::vector<uint8_t>(32, 0xff), 0x62a8ab43);
  checkKnown(rising, 0x46dd794e);
  checkKnown(falling, 0x113fdb5c);
  checkKnown({0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
              0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
              0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
              0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
             0xd9963a56);
  checkKnown({'1', '2', '3', '4', '5', '6', '7', '8', '9'}, 0xe3069283);
  checkKnown({}, 0);
}

CASE("crc32c: every length around the ends of the streams, at every alignment") {
  const std::vector<uint8_t> bytes = randomBytes(40'000);
  std::vector<size_t> lengths;
  for (size_t i = 0; i < 70; i++) lengths.push_back(i);
  for (const size_t edge : {768u, 1536u, 12288u, 12288u + 768u, 24576u, 36864u})
    for (size_t around = 0; around < 18; around++) lengths.push_back(edge - 9 + around);
  for (const size_t length : lengths) {
    for (size_t offset = 0; offset < 9; offset++) {
      const uint8_t* const at = bytes.data() + offset;
      const uint32_t expected = crc32cByTables(0, at, length);
      if (offset == length % 9) CHECK_EQ(byDefinition(at, length), expected);
      CHECK_EQ(crc32c(0, at, length), expected);
    }
  }
}

CASE("crc32c: goes on where an earlier part ended") {
  const std::vector<uint8_t> bytes = randomBytes(50'000);
  const uint32_t whole = crc32c(0, bytes.data(), bytes.size());
  check::Random random(check::seed());
  for (int i = 0; i < 50; i++) {
    size_t at = 0;
    uint32_t crc = 0;
    while (at < bytes.size()) {
      size_t part = random.below(20'000);
      if (part > bytes.size() - at) part = bytes.size() - at;
      crc = (i & 1) != 0 ? crc32c(crc, bytes.data() + at, part)
                         : crc32cByTables(crc, bytes.data() + at, part);
      at += part;
    }
    CHECK_EQ(crc, whole);
  }
}
