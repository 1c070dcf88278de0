#pragma once

// The time of one operation, read when it is first needed and not again: most entries have no end,
// and then no clock is read at all. Monotonic nanoseconds; tests bring a clock of their own.

#include <cstdint>
#include <limits>

namespace heddle::shared {

using Clock = int64_t (*)();

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

class Now {
 public:
  explicit Now(Clock clock) : clock_(clock) {}

  [[nodiscard]] int64_t ns() {
    if (ns_ < 0) ns_ = clock_();
    return ns_;
  }
  // The end of what is to last that long; 0 where it has none.
  [[nodiscard]] int64_t endOf(int64_t ttlNs) {
    if (ttlNs <= 0) return 0;
    return ttlNs >= kNever - ns() ? 0 : ns() + ttlNs;
  }
  [[nodiscard]] bool isPast(int64_t expiresNs) { return expiresNs != 0 && expiresNs <= ns(); }

 private:
  const Clock clock_;
  int64_t ns_ = -1;
};

}  // namespace heddle::shared
