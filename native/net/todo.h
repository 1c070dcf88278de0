// Connections to come back to, by handle. Each of them also carries a flag that says so; without
// memory for the list the flags are enough, and whoever works it off looks at all connections
// instead. So noting one cannot fail. Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <utility>

#include "mem/typed_array.h"

namespace heddle::net {

class Todo {
 public:
  bool empty() const { return handles_.empty() && !walk_; }
  void note(uint32_t handle) {
    if (!handles_.push(handle)) walk_ = true;
  }
  void clear() {
    handles_.clear();
    walk_ = false;
  }
  void swap(Todo& other) {
    handles_.swap(other.handles_);
    std::swap(walk_, other.walk_);
  }

  // Takes the newest off the list; 0 when it has none. What is left to a walk is not on it.
  uint32_t takeNewest() { return handles_.empty() ? 0 : handles_.pop(); }
  // Whether all connections have to be looked at; asked once.
  bool takeWalk() { return std::exchange(walk_, false); }

  const uint32_t* begin() const { return handles_.begin(); }
  const uint32_t* end() const { return handles_.end(); }

 private:
  mem::TypedArray<uint32_t, mem::Builtin::kTodo> handles_;
  bool walk_ = false;
};

}  // namespace heddle::net
