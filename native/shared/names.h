#pragma once

// Finds what the isolates of a process share by its name, and counts who holds it. One lock for all
// lists, taken to open and to close; a counter's own lock may be taken while it is held, never the
// reverse. Nothing here allocates.

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "shared/key.h"

namespace heddle::shared {

// Borrowed. A text is canonical, see key.h.
struct Name {
  KeyKind kind;
  const void* data;
  size_t bytes;
};

// What has a name; the bytes of it lie in the object.
struct Named {
  Named* nextNamed = nullptr;
  uint32_t holders = 0;
  Name name{};
};

class NameList {
 public:
  static std::mutex& lock();

  // The rest with the lock held.

  [[nodiscard]] Named* find(const Name& name) const;
  // Copies the name to `space`, which has name.bytes, and gives it one holder.
  void add(Named* made, const Name& name, void* space);
  // True when the last holder has gone; then nobody finds it any more.
  [[nodiscard]] bool leave(Named* held);

 private:
  Named* first_ = nullptr;
};

}  // namespace heddle::shared
