// Bytes on their way: an argument to a worker, a result back. Large ones are never copied inside
// the core: the block is handed on, at the end to JavaScript.
//
// Ownership: a Payload frees its block. Any thread, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "job/large_blocks.h"
#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::job {

class Payload {
 public:
  Payload() = default;
  // Takes over a block of allocate's, of that size.
  Payload(uint8_t* data, size_t size) : data_(data), size_(size), room_(size) {}
  Payload(Payload&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        room_(std::exchange(other.room_, 0)) {}
  Payload& operator=(Payload&& other) noexcept {
    if (this != &other) {
      free();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
      room_ = std::exchange(other.room_, 0);
    }
    return *this;
  }
  ~Payload() { free(); }

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return data_ == nullptr; }
  // Less than it was allocated with.
  void shrink(size_t size) { size_ = size; }

  // nullptr without memory.
  [[nodiscard]] static uint8_t* allocate(size_t size) {
    if (size > kMostSmallBytes) return takeLarge(size);
    return static_cast<uint8_t*>(
        mem::allocateBytes(mem::builtinType(mem::Builtin::kJobBytes), size == 0 ? 1 : size));
  }

 private:
  void free() {
    if (data_ == nullptr) return;
    if (room_ > kMostSmallBytes) return giveLarge(data_, room_);
    mem::release(mem::builtinType(mem::Builtin::kJobBytes), data_);
  }

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t room_ = 0;  // as allocated
};

}  // namespace heddle::job
