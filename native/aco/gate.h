// Collects asynchronous calls and waits once until all of them are done (AC-24).
//
//   Gate* gate = Gate::make();
//   asynch(first, a, {.gate = gate});
//   asynch(second, b, {.gate = gate});
//   gate->wait();
//   gate->free();
//
// Calls may be added by one coroutine and waited for by another of the same loop. On the heap,
// because others reach it while its coroutine is swapped out. Thread rule: the loop's thread.
#pragma once

#include <cstdint>

#include "aco/task.h"
#include "mem/typed_object.h"

namespace heddle::aco {

class Gate {
 public:
  // nullptr without memory.
  [[nodiscard]] static Gate* make();
  // The calls that are under way go on; nobody hears of them. -EBUSY: a coroutine waits here.
  int free();

  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Until every call is done; at once when none was added. 0; -EALREADY (ERR_GATE_USED): it was
  // waited for before, whatever came of it; -ETIME, -ECANCELED: the calls go on.
  [[nodiscard]] int wait(int64_t timeoutNs = -1);
  // Calls that are not done.
  uint32_t pending() const { return pending_; }
  bool used() const { return used_; }

 private:
  friend struct AsynchCall;

  void enter() { pending_++; }
  // A call is done, or could not be made.
  void leave();
  static void forget(void* self, Task* task);

  uint32_t pending_ = 0;
  bool used_ = false;
  bool freed_ = false;
  Task* waiter_ = nullptr;
};

using Gates = mem::Typed<Gate, mem::Builtin::kAcoGate>;

}  // namespace heddle::aco
