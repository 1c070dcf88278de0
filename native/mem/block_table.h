#pragma once

// The blocks that lie in no slab: large ones, mapped one by one, and with the system engine all.
// Their addresses are kept aside, so that no pointer has to be followed to know whether it is a
// block. Any thread; removing is atomic, so of two frees of one block exactly one succeeds.

#include <cstddef>
#include <cstdint>

#include "mem/fault.h"

namespace heddle::mem {

struct BlockInfo {
  Memtype type = kNoMemtype;
  bool mapped = false;
  size_t bytes = 0;      // as asked for
  size_t heldBytes = 0;  // rounded up to pages when mapped
};

// A new block, zeroed when mapped; nullptr without memory.
[[nodiscard]] void* addBlock(Memtype type, size_t bytes, size_t align, bool mapped,
                             BlockInfo& added);

// Frees the block when it is one of `type`; otherwise says what is wrong and changes nothing.
[[nodiscard]] Fault removeBlock(Memtype type, void* block, BlockInfo& removed, Memtype& actual);

// kNone when the block may be freed as `type`.
[[nodiscard]] Fault findBlock(Memtype type, const void* block, BlockInfo& found, Memtype& actual);

// Makes a mapped block smaller or larger without copying: in place when the system can, otherwise
// its pages move. nullptr when the caller must copy instead, and then nothing has changed. The
// block is the caller's.
[[nodiscard]] void* resizeBlock(void* block, size_t bytes, BlockInfo& before, BlockInfo& after);

// False when a table contradicts itself.
[[nodiscard]] bool isValidBlockTable();
[[nodiscard]] uint64_t countBlocks(Memtype type);

}  // namespace heddle::mem
