#pragma once

// A pool of objects with stable addresses, named by 32-bit handles: `index | generation << 24`.
//
// The generation of a slot moves on when its object is destroyed, so a handle that outlived its
// object is recognised (`get` returns nullptr) until the same slot has been reused 128 times. Seven
// bits of generation: a handle is never negative as an int32, so it can share a result with errnos.
// Index 0 is never given out, so no handle is 0. One thread owns a pool; nothing in it is safe to
// call from another.
//
// Memory: chunks of 256 elements, allocated on demand from `Memory` (see base/malloc.h) and kept
// until the pool dies; sizeof(T) plus a little over one byte each. When memory or indexes run out
// `create` returns {nullptr, 0} and nothing has changed.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "base/malloc.h"

namespace heddle::base {

template <class T, class Memory = Malloc>
class Slots {
 public:
  static constexpr uint32_t kIndexBits = 24;
  static constexpr uint32_t kMaxIndex = (1u << kIndexBits) - 1;
  static constexpr uint32_t kChunkSize = 256;
  static constexpr uint8_t kMaxGeneration = 0x7f;

  struct Created {
    T* value;
    uint32_t handle;
  };

  Slots() = default;
  // `maxLive` bounds the number of objects alive at once.
  explicit Slots(uint32_t maxLive) : limit_(maxLive < kMaxIndex ? maxLive : kMaxIndex) {}
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  ~Slots() {
    each([this](T&, uint32_t handle) { destroy(handle); });
    for (uint32_t i = 0; i < chunkCount_; i++) Memory::release(chunks_[i]);
    if (chunks_ != nullptr) Memory::release(chunks_);
  }

  template <class... Args>
  [[nodiscard]] Created create(Args&&... args) {
    if (live_ == limit_) return {nullptr, 0};
    const uint32_t index = takeIndex();
    if (index == 0) return {nullptr, 0};
    Chunk& chunk = chunkOf(index);
    T* value = ::new (chunk.at(index)) T(std::forward<Args>(args)...);
    chunk.setLive(index);
    live_++;
    return {value, index | static_cast<uint32_t>(chunk.generations[index % kChunkSize])
                               << kIndexBits};
  }

  // nullptr when the handle is stale or was never given out.
  [[nodiscard]] T* get(uint32_t handle) const {
    const uint32_t index = handle & kMaxIndex;
    if (index == 0 || index >= fresh_) return nullptr;
    Chunk& chunk = chunkOf(index);
    if (!chunk.isLive(index)) return nullptr;
    if (chunk.generations[index % kChunkSize] != handle >> kIndexBits) return nullptr;
    return chunk.value(index);
  }

  // Stale handles are ignored. The handle is already stale while the destructor of T runs.
  void destroy(uint32_t handle) {
    T* value = get(handle);
    if (value == nullptr) return;
    const uint32_t index = handle & kMaxIndex;
    Chunk& chunk = chunkOf(index);
    chunk.clearLive(index);
    uint8_t& generation = chunk.generations[index % kChunkSize];
    generation = (generation + 1) & kMaxGeneration;
    live_--;
    value->~T();
    ::new (chunk.at(index)) uint32_t(freeHead_);
    freeHead_ = index;
  }

  [[nodiscard]] size_t live() const { return live_; }
  // Whether `create` fails for want of a handle, not of memory.
  [[nodiscard]] bool full() const { return live_ == limit_; }

  // Bytes held by the pool itself, for accounts and tests.
  [[nodiscard]] size_t bytes() const {
    return chunkCount_ * sizeof(Chunk) + chunkCapacity_ * sizeof(Chunk*);
  }

  // Calls f(T&, handle), or f(T&), for every live object in index order. The callback may destroy
  // any object, the visited one included, and may create some; those may or may not be visited.
  template <class F>
  void each(F&& f) {
    for (uint32_t chunkIndex = 0; chunkIndex < chunkCount_; chunkIndex++) {
      for (uint32_t word = 0; word < kChunkSize / 64; word++) {
        eachInWord(chunkIndex, word, f);
      }
    }
  }

 private:
  static constexpr size_t larger(size_t a, size_t b) { return a > b ? a : b; }
  static constexpr size_t kAlign = larger(alignof(T), alignof(uint32_t));
  static constexpr size_t kStride =
      (larger(sizeof(T), sizeof(uint32_t)) + kAlign - 1) / kAlign * kAlign;

  // A dead slot holds the index of the next dead slot, 0 at the end.
  struct Chunk {
    alignas(kAlign) unsigned char storage[kStride * kChunkSize];
    uint64_t liveBits[kChunkSize / 64];
    uint8_t generations[kChunkSize];

    void* at(uint32_t index) { return storage + (index % kChunkSize) * kStride; }
    T* value(uint32_t index) { return std::launder(static_cast<T*>(at(index))); }
    static uint64_t bit(uint32_t index) { return uint64_t{1} << (index % 64); }
    uint64_t& word(uint32_t index) { return liveBits[index % kChunkSize / 64]; }
    bool isLive(uint32_t index) { return (word(index) & bit(index)) != 0; }
    void setLive(uint32_t index) { word(index) |= bit(index); }
    void clearLive(uint32_t index) { word(index) &= ~bit(index); }
  };

  template <class F>
  void eachInWord(uint32_t chunkIndex, uint32_t word, F& f) {
    // Bits above the visited one are read again each time: the callback may have destroyed their
    // objects.
    uint64_t above = ~uint64_t{0};
    while (true) {
      Chunk& chunk = *chunks_[chunkIndex];
      const uint64_t left = chunk.liveBits[word] & above;
      if (left == 0) return;
      const auto bit = static_cast<uint32_t>(std::countr_zero(left));
      above = bit == 63 ? 0 : ~uint64_t{0} << (bit + 1);
      const uint32_t index = chunkIndex * kChunkSize + word * 64 + bit;
      const uint32_t generation = chunk.generations[index % kChunkSize];
      if constexpr (requires { f(*chunk.value(index), uint32_t{}); }) {
        f(*chunk.value(index), index | generation << kIndexBits);
      } else {
        f(*chunk.value(index));
      }
    }
  }

  Chunk& chunkOf(uint32_t index) const { return *chunks_[index / kChunkSize]; }

  // 0 when exhausted. The most recently freed slot comes first: it is the warm one.
  uint32_t takeIndex() {
    if (freeHead_ != 0) {
      const uint32_t index = freeHead_;
      freeHead_ = *std::launder(static_cast<uint32_t*>(chunkOf(index).at(index)));
      return index;
    }
    if (fresh_ > kMaxIndex) return 0;
    if (fresh_ / kChunkSize == chunkCount_ && !addChunk()) return 0;
    return fresh_++;
  }

  bool addChunk() {
    if (chunkCount_ == chunkCapacity_ && !growTable()) return false;
    void* memory = Memory::template allocate<alignof(Chunk)>(sizeof(Chunk));
    if (memory == nullptr) return false;
    Chunk* chunk = ::new (memory) Chunk;  // the storage stays untouched until it is used
    for (uint64_t& word : chunk->liveBits) word = 0;
    for (uint8_t& generation : chunk->generations) generation = 0;
    chunks_[chunkCount_++] = chunk;
    return true;
  }

  bool growTable() {
    const uint32_t capacity = chunkCapacity_ == 0 ? 8 : chunkCapacity_ * 2;
    void* const memory = Memory::template allocate<alignof(Chunk*)>(capacity * sizeof(Chunk*));
    if (memory == nullptr) return false;
    auto** const table = static_cast<Chunk**>(memory);
    if (chunks_ != nullptr) {
      std::memcpy(table, chunks_, chunkCount_ * sizeof(Chunk*));
      Memory::release(chunks_);
    }
    chunks_ = table;
    chunkCapacity_ = capacity;
    return true;
  }

  Chunk** chunks_ = nullptr;
  uint32_t chunkCount_ = 0;
  uint32_t chunkCapacity_ = 0;
  uint32_t fresh_ = 1;  // the lowest index that was never used
  uint32_t freeHead_ = 0;
  uint32_t live_ = 0;
  uint32_t limit_ = kMaxIndex;
};

}  // namespace heddle::base
