// One asynchronous call on its way: to a thread of the runner, and back by the loop's mailbox. The
// copied argument lies behind it.
//
// Ownership: the runner's from its submission until `done`, then the mailbox's; when it arrives it
// is ended by whoever waits, or at once when nobody does. `run` and what follows it are the loop's
// thread's; only `work` and `done` are another's.
#pragma once

#include "aco/asynch.h"
#include "aco/gate.h"
#include "aco/runtime.h"

namespace heddle::aco {

struct AsynchCall final : loop::Errand {
  struct Job : AsynchJob {
    AsynchCall* call = nullptr;
  };

  // nullptr without memory.
  [[nodiscard]] static AsynchCall* make(Runtime* runtime, void* argument,
                                        const AsynchOptions& options);
  static void destroy(AsynchCall* call);

  // 0 or why it was not taken: then nothing has happened.
  [[nodiscard]] int submit();
  // The running coroutine waits for it, and ends it.
  [[nodiscard]] int64_t await(int64_t deadlineNs);
  // The loop ends.
  void abandonAtEnd();

  AsynchFunction function = nullptr;
  PhasedFunction phased = nullptr;
  int64_t result = 0;

 private:
  AsynchCall(Runtime* runtimeIn, void* argumentIn, const AsynchOptions& options);

  static void work(AsynchJob* job);
  static void done(AsynchJob* job);
  static void arrive(Errand* self, loop::Loop& loop);
  static void drop(Errand* self);
  static void forget(void* self, Task* task);

  void arrived();
  void cleanUp();
  void withdrawn();
  [[nodiscard]] int64_t awaitBlocking();
  [[nodiscard]] int64_t takeResult();
  [[nodiscard]] int64_t copyOut();
  // Nobody waits any more. What is left of it ends by itself.
  void leave();
  void link();
  void unlink();
  void* copy() { return this + 1; }

  Job job_;
  Runtime* runtime_;  // nullptr: nobody waits
  AsynchCall* previous_ = nullptr;
  AsynchCall* following_ = nullptr;
  Task* waiter_ = nullptr;
  Gate* const gate_;
  int64_t* const resultOut_;
  void* const origin_;  // of the copy
  void* argument_;
  const size_t copyBytes_;
  bool completed_ = false;
};

}  // namespace heddle::aco
