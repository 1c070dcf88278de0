// How a queue gives jobs to its workers, and takes back what they have not begun.
#include <algorithm>

#include "job/queue.h"
#include "job/queue_aftermath.h"
#include "job/target.h"
#include "sys/clock.h"

namespace heddle::job {
namespace {

// Of the smoothed values: so much of what they were, so much of the new one (JQ-10).
constexpr double kOld = 0.8;
constexpr double kNew = 0.2;
// Work that one worker is given at once, as far as it can be guessed.
constexpr uint32_t kBatchNs = 100'000;

void smooth(double* average, double value, bool first) {
  *average = first ? value : *average * kOld + value * kNew;
}

}  // namespace

// What one `take` gives. Several jobs only if all that follow the first are short, in one subqueue
// and in order of arrival, and none of them has a deadline or a limit of its own: whose time would
// have to be looked at when it begins.
struct Queue::Batch {
  const Room& room;
  uint32_t most;  // the fair share
  int64_t nowNs = 0;
  uint32_t count = 0;
  size_t bytes = 0;
  uint64_t guessNs = 0;
  bool closed = false;  // nothing may follow
  bool isFull = false;  // the next one does not fit
};

bool Queue::isAlone(const Job* job) const {
  constexpr uint32_t kSpecial = JobFlag::BOUND | JobFlag::CANCEL_SIGNAL | JobFlag::CANCEL_TERMINATE;
  return lifo_ || waiting_.busySubqueues() > 1 || waiting_.hasPriorities() ||
         job->deadlineNs != INT64_MAX || job->runLimitNs != 0 || (job->flags & kSpecial) != 0 ||
         job->fate != JobOutcome::VALUE;
}

Queue::Taken Queue::take(Worker* worker, const Room& room, uint32_t* slots, uint32_t* count) {
  Aftermath after{this};
  Taken taken = Taken::kJobs;
  *count = 0;
  {
    const std::lock_guard<std::mutex> guard(lock_);
    account(worker);
    clearIdle(worker);
    if (!worker->terminated && mustLeave(worker)) {
      leave(worker);
      taken = Taken::kLeave;
    } else {
      // Who is about to be ended is given nothing, though what it was to be ended for is over.
      if (worker->blocked || worker->terminated || paused_ || room.jobs == 0) {
        taken = Taken::kNothing;
      } else {
        bool comes = takeJobs(worker, room, slots, count, &after);
        if (!comes && steal(worker)) comes = takeJobs(worker, room, slots, count, &after);
        if (!comes) taken = Taken::kNothing;
      }
      if (taken == Taken::kNothing && worker->given == 0 && !worker->terminated) {
        setIdle(worker);
        // A job may have gone by itself, of a queue that only waited for that.
        if (mustLeave(worker)) {
          clearIdle(worker);
          leave(worker);
          taken = Taken::kLeave;
        }
      }
    }
    checkDrained();
  }
  after.finishAll();
  return taken;
}

// False: there is nothing for the worker.
bool Queue::takeJobs(Worker* worker, const Room& room, uint32_t* slots, uint32_t* count,
                     Aftermath* after) {
  const uint32_t others = std::max(live_, 1u);
  Batch batch{room, (waiting_.count() + others - 1) / others, sys::monotonicNs()};
  while (Job* const job = pick(worker, &batch, after)) {
    slots[batch.count++] = place(worker, job);
    if (batch.closed || batch.count >= batch.most || batch.count >= room.jobs) break;
  }
  *count = batch.count;
  return batch.count > 0 || batch.isFull;
}

// The next job for the worker, out of its list; nullptr: none, or none that may join the batch.
Job* Queue::pick(Worker* worker, Batch* batch, Aftermath* after) {
  while (worker->freeSlot() < kClaims) {
    const bool bound = !worker->bound.empty();
    Job* const job = bound ? worker->bound.first : waiting_.peek(desired_, lifo_);
    if (job == nullptr) return nullptr;
    if (job->deadlineNs < batch->nowNs && job->fate == JobOutcome::VALUE) {
      endLate(job, after);
      continue;
    }
    const size_t bytes = job->byteCount();
    const size_t small = bytes > batch->room.largest ? 0 : bytes;
    if (batch->bytes + small > batch->room.bytes) {
      batch->isFull = true;
      return nullptr;
    }
    const uint32_t guess = job->target->guessNs.load(std::memory_order_relaxed);
    const bool alone = isAlone(job);
    if (batch->count > 0 && (alone || batch->guessNs + guess > kBatchNs)) return nullptr;
    batch->closed = alone;
    batch->guessNs += guess;
    batch->bytes += (small + 7) & ~size_t{7};
    if (bound) {
      worker->bound.pop();
      boundCount_--;
    } else {
      waiting_.turnAfter(job);
      waiting_.unlink(job);
      waiting_.give(job);
    }
    return job;
  }
  return nullptr;
}

// Its deadline has passed before it could begin (AS-08): the cleanup of a phased one is still to
// run, the others are over.
void Queue::endLate(Job* job, Aftermath* after) {
  timeouts_++;
  if ((job->flags & JobFlag::PHASED) != 0) {
    job->fate = JobOutcome::TIMED_OUT;
    return;
  }
  takeOut(job);
  total_++;
  after->end(job, JobOutcome::TIMED_OUT);
}

uint32_t Queue::place(Worker* worker, Job* job) {
  const uint32_t at = worker->freeSlot();
  Slot& slot = worker->slots[at];
  slot.job = job;
  slot.home = job->home;
  slot.target = job->target;
  slot.number = job->number;
  slot.priority = job->priority;
  slot.addedNs = job->addedNs;
  slot.startedNs = 0;
  slot.over.store(false, std::memory_order_relaxed);  // the claim's release publishes it
  job->worker = worker;
  job->slot = at;
  job->place.store(Job::Place::kGiven, std::memory_order_relaxed);
  worker->use(at);
  worker->claims.store(at, Claim::GIVEN);
  return at;
}

void Queue::ended(Worker* worker, uint32_t slot) {
  Slot& ended = worker->slots[slot];
  ended.job->place.store(Job::Place::kOver, std::memory_order_relaxed);
  worker->claims.store(slot, Claim::FREE);
  ended.over.store(true, std::memory_order_release);
}

void Queue::accountSlot(Worker* worker, uint32_t at) {
  const Slot* const slot = &worker->slots[at];
  smooth(&avgWaitNs_, static_cast<double>(slot->startedNs - slot->addedNs), ran_ == 0);
  smooth(&avgRunNs_, static_cast<double>(slot->endedNs - slot->startedNs), ran_ == 0);
  ran_++;
  total_++;
  freeSlot(worker, at);
}

void Queue::freeSlot(Worker* worker, uint32_t at) {
  waiting_.ungive(worker->slots[at].home);
  worker->free(at);
  open_--;
  wedged_ = false;
}

void Queue::account(Worker* worker) {
  worker->eachSlot([this, worker](uint32_t at, const Slot& slot) {
    // Acquire: the times that the worker's thread wrote.
    if (slot.over.load(std::memory_order_acquire)) accountSlot(worker, at);
  });
}

void Queue::accountAll() {
  for (Worker* worker = workers_; worker != nullptr; worker = worker->next) account(worker);
}

// True: it waits again, in its old place.
bool Queue::takeBack(Worker* worker, uint32_t at) {
  if (!worker->claims.takeBack(at)) return false;
  Job* const job = worker->slots[at].job;
  worker->free(at);
  // It has not begun, and its limit does not count yet. Relaxed, as all its writes are.
  job->startedNs.store(0, std::memory_order_relaxed);
  if ((job->flags & JobFlag::BOUND) != 0 && !job->unbound) {
    worker->bound.pushFront(job);
    boundCount_++;
    job->place.store(Job::Place::kWaiting, std::memory_order_relaxed);
  } else {
    waiting_.restore(job);
    waiting_.ungive(job->home);
  }
  // It may have looked for more already and found nothing: idle it was not while it had been given
  // something, so that nobody would call it.
  if (worker->given == 0) nudge(worker);
  return true;
}

// The latest first, so that bound jobs come back in order, and others stay where they are next.
void Queue::takeBackFrom(Worker* worker, uint32_t most) {
  for (; most > 0 && worker->given > 0; most--) {
    uint32_t latest = kClaims;
    worker->eachSlot([worker, &latest](uint32_t at, const Slot& slot) {
      if (!worker->claims.isUnbegun(at)) return;
      if (latest == kClaims || slot.number > worker->slots[latest].number) latest = at;
    });
    if (latest == kClaims) return;
    // One that has just begun is no loss: the others have a try left each.
    static_cast<void>(takeBack(worker, latest));
  }
}

void Queue::takeBackAll() {
  for (Worker* worker = workers_; worker != nullptr; worker = worker->next) {
    takeBackFrom(worker, kClaims);
  }
}

uint32_t Queue::unbegun(Worker* worker) {
  uint32_t count = 0;
  worker->eachSlot([worker, &count](uint32_t at, const Slot&) {
    if (worker->claims.isUnbegun(at)) count++;
  });
  return count;
}

uint32_t Queue::unbegun(const Subqueue& home) {
  uint32_t count = 0;
  for (Worker* worker = workers_; worker != nullptr; worker = worker->next) {
    worker->eachSlot([worker, &count, &home](uint32_t at, const Slot& slot) {
      if (slot.home == &home && worker->claims.isUnbegun(at)) count++;
    });
  }
  return count;
}

// Half of what the fullest worker has not begun waits again. False: there is nothing.
bool Queue::steal(const Worker* thief) {
  if (open_ == 0) return false;
  Worker* fullest = nullptr;
  uint32_t most = 0;
  for (Worker* worker = workers_; worker != nullptr; worker = worker->next) {
    const uint32_t count = worker == thief ? 0 : unbegun(worker);
    if (count <= most) continue;
    most = count;
    fullest = worker;
  }
  if (fullest == nullptr) return false;
  takeBackFrom(fullest, (most + 1) / 2);
  return waiting_.count() > 0;
}

void Queue::setBlocked(Worker* worker, bool blocked) {
  const std::lock_guard<std::mutex> guard(lock_);
  worker->blocked = blocked;
  if (!blocked) return;
  takeBackFrom(worker, kClaims);
  callIdle();
}

}  // namespace heddle::job
