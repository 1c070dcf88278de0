#pragma once

// A number that all isolates add to without touching each other's memory: each holder has a cell of
// its own, a double that it alone writes, and the sum is taken over the cells and over what holders
// that have left had in theirs. Found by name; lives while it is held open.
//
// THREADS. A cell is written by its holder's thread by plain stores (`cell[0] += n` in JavaScript)
// while others read it. That does not tear: the cell is eight bytes at a multiple of eight, and
// compiled code, JavaScript engines' included, moves an aligned double by one instruction. A reader
// sees what was stored some time before or, if it learnt of an addition by other means (a message),
// that addition: loads and stores of one address have one order. The list of cells is under the
// counter's lock, and so is the folding of a cell into the base: a sum sees a holder's number in
// one of the two places, never in both or none. Adding takes no lock; the sum does, against opening
// and closing.
//
// Sums are exact while they stay below 2^53, for integers.

#include <atomic>
#include <cstdint>
#include <mutex>

#include "shared/names.h"

namespace heddle::shared {

// A holder's; it lies still between open and close.
struct CounterCell {
  double* value = nullptr;
  CounterCell* next = nullptr;
};

class SharedCounter final : private Named {
 public:
  // Finds the counter of that name or makes it, and adds the cell, whose value is set to 0.
  // -ENOMEM, -E2BIG (the name).
  [[nodiscard]] static int open(const Name& name, CounterCell* cell, SharedCounter** out);
  // Once for each open, with its cell, by the thread that writes it. What it held stays in the sum;
  // the counter is the caller's no more.
  void close(CounterCell* cell);

  // Any holder's thread.
  [[nodiscard]] double sum();

 private:
  SharedCounter() = default;

  // Taken after that of the names, where both are.
  std::mutex lock_;
  double base_ = 0;
  CounterCell* cells_ = nullptr;
};

}  // namespace heddle::shared
