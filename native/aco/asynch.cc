#include "aco/asynch.h"

#include <cerrno>

#include "aco/asynch_call.h"
#include "aco/gate.h"
#include "aco/runtime.h"

namespace heddle::aco {
namespace {

int check(const void* argument, const AsynchOptions& options) {
  const Task* const task = runningTask();
  if (task == nullptr) return -EPERM;
  if (options.copyBytes > kMaxCopyBytes) return -EINVAL;
  if (options.copyBytes > 0 && argument == nullptr) return -EINVAL;
  if (options.gate != nullptr && options.gate->used()) return -EALREADY;
  const coro::Coroutine& coroutine = *task->coroutine;
  if (options.copyBytes == 0 && coroutine.movesWithStack(argument)) return -EFAULT;
  if (options.gate != nullptr && coroutine.movesWithStack(options.result)) return -EFAULT;
  return 0;
}

int call(AsynchFunction function, PhasedFunction phased, void* argument,
         const AsynchOptions& options) {
  if (function == nullptr && phased == nullptr) return -EINVAL;
  if (const int wrong = check(argument, options); wrong < 0) return wrong;
  const Task* const task = runningTask();
  if (task->cancelled) return Runtime::refuse(runningTask());
  task->runtime->useRunner();
  AsynchCall* const made = AsynchCall::make(task->runtime, argument, options);
  if (made == nullptr) return -ENOMEM;
  made->function = function;
  made->phased = phased;
  const int submitted = made->submit();
  if (submitted < 0 || options.gate != nullptr) return submitted;
  return static_cast<int>(made->await(options.deadlineNs == 0 ? kForever : options.deadlineNs));
}

}  // namespace

int asynch(AsynchFunction function, void* argument, const AsynchOptions& options) {
  return call(function, nullptr, argument, options);
}

int asynchPhased(PhasedFunction function, void* argument, const AsynchOptions& options) {
  return call(nullptr, function, argument, options);
}

}  // namespace heddle::aco
