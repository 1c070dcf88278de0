// Bytes that have arrived and that nobody has asked for yet: added at the back, taken from the
// front. Taking moves nothing; what is left comes to the front of the block when there has to be
// room behind it, and by then it is a part of one record.
//
// How much is read at a time grows while reads fill what they are given, and falls again when they
// leave most of it empty; so does the block. Owned by one event, used on its loop's thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "mem/typed_array.h"

namespace heddle::aco {

class ReadAhead {
 public:
  const uint8_t* data() const { return bytes_.data() + at_; }
  size_t size() const { return bytes_.size() - at_; }
  bool empty() const { return size() == 0; }

  void skip(size_t count) {
    at_ += count;
    if (at_ < bytes_.size()) return;
    bytes_.clear();
    at_ = 0;
  }
  // At most `most` bytes; how many.
  size_t take(void* buffer, size_t most) {
    const size_t taken = std::min(most, size());
    if (taken == 0) return 0;
    std::memcpy(buffer, data(), taken);
    skip(taken);
    return taken;
  }

  // How many bytes to read next when `wanted` are missing.
  size_t portion(size_t wanted) const { return std::max<size_t>(wanted, portion_); }
  // The place for so many. nullptr without memory: nothing has changed.
  [[nodiscard]] uint8_t* room(size_t portion) {
    bytes_.removeFront(at_);
    at_ = 0;
    return bytes_.extend(portion);
  }
  // So many have come there.
  void commit(size_t count, size_t portion) {
    bytes_.commit(count);
    if (count == portion) portion_ = std::min(2 * portion_, kMostBytes);
    if (count < portion / 4) portion_ = std::max(portion_ / 2, kLeastBytes);
  }

  // Before a wait, which may be long: keeps no memory for what has not come.
  void settle() {
    if (empty()) return drop();
    if (bytes_.capacity() <= kLeastBytes || bytes_.capacity() / 4 < size()) return;
    Bytes fitting;
    if (!fitting.append(data(), size())) return;
    bytes_.swap(fitting);
    at_ = 0;
  }
  void drop() {
    if (bytes_.capacity() == 0) return;
    Bytes nothing;
    bytes_.swap(nothing);
    at_ = 0;
  }

 private:
  using Bytes = mem::TypedArray<uint8_t, mem::Builtin::kAcoBytes>;

  static constexpr uint32_t kLeastBytes = 2048;
  static constexpr uint32_t kMostBytes = 65'536;

  Bytes bytes_;
  size_t at_ = 0;  // those before it are taken; less than the size, or both are 0
  uint32_t portion_ = kLeastBytes;
};

}  // namespace heddle::aco
