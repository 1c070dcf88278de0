#include "mem/safe_block.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "mem/builtin_types.h"
#include "mem/id_table.h"
#include "mem/memtype.h"
#include "mem/safe_pin.h"

namespace heddle::mem {

namespace {

Memtype blockType() { return builtinType(Builtin::kSafeBlock); }

constinit IdTable<SafeBlock> table{Builtin::kSafeTable};

struct Counts {
  std::atomic<uint64_t> allocations{0};
  std::atomic<uint64_t> requested{0};
  std::atomic<uint64_t> completed{0};
  std::atomic<uint64_t> requestedBytes{0};
  std::atomic<uint64_t> completedBytes{0};
};
constinit Counts counts;

void count(std::atomic<uint64_t>& counter, uint64_t by = 1) {
  // Release: pairs with the acquire in safeStats, which so sees the requests behind a completion.
  counter.fetch_add(by, std::memory_order_release);
}

// Whether a safe block begins there. Reads the memory only once the engine knows it for a block.
SafeFault inspect(SafeBlock* block) {
  FaultReport report;
  if (usableBytes(blockType(), block, report) < sizeof(SafeBlock)) {
    return report.fault == Fault::kDoubleFree ? SafeFault::kDoubleFree : SafeFault::kCorrupt;
  }
  if (block->magic != SafeBlock::kMagic) return SafeFault::kCorrupt;
  if (block->freed.load(std::memory_order_relaxed)) return SafeFault::kDoubleFree;
  return block->sequence == Retired::kLive ? SafeFault::kNone : SafeFault::kCorrupt;
}

void reclaim(Retired* retired) { safeDrop(static_cast<SafeBlock*>(retired)); }

// By the one who has set `freed`.
void retireBlock(SafeBlock* block) {
  const size_t bytes = sizeof(SafeBlock) + block->payloadBytes;
  count(counts.requested);
  count(counts.requestedBytes, block->payloadBytes);
  notifyPins(block);
  epochRetire(block, bytes, reclaim);
}

}  // namespace

void* safeAllocate(size_t bytes, const SafeOptions& options) {
  if (bytes > SIZE_MAX - sizeof(SafeBlock)) return nullptr;
  const size_t whole = sizeof(SafeBlock) + bytes;
  void* const memory =
      options.zeroed ? allocateBytesZeroed(blockType(), whole) : allocateBytes(blockType(), whole);
  if (memory == nullptr) return nullptr;
  auto* const block = ::new (memory) SafeBlock;
  block->payloadBytes = bytes;
  block->cleanup = options.cleanup;
  block->context = options.context;
  if (options.named && table.add(block) == kNoId) {
    release(blockType(), memory);
    return nullptr;
  }
  count(counts.allocations);
  return block->payload();
}

void* safeAllocateZeroed(size_t number, size_t bytes) {
  size_t whole = 0;
  if (__builtin_mul_overflow(number, bytes, &whole)) return nullptr;
  return safeAllocate(whole, {.zeroed = true});
}

void* safeDuplicate(const void* data, size_t bytes) {
  void* const copy = safeAllocate(bytes);
  if (copy != nullptr && bytes > 0) std::memcpy(copy, data, bytes);
  return copy;
}

char* safeDuplicateString(const char* text) {
  return static_cast<char*>(safeDuplicate(text, std::strlen(text) + 1));
}

SafeFault trySafeFree(void* payload) {
  if (payload == nullptr) return SafeFault::kNone;
  if (!epochAttached()) return SafeFault::kNoThread;
  SafeBlock* const block = SafeBlock::of(payload);
  const SafeFault fault = inspect(block);
  if (fault != SafeFault::kNone) return fault;
  // Acquire and release: of two threads that free the block one goes on, after all that the other
  // did with it.
  if (block->freed.exchange(true, std::memory_order_acq_rel)) return SafeFault::kDoubleFree;
  if (block->id != kNoId && !table.remove(block)) return SafeFault::kCorrupt;
  retireBlock(block);
  return SafeFault::kNone;
}

void safeFree(void* payload) {
  const SafeFault fault = trySafeFree(payload);
  if (fault == SafeFault::kNone) return;
  std::fprintf(stderr, "heddle: safeFree: %p: %s\n", payload, describeSafeFault(fault));
  std::abort();
}

const char* describeSafeFault(SafeFault fault) {
  switch (fault) {
    case SafeFault::kNone:
      return "no fault";
    case SafeFault::kDoubleFree:
      return "the safe block is free already";
    case SafeFault::kCorrupt:
      return "not a safe block, or its header is damaged";
    case SafeFault::kNoThread:
      return "the thread takes no part in epoch reclamation";
  }
  return "";
}

SafeBlock* safeFind(uint64_t id) { return table.find(id); }

SafeFault safeFreeById(uint64_t id) {
  if (!epochAttached()) return SafeFault::kNoThread;
  // The block stays readable between finding and freeing, whoever frees it first; and the retiring
  // happens in a section, so it never waits at the backlog's limit.
  const EpochScope section;
  SafeBlock* const block = table.find(id);
  if (block == nullptr) return SafeFault::kDoubleFree;
  if (block->freed.exchange(true, std::memory_order_acq_rel)) return SafeFault::kDoubleFree;
  if (!table.remove(block)) return SafeFault::kCorrupt;
  retireBlock(block);
  return SafeFault::kNone;
}

void safeDrop(SafeBlock* block) {
  // Release: what each holder did with the bytes precedes the release of the memory. Acquire: the
  // last one takes that over.
  if (block->holds.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  if (block->cleanup != nullptr && block->cleanup(block->payload(), block->payloadBytes,
                                                  block->context) == SafeRelease::kLater) {
    return;
  }
  safeRelease(block->payload());
}

void safeRelease(void* payload) {
  SafeBlock* const block = SafeBlock::of(payload);
  const size_t bytes = block->payloadBytes;
  block->magic = ~SafeBlock::kMagic;
  block->~SafeBlock();
  release(blockType(), block);
  count(counts.completed);
  count(counts.completedBytes, bytes);
}

SafeStats safeStats() {
  SafeStats result{};
  // The completed first, see count.
  result.freesCompleted = counts.completed.load(std::memory_order_acquire);
  const uint64_t completedBytes = counts.completedBytes.load(std::memory_order_acquire);
  result.freesRequested = counts.requested.load(std::memory_order_acquire);
  result.bytesPending = counts.requestedBytes.load(std::memory_order_acquire) - completedBytes;
  result.allocations = counts.allocations.load(std::memory_order_acquire);
  return result;
}

}  // namespace heddle::mem
