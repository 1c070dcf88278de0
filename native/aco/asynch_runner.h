// Where the functions of asynchronous calls run: the one seam to job queues, which lie above.
//
// A runner takes jobs and runs each on a thread of its own choice. Process-wide.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heddle::aco {

struct AsynchJob {
  // Called on one thread of the runner's, one after the other: `work` does it; `done` says so, and
  // with its call the job is its owner's again, who may end it at any moment.
  void (*work)(AsynchJob* self) = nullptr;
  void (*done)(AsynchJob* self) = nullptr;

  const char* queue = nullptr;  // nullptr: "default"
  uint64_t subqueue = 0;        // for queues that have some; 0: none
  int64_t deadlineNs = 0;       // not begun by then, it is done with -ETIME and no work; 0: none
  bool tryOnly = false;         // refuse it where the backlog is full

  // The runner's.
  void* under = nullptr;  // what runs it; nullptr: it is not under way
  // 0; -ETIME: its deadline had passed, `work` was not called; another errno: it could not be
  // called. For `done` to read.
  int status = 0;
};

struct AsynchUsage {
  uint32_t threads;
  uint32_t running;
  uint32_t queued;
};

class AsynchRunner {
 public:
  virtual ~AsynchRunner() = default;
  // Any thread, all of these.
  // 0; -EAGAIN: over its backlog, for a job that only tries; -ENOENT: no such queue; else why there
  // is no thread to run it.
  [[nodiscard]] virtual int submit(AsynchJob* job) = 0;
  // True: it had not begun and never will; it is the owner's again and `done` is not called.
  [[nodiscard]] virtual bool withdraw(AsynchJob* job) = 0;
  // Until `work` has returned. The job must stay there meanwhile, whatever `done` does.
  virtual void await(AsynchJob* job) = 0;
  // How often it was acquired more than released; the last release ends its threads and waits for
  // what they are doing.
  virtual void acquire() = 0;
  virtual void release() = 0;

  // Of the default queue: 1 … kMaxAsynchThreads threads; the backlog counts jobs that wait for one.
  // 0, -EINVAL, -ENOMEM.
  [[nodiscard]] virtual int setLimits(uint32_t threads, uint32_t backlog) = 0;
  [[nodiscard]] virtual AsynchUsage usage() = 0;
};
constexpr uint32_t kMaxAsynchThreads = 64;

// The one there is. Defined by the layer that has the queues (job/runner.cc).
[[nodiscard]] AsynchRunner& asynchRunner();

[[nodiscard]] inline int setAsynchLimits(uint32_t threads, uint32_t backlog) {
  return asynchRunner().setLimits(threads, backlog);
}
[[nodiscard]] inline AsynchUsage asynchUsage() { return asynchRunner().usage(); }

}  // namespace heddle::aco
