#include "coro/switch_cost.h"

#include "coro/thread.h"
#include "sys/clock.h"

namespace heddle::coro {
namespace {

void yieldAlways(void*) {
  for (;;) yield();
}

}  // namespace

double measureSwitchNs(uint64_t iterations) {
  Thread thread;
  if (thread.open({}) < 0) return -1;
  Coroutine* const co = thread.make(yieldAlways, nullptr, {});
  if (co == nullptr) return -1;
  thread.resume(co);  // the first one maps the stack
  const int64_t begunNs = sys::monotonicNs();
  for (uint64_t i = 0; i < iterations; i++) thread.resume(co);
  const int64_t endedNs = sys::monotonicNs();
  thread.destroy(co);
  return iterations == 0 ? 0
                         : static_cast<double>(endedNs - begunNs) / static_cast<double>(iterations);
}

}  // namespace heddle::coro
