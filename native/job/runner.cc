// The functions of asynchronous calls (aco/asynch_runner.h) as jobs: those without a queue's name
// run in the native queue of the process, others in whatever native queue has the name.
//
// Lock: taken before that of a queue, never while a function runs.
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "aco/asynch_runner.h"
#include "base/immortal.h"
#include "job/registry.h"
#include "job/target.h"
#include "sys/clock.h"

namespace heddle::job {
namespace {

using aco::AsynchJob;
using aco::AsynchUsage;

// Not to be found by name: its input would be an address.
void runAsynch(NativeCall& call) {
  auto* const asynch = static_cast<AsynchJob*>(call.owner());
  asynch->work(asynch);
}

// What kept the function from being called; 0 where it was.
int statusOf(const Job& job) {
  if (job.startedNs.load(std::memory_order_relaxed) != 0) return 0;
  switch (job.outcome) {
    case JobOutcome::TIMED_OUT:
      return -ETIME;
    case JobOutcome::SHUTDOWN:
      return -ECANCELED;
    case JobOutcome::NO_MEMORY:
      return -ENOMEM;
    case JobOutcome::NO_THREAD:
    case JobOutcome::WEDGED:
      return -EAGAIN;
    default:
      return 0;
  }
}

class Runner final : public aco::AsynchRunner {
 public:
  Runner() {
    target_.function = runAsynch;
    target_.name = "heddle:asynch";
  }

  int submit(AsynchJob* asynch) override {
    QueueRef queue;
    const int found = queueOf(asynch->queue, &queue);
    if (found < 0) return found;
    Job* const job = Job::make(0);
    if (job == nullptr) return -ENOMEM;
    job->ended = ended;
    job->owner = asynch;
    job->target = &target_;
    job->queue = queue->number();
    job->subqueue = asynch->subqueue;
    if (asynch->deadlineNs != 0) job->deadlineNs = asynch->deadlineNs;
    job->addedNs = sys::monotonicNs();
    // Before it may be done.
    begin(asynch, job);
    const int submitted = queue->submitOne(job, asynch->tryOnly);
    if (submitted < 0) abandon(asynch, job);
    return submitted;
  }

  bool withdraw(AsynchJob* asynch) override {
    const std::lock_guard<std::mutex> guard(lock_);
    auto* const job = static_cast<Job*>(asynch->under);
    if (job == nullptr) return false;
    const QueueRef queue = findQueue(job->queue);
    if (!queue || queue->withdraw(job) != Queue::Removal::kRemoved) return false;
    drop(asynch, job);
    return true;
  }

  void await(AsynchJob* asynch) override {
    std::unique_lock<std::mutex> guard(lock_);
    over_.wait(guard, [asynch] { return asynch->under == nullptr; });
  }

  void acquire() override {
    const std::lock_guard<std::mutex> guard(lock_);
    users_++;
  }

  void release() override {
    std::unique_lock<std::mutex> guard(lock_);
    if (--users_ > 0) return;
    over_.wait(guard, [this] { return underWay_ == 0; });
    guard.unlock();
    if (const QueueRef queue = findQueue(kNativeQueue)) queue->dismiss();
  }

  int setLimits(uint32_t threads, uint32_t backlog) override {
    if (threads == 0 || threads > aco::kMaxAsynchThreads) return -EINVAL;
    const QueueRef queue = nativeQueue();
    if (!queue) return -ENOMEM;
    queue->configure({.desired = threads, .maxBacklog = backlog});
    return 0;
  }

  AsynchUsage usage() override {
    const QueueRef queue = findQueue(kNativeQueue);
    if (!queue) return {};
    double stats[kJobStats];
    queue->stats(stats);
    const auto at = [&stats](JobStat::Place place) { return static_cast<uint32_t>(stats[place]); };
    return {at(JobStat::CONCURRENCY), at(JobStat::INFLIGHT), at(JobStat::BACKLOG)};
  }

 private:
  int queueOf(const char* name, QueueRef* queue) {
    if (name == nullptr || std::strcmp(name, "default") == 0) {
      *queue = nativeQueue();
      return *queue ? 0 : -ENOMEM;
    }
    *queue = findQueue(std::string_view(name));
    return *queue && (*queue)->kind() == JobQueueKind::NATIVE ? 0 : -ENOENT;
  }

  void begin(AsynchJob* asynch, Job* job) {
    const std::lock_guard<std::mutex> guard(lock_);
    asynch->under = job;
    asynch->status = 0;
    underWay_++;
  }

  void abandon(AsynchJob* asynch, Job* job) {
    const std::lock_guard<std::mutex> guard(lock_);
    drop(asynch, job);
  }

  // Under the lock.
  void drop(AsynchJob* asynch, Job* job) {
    asynch->under = nullptr;
    Job::destroy(job);
    if (--underWay_ == 0) over_.notify_all();
  }

  static void ended(Job* job);

  void done(Job* job) {
    auto* const asynch = static_cast<AsynchJob*>(job->owner);
    {
      const std::lock_guard<std::mutex> guard(lock_);
      asynch->status = statusOf(*job);
      asynch->under = nullptr;
      Job::destroy(job);
      over_.notify_all();
    }
    asynch->done(asynch);
    const std::lock_guard<std::mutex> guard(lock_);
    if (--underWay_ == 0) over_.notify_all();
  }

  std::mutex lock_;  // everything below
  std::condition_variable over_;
  uint32_t users_ = 0;
  uint32_t underWay_ = 0;  // until `done` has returned
  Target target_;
};

// Process-wide by nature: threads are the machine's, not a loop's.
Runner& runner() {
  static base::Immortal<Runner> instance;
  return *instance;
}

void Runner::ended(Job* job) { runner().done(job); }

}  // namespace
}  // namespace heddle::job

namespace heddle::aco {

AsynchRunner& asynchRunner() { return job::runner(); }

}  // namespace heddle::aco
