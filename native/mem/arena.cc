#include "mem/arena.h"

#include "mem/failpoint.h"
#include "mem/pressure.h"
#include "sys/memory.h"

namespace heddle::mem {

namespace {

// As much address space as is given, between these.
constexpr size_t kMaxReserveBytes = size_t{128} << 30;
constexpr size_t kMinReserveBytes = size_t{256} << 20;
constexpr size_t kCommitBytes = size_t{4} << 20;

}  // namespace

constinit Arena smallArena(kSmallShift, 128);
constinit Arena mediumArena(kMediumShift, 16);

bool Arena::reserve() {
  if (mustFail()) return false;
  void* space = nullptr;
  size_t bytes = kMaxReserveBytes;
  for (; bytes >= kMinReserveBytes; bytes /= 2) {
    space = sys::reserveMemory(bytes, kCommitBytes);
    if (space != nullptr) break;
  }
  if (space == nullptr) return false;
  const auto slots = static_cast<uint32_t>(bytes >> slotShift_);
  side_ = mustFail() ? nullptr : static_cast<Side*>(sys::mapMemory(slots * sizeof(Side)));
  if (side_ == nullptr) {
    sys::unmapMemory(space, bytes);
    return false;
  }
  slots_ = slots;
  // Relaxed: see contains.
  base_.store(reinterpret_cast<uintptr_t>(space), std::memory_order_relaxed);
  return true;
}

bool Arena::grow() {
  if (side_ == nullptr && !reserve()) return false;
  if (fresh_ < committed_) return true;
  if (committed_ == slots_ || mustFail()) return false;
  if (sys::commitMemory(slotAt(committed_), kCommitBytes) != 0) return false;
  committed_ += static_cast<uint32_t>(kCommitBytes >> slotShift_);
  return true;
}

void* Arena::acquire() {
  uint32_t index = kNone;
  {
    std::lock_guard<std::mutex> held(lock_);
    if (resident_ != kNone) {
      index = resident_;
      resident_ = side_[index].nextFree;
      residentCount_--;
    } else if (purged_ != kNone) {
      index = purged_;
      purged_ = side_[index].nextFree;
    } else {
      if (!grow()) return nullptr;
      index = fresh_++;
      // Relaxed: see contains.
      top_.store(uintptr_t{fresh_} << slotShift_, std::memory_order_relaxed);
    }
    side_[index].used = 1;
  }
  changeHeld(static_cast<int64_t>(slotBytes()));
  return slotAt(index);
}

void Arena::release(void* slot) {
  const uint32_t index = indexOf(reinterpret_cast<uintptr_t>(slot));
  bool keep = false;
  {
    std::lock_guard<std::mutex> held(lock_);
    keep = residentCount_ < keepSlots_;
    if (keep) residentCount_++;
    side_[index].used = 0;
    if (keep) {
      side_[index].nextFree = resident_;
      resident_ = index;
    }
  }
  if (!keep) {
    // In no stack yet, so nobody takes it while its pages go.
    sys::purgeMemory(slot, slotBytes());
    std::lock_guard<std::mutex> held(lock_);
    side_[index].nextFree = purged_;
    purged_ = index;
  }
  changeHeld(-static_cast<int64_t>(slotBytes()));
}

bool Arena::isUsed(uintptr_t address) {
  if (!contains(address)) return false;
  std::lock_guard<std::mutex> held(lock_);
  return side_[indexOf(address)].used != 0;
}

}  // namespace heddle::mem
