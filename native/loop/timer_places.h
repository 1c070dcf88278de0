// Where each timer's entry is, by the id the caller gives to a timer: four bytes that are all that
// cancelling, moving and firing touch out of order.
//
// They live in chunks, so that growing copies nothing but the directory of chunk pointers. Chunks
// of ids never used are not allocated. One thread only. Failure mode: ensure() returns -ENOMEM and
// changes nothing that can be seen.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "loop/timer_memory.h"

namespace heddle::loop {

// Not armed. Every other place is a position in a queue, or in the heap with the top bit set.
inline constexpr uint32_t kIdlePlace = UINT32_MAX;

class TimerPlaces {
 public:
  explicit TimerPlaces(TimerMemory& memory) : memory_(memory) {}
  ~TimerPlaces() { clear(); }
  TimerPlaces(const TimerPlaces&) = delete;
  TimerPlaces& operator=(const TimerPlaces&) = delete;

  // Makes the place exist, idle if it is new. 0 or -ENOMEM.
  [[nodiscard]] int ensure(uint32_t id) { return has(id) ? 0 : grow(id); }

  bool has(uint32_t id) const {
    const size_t chunk = id >> kChunkBits;
    return chunk < chunkCount_ && chunks_[chunk] != nullptr;
  }

  // The place must exist.
  uint32_t& operator[](uint32_t id) { return chunks_[id >> kChunkBits][id & kChunkMask]; }
  uint32_t operator[](uint32_t id) const { return chunks_[id >> kChunkBits][id & kChunkMask]; }

  // Frees every place; all must be idle.
  void clear() {
    for (size_t i = 0; i < chunkCount_; i++) {
      if (chunks_[i] != nullptr) memory_.release(chunks_[i], kChunkBytes);
    }
    if (chunkCount_ != 0) memory_.release(chunks_, chunkCount_ * sizeof(uint32_t*));
    chunks_ = nullptr;
    chunkCount_ = 0;
  }

 private:
  static constexpr unsigned kChunkBits = 10;
  static constexpr size_t kChunkPlaces = size_t{1} << kChunkBits;
  static constexpr size_t kChunkBytes = kChunkPlaces * sizeof(uint32_t);
  static constexpr uint32_t kChunkMask = kChunkPlaces - 1;

  [[nodiscard]] int grow(uint32_t id) {
    const size_t chunk = id >> kChunkBits;
    if (chunk >= chunkCount_ && !growDirectory(chunk + 1)) return -ENOMEM;
    auto* places = static_cast<uint32_t*>(memory_.resize(nullptr, 0, kChunkBytes));
    if (places == nullptr) return -ENOMEM;
    for (size_t i = 0; i < kChunkPlaces; i++) places[i] = kIdlePlace;
    chunks_[chunk] = places;
    return 0;
  }

  bool growDirectory(size_t needed) {
    size_t count = chunkCount_ == 0 ? 8 : chunkCount_ * 2;
    if (count < needed) count = needed;
    auto* grown = static_cast<uint32_t**>(
        memory_.resize(chunks_, chunkCount_ * sizeof(uint32_t*), count * sizeof(uint32_t*)));
    if (grown == nullptr) return false;
    for (size_t i = chunkCount_; i < count; i++) grown[i] = nullptr;
    chunks_ = grown;
    chunkCount_ = count;
    return true;
  }

  TimerMemory& memory_;
  uint32_t** chunks_ = nullptr;
  size_t chunkCount_ = 0;
};

}  // namespace heddle::loop
