// The table of timer nodes, indexed by the id the caller gives to a timer.
//
// Nodes live in chunks, so that growing copies nothing but the directory of chunk pointers and a
// reference to a node stays valid. Chunks of ids never used are not allocated. One thread only,
// the one of the loop. Failure mode: ensure() returns -ENOMEM and changes nothing.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace heddle::loop {

// No node: the end of a list.
inline constexpr uint32_t kNoTimer = UINT32_MAX;

struct TimerNode {
  int64_t deadlineNs;
  uint32_t next;
  uint32_t prev;
  uint32_t tag;
  // Where the node is: a list of the wheel, a position of the heap, or kIdlePlace.
  uint32_t place;
};
static_assert(sizeof(TimerNode) == 24, "a million timers are budgeted at 24 bytes each");

inline constexpr uint32_t kIdlePlace = UINT32_MAX;

class TimerNodes {
 public:
  TimerNodes() = default;
  ~TimerNodes() { clear(); }
  TimerNodes(const TimerNodes&) = delete;
  TimerNodes& operator=(const TimerNodes&) = delete;

  // Makes the node exist, idle if it is new. 0 or -ENOMEM.
  [[nodiscard]] int ensure(uint32_t id) {
    if (has(id)) return 0;
    const size_t chunk = id >> kChunkBits;
    if (chunk >= chunkCount_ && !growDirectory(chunk + 1)) return -ENOMEM;
    auto* nodes = static_cast<TimerNode*>(std::malloc(kChunkNodes * sizeof(TimerNode)));
    if (nodes == nullptr) return -ENOMEM;
    for (size_t i = 0; i < kChunkNodes; i++) {
      nodes[i] = TimerNode{0, kNoTimer, kNoTimer, 0, kIdlePlace};
    }
    chunks_[chunk] = nodes;
    return 0;
  }

  bool has(uint32_t id) const {
    const size_t chunk = id >> kChunkBits;
    return chunk < chunkCount_ && chunks_[chunk] != nullptr;
  }

  // The node must exist.
  TimerNode& operator[](uint32_t id) { return chunks_[id >> kChunkBits][id & kChunkMask]; }
  const TimerNode& operator[](uint32_t id) const {
    return chunks_[id >> kChunkBits][id & kChunkMask];
  }

  // Frees every node; all must be idle.
  void clear() {
    for (size_t i = 0; i < chunkCount_; i++) std::free(chunks_[i]);
    std::free(chunks_);
    chunks_ = nullptr;
    chunkCount_ = 0;
  }

  size_t bytes() const {
    size_t used = 0;
    for (size_t i = 0; i < chunkCount_; i++) used += chunks_[i] != nullptr ? 1 : 0;
    return used * kChunkNodes * sizeof(TimerNode) + chunkCount_ * sizeof(TimerNode*);
  }

 private:
  static constexpr unsigned kChunkBits = 10;
  static constexpr size_t kChunkNodes = size_t{1} << kChunkBits;
  static constexpr uint32_t kChunkMask = kChunkNodes - 1;

  bool growDirectory(size_t needed) {
    size_t count = chunkCount_ == 0 ? 8 : chunkCount_ * 2;
    if (count < needed) count = needed;
    auto* grown = static_cast<TimerNode**>(std::realloc(chunks_, count * sizeof(TimerNode*)));
    if (grown == nullptr) return false;
    for (size_t i = chunkCount_; i < count; i++) grown[i] = nullptr;
    chunks_ = grown;
    chunkCount_ = count;
    return true;
  }

  TimerNode** chunks_ = nullptr;
  size_t chunkCount_ = 0;
};

}  // namespace heddle::loop
