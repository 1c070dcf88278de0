#pragma once

// The address space that slabs are cut from: one reservation of slots of 64 KiB. A small slab is
// one slot, a medium slab a run of sixteen. Beside the slots, in tables found by an address's
// distance from the base, lies what is known about them, so that slabs have no headers, membership
// of an address is one comparison, and no pointer of a caller's is ever followed:
//   states  a byte for each granule of 16 bytes: who allocated the block that starts there
//   tags    of each slot: the type and bin its blocks are of
//   slabs   of each slab: the blocks that rest in it, see slab.h
// States could lie closer together, by the blocks' numbers in their slabs. But numbers take a
// multiplication on both paths: measured, a pair of allocate and free took half as long again.
//
// Threads: any; the lock is only taken for a whole run. Tables are never taken back, so a stale
// address may always be looked up.

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "mem/fault.h"

namespace heddle::mem {

constexpr uint32_t kSlotShift = 16;
constexpr size_t kSlotBytes = size_t{1} << kSlotShift;
constexpr uint32_t kRunSlots = 16;
// Blocks are multiples of a granule.
constexpr uint32_t kGranuleShift = 4;
constexpr size_t kGranuleBytes = size_t{1} << kGranuleShift;
constexpr uint32_t kSlotGranules = static_cast<uint32_t>(kSlotBytes / kGranuleBytes);
constexpr uint32_t kNoSlot = 0xffffffffu;

// --- states

// Relaxed everywhere: whoever holds a block got it after its state was written, by whatever handed
// the block over, and nothing is read on a state's strength.
using State = std::atomic<uint8_t>;
constexpr uint8_t kFree = 0;  // or no block starts here
// 1 … kLastMark: in use, allocated by a thread with this mark.
constexpr uint8_t kLastMark = 254;
// In use, allocated without a heap.
constexpr uint8_t kNobodysMark = 255;

// --- tags

// Low half: the type; 0 while there is no slab. High half: the bin's number, and whether the slot
// is part of a medium slab. A slab that went back has its type in the high half instead, so that a
// second free of its blocks still gets the type's name.
using Tag = uint32_t;
constexpr Tag kMediumMark = Tag{1} << 31;
[[nodiscard]] constexpr Tag makeTag(Memtype type, uint32_t bin, bool medium) {
  return type | bin << 16 | (medium ? kMediumMark : 0);
}
[[nodiscard]] constexpr Memtype typeOfTag(Tag tag) { return tag & 0xffff; }
[[nodiscard]] constexpr uint32_t binOfTag(Tag tag) { return tag >> 16 & 0xff; }
[[nodiscard]] constexpr bool isMedium(Tag tag) { return (tag & kMediumMark) != 0; }
[[nodiscard]] constexpr Tag retired(Tag tag) { return tag << 16 | (tag & kMediumMark); }
[[nodiscard]] constexpr Memtype retiredType(Tag tag) { return tag >> 16 & 0x7fff; }

// --- the tables

struct Slab;

// Written once, when the first slab is made, but for `granules`. A thread that has a block may read
// the others at any time; one that may have none reads `granules` first.
struct alignas(64) Arena {
  std::atomic<size_t> granules{0};      // in slots that were ever handed out
  std::atomic<uintptr_t> base{0};       // a multiple of a run's size
  std::atomic<uintptr_t> stateBias{0};  // the state of an address is at (address >> 4) + this
  std::atomic<std::atomic<Tag>*> tags{nullptr};
  std::atomic<Slab*> slabs{nullptr};
};
extern constinit Arena arena;

// The granule that starts at the address, a number beyond all others when none does.
[[nodiscard]] inline size_t granuleAt(uintptr_t address) {
  return std::rotr(address - arena.base.load(std::memory_order_relaxed),
                   static_cast<int>(kGranuleShift));
}

// True for every address in a slot that was ever handed out. Acquire: the tables are there.
[[nodiscard]] inline bool isInArena(uintptr_t address) {
  const size_t granules = arena.granules.load(std::memory_order_acquire);
  return (address - arena.base.load(std::memory_order_relaxed)) >> kGranuleShift < granules;
}

// The rest is for addresses in the arena.
[[nodiscard]] inline uint32_t slotAt(uintptr_t address) {
  return static_cast<uint32_t>((address - arena.base.load(std::memory_order_relaxed)) >>
                               kSlotShift);
}
[[nodiscard]] inline std::atomic<Tag>& tagAt(uint32_t slot) {
  return arena.tags.load(std::memory_order_relaxed)[slot];
}
[[nodiscard]] inline State& stateAt(uintptr_t address) {
  return *reinterpret_cast<State*>((address >> kGranuleShift) +
                                   arena.stateBias.load(std::memory_order_relaxed));
}
[[nodiscard]] inline uintptr_t addressOfSlot(uint32_t slot) {
  return arena.base.load(std::memory_order_relaxed) + (uintptr_t{slot} << kSlotShift);
}
[[nodiscard]] inline uint32_t slotsOfRun(bool medium) { return medium ? kRunSlots : 1; }
[[nodiscard]] inline size_t runBytes(bool medium) { return slotsOfRun(medium) * kSlotBytes; }

// --- runs

// The first slot of a run; its contents are as they were when it was released, or zeros, and its
// states are kFree. kNoSlot without memory.
[[nodiscard]] uint32_t acquireRun(bool medium);
// Keeps the pages up to a limit, and gives them back to the system above it.
void releaseRun(uint32_t slot, bool medium);
// Gives back the pages of all runs that are not in use.
void purgeIdleRuns();

// Slots that were ever handed out are below.
[[nodiscard]] uint32_t slotsMade();

}  // namespace heddle::mem
