#pragma once

// A shard's slots: open addressing with linear probing, read without a lock. A slot is one word, a
// tag of 16 bits of the hash over the node's address, so that a probe looks at no node that is not,
// but for one chance in 32,768, the one it seeks; a miss touches a cache line or two. The table
// itself is one word too, the shift over its address, so that a reader needs no line of its header.
//
// A key's first slot is given by the highest bits of its hash. A table of twice the size so keeps
// the order of all entries, which walks stand on (walk.h).
//
// WRITERS hold the shard's lock. They only ever
//   - publish a new node in a slot, free or taken by an older node of the same key;
//   - turn a slot into a gap, which probes pass and which the next new key may fill;
//   - build another table, of the live nodes, and publish that. The old one is not changed any more
//     and is retired.
// Each is one store, of a slot's word or of the table's.
// A slot never becomes empty again, and at least a quarter of them are empty, so probes end.
//
// READERS NEVER MISS A KEY. Let a lookup L load the table's word and then slots, in probe order.
//   - Nodes do not move within a table. Between a key's first slot and its own none is ever empty:
//     it was put into the first gap or empty slot, and slots do not become empty. So if L stops at
//     an empty slot, or has seen all, the key was in no slot behind it at that moment; and it was
//     in none of those before at the moment L passed them. Had the key been in the table all the
//     time, it would have been in one slot all the time, and L would have found it. So there was a
//     moment within L when the key was absent, and "absent" is right for that moment. (A key that
//     is deleted behind L and put back before L: absent in between.)
//   - If L finds a node, the slot held it at the moment of the load, or, when the table had been
//     replaced since L loaded its word, at the moment of the replacement, which is within L.
// The value is whole: the node was written before the store that published it (release), and the
// load that found it acquires.
//
// MEMORY ORDER. Publishing and reading slots and tables is seq_cst, not only release and acquire.
// So operations on several keys have one order all threads agree on, and a thread that stores x and
// then reads y cannot miss the y of another that stored y and then missed x. Loads cost nothing
// extra on x86 and arm64; a writer pays an exchange, next to a lock and an allocation.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "mem/epoch_retired.h"
#include "shared/node.h"

namespace heddle::shared {

using Slot = std::atomic<uint64_t>;

constexpr uint64_t kEmpty = 0;
constexpr uint64_t kGap = 1;
constexpr unsigned kAddressBits = 48;
constexpr uint64_t kAddressMask = (uint64_t{1} << kAddressBits) - 1;
// The lowest bits of a hash choose the shard.
constexpr unsigned kShardBits = 6;
constexpr size_t kShards = size_t{1} << kShardBits;

// User space has 47 or 48 bits everywhere we run, unless a program asks for more.
[[nodiscard]] inline bool fitsSlot(const void* address) {
  return (reinterpret_cast<uintptr_t>(address) & ~kAddressMask) == 0;
}

// Never 0, so gaps and empty slots have no key's tag.
[[nodiscard]] inline uint64_t tagOf(uint64_t hash) {
  return hash >> kShardBits << kAddressBits | uint64_t{1} << kAddressBits;
}

[[nodiscard]] inline uint64_t slotWord(const Node* node) {
  return tagOf(node->hash) | reinterpret_cast<uintptr_t>(node);
}

// nullptr for gaps and empty slots.
[[nodiscard]] inline Node* nodeIn(uint64_t word) {
  return word <= kGap ? nullptr : reinterpret_cast<Node*>(word & kAddressMask);
}

// Before the slots. `nodes` in the account of what is retired with it.
struct TableHeader : mem::Retired {
  uint32_t shift;
};

// A table's word, taken apart. Cheap; holds nothing.
class Table {
 public:
  explicit Table(uint64_t word) : word_(word) {}

  [[nodiscard]] bool exists() const { return word_ != 0; }
  [[nodiscard]] uint64_t word() const { return word_; }
  [[nodiscard]] TableHeader* header() const {
    return reinterpret_cast<TableHeader*>(word_ & kAddressMask);
  }
  [[nodiscard]] unsigned shift() const { return static_cast<unsigned>(word_ >> kAddressBits); }
  [[nodiscard]] size_t mask() const { return ~uint64_t{0} >> shift(); }
  [[nodiscard]] size_t slots() const { return mask() + 1; }
  [[nodiscard]] Slot& slot(size_t at) const { return reinterpret_cast<Slot*>(header() + 1)[at]; }
  [[nodiscard]] Node* nodeAt(size_t at) const {
    return nodeIn(slot(at).load(std::memory_order_seq_cst));
  }
  // Where the probe for a hash begins.
  [[nodiscard]] size_t home(uint64_t hash) const { return hash >> shift(); }
  // The lowest hash whose probe begins there.
  [[nodiscard]] uint64_t firstHash(size_t slot) const { return uint64_t{slot} << shift(); }

  // In a section, or with the lock. nullptr when there is no such key.
  [[nodiscard]] Node* find(const Key& key) const {
    if (!exists()) [[unlikely]]
      return nullptr;
    const uint64_t tag = tagOf(key.hash);
    const size_t last = mask();
    size_t at = home(key.hash);
    for (size_t seen = 0; seen <= last; seen++, at = (at + 1) & last) {
      const uint64_t word = slot(at).load(std::memory_order_seq_cst);
      if (word == kEmpty) return nullptr;
      if (((word ^ tag) & ~kAddressMask) != 0) continue;
      Node* const node = nodeIn(word);
      if (node->matches(key)) return node;
    }
    return nullptr;
  }

 private:
  uint64_t word_;
};

constexpr size_t kLeastSlots = 8;

// `slots` is a power of two from kLeastSlots on; all empty. Does not exist without memory.
[[nodiscard]] Table makeTable(size_t slots);
// Puts a node whose key is not there into a table that nobody else sees.
void fillTable(Table table, const Node* node);
[[nodiscard]] size_t tableBytes(Table table);
// For Retired: the slots alone, or with all nodes in them.
void reclaimTable(mem::Retired* retired);
void reclaimTableAndNodes(mem::Retired* retired);

}  // namespace heddle::shared
