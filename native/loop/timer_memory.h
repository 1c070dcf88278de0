// Where the memory of one loop's timers comes from, and the account of it. A limit makes running
// out of memory a plain, testable case.
//
// One thread only. Failure mode: resize() answers nullptr and leaves everything as it was.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mem/builtin_types.h"
#include "mem/memtype.h"

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
    void* resized = mem::resize(mem::builtinType(mem::Builtin::kTimers), old, newBytes);
    if (resized != nullptr) held_ += more;
    return resized;
  }

  // A block of a fixed type, whose blocks have this many bytes; contents unspecified.
  [[nodiscard]] void* take(mem::Builtin type, size_t bytes) {
    if (bytes > limit_ || held_ > limit_ - bytes) return nullptr;
    void* block = mem::allocate(mem::builtinType(type));
    if (block != nullptr) held_ += bytes;
    return block;
  }

  void give(mem::Builtin type, void* block, size_t bytes) {
    mem::release(mem::builtinType(type), block);
    held_ -= bytes;
  }

  void release(void* memory, size_t bytes) {
    mem::release(mem::builtinType(mem::Builtin::kTimers), memory);
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
