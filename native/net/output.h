// Bytes of one connection that the system did not take yet: owned copies, and blocks that belong to
// somebody else and are let go when they have been sent. Exists only while there are such bytes.
// Thread rule: the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mem/typed_object.h"

namespace heddle::net {

// Somebody else's memory. `release(context)` is called exactly once, when the block has been sent
// or its connection is gone. `isThere(context)` is asked before each later look at the bytes; false
// means that the owner has taken them away in spite of our reference. Both on the loop's thread;
// without isThere the bytes stay. A block without a release is there for the call alone that writes
// it: what cannot be sent at once is copied.
struct Block {
  const uint8_t* data = nullptr;
  size_t size = 0;
  void (*release)(void* context) = nullptr;
  void* context = nullptr;
  bool (*isThere)(void* context) = nullptr;
};

class Output {
 public:
  Output() = default;
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // 0 or -ENOMEM.
  [[nodiscard]] int copy(const uint8_t* data, size_t size);
  [[nodiscard]] int refer(const Block& block, size_t offset);
  size_t pending() const { return pending_; }
  // Sends as much as the descriptor takes. Returns the bytes sent (0: would block), or a negative
  // errno; EFAULT: the bytes of a block are gone.
  [[nodiscard]] int64_t sendTo(int fd);

 private:
  struct Segment;
  void append(Segment* segment);
  void consume(size_t bytes);

  Segment* head_ = nullptr;
  Segment* tail_ = nullptr;
  size_t pending_ = 0;
};

using Outputs = mem::Typed<Output, mem::Builtin::kOutput>;

}  // namespace heddle::net
