// How jobs come into a queue, and leave it without having run.
#include <cerrno>

#include "job/queue.h"
#include "job/queue_aftermath.h"
#include "sys/clock.h"

namespace heddle::job {

// Waiting ones, those given and not begun among them.
uint32_t Queue::backlog() {
  uint32_t count = waiting_.count() + boundCount_;
  for (Worker* worker = workers_; worker != nullptr; worker = worker->next) {
    count += unbegun(worker);
  }
  return count;
}

// A look at every slot is spared as long as even all open jobs would be too few.
bool Queue::isOverBacklog() {
  if (maxBacklog_ == 0 || open_ + reserved_ < maxBacklog_) return false;
  return backlog() + reserved_ >= maxBacklog_;
}

int Queue::reserve() {
  const std::lock_guard<std::mutex> guard(lock_);
  if (state_ != State::kOpen) return -ESHUTDOWN;
  if (isOverBacklog()) return -EAGAIN;
  reserved_++;
  return 0;
}

void Queue::unreserve() {
  const std::lock_guard<std::mutex> guard(lock_);
  if (reserved_ > 0) reserved_--;
}

// VALUE: it is in.
JobOutcome::Id Queue::admit(Job* job) {
  if ((job->flags & JobFlag::RESERVED) != 0 && reserved_ > 0) reserved_--;
  if (state_ != State::kOpen) return JobOutcome::SHUTDOWN;
  // A thread may have come back and not been here since.
  if (wedged_ && wedgedSince() == INT64_MAX) wedged_ = false;
  if (wedged_) return JobOutcome::WEDGED;
  job->number = ++arrivals_;
  job->fate = JobOutcome::VALUE;
  if ((job->flags & JobFlag::BOUND) == 0) {
    if (!waiting_.push(job)) return JobOutcome::NO_MEMORY;
  } else {
    Worker* const worker = find(job->boundTo);
    if (worker == nullptr || worker->stage == Worker::Stage::kLeaving || worker->terminated) {
      return JobOutcome::WORKER_DIED;
    }
    if (!waiting_.pushBound(job)) return JobOutcome::NO_MEMORY;
    job->worker = worker;
    worker->bound.push(job);
    boundCount_++;
    if (worker->idle) call(worker);
  }
  open_++;
  if (dismissing_ > 0) drained_.notify_all();
  return JobOutcome::VALUE;
}

void Queue::submit(JobList* jobs) {
  Aftermath after{this};
  {
    const std::lock_guard<std::mutex> guard(lock_);
    while (!jobs->empty()) {
      Job* const job = jobs->pop();
      const JobOutcome::Id refused = admit(job);
      if (refused != JobOutcome::VALUE) after.end(job, refused);
    }
    giveBackForTurns();
    callIdle();
    plan(&after);
  }
  static_cast<void>(startThreads(&after));
  after.finishAll();
}

int Queue::submitOne(Job* job, bool tries) {
  Aftermath after{this};
  int planned = 0;
  uint64_t number = 0;
  {
    const std::lock_guard<std::mutex> guard(lock_);
    if (tries && state_ == State::kOpen && isOverBacklog()) return -EAGAIN;
    switch (admit(job)) {
      case JobOutcome::VALUE:
        break;
      case JobOutcome::NO_MEMORY:
        return -ENOMEM;
      case JobOutcome::SHUTDOWN:
        return -ESHUTDOWN;
      default:
        return -EAGAIN;
    }
    giveBackForTurns();
    callIdle();
    planned = plan(&after, job);
    if (planned == 0) number = arrivals_;
  }
  // From here on it may be over, and gone.
  const int started = startThreads(&after, number);
  after.finishAll();
  return planned < 0 ? planned : started;
}

// A job that came may have its turn before some that were given: a subqueue of its own, a higher
// priority, the newest first.
void Queue::giveBackForTurns() {
  if (waiting_.busySubqueues() <= 1 && !waiting_.hasPriorities() && !lifo_) return;
  for (Worker* worker = workers_; worker != nullptr; worker = worker->next) {
    // A single one was given under these rules and is about to begin.
    if (worker->given > 1) takeBackFrom(worker, kClaims);
  }
}

// A job that waits, in whichever list.
void Queue::takeOut(Job* job) {
  if (job->band != nullptr) {
    Subqueue* const home = job->home;
    waiting_.unlink(job);
    waiting_.settle(home);
  } else {
    job->worker->bound.remove(job);
    boundCount_--;
    waiting_.ungive(job->home);
  }
  job->place.store(Job::Place::kOutside, std::memory_order_relaxed);
  open_--;
}

Queue::Removal Queue::withdraw(Job* job) {
  const std::lock_guard<std::mutex> guard(lock_);
  const Removal removal = removeLocked(job);
  if (removal == Removal::kRemoved) checkDrained();
  return removal;
}

Queue::Removal Queue::remove(Job* job) {
  Aftermath after{this};
  Removal removal = Removal::kOver;
  {
    const std::lock_guard<std::mutex> guard(lock_);
    removal = removeLocked(job);
    if (removal == Removal::kRemoved) after.end(job, JobOutcome::REMOVED);
  }
  after.finishAll();
  return removal;
}

// By its number, of a job that may be gone by now; nullptr: it does not wait.
Job* Queue::findWaiting(uint64_t number) {
  Job* found = nullptr;
  waiting_.each([&found, number](Job* job) {
    if (job->number == number) found = job;
  });
  return found;
}

Queue::Removal Queue::removeLocked(Job* job) {
  switch (job->place.load(std::memory_order_relaxed)) {
    case Job::Place::kGiven:
      if (job->fate != JobOutcome::VALUE) return Removal::kRunning;
      if (!takeBack(job->worker, job->slot)) {
        return job->worker->slots[job->slot].over.load(std::memory_order_acquire)
                   ? Removal::kOver
                   : Removal::kRunning;
      }
      [[fallthrough]];
    case Job::Place::kWaiting:
      // Its work is over, the cleanup must not be lost.
      if (job->fate != JobOutcome::VALUE) return Removal::kRunning;
      takeOut(job);
      return Removal::kRemoved;
    default:
      return Removal::kOver;
  }
}

bool Queue::setDeadline(Job* job, int64_t deadlineNs) {
  const std::lock_guard<std::mutex> guard(lock_);
  const Job::Place place = job->place.load(std::memory_order_relaxed);
  if (place == Job::Place::kGiven && !takeBack(job->worker, job->slot)) return false;
  if (job->place.load(std::memory_order_relaxed) != Job::Place::kWaiting) return false;
  job->deadlineNs = deadlineNs;
  callIdle();
  return true;
}

// What waits ends, and what was given and has not begun. A cleanup that is still to be run is, as
// long as there are threads.
void Queue::dropAll(JobOutcome::Id outcome, bool onlyDroppable, Aftermath* after) {
  takeBackAll();
  const auto drop = [this, outcome, onlyDroppable, after](Job* job) {
    const bool stays = onlyDroppable && (job->flags & JobFlag::DROPPABLE) == 0;
    const bool cleansUp = job->fate != JobOutcome::VALUE;
    if (stays || (cleansUp && live_ > 0)) return;
    takeOut(job);
    after->end(job, cleansUp ? job->fate : outcome);
  };
  waiting_.each(drop);
  for (Worker* worker = workers_; worker != nullptr; worker = worker->next) {
    for (Job* job = worker->bound.first; job != nullptr;) {
      Job* const following = job->next;
      drop(job);
      job = following;
    }
  }
}

Queue::Stop Queue::signal(Job* job) {
  const int64_t now = sys::monotonicNs();
  const std::lock_guard<std::mutex> guard(lock_);
  return signalLocked(job, now);
}

// kTold: it runs. A cleanup has all the time it needs, whatever it is to be stopped for.
Queue::Stop Queue::whereIs(const Job* job) {
  if (job->fate != JobOutcome::VALUE) return Stop::kOver;
  const Job::Place place = job->place.load(std::memory_order_relaxed);
  if (place == Job::Place::kWaiting) return Stop::kWaits;
  if (place != Job::Place::kGiven) return Stop::kOver;
  const Worker* const worker = job->worker;
  if (worker->slots[job->slot].over.load(std::memory_order_acquire)) return Stop::kOver;
  if (worker->claims.isRunning(job->slot)) return Stop::kTold;
  return worker->claims.isUnbegun(job->slot) ? Stop::kNotYet : Stop::kOver;
}

Queue::Stop Queue::signalLocked(const Job* job, int64_t nowNs) {
  const Stop where = whereIs(job);
  if (where != Stop::kTold) return where;
  Worker* const worker = job->worker;
  if (worker->claims.change(job->slot, Claim::RUNNING, Claim::SIGNALLED)) {
    worker->slots[job->slot].signalledNs = nowNs;
    worker->signals |= uint64_t{1} << job->slot;
    if (worker->tray != nullptr) worker->tray->call(Tray::kSignals);
    return Stop::kTold;
  }
  return worker->claims.load(job->slot) == Claim::SIGNALLED ? Stop::kTold : Stop::kOver;
}

Queue::Stop Queue::terminate(Job* job, JobOutcome::Id outcome) {
  const int64_t now = sys::monotonicNs();
  Aftermath after{this};
  Stop stop = Stop::kOver;
  {
    const std::lock_guard<std::mutex> guard(lock_);
    stop = terminateLocked(job, outcome, now, &after);
  }
  after.finishAll();
  return stop;
}

Queue::Stop Queue::terminateLocked(Job* job, JobOutcome::Id outcome, int64_t nowNs,
                                   Aftermath* after) {
  const Stop stop = signalLocked(job, nowNs);
  Worker* const worker = job->worker;
  if (stop != Stop::kTold || worker->tray == nullptr || host_ == nullptr) return stop;
  if (worker->terminated) return Stop::kEnds;
  job->ifDead = outcome;
  worker->terminated = true;
  worker->wishEnd = true;
  tellHost();
  // These have asked for nothing. What is bound to the thread ends with it.
  takeBackFrom(worker, kClaims);
  endBound(worker, JobOutcome::WORKER_DIED, after);
  callIdle();
  return Stop::kEnds;
}

void Queue::noteStart(Job* job, int64_t nowNs) {
  const Stop where = whereIs(job);
  int64_t started = nowNs;
  if (where == Stop::kTold) {
    // Plain threads have said so themselves.
    if (job->worker->tray == nullptr) return;
    started = job->worker->claims.begunNs(job->slot, nowNs);
  } else if (where != Stop::kNotYet) {
    return;
  }
  job->startedNs.store(started, std::memory_order_relaxed);
}

Queue::Stop Queue::timeOver(Job* job, int64_t nowNs, bool* tooLong, bool tooLate) {
  Aftermath after{this};
  Stop stop = Stop::kOver;
  {
    const std::lock_guard<std::mutex> guard(lock_);
    if (*tooLong) noteStart(job, nowNs);
    *tooLong = *tooLong && job->hasRunOut(nowNs);
    if (!*tooLong && !tooLate) return Stop::kEarly;
    if ((job->flags & JobFlag::CANCEL_TERMINATE) != 0) {
      stop = terminateLocked(job, JobOutcome::RUN_TIMED_OUT, nowNs, &after);
    } else if ((job->flags & JobFlag::CANCEL_SIGNAL) != 0) {
      stop = signalLocked(job, nowNs);
    } else {
      stop = whereIs(job);
    }
  }
  after.finishAll();
  return stop;
}

uint64_t Queue::takeSignals(Worker* worker) {
  const std::lock_guard<std::mutex> guard(lock_);
  uint64_t signals = std::exchange(worker->signals, 0);
  for (uint32_t i = 0; i < kClaims; i++) {
    if (worker->claims.load(i) != Claim::SIGNALLED) signals &= ~(uint64_t{1} << i);
  }
  return signals;
}

int64_t Queue::checkWedged(int64_t nowNs) {
  Aftermath after{this};
  {
    const std::lock_guard<std::mutex> guard(lock_);
    const int64_t due = wedgedSince();
    if (due == INT64_MAX) return INT64_MAX;
    if (nowNs < due + kWedgeGraceNs) return due + kWedgeGraceNs;
    wedged_ = true;
    dropAll(JobOutcome::WEDGED, false, &after);
  }
  after.finishAll();
  return INT64_MAX;
}

// When the last thread was asked to stop; INT64_MAX: one is free, or may be added.
int64_t Queue::wedgedSince() {
  accountAll();
  if (live_ == 0 || live_ < desired_) return INT64_MAX;
  int64_t since = 0;
  for (Worker* worker = workers_; worker != nullptr; worker = worker->next) {
    if (worker->stage == Worker::Stage::kLeaving) continue;
    if (worker->terminated) return INT64_MAX;
    int64_t signalled = INT64_MAX;
    worker->eachSlot([worker, &signalled](uint32_t at, const Slot& slot) {
      if (worker->claims.load(at) == Claim::SIGNALLED) signalled = slot.signalledNs;
    });
    if (signalled == INT64_MAX) return INT64_MAX;
    if (signalled > since) since = signalled;
  }
  return since;
}

}  // namespace heddle::job
