// Asynchronous calls: a function runs on another thread while the coroutine waits (AC-19 … AC-23).
//
//   int64_t sum = 0;
//   asynch(addUp, &numbers, {.copyBytes = sizeof numbers, .result = &sum});
//
// The other thread cannot reach this coroutine's stack, where another coroutine runs by then. So an
// argument that lies there is refused (-EFAULT), unless copyBytes says how much of it to copy: the
// function is given the copy, and what it made of it is copied back when it is done.
//
// A cancelled wait: a function that has not begun never does; one that runs on a copy is left
// alone; one that runs on memory of the caller's is waited for. The same holds at the loop's end.
//
// Thread rule: called inside a coroutine. Failure: negative errnos, and the function did not run.
#pragma once

#include <cstddef>
#include <cstdint>

#include "aco/asynch_runner.h"
#include "aco/task.h"
#include "loop/errand.h"

namespace heddle::aco {

class Gate;

using AsynchFunction = int64_t (*)(void* argument);

// AC-22. kWork and kCleanup come on the other thread, kComplete on the loop's before the coroutine
// goes on, outside of coroutines; nobody waiting any more, it does not come. A call that is
// withdrawn or past its deadline has no kWork; kCleanup comes always, exactly once, then on the
// loop's thread. The result is that of kWork.
enum class Phase : int32_t { kWork = 1, kCleanup = 2, kComplete = 3 };
using PhasedFunction = int64_t (*)(Phase phase, void* argument);

struct AsynchOptions {
  const char* queue = nullptr;  // nullptr: "default"; -ENOENT: there is no such queue
  uint64_t subqueue = 0;
  int64_t deadlineNs = 0;  // to begin by, on the monotonic clock; else -ETIME. 0: none
  Gate* gate = nullptr;    // the call returns at once, and the gate waits for it
  bool tryOnly = false;    // -EAGAIN instead of waiting in a queue over its backlog
  size_t copyBytes = 0;    // of the argument, at most kMaxCopyBytes; with a gate not copied back
  // What the function returned. With a gate it is written when the call is done, and must not lie
  // on the coroutine's stack either.
  int64_t* result = nullptr;
};
constexpr size_t kMaxCopyBytes = size_t{1} << 20;

// 0 when the function has run (with a gate: will run). -ETIME, -ECANCELED, -EAGAIN, -ENOENT,
// -EFAULT, -EINVAL, -EPERM, -EALREADY (the gate was waited for), -ENOMEM.
[[nodiscard]] int asynch(AsynchFunction function, void* argument,
                         const AsynchOptions& options = {});
[[nodiscard]] int asynchPhased(PhasedFunction function, void* argument,
                               const AsynchOptions& options = {});

}  // namespace heddle::aco
