#include "shared/counter.h"

#include <cerrno>
#include <new>

#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::shared {

namespace {

constinit NameList counters;  // with its lock held

mem::Memtype memtype() { return mem::builtinType(mem::Builtin::kSharedCounter); }

// Relaxed: see above. Not atomic_ref, which some standard libraries lack.
double loadCell(const CounterCell* cell) {
  double value;
  __atomic_load(cell->value, &value, __ATOMIC_RELAXED);
  return value;
}

}  // namespace

int SharedCounter::open(const Name& name, CounterCell* cell, SharedCounter** out) {
  if (name.bytes > kMaxKeyBytes) return -E2BIG;
  *cell->value = 0;
  const std::lock_guard held(NameList::lock());
  auto* counter = static_cast<SharedCounter*>(counters.find(name));
  if (counter != nullptr) {
    counter->holders++;
  } else {
    void* const block = mem::allocateBytes(memtype(), sizeof(SharedCounter) + name.bytes);
    if (block == nullptr) return -ENOMEM;
    counter = new (block) SharedCounter();
    counters.add(counter, name, counter + 1);
  }
  const std::lock_guard heldCells(counter->lock_);
  cell->next = counter->cells_;
  counter->cells_ = cell;
  *out = counter;
  return 0;
}

void SharedCounter::close(CounterCell* cell) {
  const std::lock_guard held(NameList::lock());
  {
    const std::lock_guard heldCells(lock_);
    CounterCell** link = &cells_;
    while (*link != cell) link = &(*link)->next;
    *link = cell->next;
    base_ += loadCell(cell);
  }
  if (!counters.leave(this)) return;
  this->~SharedCounter();
  mem::release(memtype(), this);
}

double SharedCounter::sum() {
  const std::lock_guard held(lock_);
  double sum = base_;
  for (const CounterCell* cell = cells_; cell != nullptr; cell = cell->next) sum += loadCell(cell);
  return sum;
}

}  // namespace heddle::shared
