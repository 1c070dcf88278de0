#pragma once

// What lets an isolate remember a value it has read, and know by one load of its own whether that
// is still the value: a number for each of 65,536 classes of keys, which changes whenever an entry
// of the class does. JavaScript reads the numbers itself, through a view of this memory, so that a
// hit costs no call into native code.
//
// THE PROTOCOL. A writer holds the shard's lock, which is the lock of the class (the class is part
// of the hash, and has the shard's bits in it). It makes the number odd, then changes what readers
// find, then makes it even again. A reader that wants to remember loads the number, and only then
// looks the key up; it remembers value and number if the number is even. What it remembers is
// current as long as the number has not changed:
//   - Had a writer changed the entry before the look-up found it, but after the number was loaded,
//     the number is another by now.
//   - Let a reader A find a new value and tell a reader B. The number was odd before the value was
//     published (the store that publishes releases it, A's look-up acquires it), so B, who hears of
//     it from A, sees the odd number or a later one, and does not trust what it remembers.
//   - A number that has been even and is the same again has come round 2^31 changes. An isolate
//     that sleeps meanwhile, and had remembered at that very number, is deceived.
// Keys of one class only disturb each other: one's change makes the others be looked up again.
//
// Entries with an end are not for remembering: they expire without a writer.
//
// MARKS. Where entries are evicted, a reader that answers from memory leaves a mark for the class,
// which stands for the mark on the entry that it did not touch. It counts for all entries of the
// class, so none of them may take it away from the others: a mark ages with the rounds of its
// shard's hand, and is gone after the second.
//
// LIFE. Counted: the map holds it, and each view in JavaScript, which may outlive the map.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shared/table.h"

namespace heddle::shared {

class Versions {
 public:
  static constexpr uint32_t kCells = 65'536;

  // nullptr without memory. Held once.
  [[nodiscard]] static Versions* make();
  // Any thread.
  void hold() { holders_.fetch_add(1, std::memory_order_relaxed); }
  void drop();

  // A shard's cells lie together.
  static constexpr uint32_t kCellsOfShard = kCells / kShards;
  [[nodiscard]] static uint32_t cellOf(uint64_t hash) {
    return static_cast<uint32_t>(hash % kShards * kCellsOfShard + hash / kShards % kCellsOfShard);
  }

  // Acquire: the look-up that follows stays behind it.
  [[nodiscard]] uint32_t read(uint32_t cell) const {
    return cells()[cell].load(std::memory_order_acquire);
  }
  [[nodiscard]] static bool isStable(uint32_t version) { return version % 2 == 0; }

  // What a reader stores as a mark: the rounds that it lasts.
  static constexpr uint8_t kMark = 2;
  // Relaxed, as all of the marks: a hint.
  [[nodiscard]] bool hasMark(uint32_t cell) const {
    return marks()[cell].load(std::memory_order_relaxed) != 0;
  }
  // With the shard's lock: its hand has come round.
  void ageMarks(uint32_t shard);

  // For views: kCells numbers of 32 bits, then as many marks of 8.
  [[nodiscard]] void* memory() { return this + 1; }
  static constexpr size_t kMemoryBytes = kCells * (sizeof(uint32_t) + sizeof(uint8_t));

  // The span in which a writer changes entries of a class; with the shard's lock. Not nested.
  class Change {
   public:
    Change(Versions* versions, uint64_t hash) : cell_(versions->cells()[cellOf(hash)]) {
      // Relaxed: the store that publishes the change releases it.
      cell_.store(cell_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    // Release: who sees the number even sees the change.
    ~Change() { cell_.store(cell_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    std::atomic<uint32_t>& cell_;
  };

  // The same for all entries of a shard.
  class ChangeOfAll {
   public:
    ChangeOfAll(Versions* versions, uint32_t shard) : versions_(versions), shard_(shard) { step(); }
    ~ChangeOfAll() { step(); }
    ChangeOfAll(const ChangeOfAll&) = delete;
    ChangeOfAll& operator=(const ChangeOfAll&) = delete;

   private:
    void step();

    Versions* const versions_;
    const uint32_t shard_;
  };

 private:
  Versions() = default;

  // Behind this, zero at first.
  [[nodiscard]] std::atomic<uint32_t>* cells() const {
    return reinterpret_cast<std::atomic<uint32_t>*>(const_cast<Versions*>(this) + 1);
  }
  [[nodiscard]] std::atomic<uint8_t>* marks() const {
    return reinterpret_cast<std::atomic<uint8_t>*>(cells() + kCells);
  }

  // A line of its own: the numbers begin on the next.
  alignas(64) std::atomic<uint32_t> holders_{1};
};

}  // namespace heddle::shared
