#include "mem/block_table.h"

#include <cstdlib>
#include <mutex>

#include "mem/failpoint.h"
#include "sys/memory.h"

namespace heddle::mem {

namespace {

struct Entry {
  uintptr_t address;  // 0: empty
  BlockInfo info;
};

struct Freed {
  uintptr_t address;
  Memtype type;
};

size_t toPages(size_t bytes) { return sys::wholePages(bytes == 0 ? 1 : bytes); }

// Open addressing, linear probing, at most half full; deleting moves later entries up. The last
// frees are remembered, so that a second free is told from a foreign pointer.
class Shard {
 public:
  std::mutex lock;  // guards everything

  [[nodiscard]] bool insert(uintptr_t address, const BlockInfo& info) {
    if ((count_ + 1) * 2 > capacity_ && !grow()) return false;
    place(address, info);
    count_++;
    forget(address);
    return true;
  }

  [[nodiscard]] Entry* find(uintptr_t address) {
    if (capacity_ == 0) return nullptr;
    for (size_t at = home(address);; at = (at + 1) & (capacity_ - 1)) {
      if (entries_[at].address == address) return &entries_[at];
      if (entries_[at].address == 0) return nullptr;
    }
  }

  void erase(Entry* entry) {
    remember(entry->address, entry->info.type);
    auto hole = static_cast<size_t>(entry - entries_);
    for (size_t at = (hole + 1) & (capacity_ - 1); entries_[at].address != 0;
         at = (at + 1) & (capacity_ - 1)) {
      const size_t wanted = home(entries_[at].address);
      // The entry may move into the hole unless its home lies behind it.
      if (((at - wanted) & (capacity_ - 1)) < ((at - hole) & (capacity_ - 1))) continue;
      entries_[hole] = entries_[at];
      hole = at;
    }
    entries_[hole] = Entry{};
    count_--;
  }

  [[nodiscard]] Memtype wasFreed(uintptr_t address) const {
    for (const Freed& freed : freed_) {
      if (freed.address == address) return freed.type;
    }
    return kNoMemtype;
  }

  [[nodiscard]] Memtype around(uintptr_t address) const {
    for (size_t at = 0; at < capacity_; at++) {
      const Entry& entry = entries_[at];
      if (entry.address < address && address - entry.address < entry.info.heldBytes) {
        return entry.info.type;
      }
    }
    return kNoMemtype;
  }

  [[nodiscard]] uint64_t countOf(Memtype type) const {
    uint64_t count = 0;
    for (size_t at = 0; at < capacity_; at++) {
      count += entries_[at].address != 0 && entries_[at].info.type == type;
    }
    return count;
  }

  [[nodiscard]] bool isValid() {
    size_t count = 0;
    for (size_t at = 0; at < capacity_; at++) {
      if (entries_[at].address == 0) continue;
      count++;
      if (find(entries_[at].address) != &entries_[at]) return false;
    }
    return count == count_ && (capacity_ == 0 || count * 2 <= capacity_);
  }

 private:
  static constexpr size_t kFreedKept = 64;

  [[nodiscard]] size_t home(uintptr_t address) const {
    return static_cast<size_t>((address >> 4) * 0x9e3779b97f4a7c15u >> 20) & (capacity_ - 1);
  }

  void place(uintptr_t address, const BlockInfo& info) {
    size_t at = home(address);
    while (entries_[at].address != 0) at = (at + 1) & (capacity_ - 1);
    entries_[at] = {address, info};
  }

  [[nodiscard]] bool grow() {
    if (mustFail()) return false;
    const size_t oldCapacity = capacity_;
    Entry* old = entries_;
    const size_t bigger = oldCapacity == 0 ? 128 : oldCapacity * 2;
    auto* entries = static_cast<Entry*>(sys::mapMemory(toPages(bigger * sizeof(Entry))));
    if (entries == nullptr) return false;
    entries_ = entries;
    capacity_ = bigger;
    for (size_t at = 0; at < oldCapacity; at++) {
      if (old[at].address != 0) place(old[at].address, old[at].info);
    }
    if (old != nullptr) sys::unmapMemory(old, toPages(oldCapacity * sizeof(Entry)));
    return true;
  }

  void remember(uintptr_t address, Memtype type) {
    freed_[nextFreed_++ % kFreedKept] = {address, type};
  }

  void forget(uintptr_t address) {
    for (Freed& freed : freed_) {
      if (freed.address == address) freed = {};
    }
  }

  Entry* entries_ = nullptr;
  size_t capacity_ = 0;
  size_t count_ = 0;
  Freed freed_[kFreedKept] = {};
  size_t nextFreed_ = 0;
};

constexpr size_t kShards = 16;
constinit Shard shards[kShards];

Shard& shardOf(uintptr_t address) { return shards[(address >> 4 ^ address >> 12) % kShards]; }

uintptr_t addressOf(const void* block) { return reinterpret_cast<uintptr_t>(block); }

void* fromSystem(size_t bytes, size_t align, bool mapped) {
  if (mustFail()) return nullptr;
  if (mapped) return sys::mapMemory(toPages(bytes));
  if (align < sizeof(void*)) align = sizeof(void*);
  void* block = nullptr;
  return posix_memalign(&block, align, bytes == 0 ? 1 : bytes) == 0 ? block : nullptr;
}

void toSystem(void* block, const BlockInfo& info) {
  if (info.mapped) {
    sys::unmapMemory(block, info.heldBytes);
  } else {
    std::free(block);
  }
}

// Shrinks, or grows where what follows is unused.
bool fitInPlace(void* block, const BlockInfo& before, const BlockInfo& after) {
  if (after.heldBytes <= before.heldBytes) {
    const size_t surplus = before.heldBytes - after.heldBytes;
    if (surplus > 0) sys::unmapMemory(static_cast<char*>(block) + after.heldBytes, surplus);
    return true;
  }
  return !mustFail() && sys::growMemory(block, before.heldBytes, after.heldBytes);
}

// Moves the pages and forgets the old address. With its shard's lock held: once the pages are gone,
// another thread may get that address, but not enter it before it is forgotten here.
bool moveAndForget(void* block, const BlockInfo& before, void* moved, size_t movedBytes) {
  Shard& shard = shardOf(addressOf(block));
  std::lock_guard<std::mutex> held(shard.lock);
  if (!sys::moveMemory(block, before.heldBytes, moved, movedBytes)) return false;
  shard.erase(shard.find(addressOf(block)));
  return true;
}

// A block at a new address takes over the pages. Its entry comes first, since there may be no
// memory for it.
void* moveMapped(void* block, const BlockInfo& before, const BlockInfo& after) {
  BlockInfo added;
  void* moved = addBlock(after.type, after.bytes, 0, true, added);
  if (moved == nullptr) return nullptr;
  if (moveAndForget(block, before, moved, after.heldBytes)) return moved;
  Memtype actual = kNoMemtype;
  (void)removeBlock(after.type, moved, added, actual);
  return nullptr;
}

// Not a block's start: inside of one, or nowhere. Without a lock held.
Fault whereIs(uintptr_t address, Memtype& actual) {
  for (Shard& shard : shards) {
    std::lock_guard<std::mutex> held(shard.lock);
    actual = shard.around(address);
    if (actual != kNoMemtype) return Fault::kInterior;
  }
  return Fault::kForeign;
}

// With the shard's lock held; kForeign when it has to be looked for elsewhere.
Fault check(Shard& shard, Memtype type, uintptr_t address, Entry*& entry, Memtype& actual) {
  entry = shard.find(address);
  if (entry == nullptr) {
    actual = shard.wasFreed(address);
    return actual != kNoMemtype ? Fault::kDoubleFree : Fault::kForeign;
  }
  actual = entry->info.type;
  return actual == type ? Fault::kNone : Fault::kWrongType;
}

}  // namespace

void* addBlock(Memtype type, size_t bytes, size_t align, bool mapped, BlockInfo& added) {
  if (bytes > PTRDIFF_MAX - sys::pageBytes()) return nullptr;
  added = {type, mapped, bytes, mapped ? toPages(bytes) : bytes};
  void* block = fromSystem(bytes, align, mapped);
  if (block == nullptr) return nullptr;
  Shard& shard = shardOf(addressOf(block));
  {
    std::lock_guard<std::mutex> held(shard.lock);
    if (shard.insert(addressOf(block), added)) return block;
  }
  toSystem(block, added);
  return nullptr;
}

Fault removeBlock(Memtype type, void* block, BlockInfo& removed, Memtype& actual) {
  const uintptr_t address = addressOf(block);
  Shard& shard = shardOf(address);
  {
    std::lock_guard<std::mutex> held(shard.lock);
    Entry* entry = nullptr;
    const Fault fault = check(shard, type, address, entry, actual);
    if (fault == Fault::kNone) {
      removed = entry->info;
      shard.erase(entry);
    } else if (fault != Fault::kForeign) {
      return fault;
    }
  }
  if (actual == kNoMemtype) return whereIs(address, actual);
  toSystem(block, removed);
  return Fault::kNone;
}

Fault findBlock(Memtype type, const void* block, BlockInfo& found, Memtype& actual) {
  const uintptr_t address = addressOf(block);
  Shard& shard = shardOf(address);
  {
    std::lock_guard<std::mutex> held(shard.lock);
    Entry* entry = nullptr;
    const Fault fault = check(shard, type, address, entry, actual);
    if (fault == Fault::kNone) found = entry->info;
    if (fault != Fault::kForeign) return fault;
  }
  return whereIs(address, actual);
}

void* resizeBlock(void* block, size_t bytes, BlockInfo& before, BlockInfo& after) {
  if (bytes > PTRDIFF_MAX - sys::pageBytes()) return nullptr;
  Shard& shard = shardOf(addressOf(block));
  {
    std::lock_guard<std::mutex> held(shard.lock);
    Entry* entry = shard.find(addressOf(block));
    if (entry == nullptr || !entry->info.mapped) return nullptr;
    before = entry->info;
    after = {before.type, true, bytes, toPages(bytes)};
    if (fitInPlace(block, before, after)) {
      entry->info = after;
      return block;
    }
  }
  return moveMapped(block, before, after);
}

bool isValidBlockTable() {
  for (Shard& shard : shards) {
    std::lock_guard<std::mutex> held(shard.lock);
    if (!shard.isValid()) return false;
  }
  return true;
}

uint64_t countBlocks(Memtype type) {
  uint64_t count = 0;
  for (Shard& shard : shards) {
    std::lock_guard<std::mutex> held(shard.lock);
    count += shard.countOf(type);
  }
  return count;
}

}  // namespace heddle::mem
