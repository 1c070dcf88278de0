// How a read waits for its bytes.
#pragma once

#include <cerrno>
#include <cstdint>

#include "aco/event.h"
#include "aco/event_limit.h"
#include "aco/runtime.h"

namespace heddle::aco {

// What `attempt` returns other than -EAGAIN: bytes, 0 at the peer's end, an error. Waits between
// attempts, but first of all where the last read took everything: asking again would most often be
// a system call for nothing, and what has come since the poller tells, whose interest is by level.
template <class Attempt>
int64_t Event::untilRead(Limit& limit, const Attempt& attempt) {
  bool asks = !drained_ || limit.isNow() || !mayWait();
  while (true) {
    if (asks) {
      if (const int paced = pace(); paced < 0) return paced;
      const int64_t received = attempt();
      if (received != -EAGAIN) return received;
    }
    ahead_.settle();
    drained_ = false;
    const Runtime* const runtime = runtime_;
    const uint32_t handle = handle_;
    const int64_t waited = await(State::kRead, limit);
    if (waited == -ETIME && !asks && runtime->events_.get(handle) == this) {
      // It was never asked, and a pass looks at deadlines before it looks at descriptors.
      const int64_t received = attempt();
      return received == -EAGAIN ? -ETIME : received;
    }
    if (waited < 0) return waited;
    asks = true;
  }
}

}  // namespace heddle::aco
