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
// again since. Frees of one block by two threads in the same instant are a race of the caller's: it
// shows, if at all, as an abort when the block goes back to its slab for the second time.

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>

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
// vsize types. 0 bytes is a block like others.
[[nodiscard]] void* allocateBytes(Memtype type, size_t bytes);
[[nodiscard]] void* allocateBytesZeroed(Memtype type, size_t bytes);
// vsize. Keeps the smaller of both sizes; the old pointer is invalid after success and untouched
// after nullptr. From nullptr: allocates.
[[nodiscard]] void* resize(Memtype type, void* block, size_t bytes);
// vsize. Up to the NUL, or exactly `bytes` bytes; one NUL is added.
[[nodiscard]] char* duplicateString(Memtype type, const char* text);
[[nodiscard]] char* duplicateBytes(Memtype type, const void* data, size_t bytes);
// vsize. The text that printf would print, and a NUL; nullptr also for a format that printf
// refuses.
[[nodiscard, gnu::format(printf, 2, 3)]] char* formatText(Memtype type, const char* format, ...);
[[nodiscard, gnu::format(printf, 2, 0)]] char* formatTextList(Memtype type, const char* format,
                                                              va_list arguments);
// Both kinds; nullptr is fine.
void release(Memtype type, void* block);

// --- reporting forms

[[nodiscard]] void* tryAllocate(Memtype type, FaultReport& report);
[[nodiscard]] void* tryAllocateBytes(Memtype type, size_t bytes, FaultReport& report);
[[nodiscard]] void* tryResize(Memtype type, void* block, size_t bytes, FaultReport& report);
[[nodiscard]] Fault tryRelease(Memtype type, void* block, FaultReport& report);

// What a block of the type takes: at least what was asked for, which alone is the caller's. 0 with
// a fault.
[[nodiscard]] size_t usableBytes(Memtype type, const void* block, FaultReport& report);

// --- housekeeping

// Gives back to the system what is unused, except for the blocks that other threads keep for their
// next allocations; those of ended threads have gone with them.
void collectMemory();

// Prints a line for each type with live blocks; true when there is one. Counts as reading the
// accounts.
bool reportLeaks(std::FILE* to);

// The walkers: false when a structure contradicts itself. The first may be called at any time, and
// looks at what the calling thread keeps and at the stores; the second at everything, also
// comparing accounts with blocks, while no other thread allocates or frees.
[[nodiscard]] bool checkInvariants();
[[nodiscard]] bool checkAllInvariants();

// --- the hot paths

// Never inlined: the frames that they need would be set up on the hot paths.
[[gnu::noinline]] void* allocateSlow(Memtype type);
[[gnu::noinline]] void* allocateBytesSlow(Memtype type, size_t bytes);
[[gnu::noinline]] void releaseSlow(Memtype type, void* block);
// What lies in a slab with the tag, or of the fixed type, at a multiple of 16; nothing else is
// known of it.
void releaseOther(Memtype type, void* block, Tag tag);
void releaseRemote(Memtype type, void* block);
void fillBlock(void* block, size_t bytes, const Bin& bin);

[[gnu::always_inline]] inline void* allocate(Memtype type) {
  if (type > kMaxTypes) [[unlikely]]
    return allocateSlow(type);
  Bin& bin = currentHeap->fixed[type];
  char* block = nullptr;
  if (!popBlock(bin, block)) [[unlikely]]
    return allocateSlow(type);
  unpoison(block, bin.blockBytes);
  if (bin.fill >= 0) [[unlikely]]
    fillBlock(block, bin.blockBytes, bin);
  return block;
}

[[gnu::always_inline]] inline void* allocateBytes(Memtype type, size_t bytes) {
  if (type > kMaxTypes || bytes > kMaxSmallBytes) [[unlikely]]
    return allocateBytesSlow(type, bytes);
  // Relaxed: the thread's own.
  SizedBins* sized = currentHeap->sized[type].load(std::memory_order_relaxed);
  if (sized == nullptr || sized->aligned) [[unlikely]]
    return allocateBytesSlow(type, bytes);
  Bin& bin = sized->bins[smallBinOf(bytes)];
  char* block = nullptr;
  if (!popBlock(bin, block)) [[unlikely]]
    return allocateBytesSlow(type, bytes);
  bump(sized->account.allocs);
  bump(sized->account.allocBytes, bin.blockBytes);
  unpoison(block, bytes);
  if (bin.fill >= 0) [[unlikely]]
    fillBlock(block, bytes, bin);
  return block;
}

[[gnu::always_inline]] inline void release(Memtype type, void* block) {
  // One comparison: whether a block may start there at all. Acquire, and first, see arena.h:
  // nullptr and strangers come while another thread makes the arena, and beside a base of 0 a small
  // address would pass for one of the arena's.
  const size_t granules = arena.granules.load(std::memory_order_acquire);
  const size_t granule = granuleAt(reinterpret_cast<uintptr_t>(block));
  if (granule >= granules) [[unlikely]]
    return releaseSlow(type, block);
  const Tag tag =
      tagAt(static_cast<uint32_t>(granule / kSlotGranules)).load(std::memory_order_relaxed);
  // The whole tag is the type only for fixed ones.
  if (tag != type) return releaseOther(type, block, tag);
  Bin& bin = currentHeap->fixed[type];
  State& state = stateAt(reinterpret_cast<uintptr_t>(block));
  // Not this thread's mark: another one's block, free already, or no block's start.
  if (state.load(std::memory_order_relaxed) != bin.mark) [[unlikely]]
    return releaseRemote(type, block);
  if (!pushBlock(bin, static_cast<char*>(block), state)) [[unlikely]]
    return releaseSlow(type, block);
  poison(block, bin.blockBytes);
}

}  // namespace heddle::mem
