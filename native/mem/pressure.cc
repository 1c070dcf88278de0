#include "mem/pressure.h"

#include <atomic>
#include <cerrno>
#include <mutex>

namespace heddle::mem {

namespace {

struct Pressure {
  std::atomic<int64_t> held{0};
  // Above `high` or at most `goal` a change may be due; outside of the marks they are extremes.
  std::atomic<int64_t> high{INT64_MAX};
  std::atomic<int64_t> goal{INT64_MIN};
  std::atomic<bool> low{false};
  std::mutex lock;  // guards the marks, the callback and changes of `low`
  PressureMarks marks;
  PressureCallback callback = nullptr;
  void* ctx = nullptr;
};

constinit Pressure pressure;

// Relaxed throughout: the values are hints until the lock is held, and the lock orders the rest.
bool changeDue() {
  const int64_t held = pressure.held.load(std::memory_order_relaxed);
  if (pressure.low.load(std::memory_order_relaxed)) {
    return held <= pressure.goal.load(std::memory_order_relaxed);
  }
  return held >= pressure.high.load(std::memory_order_relaxed);
}

void settle() {
  while (changeDue()) {
    PressureCallback callback = nullptr;
    void* ctx = nullptr;
    bool low = false;
    {
      std::lock_guard<std::mutex> guard(pressure.lock);
      if (!changeDue()) return;
      low = !pressure.low.load(std::memory_order_relaxed);
      pressure.low.store(low, std::memory_order_relaxed);
      callback = pressure.callback;
      ctx = pressure.ctx;
    }
    if (callback != nullptr) callback(ctx, low, heldBytes());
  }
}

}  // namespace

int setPressureMarks(const PressureMarks& marks, PressureCallback callback, void* ctx) {
  if (marks.highPercent > 100 || marks.goalPercent > marks.highPercent) return -EINVAL;
  {
    std::lock_guard<std::mutex> guard(pressure.lock);
    const bool limited = marks.limitBytes > 0;
    const auto part = [&](uint32_t percent) {
      return static_cast<int64_t>(marks.limitBytes / 100 * percent +
                                  marks.limitBytes % 100 * percent / 100);
    };
    // Equal marks would make a level both high and low: the goal lies below.
    const int64_t high = limited ? part(marks.highPercent) : INT64_MAX;
    const int64_t goal = limited ? part(marks.goalPercent) : INT64_MAX - 1;
    pressure.high.store(high, std::memory_order_relaxed);
    pressure.goal.store(goal < high ? goal : high - 1, std::memory_order_relaxed);
    pressure.marks = marks;
    pressure.callback = callback;
    pressure.ctx = ctx;
  }
  settle();
  return 0;
}

PressureMarks pressureMarks() {
  std::lock_guard<std::mutex> guard(pressure.lock);
  return pressure.marks;
}

bool isMemoryLow() { return pressure.low.load(std::memory_order_relaxed); }

uint64_t heldBytes() {
  const int64_t held = pressure.held.load(std::memory_order_relaxed);
  return held > 0 ? static_cast<uint64_t>(held) : 0;
}

void changeHeld(int64_t delta) {
  pressure.held.fetch_add(delta, std::memory_order_relaxed);
  if (changeDue()) settle();
}

}  // namespace heddle::mem
