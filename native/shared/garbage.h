#pragma once

// What a writer unlinks while it holds a lock, retired when it has let go of it: retiring may wait
// for sections to end (the epochs' limit), and who is in such a section may be waiting for the
// lock. Made before the lock is taken, so that it ends after. Lives on one thread's stack, which
// takes part in the epochs.

#include "mem/epoch.h"

namespace heddle::shared {

class Garbage {
 public:
  Garbage() = default;
  ~Garbage() {
    while (first_ != nullptr) {
      mem::Retired* const object = first_;
      first_ = object->next;
      mem::epochRetire(object, object->bytes, object->reclaim);
    }
  }
  Garbage(const Garbage&) = delete;
  Garbage& operator=(const Garbage&) = delete;

  // Readers that still hold the object do not look at its header, so the header holds the list.
  void add(mem::Retired* object, uint64_t bytes, mem::Retired::Reclaim reclaim) {
    object->next = first_;
    object->bytes = static_cast<uint32_t>(bytes < UINT32_MAX ? bytes : UINT32_MAX);
    object->reclaim = reclaim;
    first_ = object;
  }

 private:
  mem::Retired* first_ = nullptr;
};

}  // namespace heddle::shared
