// A thread that serves a queue, as the queue sees it: a plain thread of a native queue, or the
// isolate of a worker thread behind its loop's desk. Its slots hold the jobs that it was given.
//
// Ownership: the queue's, from the moment it wants the thread until the thread is gone. Thread
// rule: under the queue's lock, except where a member says otherwise.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <condition_variable>
#include <cstdint>

#include "job/job.h"
#include "job/words.h"
#include "mem/typed_object.h"
#include "sys/thread.h"

namespace heddle::job {

class Queue;
class Tray;

// Beside the states of words.h: its worker copies the job out of the slot; soon it is GIVEN.
constexpr int32_t kHeld = 5;

// The claims of the jobs in a worker's slots. The cells of an isolate lie in its SharedArrayBuffer,
// where JavaScript reads them with Atomics: plain words, whatever std::atomic is made of.
class Claims {
 public:
  // `originNs`: the moment 0 of the clock that the isolate notes its beginnings in.
  explicit Claims(int32_t* cells, int64_t originNs = 0) : cells_(cells), originNs_(originNs) {}

  int32_t* at(uint32_t slot) const { return cells_ + slot; }
  // Acquire: who sees the job begun, or dropped, sees what was done with it before.
  int32_t load(uint32_t slot) const { return __atomic_load_n(cells_ + slot, __ATOMIC_ACQUIRE); }
  // Release: the job is in its slot before it can be claimed.
  void store(uint32_t slot, Claim::State state) const {
    __atomic_store_n(cells_ + slot, state, __ATOMIC_RELEASE);
  }
  // Of two who want it in different ways one succeeds; acquire and release, as above.
  [[nodiscard]] bool change(uint32_t slot, Claim::State from, Claim::State to) const {
    int32_t expected = from;
    return __atomic_compare_exchange_n(cells_ + slot, &expected, to, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
  }
  // For the worker that was given it. False: it was taken back.
  [[nodiscard]] bool hold(uint32_t slot) const {
    int32_t expected = Claim::GIVEN;
    return __atomic_compare_exchange_n(cells_ + slot, &expected, kHeld, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
  }
  // For everybody else: false: it has begun, or is gone.
  [[nodiscard]] bool takeBack(uint32_t slot) const {
    while (!change(slot, Claim::GIVEN, Claim::TAKEN_BACK)) {
      if (load(slot) != kHeld) return false;
      sys::yieldThread();
    }
    return true;
  }
  bool isUnbegun(uint32_t slot) const {
    const int32_t state = load(slot);
    return state == Claim::GIVEN || state == kHeld;
  }
  bool isRunning(uint32_t slot) const {
    const int32_t state = load(slot);
    return state == Claim::RUNNING || state == Claim::SIGNALLED;
  }
  // When an isolate began the job, as it noted it of one that is LIMITED: for who has seen it run,
  // which is what orders this relaxed load. Whole milliseconds, of which the low 32 bits are kept.
  int64_t begunNs(uint32_t slot, int64_t nowNs) const {
    const auto now = static_cast<uint32_t>((nowNs - originNs_) / kMs);
    const auto begun =
        static_cast<uint32_t>(__atomic_load_n(cells_ + kBegins + slot, __ATOMIC_RELAXED));
    return nowNs - std::max<int64_t>(static_cast<int32_t>(now - begun), 0) * kMs;
  }

 private:
  static constexpr int64_t kMs = 1'000'000;

  int32_t* cells_;
  int64_t originNs_;
};

struct Slot {
  // Written under the lock. The worker's thread reads it without, of jobs whose claim it has made:
  // from then on nobody else touches the slot until `over`.
  Job* job = nullptr;
  Subqueue* home = nullptr;
  Target* target = nullptr;
  uint64_t number = 0;
  int32_t priority = 0;
  int64_t addedNs = 0;
  int64_t startedNs = 0;  // these two are the worker's thread's until `over`
  int64_t endedNs = 0;
  int64_t signalledNs = 0;
  // Release by the worker's thread, acquire by whoever accounts: the job has ended, was perhaps
  // handed back and destroyed; only the times above may be read.
  std::atomic<bool> over{false};
};

class Worker {
 public:
  Worker(Queue* queueIn, uint32_t numberIn) : queue(queueIn), number(numberIn) {}

  Queue* const queue;
  const uint32_t number;
  Worker* next = nullptr;  // of the queue's
  Worker* previous = nullptr;

  Tray* tray = nullptr;  // of the loop behind it; nullptr: a plain thread
  Claims claims{own};
  Slot slots[kClaims];
  uint32_t given = 0;    // slots in use
  uint64_t used = 0;     // which ones
  JobList bound;         // waiting for this one
  uint64_t signals = 0;  // slots whose JOB_SIGNAL is due

  // Those in use, as visit(index, slot); it may free them.
  template <class Visit>
  void eachSlot(Visit&& visit) {
    for (uint64_t left = used; left != 0; left &= left - 1) {
      const auto at = static_cast<uint32_t>(std::countr_zero(left));
      visit(at, slots[at]);
    }
  }
  // kClaims: there is none. Free for both sides: an isolate may still hold the record of a job that
  // was taken back.
  uint32_t freeSlot() const {
    for (uint64_t left = ~used; left != 0; left &= left - 1) {
      const auto at = static_cast<uint32_t>(std::countr_zero(left));
      if (claims.load(at) == Claim::FREE) return at;
    }
    return kClaims;
  }
  void use(uint32_t at) {
    used |= uint64_t{1} << at;
    given++;
  }
  void free(uint32_t at) {
    slots[at].job = nullptr;
    used &= ~(uint64_t{1} << at);
    given--;
  }

  enum class Stage : uint8_t { kWanted, kServing, kLeaving } stage = Stage::kWanted;
  bool idle = false;       // in the queue's list of those: to be called when there is work
  bool isCalled = false;   // and has not come yet
  bool blocked = false;    // what it runs waits for something
  bool wishStart = false;  // not yet said to the host
  bool wishEnd = false;
  bool terminated = false;  // its end was asked for
  Worker* nextIdle = nullptr;
  Worker* previousIdle = nullptr;
  int64_t idleSinceNs = 0;

  // --- of a plain thread
  sys::Thread thread;
  std::condition_variable wake;
  bool asleep = false;
  // Release by who calls, acquire by the thread, which looks a little while before it sleeps.
  std::atomic<bool> called{false};
  int32_t own[kClaims] = {};
};

using Workers = mem::Typed<Worker, mem::Builtin::kJobWorker>;

}  // namespace heddle::job
