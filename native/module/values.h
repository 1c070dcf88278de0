// The values of a module's options in one configuration, or the arguments of a hook that wait for
// their thread: an image in one block, which never changes.
//
// Counted. Who finds one without a count of its own, in a section of the epochs, may read it until
// the section ends: the count that its place has is given back only then (module/self.h). Any
// thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "include/heddle/module.h"
#include "mem/epoch_retired.h"
#include "mem/typed_array.h"

namespace heddle::modules {

class Values {
 public:
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;

  // A count for the caller.
  void hold() {
    // Relaxed: whoever counts up has a count, or a section, that keeps it.
    count_.fetch_add(1, std::memory_order_relaxed);
  }
  void release();
  // The same when all sections of now have ended.
  void releaseLater();

  [[nodiscard]] uint32_t slots() const { return slots_; }
  // nullptr and 0: no value.
  [[nodiscard]] const heddle_value* of(int32_t slot, size_t* count) const;

  // The handle that modules have.
  [[nodiscard]] const heddle_values* handle() const {
    return reinterpret_cast<const heddle_values*>(this);
  }
  [[nodiscard]] static const Values* from(const heddle_values* handle) {
    return reinterpret_cast<const Values*>(handle);
  }

 private:
  friend class ValuesMaker;

  struct Range {
    uint32_t first;
    uint32_t count;
  };

  Values() = default;
  ~Values() = default;

  mem::Retired retired_;
  std::atomic<uint32_t> count_{1};
  uint32_t slots_ = 0;
  const Range* ranges_ = nullptr;
  const heddle_value* values_ = nullptr;
  size_t bytes_ = 0;  // of the block
};

// Gathers values, slot after slot. What is added is copied. False, and nothing from `make`, once
// there was no memory.
class ValuesMaker {
 public:
  // The values that follow are those of the next slot.
  bool beginSlot();
  bool add(const heddle_value& value);
  // All of one slot.
  bool addSlot(const heddle_value* values, size_t count);
  // Uninitialised room for a text or bytes of so many bytes (and a NUL), the next value.
  char* addRoom(int32_t type, size_t bytes);
  // With a count for the caller; nullptr without memory.
  [[nodiscard]] Values* make();

 private:
  using Values_ = mem::TypedArray<heddle_value, mem::Builtin::kModuleBytes>;

  bool ok_ = true;
  mem::TypedArray<Values::Range, mem::Builtin::kModuleBytes> ranges_;
  Values_ values_;  // of texts `as.natural` is where they begin in `bytes_`
  mem::TypedArray<char, mem::Builtin::kModuleBytes> bytes_;
};

[[nodiscard]] inline bool hasBytes(const heddle_value& value) {
  return value.type == HEDDLE_TEXT || value.type == HEDDLE_BYTES;
}

}  // namespace heddle::modules
