// A module's job: a function on a thread of a queue, and the news of it on the loop whose thread
// submitted it.
//
// The module is told exactly once. When the loop ends first: a job that has not begun is withdrawn
// and told -ECANCELED, one that runs is waited for.
//
// Ownership: the runner's from its submission until `done`, then the mailbox's; ended when it
// arrives. Thread rule: the loop's thread, except for `work` and `done`.
#pragma once

#include "aco/asynch_runner.h"
#include "include/heddle/module.h"
#include "loop/errand.h"
#include "mem/typed_object.h"

namespace heddle::modules {

class Events;
class Self;

struct JobCall final : loop::Errand {
  // 0: the module will be told.
  [[nodiscard]] static int submit(Self* self, const heddle_job& job);
  void endWithLoop();

  // In the list of the loop.
  JobCall* previous = nullptr;
  JobCall* following = nullptr;

 private:
  struct Job : aco::AsynchJob {
    JobCall* call = nullptr;
  };
  template <class, mem::Builtin>
  friend class mem::Typed;

  JobCall(Events* events, Self* self, const heddle_job& job);

  static void work(aco::AsynchJob* job);
  static void done(aco::AsynchJob* job);
  static void arrive(Errand* self, loop::Loop& loop);
  static void drop(Errand* self);
  void tell(int status);

  Job job_;
  Events* events_;  // nullptr: the loop has ended, and the module was told
  Self* const self_;
  int64_t (*const work_)(void*);
  void (*const done_)(void*, int, int64_t);
  void* const argument_;
  int64_t result_ = 0;
};

}  // namespace heddle::modules
