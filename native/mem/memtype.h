#pragma once

// Typed memory: every block belongs to a registered memtype, is counted there, and is checked when
// it comes back. Fixed types have one block size, vsize types take a size at each call.
//
//   const auto kEvent = static_cast<Memtype>(registerMemtype({.description = "loop:event",
//                                                             .bytes = sizeof(Event)}));
//   void* event = allocate(kEvent);
//   release(kEvent, event);
//
// Two doors: allocate/release and their like abort on misuse, printing which types were mixed up;
// the try… forms report a Fault and change nothing. Out of memory is nullptr in both (with
// Fault::kNone). Any thread may call anything, and may release what another one allocated.
//
// Misuse is always recognised: a type that was never registered, the wrong kind, another type's
// block, a foreign or an interior pointer, a second free of a block that has not been handed out
// again since. Frees of one block by two threads in the same instant are a race of the caller's and
// may go unnoticed.

#include <cstddef>
#include <cstdint>

#include "mem/account.h"
#include "mem/fault.h"
#include "mem/heap.h"
#include "mem/poison.h"
#include "mem/registry.h"

namespace heddle::mem {

// --- the engine behind, and its settings

// "slab" (ours, the default) or "system" (malloc, for sanitizers and valgrind). Before the first
// allocation: EBUSY later, EINVAL for an unknown name.
[[nodiscard]] int setEngine(const char* name);
[[nodiscard]] const char* engineName();
constexpr const char* kEngineNames = "slab, system";

// vsize blocks from this size on are mapped one by one and go back to the system when freed. 0:
// only those above kMaxMediumBytes, which no slab holds; larger numbers mean the same.
void setMapThreshold(size_t bytes);
[[nodiscard]] size_t mapThreshold();

// --- aborting forms

// Fixed types. Contents unspecified (or the fill).
[[nodiscard]] void* allocate(Memtype type);
[[nodiscard]] void* allocateZeroed(Memtype type);
// vsize types. 0 bytes is a block like others.
[[nodiscard]] void* allocateBytes(Memtype type, size_t bytes);
[[nodiscard]] void* allocateBytesZeroed(Memtype type, size_t bytes);
// vsize. Keeps the smaller of both sizes; the old pointer is invalid after success and untouched
// after nullptr. From nullptr: allocates.
[[nodiscard]] void* resize(Memtype type, void* block, size_t bytes);
// vsize. Up to the NUL, or exactly `bytes` bytes; one NUL is added.
[[nodiscard]] char* duplicateString(Memtype type, const char* text);
[[nodiscard]] char* duplicateBytes(Memtype type, const void* data, size_t bytes);
// Both kinds; nullptr is fine.
void release(Memtype type, void* block);

// --- reporting forms

[[nodiscard]] void* tryAllocate(Memtype type, FaultReport& report);
[[nodiscard]] void* tryAllocateBytes(Memtype type, size_t bytes, FaultReport& report);
[[nodiscard]] void* tryResize(Memtype type, void* block, size_t bytes, FaultReport& report);
[[nodiscard]] Fault tryRelease(Memtype type, void* block, FaultReport& report);

// Bytes that may be used in a block of the type: at least what was asked for. 0 with a fault.
[[nodiscard]] size_t usableBytes(Memtype type, const void* block, FaultReport& report);

// --- housekeeping

// Gives back what the calling thread and ended threads hold without using it.
void collectMemory();

// The walkers: false when a structure contradicts itself. The first looks at what the calling
// thread owns, whenever; the second at everything, also comparing accounts with blocks, while no
// other thread allocates or frees.
[[nodiscard]] bool checkInvariants();
[[nodiscard]] bool checkAllInvariants();

// --- the hot paths

void* allocateSlow(Memtype type);
void* allocateBytesSlow(Memtype type, size_t bytes);
void releaseSlow(Memtype type, void* block);
void fillBlock(void* block, const Bin& bin);

[[gnu::always_inline]] inline void* allocate(Memtype type) {
  Heap* heap = currentHeap;
  if (heap == nullptr || type > kMaxTypes) [[unlikely]]
    return allocateSlow(type);
  Bin& bin = heap->shares[type].bin;
  char* block = takeBlock(bin);
  if (block == nullptr) [[unlikely]]
    return allocateSlow(type);
  bump(heap->shares[type].account.allocs);
  unpoison(block, bin.blockBytes);
  if (bin.fill >= 0) [[unlikely]]
    fillBlock(block, bin);
  return block;
}

[[gnu::always_inline]] inline void* allocateBytes(Memtype type, size_t bytes) {
  Heap* heap = currentHeap;
  if (heap == nullptr || type > kMaxTypes || bytes > kMaxSmallBytes) [[unlikely]] {
    return allocateBytesSlow(type, bytes);
  }
  Bin* bins = heap->vsize[type];
  if (bins == nullptr) [[unlikely]]
    return allocateBytesSlow(type, bytes);
  Bin& bin = bins[smallClassOf(bytes)];
  char* block = takeBlock(bin);
  if (block == nullptr) [[unlikely]]
    return allocateBytesSlow(type, bytes);
  Account& account = heap->shares[type].account;
  bump(account.allocs);
  bump(account.allocBytes, bin.blockBytes);
  unpoison(block, bytes);
  if (bin.fill >= 0) [[unlikely]]
    fillBlock(block, bin);
  return block;
}

// True when a sample is due before this thread's next free.
[[nodiscard]] inline bool isPeak(const Account& account, uint64_t frees) {
  return static_cast<int64_t>(account.allocs.load(std::memory_order_relaxed) - frees) >
         account.sampledNet;
}

// Another thread's block, checked except for what that thread may have freed.
void releaseRemote(Memtype type, Slab* slab, uint32_t index);

inline void release(Memtype type, void* block) {
  const auto address = reinterpret_cast<uintptr_t>(block);
  if (!smallArena.contains(address)) [[unlikely]]
    return releaseSlow(type, block);
  auto* slab = reinterpret_cast<Slab*>(address & ~((uintptr_t{1} << kSmallShift) - 1));
  if (slab->tag.load(std::memory_order_relaxed) != tagOf(type)) [[unlikely]] {
    return releaseSlow(type, block);
  }
  // One multiplication divides and checks: the high half is the block's index, and the low half is
  // below `magic` exactly when nothing remains (offsets and sizes are below 2^16). An offset before
  // block 0 wraps to a huge one, whose index is beyond the capacity.
  const uint32_t offset =
      (static_cast<uint32_t>(address) & ((1u << kSmallShift) - 1)) - slab->firstOffset;
  const uint64_t product = uint64_t{offset} * slab->magic;
  const auto index = static_cast<uint32_t>(product >> 32);
  if (static_cast<uint32_t>(product) >= slab->magic || index >= slab->capacity) [[unlikely]] {
    return releaseSlow(type, block);
  }
  Heap* heap = currentHeap;
  if (slab->owner.load(std::memory_order_relaxed) != heap) [[unlikely]] {
    return releaseRemote(type, slab, index);
  }
  Word& word = slab->words()[index / 64];
  const uint64_t bit = uint64_t{1} << (index % 64);
  const uint64_t free = word.free.load(std::memory_order_relaxed);
  Account& account = heap->shares[type].account;
  const uint64_t frees = account.frees.load(std::memory_order_relaxed);
  if (((free | word.take.load(std::memory_order_relaxed)) & bit) != 0 ||
      slab->remoteWords.load(std::memory_order_relaxed) != 0 || isPeak(account, frees))
      [[unlikely]] {
    return releaseSlow(type, block);
  }
  account.frees.store(frees + 1, std::memory_order_relaxed);
  if (slab->vsize) bump(account.freeBytes, slab->blockBytes);
  poison(block, slab->blockBytes);
  word.free.store(free | bit, std::memory_order_relaxed);
  const uint32_t used = --slab->used;
  if (free != 0 && used != 0) [[likely]]
    return;
  slab->nonEmpty |= uint64_t{1} << (index / 64);
  if (!slab->listed || used == 0) slabChanged(slab);
}

}  // namespace heddle::mem
