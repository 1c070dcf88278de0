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
  // No section of this thread is open, swapped-out ones included: it holds no pointer.
  // Relaxed: written by this thread, or by one that took over a section with an order of its own.
  [[nodiscard]] bool quiet() const {
    return !inSection() && !own_.entered() && parked_.load(std::memory_order_relaxed) == 0;
  }

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

  // The owner's: `object` becomes the newest of the list, `bytes` are its own.
  //
  // The list is never cut. Whoever reclaims knows how many objects it has taken before and follows
  // no link beyond them, so that pushing needs no read-modify-write: two plain stores publish it.
  // That is worth 2 ns of 5.7 for each object. An address is never compared, so that memory which
  // comes back as another object cannot deceive.
  void push(Retired* object, uint64_t number) {
    object->sequence = static_cast<uint32_t>(number);
    // Relaxed: the owner's own.
    object->next = newest_.load(std::memory_order_relaxed);
    // Release: the unlinking, and what the owner wrote into the object, reach whoever takes.
    newest_.store(object, std::memory_order_release);
    // Release: whoever sees the number finds this object, or a newer one, at the list's head.
    requested_.store(number, std::memory_order_release);
  }

  // What was retired since the last call, newest first. Under the domain's collect lock.
  struct Chain {
    Retired* first = nullptr;
    uint64_t count = 0;
    uint32_t sequence = 0;  // of the first; those behind it count down
  };
  [[nodiscard]] Chain take() {
    // Acquire: pairs with the release in push, as does the next.
    const uint64_t number = requested_.load(std::memory_order_acquire);
    if (number == takenTo_) return {};
    Retired* object = newest_.load(std::memory_order_acquire);
    const auto sequence = static_cast<uint32_t>(number);
    // Pushed since the number was read: they are not counted yet and wait for the next time. Like
    // the one that is looked for they are pending, so that their links hold.
    while (object->sequence != sequence) object = object->next;
    const Chain chain{object, number - takenTo_, sequence};
    takenTo_ = number;
    return chain;
  }

  // Written and read by the owner only, except where said otherwise.
  Section own_;
  Section* current_ = &own_;

  // Sections that are swapped out here while entered.
  Atomic<uint32_t> parked_{0};

  // Written by the owner. The newest object, which may be reclaimed already: only `requested_`
  // tells.
  Atomic<Retired*> newest_{nullptr};
  // Objects retired ever, the newest's number.
  Atomic<uint64_t> requested_{0};
  Atomic<uint64_t> requestedBytes_{0};
  // The part of requestedBytes_ that the domain's backlog knows of.
  uint64_t settledBytes_ = 0;

  // Under the domain's collect lock: what each batch has taken from this thread.
  Chain taken_[kEpochBatches];
  uint64_t takenTo_ = 0;
  // Under the domain's registry lock.
  bool used_ = false;
  EpochThread* next_ = nullptr;
};

}  // namespace heddle::mem
