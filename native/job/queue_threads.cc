// The threads of a queue: when there is to be one more, who is called, who goes.
#include <algorithm>
#include <cerrno>
#include <chrono>

#include "job/queue.h"
#include "job/queue_aftermath.h"
#include "job/registry.h"
#include "job/threads.h"
#include "sys/clock.h"

namespace heddle::job {

// --- more of them

bool Queue::wantsThread() const {
  if (open_ == 0 || paused_ || (kind_ == JobQueueKind::WORKER && host_ == nullptr)) return false;
  return live_ == 0 || (live_ < desired_ && live_ < open_);
}

// Nobody serves it, and nobody ever will.
bool Queue::isAbandoned() const {
  return live_ == 0 && kind_ == JobQueueKind::WORKER && host_ == nullptr;
}

int Queue::plan(Aftermath* after, Job* asking) {
  while (wantsThread()) {
    // Jobs that are over and not accounted for are no reason.
    accountAll();
    if (!wantsThread() || !want(after)) break;
  }
  if (live_ > 0 || open_ == 0 || paused_) return 0;
  const bool refused = asking != nullptr && removeLocked(asking) == Removal::kRemoved;
  dropAll(JobOutcome::NO_MEMORY, false, after);
  return refused ? -ENOMEM : 0;
}

// As many as can be had.
void Queue::spawn(Aftermath* after) {
  if (state_ != State::kOpen || (kind_ == JobQueueKind::WORKER && host_ == nullptr)) return;
  while (live_ < desired_ && want(after)) {
  }
}

// False without memory.
bool Queue::want(Aftermath* after) {
  Worker* const worker = Workers::make(this, ++lastWorker_);
  if (worker == nullptr) return false;
  worker->next = workers_;
  if (workers_ != nullptr) workers_->previous = worker;
  workers_ = worker;
  live_++;
  if (kind_ == JobQueueKind::NATIVE) {
    worker->stage = Worker::Stage::kServing;
    worker->nextIdle = after->starting;
    after->starting = worker;
    after->stackBytes = stackBytes_;
    // A thread that was not joined keeps its stack: where threads come and go none are left behind.
    if (after->gone == nullptr) after->gone = std::exchange(gone_, nullptr);
  } else {
    worker->wishStart = true;
    tellHost();
  }
  return true;
}

// Without the lock: making a thread takes its time. A thread that cannot be made leaves its work to
// the others; when there are none, what waits ends. For the job that asks for it, which is the
// caller's again then, the errno is the answer; others may have run it meanwhile.
int Queue::startThreads(Aftermath* after, uint64_t asking) {
  int answer = 0;
  joinGone(std::exchange(after->gone, nullptr));
  while (after->starting != nullptr) {
    Worker* const worker = after->starting;
    after->starting = worker->nextIdle;
    worker->nextIdle = nullptr;
    const int started = startThread(worker, after->stackBytes);
    if (started == 0) continue;
    const std::lock_guard<std::mutex> guard(lock_);
    loseJobs(worker, after);
    live_--;
    unlist(worker);
    Workers::destroy(worker);
    drained_.notify_all();
    if (live_ > 0) continue;
    Job* const asked = asking == 0 ? nullptr : findWaiting(asking);
    if (asked != nullptr && removeLocked(asked) == Removal::kRemoved) answer = started;
    dropAll(JobOutcome::NO_THREAD, false, after);
    checkDrained();
  }
  return answer;
}

void Queue::tellHost() {
  if (host_ != nullptr) host_->call(Tray::kWishes);
}

bool Queue::nextWish(Wish* wish) {
  const std::lock_guard<std::mutex> guard(lock_);
  for (Worker* worker = workers_; worker != nullptr; worker = worker->next) {
    if (!worker->wishStart && !worker->wishEnd) continue;
    const bool start = std::exchange(worker->wishStart, false);
    if (!start) worker->wishEnd = false;
    *wish = {number_, worker->number, start ? JobWorkerWish::START : JobWorkerWish::TERMINATE};
    return true;
  }
  return false;
}

Worker* Queue::find(uint32_t number) {
  Worker* worker = workers_;
  while (worker != nullptr && worker->number != number) worker = worker->next;
  return worker;
}

Worker* Queue::serve(uint32_t number, Claims claims, Tray* tray) {
  const std::lock_guard<std::mutex> guard(lock_);
  Worker* const worker = kind_ == JobQueueKind::WORKER ? find(number) : nullptr;
  if (worker == nullptr || worker->stage != Worker::Stage::kWanted) return nullptr;
  worker->stage = Worker::Stage::kServing;
  worker->wishStart = false;
  worker->claims = claims;
  worker->tray = tray;
  return worker;
}

// --- idle ones

void Queue::setIdle(Worker* worker) {
  if (worker->idle) return;
  worker->idle = true;
  worker->idleSinceNs = sys::monotonicNs();
  worker->previousIdle = nullptr;
  worker->nextIdle = idle_;
  if (idle_ != nullptr) idle_->previousIdle = worker;
  idle_ = worker;
  idleCount_++;
}

// It comes for work: called or by itself.
void Queue::clearIdle(Worker* worker) {
  worker->called.store(false, std::memory_order_relaxed);  // under the lock, as calling is
  if (worker->isCalled) {
    worker->isCalled = false;
    calling_--;
  }
  if (!worker->idle) return;
  worker->idle = false;
  (worker->previousIdle == nullptr ? idle_ : worker->previousIdle->nextIdle) = worker->nextIdle;
  if (worker->nextIdle != nullptr) worker->nextIdle->previousIdle = worker->previousIdle;
  worker->nextIdle = worker->previousIdle = nullptr;
  idleCount_--;
}

void Queue::call(Worker* worker) {
  clearIdle(worker);
  worker->isCalled = true;
  calling_++;
  nudge(worker);
}

// It comes, whether or not it is idle.
void Queue::nudge(Worker* worker) {
  if (worker->tray != nullptr) return worker->tray->call(Tray::kWork);
  // Release: pairs with the acquire of a thread that looks for it without the lock.
  worker->called.store(true, std::memory_order_release);
  if (worker->asleep) worker->wake.notify_one();
}

// One for each job that nobody is on the way for.
void Queue::callIdle() {
  if (paused_) return;
  while (idle_ != nullptr && waiting_.count() > calling_) call(idle_);
}

// Something other than a job: who is to go finds out.
void Queue::callEveryIdle() {
  while (idle_ != nullptr) call(idle_);
}

// However long it has been idle. Jobs that are bound to it wait while the queue is paused.
bool Queue::mayNotGo(const Worker* worker) const {
  return live_ <= floor_ || !worker->bound.empty();
}

bool Queue::awaitCall(Worker* worker) {
  std::unique_lock<std::mutex> guard(lock_);
  worker->asleep = true;
  bool stays = true;
  while (stays && !worker->called.load(std::memory_order_relaxed)) {
    if (mayNotGo(worker)) {
      worker->wake.wait(guard);
      continue;
    }
    const int64_t restNs = worker->idleSinceNs + kIdleNs - sys::monotonicNs();
    if (restNs > 0) {
      worker->wake.wait_for(guard, std::chrono::nanoseconds(restNs));
      continue;
    }
    clearIdle(worker);
    leave(worker);
    stays = false;
  }
  worker->asleep = false;
  return stays;
}

bool Queue::leaveIdle(Worker* worker, int64_t nowNs, int64_t* againNs) {
  const std::lock_guard<std::mutex> guard(lock_);
  *againNs = INT64_MAX;
  if (!worker->idle || mayNotGo(worker)) return false;
  if (nowNs - worker->idleSinceNs < kIdleNs) {
    *againNs = worker->idleSinceNs + kIdleNs;
    return false;
  }
  clearIdle(worker);
  leave(worker);
  return true;
}

// --- less of them

bool Queue::mustLeave(const Worker* worker) const {
  if (worker->given > 0 || !worker->bound.empty()) return false;
  if (worker->stage == Worker::Stage::kLeaving) return true;
  if ((state_ != State::kOpen || dismissing_ > 0) && open_ == 0) return true;
  return live_ > std::max(desired_, 1u);
}

void Queue::leave(Worker* worker) {
  if (worker->stage == Worker::Stage::kLeaving) return;
  worker->stage = Worker::Stage::kLeaving;
  live_--;
}

void Queue::unlist(Worker* worker) {
  (worker->previous == nullptr ? workers_ : worker->previous->next) = worker->next;
  if (worker->next != nullptr) worker->next->previous = worker->previous;
  worker->next = worker->previous = nullptr;
}

// Threads that were wanted, are not wanted any more, and that the host has not heard of.
void Queue::cancelWanted() {
  for (Worker* worker = workers_; worker != nullptr;) {
    Worker* const following = worker->next;
    if (worker->wishStart && mustLeave(worker)) {
      live_--;
      unlist(worker);
      Workers::destroy(worker);
    }
    worker = following;
  }
}

// Who was to make them is gone, whether or not it has begun to.
void Queue::forgetWanted(Aftermath* after) {
  for (Worker* worker = workers_; worker != nullptr;) {
    Worker* const following = worker->next;
    if (worker->stage == Worker::Stage::kWanted) {
      endBound(worker, JobOutcome::SHUTDOWN, after);
      live_--;
      unlist(worker);
      Workers::destroy(worker);
    }
    worker = following;
  }
}

void Queue::endBound(Worker* worker, JobOutcome::Id outcome, Aftermath* after) {
  while (!worker->bound.empty()) {
    Job* const job = worker->bound.first;
    takeOut(job);
    after->end(job, outcome);
  }
}

// A plain thread has nothing more to do with the queue but to be joined. Of a queue that nobody
// waits for any more the last one takes it along.
void Queue::threadEnded(Worker* worker) {
  QueueRef self;
  {
    const std::lock_guard<std::mutex> guard(lock_);
    unlist(worker);
    if (host_ == nullptr && !isProcessOwned_ && dismissing_ == 0) {
      acquire();
      self = QueueRef(this);
      sys::detachThread();
      Workers::destroy(worker);
    } else {
      worker->next = gone_;
      gone_ = worker;
    }
    checkDrained();
    drained_.notify_all();
  }
  if (self) reapQueues();
}

void Queue::workerGone(Worker* worker) {
  Aftermath after{this};
  {
    const std::lock_guard<std::mutex> guard(lock_);
    account(worker);
    clearIdle(worker);
    loseJobs(worker, &after);
    if (worker->stage != Worker::Stage::kLeaving) live_--;
    unlist(worker);
    Workers::destroy(worker);
    wedged_ = false;
    if (isAbandoned()) dropAll(JobOutcome::SHUTDOWN, false, &after);
    callIdle();
    plan(&after);
    checkDrained();
  }
  static_cast<void>(startThreads(&after));
  after.finishAll();
}

void Queue::loseJobs(Worker* worker, Aftermath* after) {
  takeBackFrom(worker, kClaims);
  endBound(worker, JobOutcome::WORKER_DIED, after);
  worker->eachSlot([this, worker, after](uint32_t at, const Slot& slot) {
    Job* const job = slot.job;
    // To a worker a phased job without a cleanup of its own is one function for all phases.
    const bool cleansUp = (job->flags & JobFlag::PHASED) != 0 &&
                          (job->cleanup != nullptr || kind_ == JobQueueKind::WORKER);
    const JobOutcome::Id outcome = job->fate != JobOutcome::VALUE ? job->fate : job->ifDead;
    if (cleansUp && job->fate == JobOutcome::VALUE && host_ != nullptr) {
      job->fate = outcome;
      job->unbound = true;
      waiting_.restore(job);
      waiting_.ungive(job->home);
      worker->free(at);
      return;
    }
    job->place.store(Job::Place::kOver, std::memory_order_relaxed);
    total_++;
    freeSlot(worker, at);
    after->end(job, outcome);
  });
}

void Queue::workerEnded(uint32_t number) {
  Aftermath after{this};
  {
    const std::lock_guard<std::mutex> guard(lock_);
    Worker* const worker = find(number);
    // One that serves is told of by its own desk, which knows what became of its jobs.
    if (worker == nullptr || worker->stage != Worker::Stage::kWanted) return;
    endBound(worker, JobOutcome::WORKER_DIED, &after);
    live_--;
    unlist(worker);
    Workers::destroy(worker);
    if (live_ == 0) dropAll(JobOutcome::NO_THREAD, false, &after);
    checkDrained();
  }
  after.finishAll();
}

}  // namespace heddle::job
