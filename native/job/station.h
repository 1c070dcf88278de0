// One loop's isolate as a worker of a queue: takes jobs from it, writes JOB_RUN, brings the results
// back. Part of the loop's Desk, which passes on the records.
//
// Thread rule: the loop's thread.
#pragma once

#include <cstdint>

#include "job/queue.h"
#include "job/registry.h"
#include "job/tray.h"
#include "loop/loop.h"

namespace heddle::job {

class Desk;

class Station {
 public:
  Station(loop::Loop* loop, Desk* desk) : loop_(loop), desk_(desk) {}

  bool serves() const { return worker_ != nullptr; }
  Queue* queue() const { return queue_.get(); }
  // -ENOENT: the worker is not wanted (any more).
  [[nodiscard]] int serve(QueueRef queue, uint32_t worker, int32_t* claims, Tray* tray);

  // Once a pass: gives JavaScript what it is to run.
  void pass(int64_t nowNs);
  void called() { ready_ = true; }
  void signalsCame();
  // JOB_RESULT, JOB_IDLE, and the end of the outbox.
  void result(const int32_t* record);
  void idle(bool idle);
  void applied();
  void closing();

  // Whether a pass would find something to do.
  bool hasWork() const { return ready_ && !blocked_; }
  int64_t nextDeadlineNs() const { return leaveNs_; }
  // The job that runs in the slot; nullptr: none.
  Job* running(uint32_t slot) const;
  // The argument of the job that runs in the slot.
  Payload takeArgument(uint32_t slot);

 private:
  void give(uint32_t slot);
  bool runsAny() const;
  void leave();
  void rested(int64_t nowNs);

  loop::Loop* const loop_;
  Desk* const desk_;
  QueueRef queue_;
  Worker* worker_ = nullptr;
  int64_t leaveNs_ = INT64_MAX;  // when it goes if it stays idle
  int64_t gaveNs_ = 0;           // the last batch
  int64_t sinceNs_ = 0;          // the isolate has spent its time on it
  bool ready_ = false;           // the queue may have something
  bool blocked_ = false;
  bool left_ = false;
  uint32_t ended_[kClaims] = {};  // slots whose jobs have ended in this outbox, in order
  uint32_t endedCount_ = 0;
  uint64_t endedMask_ = 0;
};

}  // namespace heddle::job
