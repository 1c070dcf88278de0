// The two batches of records and bytes between a loop with a thread of its own and its isolate: one
// is being filled, the other, if there is one, waits to be taken. So a loop whose isolate is busy
// goes on filling instead of waiting, and hands over much at once; when that is full it stops
// reading, and the peers' TCP with it.
//
// One thread fills and publishes, one takes. Whoever publishes must have the loop's turn (see
// Turn).
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "loop/port.h"
#include "mem/typed_array.h"

namespace heddle::loop {

struct Batch {
  int32_t* inbox = nullptr;
  uint8_t* recv = nullptr;
  uint32_t words = 0;
  uint32_t recvBytes = 0;
  double nowMs = 0;  // of the last pass that added to it
};

class Batches {
 public:
  Batches() = default;
  Batches(const Batches&) = delete;
  Batches& operator=(const Batches&) = delete;

  // Batches as large as the isolate's memory. 0 or -ENOMEM.
  [[nodiscard]] int open(uint32_t inboxWords, uint32_t recvBytes);

  // Who has the turn.
  Batch& filling() { return *filling_; }
  // Gives the batch away and begins the other one; false while one waits to be taken.
  [[nodiscard]] bool publish() {
    // Acquire: the taker has read to the end what is written over from now on. Sequentially
    // consistent, as is every step here, for `Dedicated::publish` says that it waits and looks
    // again, while the taker empties and looks whether somebody waits: one of them must see the
    // other.
    if (published_.load() != nullptr) return false;
    published_.store(filling_);
    std::swap(filling_, other_);
    return true;
  }

  // The taker: nullptr, or what `done` gives back.
  Batch* published() const { return published_.load(); }
  void done() { published_.store(nullptr); }

 private:
  Batch first_;
  Batch second_;
  Batch* filling_ = &first_;
  Batch* other_ = &second_;
  std::atomic<Batch*> published_{nullptr};
  mem::TypedArray<int32_t, mem::Builtin::kBatch> words_;
  mem::TypedArray<uint8_t, mem::Builtin::kBatch> bytes_;
};

}  // namespace heddle::loop
