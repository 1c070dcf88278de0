#pragma once

// What entries, maps and counters are found by: a text or bytes, with its hash. A text is
// canonical, Latin-1 if it can be and UTF-16 otherwise, so equal texts have equal bytes; text and
// bytes are hashed with different secrets and never equal. A Key borrows what it points to.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "shared/siphash.h"

namespace heddle::shared {

enum class KeyKind : uint8_t { kLatin1, kUtf16, kBytes };
constexpr size_t kKeyKinds = 3;

// The longest key of an entry, and of a name.
constexpr size_t kMaxKeyBytes = 65'535;

// The secrets, drawn by the first call of drawSecrets that succeeds and constant from then on. Keys
// are made only after it. 0, or the negative errno of the system's source of randomness. One thread
// at a time.
[[nodiscard]] int drawSecrets();
extern constinit SipKey secrets[kKeyKinds];

struct Key {
  const void* data = nullptr;
  size_t bytes = 0;
  uint64_t hash = 0;
  KeyKind kind = KeyKind::kBytes;

  // Too long a key is a key like others, which no entry has; it is not even hashed.
  Key(KeyKind of, const void* start, size_t length) : data(start), bytes(length), kind(of) {
    if (length <= kMaxKeyBytes) hash = sipHash<1, 3>(secrets[static_cast<int>(of)], start, length);
  }
  static Key latin1(const void* start, size_t length) { return {KeyKind::kLatin1, start, length}; }
  static Key utf16(const void* start, size_t units) { return {KeyKind::kUtf16, start, 2 * units}; }
  static Key ofBytes(const void* start, size_t length) { return {KeyKind::kBytes, start, length}; }
};

}  // namespace heddle::shared
