// What an isolate hands over to the thread of its loop, in order: output of the port, and calls.
//
// Each piece is an Errand: it is run on the loop's thread, or by who stands in for it, or dropped
// with the loop; once. The isolate pushes, the loop's thread takes all there is. Bounded by who
// pushes: `bytes` says how much waits.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>

#include "loop/errand.h"
#include "loop/port.h"

namespace heddle::loop {

class HandedOver {
 public:
  HandedOver() = default;
  HandedOver(const HandedOver&) = delete;
  HandedOver& operator=(const HandedOver&) = delete;

  // The isolate. `bytes` is what it holds.
  void push(Errand* errand, size_t bytes);
  // Bytes that wait.
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }  // relaxed: a measure

  // Any thread. Sequentially consistent: the loop's thread says that it sleeps and looks here
  // again, while the isolate pushes and looks whether it sleeps.
  bool empty() const { return !waiting_.load(); }
  // Who has the turn: everything, to the end of `into`.
  void take(LetterQueue* into);

 private:
  std::mutex lock_;
  LetterQueue queue_;
  std::atomic<bool> waiting_{false};  // written under lock_
  std::atomic<size_t> bytes_{0};
};

// A copy of what the isolate has in its outbox and send slab; bytes that it sends from where they
// were received are copied behind those of the slab. nullptr without memory, or if those
// are too many.
[[nodiscard]] Errand* copyOutput(const PortMemory& memory, size_t* bytes);

}  // namespace heddle::loop
