// Where the memory of one loop's timers comes from, and the account of it. A limit makes running
// out of memory a plain, testable case.
//
// One thread only. Failure mode: resize() answers nullptr and leaves everything as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace heddle::loop {

class TimerMemory {
 public:
  TimerMemory() = default;
  TimerMemory(const TimerMemory&) = delete;
  TimerMemory& operator=(const TimerMemory&) = delete;

  // `old` with its contents at its new size, which must be larger; nullptr and 0 for new memory.
  [[nodiscard]] void* resize(void* old, size_t oldBytes, size_t newBytes) {
    const size_t more = newBytes - oldBytes;
    if (more > limit_ || held_ > limit_ - more) return nullptr;
    void* resized = std::realloc(old, newBytes);
    if (resized != nullptr) held_ += more;
    return resized;
  }

  void release(void* memory, size_t bytes) {
    std::free(memory);
    held_ -= bytes;
  }

  size_t held() const { return held_; }
  // What is held beyond a new limit stays.
  void setLimit(size_t bytes) { limit_ = bytes; }

 private:
  size_t held_ = 0;
  size_t limit_ = SIZE_MAX;
};

}  // namespace heddle::loop
