#pragma once

// Names for objects that several threads share: a number finds its object without a lock, and a
// number that outlived its object finds nothing.
//
// `T` has a member `uint64_t id`, written here before the object can be found. An id is
// `generation << 24 | index`, below 2^52, so that JavaScript holds it exactly; it comes again after
// its slot was used 2^28 times. 0 is no id.
//
// Adding and removing take a lock; looking up takes none, and is done inside an epoch section by
// whoever does not own the object: objects are retired after their removal, so one that was found
// stays readable until the section ends. Memory: 16 bytes a slot, in chunks that stay for good; an
// object that finds no room is not added (kNoId).

#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>

#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::mem {

constexpr uint64_t kNoId = 0;

template <class T>
class IdTable {
 public:
  static constexpr uint32_t kIndexBits = 24;
  static constexpr uint32_t kGenerationBits = 28;

  // `chunks` is a vsize type.
  explicit constexpr IdTable(Builtin chunks) : chunkType_(chunks) {}
  IdTable(const IdTable&) = delete;
  IdTable& operator=(const IdTable&) = delete;

  // Gives the object its id. kNoId: no memory, or all numbers are taken.
  uint64_t add(T* object) {
    std::lock_guard<std::mutex> held(lock_);
    const uint32_t index = takeIndex();
    if (index == 0) return kNoId;
    Slot& slot = *slotOf(index);
    slot.generation = (slot.generation + 1) & kMaxGeneration;
    object->id = uint64_t{slot.generation} << kIndexBits | index;
    // Release: pairs with the acquire in find; who finds the object sees its contents.
    slot.object.store(object, std::memory_order_release);
    return object->id;
  }

  // nullptr when nothing has the id. In a section, or by the owner.
  [[nodiscard]] T* find(uint64_t id) const {
    const Slot* slot = slotOf(indexOf(id));
    if (slot == nullptr) return nullptr;
    T* const object = slot->object.load(std::memory_order_acquire);
    return object != nullptr && object->id == id ? object : nullptr;
  }

  // Nobody finds it any more. False when another thread was first. In a section, or by the owner.
  [[nodiscard]] bool remove(T* object) {
    const uint32_t index = indexOf(object->id);
    Slot& slot = *slotOf(index);
    T* expected = object;
    // Release: what the owner did with the object precedes what a finder of `nullptr` concludes.
    if (!slot.object.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
      return false;
    }
    std::lock_guard<std::mutex> held(lock_);
    slot.nextFree = freeHead_;
    freeHead_ = index;
    return true;
  }

 private:
  static constexpr uint32_t kChunkBits = 11;
  static constexpr uint32_t kChunkSlots = 1u << kChunkBits;
  static constexpr uint32_t kChunks = 1u << (kIndexBits - kChunkBits);
  static constexpr uint32_t kMaxIndex = (1u << kIndexBits) - 1;
  static constexpr uint32_t kMaxGeneration = (1u << kGenerationBits) - 1;

  struct Slot {
    std::atomic<T*> object{nullptr};
    uint32_t generation = 0;  // under the lock, as is the next
    uint32_t nextFree = 0;
  };

  static uint32_t indexOf(uint64_t id) {
    // Whatever a program passes: beyond 52 bits there is no slot.
    if (id >> (kIndexBits + kGenerationBits) != 0) return 0;
    return static_cast<uint32_t>(id) & kMaxIndex;
  }

  Slot* slotOf(uint32_t index) const {
    if (index == 0) return nullptr;
    // Acquire: pairs with the release in takeIndex; the slots of the chunk are initialised.
    Slot* const chunk = chunks_[index >> kChunkBits].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : chunk + index % kChunkSlots;
  }

  // Under the lock. 0 when there is none; index 0 is never given out.
  uint32_t takeIndex() {
    if (freeHead_ != 0) {
      const uint32_t index = freeHead_;
      freeHead_ = slotOf(index)->nextFree;
      return index;
    }
    if (fresh_ > kMaxIndex) return 0;
    std::atomic<Slot*>& place = chunks_[fresh_ >> kChunkBits];
    if (place.load(std::memory_order_relaxed) == nullptr) {
      void* const memory = allocateBytes(builtinType(chunkType_), sizeof(Slot) * kChunkSlots);
      if (memory == nullptr) return 0;
      auto* const chunk = static_cast<Slot*>(memory);
      for (uint32_t i = 0; i < kChunkSlots; i++) ::new (chunk + i) Slot;
      place.store(chunk, std::memory_order_release);
    }
    return fresh_++;
  }

  const Builtin chunkType_;
  std::mutex lock_;
  uint32_t fresh_ = 1;
  uint32_t freeHead_ = 0;
  std::atomic<Slot*> chunks_[kChunks] = {};
};

}  // namespace heddle::mem
