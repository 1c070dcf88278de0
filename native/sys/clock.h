#pragma once

// The two clocks, in nanoseconds. Any thread; they do not fail on the systems we run on.

#include <time.h>

#include <cstdint>

namespace heddle::sys {

inline int64_t readClockNs(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// Never goes back; the origin is unspecified. The clock of deadlines and of measured times.
[[nodiscard]] inline int64_t monotonicNs() { return readClockNs(CLOCK_MONOTONIC); }

// Since 1970-01-01 UTC; may be set back by an operator. For dates shown to people and peers.
[[nodiscard]] inline int64_t realtimeNs() { return readClockNs(CLOCK_REALTIME); }

}  // namespace heddle::sys
