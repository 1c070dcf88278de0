#pragma once

// One entry of a map: key and value in one allocation. It is built by one thread, published by the
// store of its address into a slot, and not changed from then on, with two exceptions that are
// atomic: a number may be added to, and readers mark it. When it is unlinked it is retired, and
// freed once no section can hold it.

#include <atomic>
#include <cstdint>

#include "mem/epoch_retired.h"
#include "shared/key.h"
#include "shared/value.h"

namespace heddle::shared {

// Of Node::mark, for the choice of whom to evict (evict in shard.cc). A hand that passes counts it
// down; what has come to kCold goes.
enum Mark : uint8_t { kCold = 0, kFresh = 1, kTouched = 2 };

struct Node : mem::Retired {
  // So that a value of UTF-16 may follow any key.
  static constexpr size_t kValueAlign = 2;

  uint64_t hash;
  int64_t expiresNs;  // of the map's clock; 0: never
  // bitsOf. Written by whoever holds the shard's lock.
  std::atomic<uint64_t> number;
  uint32_t valueBytes;
  uint16_t keyBytes;
  KeyKind keyKind : 4;
  ValueKind valueKind : 4;
  // Relaxed everywhere: a hint.
  mutable std::atomic<uint8_t> mark;

  [[nodiscard]] const unsigned char* keyData() const {
    return reinterpret_cast<const unsigned char*>(this + 1);
  }
  [[nodiscard]] const unsigned char* valueData() const { return keyData() + valueOffset(keyBytes); }
  [[nodiscard]] bool matches(const Key& key) const {
    return hash == key.hash && keyBytes == key.bytes && keyKind == key.kind &&
           (keyBytes == 0 || std::memcmp(keyData(), key.data, keyBytes) == 0);
  }
  // Whether the value is encoded as that one.
  [[nodiscard]] bool holds(const Value& value) const;

  // seq_cst: as for slots, see table.h. On x86 and arm64 it costs a reader what a plain load does.
  [[nodiscard]] double numberNow() const {
    return std::bit_cast<double>(number.load(std::memory_order_seq_cst));
  }

  // A hot entry is read by many and written by none.
  void touch() const {
    if (mark.load(std::memory_order_relaxed) == kTouched) return;
    mark.store(kTouched, std::memory_order_relaxed);
  }

  static size_t valueOffset(size_t keyBytes) {
    return (keyBytes + kValueAlign - 1) & ~(kValueAlign - 1);
  }
};
static_assert(sizeof(Node) == 56);

// What an entry with such a key and value counts for: its block, and its share of a table that is
// half full.
[[nodiscard]] uint64_t costOf(size_t keyBytes, size_t valueBytes);
[[nodiscard]] inline uint64_t costOf(const Node& node) {
  return costOf(node.keyBytes, node.valueBytes);
}

// nullptr without memory. Key and value are within the limits.
[[nodiscard]] Node* makeNode(const Key& key, const Value& value, int64_t expiresNs);
// At once: nobody else has seen it.
void dropNode(Node* node);
// For Retired.
void reclaimNode(mem::Retired* retired);

}  // namespace heddle::shared
