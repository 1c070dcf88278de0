#pragma once

// Lets a test make the n-th request for memory from the system fail. Every site of the engine that
// asks the system passes here; none of them is on a hot path.

#include <atomic>
#include <cstdint>

namespace heddle::mem {

struct Failpoint {
  // Requests until the one that fails; negative: none fails any more.
  std::atomic<int64_t> countdown{-1};
  // So many fail one after the other.
  std::atomic<int64_t> inARow{1};
  std::atomic<uint64_t> requests{0};
};

inline Failpoint& failpoint() {
  static constinit Failpoint instance;
  return instance;
}

// True when this request has to fail. Once those that had to have failed, later ones pass again.
[[nodiscard]] inline bool mustFail() {
  Failpoint& point = failpoint();
  // Relaxed, all of it: counting only.
  point.requests.fetch_add(1, std::memory_order_relaxed);
  const int64_t last = -point.inARow.load(std::memory_order_relaxed);
  if (point.countdown.load(std::memory_order_relaxed) <= last) return false;
  const int64_t left = point.countdown.fetch_sub(1, std::memory_order_relaxed);
  return left <= 0 && left > last;
}

}  // namespace heddle::mem
