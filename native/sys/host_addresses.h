#pragma once

// Names of hosts, asked of the system: its files, the network, whatever it is configured to use.
// Waits for as long as that takes, so never on a loop's thread. Any thread.

#include <cstddef>

#include "sys/socket.h"

struct addrinfo;

namespace heddle::sys {

// The addresses of one answer. Owned by whoever asked; `next` goes through them once.
class HostAddresses {
 public:
  HostAddresses() = default;
  ~HostAddresses();
  HostAddresses(const HostAddresses&) = delete;
  HostAddresses& operator=(const HostAddresses&) = delete;

  // `family` kIpv4, kIpv6, or kOther for both. 0; a negative errno; or the number that libuv has
  // for what the resolver says (-3008: no such name), which no errno is.
  [[nodiscard]] int ask(const char* host, Family family);
  // In the resolver's order; false: there are no more. The port is 0.
  bool next(Address* out);

 private:
  addrinfo* first_ = nullptr;
  addrinfo* at_ = nullptr;
};

}  // namespace heddle::sys
