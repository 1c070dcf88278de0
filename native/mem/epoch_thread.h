#pragma once

// What a domain keeps for each thread that takes part: its own section, the section that counts at
// the moment, and the objects it has retired that nobody has taken yet. Records outlive their
// threads and are used again, so a thread that leaves loses nothing.

#include <cstdint>

#include "base/queue.h"
#include "mem/epoch_retired.h"
#include "mem/epoch_section.h"

namespace heddle::mem {

// Batches that may wait for readers at the same time.
constexpr unsigned kEpochBatches = 4;

template <class Platform>
class alignas(base::kCacheLineBytes) EpochThread {
 public:
  using Section = EpochSection<Platform>;
  template <class T>
  using Atomic = typename Platform::template Atomic<T>;

  EpochThread(const EpochThread&) = delete;
  EpochThread& operator=(const EpochThread&) = delete;
  EpochThread(const Atomic<uint64_t>* epoch, bool asymmetric) : own_(epoch, asymmetric) {}

  // All of these on the thread the record belongs to.
  void enter() { current_->enter(); }
  [[nodiscard]] bool leave() { return current_->leave(); }
  [[nodiscard]] bool inSection() const { return current_->entered(); }
  [[nodiscard]] Section* current() const { return current_; }

  // Makes `section` the one that enter and leave mean from now on, nullptr for the thread's own;
  // returns the one before. For coroutines: each has a section of its own, swapped in at every
  // resume and out at every switch, so that their levels never mix. A section that is swapped out
  // while entered still protects. It must be swapped out before another thread uses it.
  Section* swap(Section* section) {
    Section* before = current_;
    if (before->entered()) before->park(&parked_);
    current_ = section == nullptr ? &own_ : section;
    current_->unpark();
    return before;
  }

 private:
  template <class>
  friend class EpochDomain;

  // Pushes a chain of one. Any number of threads could; only the owner does.
  void push(Retired* object) {
    // Relaxed: the value is compared and stored, not followed.
    Retired* head = pending_.load(std::memory_order_relaxed);
    do {
      object->next = head;
      // Release: the unlinking, and what the owner wrote into the object, reach whoever takes.
    } while (!pending_.compare_exchange_weak(head, object, std::memory_order_release,
                                             std::memory_order_relaxed));
  }

  // Written and read by the owner only, except where said otherwise.
  Section own_;
  Section* current_ = &own_;

  // Sections that are swapped out here while entered.
  Atomic<uint32_t> parked_{0};

  // Taken by an exchange, whole.
  Atomic<Retired*> pending_{nullptr};
  // Written by the owner, read by anyone for statistics.
  Atomic<uint64_t> requested_{0};
  Atomic<uint64_t> requestedBytes_{0};
  // The part of requestedBytes_ that the domain's backlog knows of.
  uint64_t settledBytes_ = 0;

  // Under the domain's collect lock: what each batch has taken from this thread.
  Retired* taken_[kEpochBatches] = {};
  // Under the domain's registry lock.
  bool used_ = false;
  EpochThread* next_ = nullptr;
};

}  // namespace heddle::mem
