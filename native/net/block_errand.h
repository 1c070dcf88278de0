// A large block on its way to the thread of a loop, which writes it where the isolate could only
// have let it read memory of JavaScript's. See loop/dedicated.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "loop/errand.h"
#include "net/net.h"

namespace heddle::net {

// Of a connection, or of one response of it.
struct BlockTarget {
  uint32_t connection = 0;
  int32_t seq = -1;  // of the HTTP response in parts; negative: of no response
};

// Run, it writes a copy of the bytes; what becomes of them the connection's records tell. nullptr
// without memory.
[[nodiscard]] loop::Errand* blockErrand(Net* net, const BlockTarget& target, const uint8_t* data,
                                        size_t size);

}  // namespace heddle::net
