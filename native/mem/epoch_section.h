#pragma once

// One section: the time in which its holder may keep pointers into shared memory. Recursive. A
// thread has one of its own; a coroutine brings another. Used by one thread at a time.

#include <cstdint>

#include "base/queue.h"

namespace heddle::mem {

template <class Platform>
class alignas(base::kCacheLineBytes) EpochSection {
 public:
  template <class T>
  using Atomic = typename Platform::template Atomic<T>;

  // The state of a section nobody is in. Epochs begin at 1.
  static constexpr uint64_t kOutside = 0;

  EpochSection(const Atomic<uint64_t>* epoch, bool asymmetric)
      : epoch_(epoch), asymmetric_(asymmetric) {}
  EpochSection(const EpochSection&) = delete;
  EpochSection& operator=(const EpochSection&) = delete;

  // For callers that remember the answer themselves (EpochScope): true when this was the outermost
  // level, which then is left by leaveOutermost; an inner one is left by doing nothing. The word is
  // compared and not counted on: a counter would be a chain of loads that wait for stores.
  [[nodiscard]] bool enterOutermost() {
    if (entered()) [[unlikely]] {
      return false;
    }
    pin();
    return true;
  }
  void leaveOutermost() { unpin(); }

  // For callers without a scope: levels are counted. Levels of both kinds end in reverse order.
  void enter() {
    if (depth_++ == 0) counted_ = enterOutermost();
  }

  // False when the section was not entered: nothing has happened then.
  [[nodiscard]] bool leave() {
    if (depth_ == 0) return false;
    if (--depth_ == 0 && counted_) unpin();
    return true;
  }

  // Relaxed: the holder's own word.
  [[nodiscard]] bool entered() const { return state_.load(std::memory_order_relaxed) != kOutside; }
  // Counted levels.
  [[nodiscard]] uint32_t depth() const { return depth_; }

  // Leaves all levels; how many there were (a scope's count as one). For a holder that disappears.
  uint32_t abandon() {
    if (!entered()) return 0;
    const uint32_t levels = depth_ + (depth_ > 0 && counted_ ? 0 : 1);
    depth_ = 0;
    unpark();
    unpin();
    return levels;
  }

  // For whoever reclaims, after the heavy barrier in the asymmetric form: the epoch of the section,
  // kOutside when nobody is in it.
  [[nodiscard]] uint64_t observe() {
    if (Platform::kMayBeAsymmetric && asymmetric_) [[likely]] {
      // Acquire: pairs with the release in unpin; what the section read, it has read.
      return state_.load(std::memory_order_acquire);
    }
    // Acquire: as above. Release: an enter that comes later in the modification order reads this
    // very operation, and so sees all that was unlinked before it.
    return state_.fetch_add(0, std::memory_order_acq_rel);
  }

  // The holder stops running inside of the section; `count` is the number of such sections of its
  // thread, which may not wait meanwhile for sections to end.
  void park(Atomic<uint32_t>* count) {
    parkedIn_ = count;
    // Relaxed, here and below: only a thread's own waiting reads it.
    count->fetch_add(1, std::memory_order_relaxed);
  }
  void unpark() {
    if (parkedIn_ == nullptr) return;
    parkedIn_->fetch_add(static_cast<uint32_t>(-1), std::memory_order_relaxed);
    parkedIn_ = nullptr;
  }

 private:
  template <class>
  friend class EpochDomain;

  void pin() {
    // Acquire: pairs with the increment in EpochDomain::begin. A section that bears an epoch sees
    // everything that was unlinked before that epoch began.
    const uint64_t epoch = epoch_->load(std::memory_order_acquire);
    if (Platform::kMayBeAsymmetric && asymmetric_) [[likely]] {
      // Relaxed: the order towards the section's reads comes from the reclaimer's membarrier; the
      // compiler is held by the light barrier.
      state_.store(epoch, std::memory_order_relaxed);
      Platform::lightBarrier();
      return;
    }
    // Acquire: the section's reads stay after it, and it takes over what observe released. Release:
    // continues the chain of modifications.
    state_.exchange(epoch, std::memory_order_acq_rel);
  }

  // Release: the section's reads stay before it.
  void unpin() { state_.store(kOutside, std::memory_order_release); }

  Atomic<uint64_t> state_{kOutside};
  const Atomic<uint64_t>* const epoch_;
  const bool asymmetric_;
  uint32_t depth_ = 0;
  // The counted levels hold the word; otherwise a scope around them does.
  bool counted_ = false;
  Atomic<uint32_t>* parkedIn_ = nullptr;

  // The domain's, under its registry lock.
  bool used_ = false;
  EpochSection* next_ = nullptr;
};

}  // namespace heddle::mem
