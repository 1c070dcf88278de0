#include "loop/timer_blocks.h"

#include <algorithm>
#include <bit>

namespace heddle::loop {

const mem::Memtype TimerBlocks::kSlabType =
    mem::defineBuiltin(mem::Builtin::kTimerSlab, sizeof(Slab));

namespace {

constexpr size_t kLineBytes = 64;

}  // namespace

uint32_t TimerBlocks::take(uint16_t owner) {
  Slab* slab = first_;
  const auto block = static_cast<uint32_t>(std::countr_zero(slab->freeMask));
  slab->freeMask &= slab->freeMask - 1;
  free_--;
  used_++;
  if (slab->freeMask == 0) {
    unlink(slab);
    prefetchFirst();
  }
  const uint32_t position = slab->index << kSlabBits | block * kBlockEntries;
  owners_[position / kBlockEntries] = owner;
  return position;
}

// The whole slab at once: measured, it is worth more than its blocks one by one as they come up.
void TimerBlocks::prefetchFirst() const {
  if (first_ == nullptr) return;
  const auto* bytes = reinterpret_cast<const char*>(first_);
  for (size_t at = 0; at < sizeof(Slab); at += kLineBytes) __builtin_prefetch(bytes + at, 1);
  if (first_->after != nullptr) __builtin_prefetch(&first_->after->freeMask, 1);
}

void TimerBlocks::give(uint32_t position) {
  Slab* slab = slabs_[position >> kSlabBits];
  const bool wasFull = slab->freeMask == 0;
  slab->freeMask |= 1u << blockInSlab(position);
  free_++;
  used_--;
  if (wasFull) return linkFirst(slab);
  if (slab->freeMask != kAllFree) return;
  unlink(slab);
  linkLast(slab);
}

void TimerBlocks::clear() {
  for (uint32_t i = 0; i < capacity_; i++) {
    if (slabs_[i] != nullptr) memory_.give(mem::Builtin::kTimerSlab, slabs_[i], sizeof(Slab));
  }
  if (capacity_ != 0) memory_.release(slabs_, capacity_ * kDirectoryBytes);
  slabs_ = nullptr;
  vacant_ = nullptr;
  nexts_ = nullptr;
  owners_ = nullptr;
  first_ = last_ = nullptr;
  vacantCount_ = capacity_ = 0;
  free_ = used_ = 0;
}

int TimerBlocks::grow(size_t blocks) {
  while (free_ < blocks) {
    if (!addSlab()) return -ENOMEM;
  }
  return 0;
}

bool TimerBlocks::addSlab() {
  if (vacantCount_ == 0 && !growDirectory()) return false;
  auto* slab = static_cast<Slab*>(memory_.take(mem::Builtin::kTimerSlab, sizeof(Slab)));
  if (slab == nullptr) return false;
  slab->freeMask = kAllFree;
  slab->index = vacant_[--vacantCount_];
  slabs_[slab->index] = slab;
  linkLast(slab);
  free_ += kSlabBlocks;
  return true;
}

// Only when the stack of vacant indices is empty.
bool TimerBlocks::growDirectory() {
  const uint32_t capacity = capacity_ == 0 ? 8 : capacity_ * 2;
  if (capacity > kMaxSlabs) return false;
  void* memory = memory_.resize(nullptr, 0, capacity * kDirectoryBytes);
  if (memory == nullptr) return false;
  auto* const slabs = static_cast<Slab**>(memory);
  vacant_ = reinterpret_cast<uint32_t*>(slabs + capacity);
  auto* const nexts = vacant_ + capacity;
  auto* const owners = reinterpret_cast<uint16_t*>(nexts + size_t{capacity} * kSlabBlocks);
  std::copy_n(slabs_, capacity_, slabs);
  std::copy_n(nexts_, size_t{capacity_} * kSlabBlocks, nexts);
  std::copy_n(owners_, size_t{capacity_} * kSlabBlocks, owners);
  for (uint32_t i = capacity; i > capacity_; i--) {
    slabs[i - 1] = nullptr;
    vacant_[vacantCount_++] = i - 1;
  }
  if (capacity_ != 0) memory_.release(slabs_, capacity_ * kDirectoryBytes);
  slabs_ = slabs;
  nexts_ = nexts;
  owners_ = owners;
  capacity_ = capacity;
  return true;
}

void TimerBlocks::freeSlabs() {
  while (last_ != nullptr && last_->freeMask == kAllFree && free_ >= kKeptBlocks &&
         free_ - kSlabBlocks > used_) {
    freeSlab(last_);
  }
}

void TimerBlocks::freeSlab(Slab* slab) {
  unlink(slab);
  slabs_[slab->index] = nullptr;
  vacant_[vacantCount_++] = slab->index;
  free_ -= kSlabBlocks;
  memory_.give(mem::Builtin::kTimerSlab, slab, sizeof(Slab));
}

void TimerBlocks::linkFirst(Slab* slab) {
  slab->before = nullptr;
  slab->after = first_;
  (first_ == nullptr ? last_ : first_->before) = slab;
  first_ = slab;
}

void TimerBlocks::linkLast(Slab* slab) {
  slab->before = last_;
  slab->after = nullptr;
  (last_ == nullptr ? first_ : last_->after) = slab;
  last_ = slab;
}

void TimerBlocks::unlink(Slab* slab) {
  (slab->before == nullptr ? first_ : slab->before->after) = slab->after;
  (slab->after == nullptr ? last_ : slab->after->before) = slab->before;
}

}  // namespace heddle::loop
