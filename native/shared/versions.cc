#include "shared/versions.h"

#include <new>

#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::shared {

namespace {

mem::Memtype memtype() { return mem::builtinType(mem::Builtin::kSharedVersions); }

}  // namespace

Versions* Versions::make() {
  void* const block = mem::allocateBytesZeroed(memtype(), sizeof(Versions) + kMemoryBytes);
  return block == nullptr ? nullptr : new (block) Versions;
}

void Versions::drop() {
  // Release: what this holder did comes before the end; acquire: the last one sees it.
  if (holders_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  mem::release(memtype(), this);
}

void Versions::ageMarks(uint32_t shard) {
  std::atomic<uint8_t>* const first = &marks()[size_t{shard} * kCellsOfShard];
  for (uint32_t i = 0; i < kCellsOfShard; i++) {
    const uint8_t mark = first[i].load(std::memory_order_relaxed);
    if (mark != 0) first[i].store(mark / 2, std::memory_order_relaxed);
  }
}

void Versions::ChangeOfAll::step() {
  std::atomic<uint32_t>* const first = &versions_->cells()[size_t{shard_} * kCellsOfShard];
  for (uint32_t i = 0; i < kCellsOfShard; i++) {
    // Release: at the end, as in Change; at the beginning the store that publishes does it.
    first[i].store(first[i].load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
}

}  // namespace heddle::shared
