#include "aco/gate.h"

#include <cerrno>
#include <utility>

#include "aco/event_limit.h"
#include "aco/runtime.h"

namespace heddle::aco {

Gate* Gate::make() { return Gates::make(); }

int Gate::free() {
  if (waiter_ != nullptr) return -EBUSY;
  if (pending_ == 0) {
    Gates::destroy(this);
  } else {
    freed_ = true;  // by the last call
  }
  return 0;
}

void Gate::leave() {
  if (--pending_ > 0) return;
  if (freed_) return Gates::destroy(this);
  if (waiter_ != nullptr) waiter_->runtime->wake(waiter_, 0);
}

void Gate::forget(void* self, Task*) { static_cast<Gate*>(self)->waiter_ = nullptr; }

int Gate::wait(int64_t timeoutNs) {
  Task* const task = runningTask();
  if (task == nullptr) return -EPERM;
  if (std::exchange(used_, true)) return -EALREADY;
  if (pending_ == 0) return 0;
  if (timeoutNs == 0) return -ETIME;
  waiter_ = task;
  return static_cast<int>(
      task->runtime->wait(State::kGate, deadlineAfter(timeoutNs), forget, this));
}

}  // namespace heddle::aco
