#include "job/threads.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "job/function.h"
#include "job/queue.h"
#include "job/target.h"
#include "mem/epoch.h"
#include "sys/clock.h"
#include "sys/spin.h"

namespace heddle::job {
namespace {

// How long a thread that has run dry looks for the next job before it sleeps, while that has paid
// lately: a little more than waking it would take.
constexpr int64_t kLookNs = 50'000;
// After so many vain looks in a row it sleeps at once, but for a try now and then.
constexpr uint32_t kMostVain = 8;
constexpr uint32_t kSpared = 64;

class Thread {
 public:
  explicit Thread(Worker* worker)
      : worker_(worker), queue_(*worker->queue), safety_(worker->queue->safety()) {}

  void serve() {
    nameThread(queue_, worker_->number);
    // Without memory for it the functions that need epochs say so.
    const bool attached = mem::epochAttachThread() == 0;
    inSections_ = attached && safety_ == JobSafety::CS;
    reclaims_ = attached && safety_ == JobSafety::GC;
    while (turn()) {
    }
    if (attached) mem::epochDetachThread();
    queue_.threadEnded(worker_);
  }

 private:
  // False: it is to end.
  bool turn() {
    constexpr Queue::Room kRoom{kClaims, SIZE_MAX, SIZE_MAX};
    uint32_t slots[kClaims];
    uint32_t count = 0;
    switch (queue_.take(worker_, kRoom, slots, &count)) {
      case Queue::Taken::kLeave:
        return false;
      case Queue::Taken::kNothing:
        return look() || queue_.awaitCall(worker_);
      case Queue::Taken::kJobs:
        break;
    }
    lastNs_ = sys::monotonicNs();
    for (uint32_t i = 0; i < count; i++) run(slots[i]);
    if (reclaims_) static_cast<void>(mem::epochMaintain(mem::MaintainMode::kTry));
    return true;
  }

  // Whether it was called within a little while.
  bool look() {
    if (vain_ >= kMostVain && ++spared_ % kSpared != 0) return false;
    const int64_t end = lastNs_ + kLookNs;
    do {
      for (int i = 0; i < 32; i++) {
        // Acquire: pairs with the release of who calls.
        if (worker_->called.load(std::memory_order_acquire)) {
          vain_ = 0;
          return true;
        }
        sys::relax();
      }
    } while (sys::monotonicNs() < end);
    if (vain_ < kMostVain) vain_++;
    return false;
  }

  void run(uint32_t at) {
    if (!worker_->claims.change(at, Claim::GIVEN, Claim::RUNNING)) {
      worker_->claims.store(at, Claim::FREE);  // taken back
      return;
    }
    Slot& slot = worker_->slots[at];
    Job* const job = slot.job;
    slot.startedNs = lastNs_;
    job->startedNs.store(lastNs_, std::memory_order_relaxed);
    if (inSections_) {
      const mem::EpochScope section;
      call(job, at);
    } else {
      call(job, at);
    }
    lastNs_ = sys::monotonicNs();
    slot.endedNs = lastNs_;
    if (job->fate == JobOutcome::VALUE) slot.target->noteRun(slot.endedNs - slot.startedNs);
    job->endedNs = lastNs_;
    Queue::ended(worker_, at);
    finish(job);
  }

  void call(Job* job, uint32_t at) {
    const int32_t* const claim = worker_->claims.at(at);
    if (job->fate != JobOutcome::VALUE) {
      cleanUp(job, claim);
      job->outcome = job->fate;
      return job->clearBytes();
    }
    const Target& target = *job->target;
    NativeCall native(job->bytes(), job->byteCount(), claim, target.context, job->owner);
    if (target.bare != nullptr) {
      callBare(target.bare, job, &native);
    } else {
      target.function(native);
    }
    cleanUp(job, claim);
    if (native.deliver(job)) return;
    job->outcome = JobOutcome::NO_MEMORY;
    job->clearBytes();
  }

  // Its output is its argument as it leaves it.
  static void callBare(aco::NamedFunction function, Job* job, NativeCall* native) {
    const size_t size = job->byteCount();
    uint8_t* bytes = nullptr;
    if (size > 0) {
      bytes = native->reserve(size);
      if (bytes == nullptr) return native->fail(-ENOMEM);
      std::memcpy(bytes, job->bytes(), size);
    }
    native->setNumber(static_cast<double>(function(bytes, size)));
  }

  static void cleanUp(Job* job, const int32_t* claim) {
    if (job->cleanup == nullptr) return;
    const Target& target = *job->cleanup;
    NativeCall native(job->bytes(), job->byteCount(), claim, target.context, job->owner);
    if (target.bare != nullptr) return callBare(target.bare, job, &native);
    target.function(native);
  }

  Worker* const worker_;
  Queue& queue_;
  const JobSafety::Id safety_;
  bool inSections_ = false;
  bool reclaims_ = false;
  int64_t lastNs_ = 0;
  uint32_t vain_ = 0;
  uint32_t spared_ = 0;
};

void* threadMain(void* worker) {
  Thread(static_cast<Worker*>(worker)).serve();
  return nullptr;
}

}  // namespace

void nameThread(const Queue& queue, uint32_t worker) {
  const std::string_view text = queue.shortName();
  const auto length = static_cast<int>(text.size());
  char name[32];
  const int whole = std::snprintf(name, sizeof name, "%.*s/%u", length, text.data(), worker);
  if (whole >= static_cast<int>(sys::kThreadNameBytes)) {
    std::snprintf(name, sizeof name, "%.*s%u", length, text.data(), worker);
  }
  sys::nameThread(name);
}

int startThread(Worker* worker, size_t stackBytes) {
  return worker->thread.start(threadMain, worker, stackBytes);
}

}  // namespace heddle::job
