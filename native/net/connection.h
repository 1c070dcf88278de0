// One stream connection. Kept small, because ten thousand of them may be idle: what only a busy
// connection needs (unsent output, a partial request, a body in transit) hangs off it while it is
// needed. Owned by Net; thread rule: the loop's thread.
#pragma once

#include <cstdint>

#include "net/output.h"
#include "net/settings.h"

namespace heddle::net {

struct HttpSide;

struct Connection {
  enum Flag : uint32_t {
    kHttp = 1u << 0,
    kPaused = 1u << 1,         // its owner does not want to read
    kEnded = 1u << 2,          // the peer sent FIN
    kShutdownAsked = 1u << 3,  // FIN follows the output
    kShutdownDone = 1u << 4,
    kCloseWhenSent = 1u << 5,
    kBlocked = 1u << 6,  // BLOCKED was reported, DRAIN is owed
    kWantDrain = 1u << 7,
    kConnecting = 1u << 8,
    kLinger =
        1u << 9,  // all is sent; input is thrown away until the peer ends or a little time passes
    kDetached = 1u << 10,  // out of the poller: hung up, but its owner has not read everything
    kQueued = 1u << 11,    // in Net's list of connections with input to go on with
    kStopped = 1u << 12,   // HTTP: no further request is read
    kHold = 1u << 13,      // HTTP: not reading, as requests or a body wait for JS
    kFailed =
        1u << 14,  // a write failed; destroyed at the end of the pass, nothing more is done with it
    kUnread = 1u << 16,  // HTTP: closing with input that nobody will read
    kSettling =
        1u << 15,  // in Net's list of connections to look at when the outbox has been applied
    kOverflow = 1u << 17,  // kFailed because more output waits than its settings allow
    kAdopted = 1u << 18,   // its descriptor comes from elsewhere, and its close may block
  };

  Settings* settings = nullptr;
  Output* output = nullptr;
  HttpSide* side = nullptr;
  uint32_t handle = 0;
  int fd = -1;
  uint32_t activeMs = 0;  // last time bytes moved (loop milliseconds, wrapping)
  uint32_t idleMs = 0;
  uint32_t flags = 0;
  uint32_t requests = 0;
  // One bit per outstanding request, by its sequence number modulo 32.
  uint32_t headBits = 0;   // the method is HEAD
  uint32_t closeBits = 0;  // the connection ends after its response
  uint32_t oldBits = 0;    // HTTP/1.0
  uint8_t nextSeq = 0;     // of the next request that is read
  uint8_t firstSeq = 0;    // of the oldest request without a complete response
  uint8_t interest = 0;
  int32_t error = 0;  // errno of kFailed

  bool has(uint32_t flag) const { return (flags & flag) != 0; }
  void set(uint32_t flag) { flags |= flag; }
  void clear(uint32_t flag) { flags &= ~flag; }
  size_t pending() const { return output == nullptr ? 0 : output->pending(); }
  uint32_t outstanding() const { return static_cast<uint8_t>(nextSeq - firstSeq); }
  bool isOutstanding(uint8_t seq) const {
    return static_cast<uint8_t>(seq - firstSeq) < outstanding();
  }
};

constexpr uint32_t seqBit(uint8_t seq) { return 1u << (seq & 31); }

}  // namespace heddle::net
