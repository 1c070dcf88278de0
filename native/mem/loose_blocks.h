#pragma once

// Blocks on their way from one owner to another: given up by one thread for a token, taken by
// whichever presents it. A token works once; used or made up ones are recognised, because they are
// numbers that never come again. Any thread, under one lock.

#include <cstddef>
#include <cstdint>

#include "mem/fault.h"

namespace heddle::mem {

struct LooseBlock {
  void* memory = nullptr;
  size_t bytes = 0;
  Memtype type = kNoMemtype;
};

// A number from 1 to 2^53 - 1, or 0 without memory: the block is still the caller's.
[[nodiscard]] uint64_t leaveBlock(const LooseBlock& block);
// False: nothing was left under the token.
[[nodiscard]] bool claimBlock(uint64_t token, LooseBlock* block);
[[nodiscard]] uint64_t unclaimedBlocks();

}  // namespace heddle::mem
