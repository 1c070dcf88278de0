// What a call of a Queue leaves to be done when it has given the lock back: jobs to finish, threads
// to start. Part of the queue's implementation.
#pragma once

#include "job/queue.h"

namespace heddle::job {

struct Queue::Aftermath {
  JobList over;                // to be finished, their outcome is set
  Worker* starting = nullptr;  // plain threads, linked by nextIdle
  size_t stackBytes = 0;       // of these
  Worker* gone = nullptr;      // plain threads that have ended and are to be joined

  void end(Job* job, JobOutcome::Id outcome) {
    job->outcome = outcome;
    over.push(job);
  }
  void finishAll() {
    while (!over.empty()) {
      Job* const job = over.pop();
      finish(job, job->outcome);
    }
  }
};

}  // namespace heddle::job
