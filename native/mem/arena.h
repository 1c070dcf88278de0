#pragma once

// Slots of one size at addresses that are multiples of it, cut from one reservation, so that
// membership of an address is a comparison and the slot of an address a mask. Slots that come back
// keep their pages up to a limit and give them back above it; a slot's header must
// disown it by then, since an address below `top` stays readable for good.
//
// Any thread; the lock is only ever taken for a whole slot.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace heddle::mem {

class Arena {
 public:
  constexpr Arena(uint32_t slotShift, uint32_t keepSlots)
      : slotShift_(slotShift), keepSlots_(keepSlots) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // The contents are as they were when the slot was released, or zeros. nullptr without memory.
  [[nodiscard]] void* acquire();
  void release(void* slot);

  // True for every address in a slot that was ever handed out. Relaxed: whoever got a block got it
  // after the stores, by whatever handed the block over.
  [[nodiscard]] bool contains(uintptr_t address) const {
    return address - base_.load(std::memory_order_relaxed) < top_.load(std::memory_order_relaxed);
  }

  [[nodiscard]] size_t slotBytes() const { return size_t{1} << slotShift_; }
  [[nodiscard]] void* slotOf(uintptr_t address) const {
    return reinterpret_cast<void*>(address & ~(slotBytes() - 1));
  }

  // Calls visit(slot) for each slot in use, with the lock held: visit must not come back here.
  template <class Visit>
  void forEachSlot(Visit&& visit) {
    std::lock_guard<std::mutex> held(lock_);
    for (uint32_t index = 0; index < fresh_; index++) {
      if (side_[index].used != 0) visit(slotAt(index));
    }
  }

  [[nodiscard]] bool isUsed(uintptr_t address);

 private:
  // Beside the slots, so that a free slot has no page.
  struct Side {
    uint32_t nextFree;
    uint8_t used;
  };
  static constexpr uint32_t kNone = 0xffffffffu;

  [[nodiscard]] bool reserve();
  [[nodiscard]] bool grow();
  [[nodiscard]] void* slotAt(uint32_t index) const {
    return reinterpret_cast<void*>(base_.load(std::memory_order_relaxed) +
                                   (uintptr_t{index} << slotShift_));
  }
  [[nodiscard]] uint32_t indexOf(uintptr_t address) const {
    return static_cast<uint32_t>((address - base_.load(std::memory_order_relaxed)) >> slotShift_);
  }

  std::atomic<uintptr_t> base_{0};
  std::atomic<uintptr_t> top_{0};  // bytes of slots that were ever handed out
  const uint32_t slotShift_;
  const uint32_t keepSlots_;

  std::mutex lock_;  // guards what follows, and writing base_ and top_
  Side* side_ = nullptr;
  uint32_t slots_ = 0;      // in the reservation
  uint32_t committed_ = 0;  // usable
  uint32_t fresh_ = 0;      // handed out at least once
  // Resident slots are used first: two stacks.
  uint32_t resident_ = kNone;
  uint32_t residentCount_ = 0;
  uint32_t purged_ = kNone;
};

constexpr uint32_t kSmallShift = 16;
constexpr uint32_t kMediumShift = 20;
extern constinit Arena smallArena;
extern constinit Arena mediumArena;

}  // namespace heddle::mem
