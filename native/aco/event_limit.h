// The end of an operation in time. The clock is read when the operation first has to wait, which
// most never do; from then on the limit holds for all of its waits together.
#pragma once

#include <cstdint>

#include "aco/event.h"
#include "aco/runtime.h"
#include "sys/clock.h"

namespace heddle::aco {

// Time that lies so far ahead of `now`; kForever from centuries on.
inline int64_t deadlineAfter(int64_t timeoutNs) {
  if (timeoutNs < 0) return kForever;
  const int64_t now = sys::monotonicNs();
  return timeoutNs >= kForever - now ? kForever : now + timeoutNs;
}

class Event::Limit {
 public:
  Limit(int64_t given, int64_t byDefault) : timeoutNs_(given >= 0 ? given : byDefault) {}

  bool isNow() const { return timeoutNs_ == 0; }
  int64_t deadlineNs() {
    if (deadlineNs_ == kUnread) deadlineNs_ = deadlineAfter(timeoutNs_);
    return deadlineNs_;
  }

 private:
  static constexpr int64_t kUnread = INT64_MIN;

  const int64_t timeoutNs_;  // below 0: without end
  int64_t deadlineNs_ = kUnread;
};

}  // namespace heddle::aco
