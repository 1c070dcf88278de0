// Jobs whose time may run out while they run.
//
// `runTimeout` counts from the job's start: a thread notes it in the job, an isolate beside its
// claim, since it may begin long after it was given the job. A job that has not begun when it is
// looked at cannot run out before that time and its limit: so it is looked at then, and no notice
// of its start is needed. Its answer is RUN_TIMED_OUT at that moment, whatever
// comes of its work; the worker is left alone, asked to stop, or ended, as the job's cancel mode
// says. Behind a worker that is ended the cleanup of a phased job is owed: its answer waits for it.
//
// A deadline with a cancel mode: at the deadline the same happens to the worker, but the job's
// answer is what its work comes to.
#include <algorithm>

#include "job/desk.h"
#include "sys/clock.h"

namespace heddle::job {
namespace {

using loop::In;
using loop::kHandleIndexMask;

constexpr size_t kLooksPerPass = 256;
// A worker has it and is about to begin.
constexpr int64_t kSoonNs = 1'000'000;

bool cancels(const Job* job) {
  return (job->flags & (JobFlag::CANCEL_SIGNAL | JobFlag::CANCEL_TERMINATE)) != 0;
}

// When it has to be looked at next; INT64_MAX: never.
int64_t nextLook(const Job* job, int64_t nowNs) {
  int64_t next = INT64_MAX;
  if (cancels(job) && !job->wasSignalled) next = job->deadlineNs;
  if (job->runLimitNs > 0) {
    const int64_t started = job->startedNs.load(std::memory_order_relaxed);
    next = std::min(next, (started == 0 ? nowNs : started) + job->runLimitNs);
  }
  return next;
}

}  // namespace

// False without memory.
bool Desk::watch(Job* job) {
  const int64_t next = nextLook(job, addNs_);
  if (next == INT64_MAX) return true;
  job->isWatched = true;
  return watches_.arm(job->handle & kHandleIndexMask, job->handle, next) == 0;
}

void Desk::lookAtJobs(int64_t nowNs) {
  if (watches_.armed() > 0) {
    watches_.expire(nowNs, kLooksPerPass, [this, nowNs](uint32_t handle, uint32_t) {
      Job* const job = find(handle);
      if (job != nullptr && job->answer == Job::Answer::kOwed) look(job, nowNs);
    });
  }
  if (!wedges_.empty()) lookAtWedges(nowNs);
}

void Desk::look(Job* job, int64_t nowNs) {
  bool tooLong = job->hasRunOut(nowNs);
  const bool tooLate = cancels(job) && !job->wasSignalled && nowNs > job->deadlineNs;
  int64_t next = INT64_MAX;
  if (tooLong || tooLate) {
    switch (stop(job, nowNs, &tooLong, tooLate)) {
      case Queue::Stop::kTold:
        job->wasSignalled = true;
        if (tooLong) return answerEarly(job);
        break;
      case Queue::Stop::kEnds:
        job->wasSignalled = true;
        if (!tooLong) break;
        job->ranTooLong = true;
        if ((job->flags & JobFlag::PHASED) == 0) answerEarly(job);
        return;
      case Queue::Stop::kNotYet:
        next = nowNs + kSoonNs;
        break;
      case Queue::Stop::kEarly:
        break;
      case Queue::Stop::kWaits:
        // Too late it never begins: the queue finds out, or only cleans up. What was taken back
        // begins anew, and not before now.
        if (!tooLate) static_cast<void>(rearm(job, nowNs + job->runLimitNs));
        return;
      case Queue::Stop::kOver:
        return;
    }
  }
  next = std::min(next, nextLook(job, nowNs));
  // Without memory the look is lost, and with it the limit.
  if (next != INT64_MAX) static_cast<void>(rearm(job, next));
}

bool Desk::rearm(const Job* job, int64_t dueNs) {
  return watches_.arm(job->handle & kHandleIndexMask, job->handle, dueNs) == 0;
}

Queue::Stop Desk::stop(Job* job, int64_t nowNs, bool* tooLong, bool tooLate) {
  const QueueRef queue = findQueue(job->queue);
  if (!queue) return Queue::Stop::kOver;
  const Queue::Stop stopped = queue->timeOver(job, nowNs, tooLong, tooLate);
  if (stopped == Queue::Stop::kTold && cancels(job)) afterStop(job->queue, nowNs);
  return stopped;
}

// The job itself comes back later and is dropped then.
void Desk::answerEarly(Job* job) {
  loop_->port().emit(In::JOB_DONE, job->handle, JobOutcome::RUN_TIMED_OUT, 0, 0, 0);
  job->answer = Job::Answer::kGiven;
  forget(job);
}

void Desk::afterStop(uint32_t queue, int64_t nowNs) {
  for (Wedge& wedge : wedges_) {
    if (wedge.queue != queue) continue;
    wedge.dueNs = nowNs + Queue::kWedgeGraceNs;
    return;
  }
  // Without memory nobody looks; the next stop tries again.
  static_cast<void>(wedges_.push({queue, nowNs + Queue::kWedgeGraceNs}));
}

void Desk::lookAtWedges(int64_t nowNs) {
  for (size_t i = 0; i < wedges_.size();) {
    if (wedges_[i].dueNs <= nowNs) {
      const QueueRef queue = findQueue(wedges_[i].queue);
      wedges_[i].dueNs = queue ? queue->checkWedged(nowNs) : INT64_MAX;
      if (wedges_[i].dueNs == INT64_MAX) {
        wedges_[i] = wedges_[wedges_.size() - 1];
        wedges_.pop();
        continue;
      }
    }
    i++;
  }
}

}  // namespace heddle::job
