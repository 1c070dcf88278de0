// Coroutines over a loop: what native code calls. It reads as if it blocked; meanwhile the loop
// goes on.
//
//   void greet(void* argument) {
//     auto* event = static_cast<aco::Event*>(argument);
//     char line[128];
//     const int64_t size = event->readUntil(line, sizeof line, "\n", 1);
//     if (size > 0) event->writeAll(line, static_cast<size_t>(size));
//     aco::sleep(1'000'000'000);
//     aco::exit();
//   }
//
// Times are nanoseconds on the monotonic clock; a time-out below 0 means the default. Results are
// >= 0 or negative errnos:
//   -ETIME      the time-out came first; what was waited for is as usable as before
//   -ECANCELED  somebody cancelled this coroutine, or its loop ends
//   -EPERM      not inside a coroutine (ERR_NOT_IN_ACO)
//   -EBUSY      another coroutine waits for the very same thing
//   -EAGAIN     outside of a coroutine of the event's own loop, where nothing may wait
//   -ENOMEM     there is no memory for the wait
//
// A local variable lies on a stack that other coroutines use while this one waits: its address
// means nothing to anybody else. What others are to reach lies on the heap.
#pragma once

#include "aco/asynch.h"
#include "aco/default_loop.h"
#include "aco/event.h"
#include "aco/gate.h"
#include "aco/procedures.h"
#include "aco/runtime.h"

namespace heddle::aco {

// AC-01. On the loop's thread: Runtime::start, in a runtime made if need be. Else use startOn.
[[nodiscard]] int64_t start(loop::Loop& loop, coro::Main procedure, void* argument,
                            const StartOptions& options = {});
// Any thread: begins on that loop's thread with one of its next passes. -ENOENT: no such loop;
// -ENOBUFS: it does not keep up; -ENOMEM. Later failures, which are a want of memory, come through
// `ended` as Outcome::kDestroyed with id 0.
[[nodiscard]] int startOn(uint32_t loopId, coro::Main procedure, void* argument,
                          const StartOptions& options = {});
// AC-25: whether this code runs in a coroutine.
[[nodiscard]] inline bool isAco() { return runningTask() != nullptr; }
// The running coroutine; 0 outside.
[[nodiscard]] inline Id self() {
  const Task* const task = runningTask();
  return task == nullptr ? 0 : task->id;
}

// AC-03. nullptr outside of a coroutine.
[[nodiscard]] void* arg();
// Of an argument that was copied; else 0.
[[nodiscard]] size_t argBytes();
// AC-04. From any depth; clean-ups run. Aborts outside of a coroutine.
[[noreturn]] void exit();
// Runs when the coroutine ends, however that is; the newest first. It is outside of the coroutine
// then: nothing can wait, and the context must not lie on the coroutine's stack.
// 0, -EPERM, -ENOMEM.
[[nodiscard]] int onEnd(void (*run)(void* context), void* context);

// AC-08. Never early. 0 or less yields once.
int sleep(int64_t ns);
// AC-31. Waits for unpark and fetches its value.
[[nodiscard]] int park(uint64_t* value, int64_t timeoutNs = kForever);
// Any thread, for a coroutine of that loop; what cannot be delivered any more is forgotten.
[[nodiscard]] int unparkOn(uint32_t loopId, Id id, uint64_t value);
[[nodiscard]] int cancelOn(uint32_t loopId, Id id);

// AC-30: an epoch section of the coroutine's own, which holds while it waits. mem::EpochScope does
// as well; these are for code without scopes. -EPERM: outside, or the thread takes no part in
// epochs, or leaving what was not entered.
[[nodiscard]] int enterSection();
[[nodiscard]] int leaveSection();

}  // namespace heddle::aco
