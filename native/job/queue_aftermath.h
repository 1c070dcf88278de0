// What a call of a Queue leaves to be done when it has given the lock back: jobs to finish, threads
// to start. Part of the queue's implementation.
#pragma once

#include "job/queue.h"

namespace heddle::job {

struct Queue::Aftermath {
  explicit Aftermath(Queue* of) : queue(of) {}

  Queue* const queue;
  JobList over;                // to be finished, their outcome is set
  Worker* starting = nullptr;  // plain threads, linked by nextIdle
  size_t stackBytes = 0;       // of these
  Worker* gone = nullptr;      // plain threads that have ended and are to be joined

  // Under the lock. Until it is finished the queue is not drained.
  void end(Job* job, JobOutcome::Id outcome) {
    job->outcome = outcome;
    over.push(job);
    queue->ending_++;
  }
  // Without it.
  void finishAll() {
    const uint32_t count = over.count;
    if (count == 0) return;
    while (!over.empty()) {
      Job* const job = over.pop();
      finish(job, job->outcome);
    }
    queue->finished(count);
  }
};

}  // namespace heddle::job
