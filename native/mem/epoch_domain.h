#pragma once

// A set of threads, their sections, and the objects they retire. epoch.h argues why it is right;
// most code uses the process-wide domain there.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/queue.h"
#include "mem/epoch_raw.h"
#include "mem/epoch_thread.h"

namespace heddle::mem {

enum class EpochForm { kAuto, kAsymmetric, kExchange };

struct EpochOptions {
  // kAsymmetric falls back as kAuto does.
  EpochForm form = EpochForm::kAuto;
  // Pending bytes from which on the collector works at once instead of at its next turn.
  uint64_t highWaterBytes = 4u << 20;
  // Pending bytes from which on a thread that retires outside of sections waits until there are
  // fewer; 0: it never waits. The backlog exceeds the limit only by what is retired inside
  // sections (counted as overruns) and by 1/8 of highWaterBytes for each thread.
  uint64_t limitBytes = 64u << 20;
};

struct EpochStats {
  uint64_t epoch;
  // Objects and bytes; requested >= completed always, equal when nothing is pending.
  uint64_t requested, completed;
  uint64_t requestedBytes, completedBytes;
  // Grace periods begun.
  uint64_t cycles;
  // Times the high-water mark was met, waits at the limit, retirements inside sections beyond it.
  uint64_t highWaters, waits, overruns;
  uint64_t threads, sections;

  [[nodiscard]] uint64_t backlog() const { return requested - completed; }
  [[nodiscard]] uint64_t backlogBytes() const { return requestedBytes - completedBytes; }
};

// Whether the calling thread runs reclaim functions, of whatever domain.
extern constinit thread_local bool epochReclaiming [[gnu::tls_model("initial-exec")]];

template <class Platform>
class EpochDomain {
 public:
  using Section = EpochSection<Platform>;
  using Thread = EpochThread<Platform>;
  template <class T>
  using Atomic = typename Platform::template Atomic<T>;

  explicit EpochDomain(const EpochOptions& options = {});
  // No thread may be attached and no section entered. Reclaims everything.
  ~EpochDomain();
  EpochDomain(const EpochDomain&) = delete;
  EpochDomain& operator=(const EpochDomain&) = delete;

  [[nodiscard]] bool asymmetric() const { return asymmetric_; }
  [[nodiscard]] const EpochOptions& options() const { return options_; }
  // Relaxed, both: when to begin is a hint.
  [[nodiscard]] uint64_t highWaterBytes() const {
    return highWaterBytes_.load(std::memory_order_relaxed);
  }
  void setHighWater(uint64_t bytes) { highWaterBytes_.store(bytes, std::memory_order_relaxed); }

  // A record for the calling thread, nullptr when there is no memory.
  [[nodiscard]] Thread* attach();
  // Gives it back, on its thread; what it has retired stays for whoever reclaims next. Returns how
  // many levels of the thread's own section were still open; they are left.
  uint32_t detach(Thread* thread);

  // A section that belongs to no thread, nullptr when there is no memory.
  [[nodiscard]] Section* makeSection();
  // It must not be swapped in anywhere. Levels still open are left; returns how many.
  uint32_t dropSection(Section* section);

  // `object` is unlinked: no thread that enters a section from now on can find it. Its reclaim is
  // called once, when every section that is open now has ended. `bytes` with the header. Inside or
  // outside of a section, by the thread's owner. Aborts on an object that is not live. May wait at
  // the limit, see EpochOptions.
  void retire(Thread* thread, Retired* object, size_t bytes, Retired::Reclaim reclaim);
  // The same, but at the limit it does nothing and returns -EAGAIN; it never waits.
  [[nodiscard]] int tryRetire(Thread* thread, Retired* object, size_t bytes,
                              Retired::Reclaim reclaim);

  // Reclaims what can be had without waiting; the number, or -1 when something is pending and
  // nothing could be had (a section is open, another thread collects). Any thread.
  int64_t maintainTry();
  // Waits until everything that was retired before the call, by any thread, is reclaimed; the
  // number that this call reclaimed. 0 at once in a section, in a reclaim function, or while a
  // section that is swapped out on this thread is entered (it could never end). `thread` nullptr:
  // the caller takes no part.
  int64_t maintainBarrier(Thread* thread);
  // Does not wait: a ticket that is past once everything retired before the call is reclaimed.
  [[nodiscard]] uint64_t maintainAsync();
  [[nodiscard]] bool past(uint64_t ticket) const {
    // Acquire: pairs with the release in finish; the reclaim functions have run.
    return completedEpoch_.load(std::memory_order_acquire) >= ticket;
  }

  // Waits until every section that was open at the call has ended; reclaims nothing. False at once
  // in a section.
  [[nodiscard]] bool synchronize(Thread* thread);

  [[nodiscard]] EpochStats stats();
  // As far as the threads have reported it; cheap.
  [[nodiscard]] uint64_t backlogBytes() const {
    // Relaxed: a hint.
    return static_cast<uint64_t>(
        std::max<int64_t>(0, backlogBytes_.load(std::memory_order_relaxed)));
  }
  [[nodiscard]] bool overLimit() const {
    return options_.limitBytes != 0 && backlogBytes() >= options_.limitBytes;
  }
  // A ticket is not past.
  [[nodiscard]] bool awaited() const {
    // Relaxed: whoever raises it wakes the collector afterwards.
    return !past(wanted_.load(std::memory_order_relaxed));
  }
  // Objects are pending, or a ticket is not past: there is work for a collector.
  [[nodiscard]] bool unfinished();

  // Called by any thread, seldom, when reclaiming should start now. Set once; `context` outlives
  // all attached threads.
  using Wake = void (*)(void* context);
  void setWake(Wake call, void* context) {
    wakeContext_ = context;
    // Release: pairs with the acquire in wake; the context comes with it.
    wake_.store(call, std::memory_order_release);
  }

 private:
  void add(Thread* thread, Retired* object, size_t bytes, Retired::Reclaim reclaim);
  [[nodiscard]] bool unsettled(const Thread* thread) const;
  int64_t settle(Thread* thread);
  void relieve(Thread* thread, int64_t backlog);
  void waitBelowLimit();
  void wake() const {
    const Wake call = wake_.load(std::memory_order_acquire);
    if (call != nullptr) call(wakeContext_);
  }
  [[nodiscard]] static bool mayWait(const Thread* thread);

  // With the collect lock held.
  bool begin();
  int64_t finish();
  int64_t reclaimBatch(unsigned index);
  int64_t reclaimChain(const typename Thread::Chain& chain);
  [[nodiscard]] bool takeAll(unsigned index);
  [[nodiscard]] uint64_t startGrace();

  // The lowest epoch of an entered section; all ones when none is entered.
  [[nodiscard]] uint64_t oldestOpen();
  // The newest record; the ones behind it never change their order.
  [[nodiscard]] Thread* firstThread();
  template <class T>
  static void bump(Atomic<T>& counter, T by) {
    // Relaxed: a counter.
    counter.fetch_add(by, std::memory_order_relaxed);
  }

  // What every enter reads alone on its line.
  alignas(base::kCacheLineBytes) Atomic<uint64_t> epoch_{1};

  alignas(base::kCacheLineBytes) const EpochOptions options_;
  const bool asymmetric_;
  Atomic<uint64_t> highWaterBytes_;
  Atomic<Wake> wake_{nullptr};
  void* wakeContext_ = nullptr;

  alignas(base::kCacheLineBytes) Atomic<int64_t> backlogBytes_{0};
  Atomic<uint64_t> highWaters_{0};
  Atomic<uint64_t> waits_{0};
  Atomic<uint64_t> overruns_{0};
  // The highest ticket given out.
  Atomic<uint64_t> wanted_{0};

  // Whoever reclaims. Taken before registryLock_ where both are.
  typename Platform::Mutex collectLock_;
  // A ring: the epoch at which each batch in flight is safe.
  uint64_t targets_[kEpochBatches] = {};
  unsigned oldest_ = 0;
  unsigned inFlight_ = 0;
  // The target of the newest batch.
  uint64_t batchEpoch_ = 1;
  // Written with the collect lock held, read anywhere.
  Atomic<uint64_t> completedEpoch_{1};
  Atomic<uint64_t> completed_{0};
  Atomic<uint64_t> completedBytes_{0};
  Atomic<uint64_t> cycles_{0};

  // Guards the two lists; records are added and reused, never removed.
  typename Platform::Mutex registryLock_;
  Thread* threads_ = nullptr;
  Section* sections_ = nullptr;
};

}  // namespace heddle::mem

#include "mem/epoch_domain_inl.h"
