// A large block on its way to the thread of a loop, which writes it where the isolate could only
// have let it read memory of JavaScript's. See loop/dedicated.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "loop/dedicated.h"
#include "net/net.h"

namespace heddle::net {

// Of a connection, or of one response of it.
struct BlockTarget {
  uint32_t connection = 0;
  int32_t seq = -1;  // of the HTTP response in parts; negative: of no response
};

// Of the isolate behind the loop, on its thread: hands over a copy of the bytes, behind the output.
// Where there is no memory for it, or much waits for the loop's thread already, the isolate writes
// them itself, and what the system does not take is copied. If not even that can be, the connection
// ends: nothing of a stream is ever left out. 0; then the connection's records tell the rest, or,
// where it wrote itself, the errno of Net::writeBlock.
int handBlockOver(loop::Dedicated& dedicated, Net* net, const BlockTarget& target,
                  const uint8_t* data, size_t size);

}  // namespace heddle::net
