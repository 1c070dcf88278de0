// A listening descriptor. Owned by Net; thread rule: the loop's thread.
#pragma once

#include <cstdint>

#include "net/settings.h"
#include "sys/socket.h"

namespace heddle::net {

struct Listener {
  uint32_t handle = 0;
  int fd = -1;
  Settings* settings = nullptr;
  uint32_t maxConnections = 0;
  uint32_t acceptsPerPass = 64;
  int64_t retryNs = 0;   // see Resting
  bool watching = true;  // in the poller with interest in reading
  sys::Address bound{};
  sys::SocketFile file{};  // that it has made; none of another listener's socket
};

struct ListenSpec {
  sys::Address address{};
  int share = -1;      // a listening descriptor of the process, of which a duplicate is used
  bool holds = false;  // accepts nothing: others share the socket, and this one keeps it open
  int backlog = 511;
  bool reusePort = false;
  bool ipv6Only = false;
  uint32_t maxConnections = 0;
  uint32_t acceptsPerPass = 64;
  Settings settings;
};

struct ConnectSpec {
  sys::Address address{};
  Settings settings;
};

}  // namespace heddle::net
