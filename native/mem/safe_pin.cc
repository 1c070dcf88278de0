#include "mem/safe_pin.h"

#include <mutex>

#include "mem/typed_object.h"

namespace heddle::mem {

namespace {

using Pins = Typed<SafePin, Builtin::kSafePin>;
using Holders = Typed<SafeHolder, Builtin::kSafeHolder>;

// The pins of a block are under one of these, taken before a holder's lock.
constexpr size_t kLocks = 64;
constinit std::mutex locks[kLocks];

std::mutex& lockOf(const SafeBlock* block) {
  return locks[reinterpret_cast<uintptr_t>(block) / sizeof(SafeBlock) % kLocks];
}

}  // namespace

SafeHolder* SafeHolder::make(Wake wake, void* context) { return Holders::make(wake, context); }

void SafeHolder::close() {
  Retired* waiting = nullptr;
  {
    std::lock_guard<std::mutex> held(lock_);
    wake_ = nullptr;
    // Emptied here, so that giving many pins back does not search a long list for each.
    for (; due_ != nullptr; due_ = due_->nextDue) due_->isListed = false;
    waiting = reclaimed_;
    reclaimed_ = nullptr;
    lastReclaimed_ = &reclaimed_;
  }
  while (waiting != nullptr) {
    auto* const block = static_cast<SafeBlock*>(waiting);
    waiting = waiting->next;
    endReclaimed(block);
  }
}

void SafeHolder::endReclaimed(SafeBlock* block) {
  safeRelease(block->payload());
  unshare();
}

SafePin* SafeHolder::pin(uint64_t id, bool* outOfMemory) {
  *outOfMemory = false;
  auto made = Pins::makePtr();
  if (made == nullptr) {
    *outOfMemory = true;
    return nullptr;
  }
  const EpochScope section;
  SafeBlock* const block = safeFind(id);
  if (block == nullptr) return nullptr;
  std::lock_guard<std::mutex> held(lockOf(block));
  // Set before the pins are told, under this lock: a pin that is added now is told, or not added.
  if (block->freed.load(std::memory_order_relaxed)) return nullptr;
  SafePin* const pin = made.release();
  pin->block = block;
  pin->holder = this;
  pin->next = block->pins;
  pin->place = &block->pins;
  if (block->pins != nullptr) block->pins->place = &pin->next;
  block->pins = pin;
  // Relaxed: the block's own hold cannot end within this section.
  block->holds.fetch_add(1, std::memory_order_relaxed);
  return pin;
}

void SafeHolder::unpin(SafePin* pin) {
  SafeBlock* const block = pin->block;
  {
    std::lock_guard<std::mutex> held(lockOf(block));
    *pin->place = pin->next;
    if (pin->next != nullptr) pin->next->place = pin->place;
    if (pin->isDue) pin->holder->withdraw(pin);
  }
  Pins::destroy(pin);
  safeDrop(block);
}

void SafeHolder::addDue(SafePin* pin) {
  std::lock_guard<std::mutex> held(lock_);
  if (wake_ == nullptr) return;
  pin->nextDue = due_;
  pin->isListed = true;
  due_ = pin;
  hasDue_.store(true, std::memory_order_relaxed);
  // Under the lock, here and below: after close has returned, nobody wakes.
  wake_(context_);
}

SafePin* SafeHolder::takeDue() {
  if (!hasDue()) return nullptr;
  std::lock_guard<std::mutex> held(lock_);
  SafePin* const pin = due_;
  if (pin != nullptr) {
    due_ = pin->nextDue;
    pin->isListed = false;
  }
  hasDue_.store(due_ != nullptr, std::memory_order_relaxed);
  return pin;
}

// Seldom: who lets go in the right way has taken the pin from the list.
void SafeHolder::withdraw(SafePin* pin) {
  std::lock_guard<std::mutex> held(lock_);
  if (!pin->isListed) return;
  SafePin** place = &due_;
  while (*place != pin) place = &(*place)->nextDue;
  *place = pin->nextDue;
  hasDue_.store(due_ != nullptr, std::memory_order_relaxed);
}

bool SafeHolder::addReclaimed(SafeBlock* block) {
  std::lock_guard<std::mutex> held(lock_);
  if (wake_ == nullptr) return false;
  block->next = nullptr;
  *lastReclaimed_ = block;
  lastReclaimed_ = &block->next;
  wake_(context_);
  return true;
}

SafeBlock* SafeHolder::takeReclaimed() {
  std::lock_guard<std::mutex> held(lock_);
  Retired* const first = reclaimed_;
  if (first == nullptr) return nullptr;
  reclaimed_ = first->next;
  if (reclaimed_ == nullptr) lastReclaimed_ = &reclaimed_;
  return static_cast<SafeBlock*>(first);
}

// Relaxed: who shares holds a share already, or is the maker.
void SafeHolder::share() { shares_.fetch_add(1, std::memory_order_relaxed); }

void SafeHolder::unshare() {
  // Release and acquire: as for the holds of a block.
  if (shares_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  Holders::destroy(this);
}

SafeRelease SafeHolder::deliver(void* payload, size_t, void* holder) {
  auto* const self = static_cast<SafeHolder*>(holder);
  if (self->addReclaimed(SafeBlock::of(payload))) return SafeRelease::kLater;
  self->unshare();
  return SafeRelease::kNow;
}

void notifyPins(SafeBlock* block) {
  std::lock_guard<std::mutex> held(lockOf(block));
  for (SafePin* pin = block->pins; pin != nullptr; pin = pin->next) {
    if (pin->isDue) continue;
    pin->isDue = true;
    pin->holder->addDue(pin);
  }
}

}  // namespace heddle::mem
