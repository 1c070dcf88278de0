// What the test programs of the timers share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "loop/timers.h"
#include "test/check.h"

namespace heddle::test {

using loop::Timers;
using Ids = std::vector<uint32_t>;

inline constexpr int64_t kTickNs = int64_t{1} << 20;
inline constexpr int64_t kMsNs = 1'000'000;
inline constexpr int64_t kYearNs = 365LL * 86'400 * 1'000 * kMsNs;
// Where the clocks of the tests begin; no round number of ticks.
inline constexpr int64_t kStartNs = 123'456'789'012'345;

// Timers are armed with a tag that differs from the id, so that a mix-up shows.
inline constexpr uint32_t tagOf(uint32_t id) { return id * 3 + 7; }

inline void arm(Timers& timers, uint32_t id, int64_t deadlineNs) {
  CHECK_EQ(timers.arm(id, tagOf(id), deadlineNs), 0);
}

// The ids that fired, in order.
inline Ids expire(Timers& timers, int64_t nowNs, size_t max = SIZE_MAX) {
  Ids ids;
  const size_t fired = timers.expire(nowNs, max, [&](uint32_t tag, uint32_t id) {
    CHECK_EQ(tag, tagOf(id));
    CHECK(!timers.isArmed(id));
    ids.push_back(id);
  });
  CHECK_EQ(fired, ids.size());
  timers.checkInvariants();
  return ids;
}

}  // namespace heddle::test
