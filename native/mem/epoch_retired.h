#pragma once

// The header of everything that epochs reclaim: it lies in the object, so that retiring allocates
// nothing and cannot fail. Readers that still hold the object never look at it.

#include <cstddef>
#include <cstdint>

namespace heddle::mem {

struct Retired {
  // Ends the object: runs its finaliser if it has one and gives its memory back. Called exactly
  // once, after every section that was open at the retirement has ended, on the collector or on
  // the thread that maintains. It may enter sections and retire more; it must not wait.
  using Reclaim = void (*)(Retired*);

  // What `sequence` holds until the object is retired; then its number among those of its thread.
  static constexpr uint32_t kLive = 0x6c697665;

  Retired* next = nullptr;
  Reclaim reclaim = nullptr;
  uint32_t bytes = 0;
  uint32_t sequence = kLive;
};

}  // namespace heddle::mem
