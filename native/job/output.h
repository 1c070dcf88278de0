// The output of a native function that does not know its size beforehand: room that doubles.
//
// One call's, on its thread. Without memory a function fails with -ENOMEM.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "job/function.h"

namespace heddle::job {

class Output {
 public:
  explicit Output(NativeCall* call) : call_(call) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  size_t size() const { return size_; }
  // Room for so many bytes altogether, beside what has been committed.
  [[nodiscard]] bool reserve(size_t bytes) {
    if (bytes <= capacity_) return true;
    uint8_t* const at = call_->reserve(bytes);
    if (at == nullptr) return false;
    at_ = at;
    capacity_ = bytes;
    return true;
  }
  // The place of the next bytes, one at least, and how many there may be; nullptr without memory.
  [[nodiscard]] uint8_t* room(size_t* bytes) {
    if (size_ == capacity_ && !grow()) return nullptr;
    *bytes = capacity_ - size_;
    return at_ + size_;
  }
  void commit(size_t bytes) { size_ += bytes; }
  [[nodiscard]] bool append(const void* bytes, size_t size) {
    if (size > capacity_ - size_ && !reserve(std::max(capacity_ * 2, size_ + size))) return false;
    std::memcpy(at_ + size_, bytes, size);
    size_ += size;
    return true;
  }
  // What was committed is the call's answer; its number is how much that is.
  void give() {
    call_->setSize(size_);
    call_->setNumber(static_cast<double>(size_));
  }

 private:
  static constexpr size_t kFirstBytes = 4096;

  // Not further than the largest output before that is reached.
  bool grow() {
    const size_t doubled = std::max(capacity_ * 2, kFirstBytes);
    const bool least = capacity_ < NativeCall::kMaxOutput && doubled > NativeCall::kMaxOutput;
    return reserve(least ? NativeCall::kMaxOutput : doubled);
  }

  NativeCall* const call_;
  uint8_t* at_ = nullptr;
  size_t capacity_ = 0;
  size_t size_ = 0;
};

}  // namespace heddle::job
