#include "shared/versions.h"

#include <new>

#include "mem/builtin_types.h"
#include "mem/memtype.h"
#include "shared/table.h"

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

void Versions::ChangeOfAll::step() {
  for (uint32_t cell = shard_; cell < kCells; cell += kShards) {
    std::atomic<uint32_t>& version = versions_->cells()[cell];
    // Release: at the end, as in Change; at the beginning the store that publishes does it.
    version.store(version.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
}

}  // namespace heddle::shared
