// A listening descriptor whose connections each start a coroutine (AC-28, LS-07). Owned by the
// runtime; thread rule: the loop's thread.
#pragma once

#include <cstdint>

#include "coro/thread.h"
#include "sys/socket.h"

namespace heddle::aco {

struct ListenSpec {
  sys::Address address{};
  int backlog = 511;
  bool reusePort = false;
  bool ipv6Only = false;
  bool noDelay = true;
  uint32_t maxConnections = 0;   // served at a time; the others wait in the backlog. 0: no limit
  uint32_t acceptsPerPass = 64;  // 0: 64
  coro::Main procedure = nullptr;
  const char* name = "";  // of the procedure; outlives the listener
  coro::StartOptions stack;
};

struct Listener {
  uint32_t handle = 0;
  int fd = -1;
  ListenSpec spec;
  sys::Address bound{};
  sys::SocketFile file{};    // that it has made
  uint32_t connections = 0;  // coroutines that serve
  uint64_t accepted = 0;
  int64_t retryNs = 0;   // see net::Resting
  bool watching = true;  // in the poller with interest in reading
  bool warned = false;   // of procedures that return without closing
};

}  // namespace heddle::aco
