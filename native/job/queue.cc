// A queue's life, settings and numbers.
#include "job/queue.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "job/queue_aftermath.h"
#include "job/registry.h"
#include "job/target.h"
#include "sys/clock.h"

namespace heddle::job {
namespace {

constexpr double kNsPerMs = 1e6;

template <class T>
void change(T* setting, int64_t value) {
  if (value >= 0) *setting = static_cast<T>(value);
}

}  // namespace

Queue::Queue(uint32_t number, const QueueSpec& spec, Tray* host)
    : number_(number),
      kind_(spec.kind),
      safety_(spec.safety),
      isProcessOwned_(host == nullptr),
      name_(spec.name),
      host_(host),
      desired_(spec.desired),
      min_(spec.min),
      max_(spec.max),
      floor_(spec.floor),
      maxBacklog_(spec.maxBacklog),
      stackBytes_(spec.stackBytes),
      lifo_(spec.lifo) {
  if (host_ != nullptr) host_->acquire();
}

Queue::~Queue() {
  joinGone(gone_);
  if (host_ != nullptr) host_->release();
}

int Queue::open() {
  if (!nameBytes_.append(name_.data(), name_.size())) return -ENOMEM;
  name_ = {nameBytes_.data(), nameBytes_.size()};
  return 0;
}

void Queue::release() {
  // Acquire and release: the last one destroys what the others have used.
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) Queues::destroy(this);
}

void Queue::configure(const QueueSettings& settings) {
  Aftermath after{this};
  {
    const std::lock_guard<std::mutex> guard(lock_);
    change(&desired_, settings.desired);
    change(&min_, settings.min);
    change(&max_, settings.max);
    change(&floor_, settings.floor);
    change(&maxBacklog_, settings.maxBacklog);
    change(&stackBytes_, settings.stackBytes);
    if (settings.lifo >= 0) lifo_ = settings.lifo != 0;
    if (settings.paused >= 0) paused_ = settings.paused != 0;
    // What was given under the old rules and has not begun is given anew.
    takeBackAll();
    cancelWanted();
    callEveryIdle();
    plan(&after);
    if (settings.spawn) spawn(&after);
    checkDrained();
  }
  static_cast<void>(startThreads(&after));
  after.finishAll();
}

void Queue::stats(double* into) {
  const std::lock_guard<std::mutex> guard(lock_);
  accountAll();
  const uint32_t waiting = backlog();
  into[JobStat::BACKLOG] = waiting;
  into[JobStat::INFLIGHT] = inflight();
  into[JobStat::TOTAL] = static_cast<double>(total_);
  into[JobStat::TIMEOUTS] = static_cast<double>(timeouts_);
  into[JobStat::AVG_WAIT_MS] = avgWaitNs_ / kNsPerMs;
  into[JobStat::AVG_RUN_MS] = avgRunNs_ / kNsPerMs;
  into[JobStat::CONCURRENCY] = live_;
  into[JobStat::DESIRED] = desired_;
  into[JobStat::MIN] = min_;
  into[JobStat::MAX] = max_;
  into[JobStat::FLOOR] = floor_;
  into[JobStat::MAX_BACKLOG] = maxBacklog_;
  into[JobStat::LIFO] = lifo_ ? 1 : 0;
  into[JobStat::PAUSED] = paused_ ? 1 : 0;
  into[JobStat::STATE] = static_cast<double>(state_);
  into[JobStat::IDLE] = idleCount_;
  into[JobStat::SAFETY] = safety_;
}

// One for each worker at most: of an isolate the others have ended, which is not yet known here.
uint32_t Queue::inflight() {
  uint32_t count = 0;
  for (Worker* worker = workers_; worker != nullptr; worker = worker->next) {
    if (worker->given > unbegun(worker)) count++;
  }
  return count;
}

int Queue::jobs(JobInfos* into) {
  const int64_t now = sys::monotonicNs();
  const std::lock_guard<std::mutex> guard(lock_);
  accountAll();
  if (!into->reserve(open_)) return -ENOMEM;
  const auto add = [into, now](uint32_t target, int32_t priority, uint64_t subqueue,
                               int64_t addedNs, bool running) {
    const double ageMs = static_cast<double>(now - addedNs) / kNsPerMs;
    static_cast<void>(into->push({target, priority, subqueue, ageMs, running}));
  };
  const auto addJob = [&add](const Job* job) {
    add(job->target->number, job->priority, job->subqueue, job->addedNs, false);
  };
  waiting_.each(addJob);
  for (Worker* worker = workers_; worker != nullptr; worker = worker->next) {
    for (const Job* job = worker->bound.first; job != nullptr; job = job->next) addJob(job);
    worker->eachSlot([worker, &add](uint32_t at, const Slot& slot) {
      add(slot.target->number, slot.priority, slot.home->id, slot.addedNs,
          worker->claims.isRunning(at));
    });
  }
  return 0;
}

int Queue::subqueues(SubqueueInfos* into) {
  const std::lock_guard<std::mutex> guard(lock_);
  accountAll();
  if (!into->reserve(waiting_.busySubqueues() + size_t{1})) return -ENOMEM;
  waiting_.eachSubqueue([this, into](Subqueue& home) {
    if (home.waiting == 0 && home.given == 0) return;
    const uint32_t idle = unbegun(home);
    static_cast<void>(into->push({home.id, home.waiting + idle, home.given - idle}));
  });
  return 0;
}

Queue::State Queue::state() {
  const std::lock_guard<std::mutex> guard(lock_);
  return state_;
}

int Queue::drain(Tray* tray, uint32_t request) {
  if (isProcessOwned_) return -EPERM;
  Notice* const notice = Notices::make();
  if (notice == nullptr) return -ENOMEM;
  notice->tray = tray;
  notice->request = request;
  tray->acquire();
  const std::lock_guard<std::mutex> guard(lock_);
  notice->next = drainers_;
  drainers_ = notice;
  beginDrain();
  return 0;
}

void Queue::awaitDrained() {
  std::unique_lock<std::mutex> guard(lock_);
  beginDrain();
  drained_.wait(guard, [this] { return state_ == State::kDrained; });
}

void Queue::beginDrain() {
  if (state_ == State::kOpen) state_ = State::kDraining;
  accountAll();
  cancelWanted();
  callEveryIdle();
  checkDrained();
}

void Queue::checkDrained() {
  if (state_ == State::kOpen) return;
  // Who is idle has no reason to stay.
  if (open_ == 0) callEveryIdle();
  // What is said to be over was handed back before: who hears of the drain has heard of the jobs.
  const bool isOver = open_ == 0 && ending_ == 0 && parents_ == 0 && workers_ == nullptr;
  if (state_ == State::kDraining && !isOver) return;
  state_ = State::kDrained;
  drained_.notify_all();
  while (drainers_ != nullptr) {
    Notice* const notice = drainers_;
    drainers_ = notice->next;
    notice->tray->put(notice);
  }
}

void Queue::finished(uint32_t count) {
  const std::lock_guard<std::mutex> guard(lock_);
  ending_ -= count;
  checkDrained();
}

void Queue::parentBegins() {
  acquire();
  const std::lock_guard<std::mutex> guard(lock_);
  parents_++;
}

void Queue::parentOver() {
  bool isLeft = false;
  {
    const std::lock_guard<std::mutex> guard(lock_);
    parents_--;
    checkDrained();
    isLeft = host_ == nullptr && state_ == State::kDrained;
  }
  if (isLeft) reapQueues();
  release();
}

void Queue::joinGone(Worker* gone) {
  while (gone != nullptr) {
    Worker* const worker = gone;
    gone = worker->next;
    worker->thread.join();
    Workers::destroy(worker);
  }
}

void Queue::dismiss() {
  std::unique_lock<std::mutex> guard(lock_);
  dismissing_++;
  callEveryIdle();
  drained_.wait(guard, [this] {
    // Jobs that are over and not accounted for are nobody's reason to stay.
    accountAll();
    return workers_ == nullptr || open_ > 0;
  });
  dismissing_--;
  Worker* const gone = std::exchange(gone_, nullptr);
  guard.unlock();
  joinGone(gone);
}

uint32_t Queue::dropWaiting(bool onlyDroppable) {
  Aftermath after{this};
  uint32_t dropped = 0;
  {
    const std::lock_guard<std::mutex> guard(lock_);
    dropAll(JobOutcome::SHUTDOWN, onlyDroppable, &after);
    dropped = after.over.count;
    callEveryIdle();
    checkDrained();
  }
  after.finishAll();
  return dropped;
}

bool Queue::isHostedBy(const Tray* tray) {
  const std::lock_guard<std::mutex> guard(lock_);
  return host_ == tray;
}

bool Queue::isOrphaned() {
  const std::lock_guard<std::mutex> guard(lock_);
  return host_ == nullptr && state_ == State::kDrained;
}

void Queue::hostGone() {
  Aftermath after{this};
  {
    const std::lock_guard<std::mutex> guard(lock_);
    if (host_ == nullptr) return;
    std::exchange(host_, nullptr)->release();
    if (state_ == State::kOpen) state_ = State::kDraining;
    paused_ = false;  // nobody will resume it, and cleanups are still to be run
    forgetWanted(&after);
    dropAll(JobOutcome::SHUTDOWN, false, &after);
    callEveryIdle();
    checkDrained();
  }
  after.finishAll();
}

}  // namespace heddle::job
