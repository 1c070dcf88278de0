#pragma once

// Epoch reclamation: memory that readers reach without a lock is freed only when no reader can hold
// it any more. This is the process-wide domain; threads find their place in it through one
// thread-local pointer.
//
//   EpochScope scope;                       // a section: what is found now stays until it ends
//   Node* node = head.load(std::memory_order_acquire);
//   …
//   head.store(other, std::memory_order_release);  // unlink, then
//   epochRetire(node, sizeof(*node), reclaimNode); // reclaimed when all sections of now have ended
//
// It is no silver bullet: a pointer that is kept beyond its section dangles.
//
// WHY IT IS RIGHT. There is one counter, the epoch, which only grows. A section is a word:
// kOutside, or the epoch that its thread read on the way in. To reclaim a batch, one thread
//   (1) takes the lists of retired objects,
//   (2) adds one to the epoch, which makes it T,
//   (3) has every thread pass a full barrier (membarrier),
//   (4) looks at every section, again and again, until each has been seen either outside, or with
//       an epoch >= T; then it frees the batch.
// No two threads do this at a time.
// Let an object of the batch be unlinked before it was retired, and consider any section S that is
// entered, on whatever thread. Its entry is the store of its word, E.
//   - E before the barrier of (3) on that thread: the look at (4) sees E or something later. As
//     long as it sees an epoch below T it waits. When it sees `outside`, the acquire of the look
//     pairs with the release of the leaving store: the section's reads are over before the memory
//     is freed.
//   - E after the barrier: so are the section's reads, and the unlinking precedes the barrier ((1)
//     acquired what retire released). The section cannot find the object.
//   - An epoch >= T in the word: the thread acquired it from the increment of (2) or a later one.
//     The unlinking precedes that, so the section cannot find the object and need not be waited
//     for.
// A thread may read the epoch, be suspended for long, and enter with an old one. That is safe: it
// is waited for longer than needed, never shorter. One increment suffices where others need two
// because the counter does not wrap (64 bits) and the barrier lies between unlinking and looking,
// not between two looks.
//
// Without membarrier (EpochForm::kExchange) entering is an exchange and the look a fetch_add(0) on
// the same word. Both being read-modify-writes, one comes first: if the entry, the look sees it; if
// the look, the entry reads from it and acquires what it released, the unlinking included.
//
// WHAT BREAKS WITHOUT. Without (3) a processor may delay E past the section's reads: the look sees
// `outside` while the reader holds the object. Without the release on leaving, or the acquire of
// the look, reads may drift behind the free. With the increment before the taking, an object could
// be unlinked after a section took T, and would be freed under it. epoch_model_test.cc runs the
// very code on a machine with store buffers and shows the first and that the full form never fails.
//
// WHAT IT COSTS. Entering and leaving: two plain stores. Reclaiming: a membarrier a batch, which is
// why the collector works by high-water marks of thousands of objects and not by small batches. A
// section that is never left stops all reclaiming (backlog limits: EpochOptions).

#include <cstddef>
#include <cstdint>

#include "mem/epoch_collector.h"
#include "mem/epoch_domain.h"
#include "mem/epoch_platform.h"

namespace heddle::mem {

using Epochs = EpochDomain<EpochPlatform>;
using EpochCoroutineSection = Epochs::Section;

enum class MaintainMode { kNone, kTry, kBarrier, kBarrierAsync };

// The process-wide domain; lives until the process ends.
[[nodiscard]] Epochs& epochs();

// The calling thread's record, nullptr while it takes no part. Initial-exec: an offset from the
// thread pointer, no call, also in a library that is loaded at run time.
extern constinit thread_local Epochs::Thread* epochSelf [[gnu::tls_model("initial-exec")]];

// Makes the calling thread take part; balanced by epochDetachThread before it ends. 0, -EALREADY,
// or -ENOMEM.
[[nodiscard]] int epochAttachThread();
// What the thread has retired goes to whoever reclaims next. Returns how many levels of section
// were still open (0 in a right program), or -EPERM when the thread takes no part.
int epochDetachThread();
[[nodiscard]] inline bool epochAttached() { return epochSelf != nullptr; }

// All below: only on a thread that takes part, except where it says otherwise.

[[nodiscard]] inline bool epochInSection() {
  return epochSelf != nullptr && epochSelf->inSection();
}

// The current section from construction to destruction; nests. Ends in reverse order.
class EpochScope {
 public:
  EpochScope() : section_(current()), outermost_(section_->enterOutermost()) {}
  ~EpochScope() {
    if (outermost_) section_->leaveOutermost();
  }
  EpochScope(const EpochScope&) = delete;
  EpochScope& operator=(const EpochScope&) = delete;

 private:
  static Epochs::Section* current() {
    if (epochSelf == nullptr) epochDie("a section begins on a thread that takes no part");
    return epochSelf->current();
  }

  Epochs::Section* const section_;
  const bool outermost_;
};

// As EpochScope for callers without scopes. -EPERM: the thread takes no part, or leaving what was
// not entered; nothing has happened then.
[[nodiscard]] inline int epochEnter() {
  if (epochSelf == nullptr) return -EPERM;
  epochSelf->enter();
  return 0;
}
[[nodiscard]] inline int epochLeave() {
  return epochSelf != nullptr && epochSelf->leave() ? 0 : -EPERM;
}

// Makes a coroutine's section the current one for a scope, the span from a resume to the next
// switch.
class EpochSwap {
 public:
  explicit EpochSwap(EpochCoroutineSection* section)
      : self_(epochSelf), before_(self_->swap(section)) {}
  ~EpochSwap() { self_->swap(before_); }
  EpochSwap(const EpochSwap&) = delete;
  EpochSwap& operator=(const EpochSwap&) = delete;

 private:
  Epochs::Thread* const self_;
  EpochCoroutineSection* const before_;
};

inline void epochRetire(Retired* object, size_t bytes, Retired::Reclaim reclaim) {
  epochs().retire(epochSelf, object, bytes, reclaim);
}

// Any thread. kNone: 0. The others: as the methods of EpochDomain; kBarrierAsync returns 0 and
// leaves the work to the collector.
int64_t epochMaintain(MaintainMode mode);

// Starts the process-wide collector; counted, so that several owners can hold it. 0 or a negative
// errno; the options of the first start count.
[[nodiscard]] int epochStartCollector(const CollectorOptions& options = {});
// The last one stops it, and then reclaims what no section holds.
void epochStopCollector();
// While it is paused nothing is reclaimed but by epochMaintain: for tests that must know when. 0 or
// the negative errno of the thread that cannot be made.
[[nodiscard]] int epochPauseCollector(bool paused);

// No section is open on this thread, and none that is swapped out: it holds no pointer.
[[nodiscard]] inline bool epochQuiet() { return epochSelf == nullptr || epochSelf->quiet(); }

}  // namespace heddle::mem
