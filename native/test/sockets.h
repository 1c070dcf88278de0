#pragma once

// Connected descriptors for tests, on loopback. All non-blocking.

#include <cstdlib>

#include "sys/socket.h"

namespace check {

inline heddle::sys::Address loopback(int port = 0) {
  heddle::sys::Address address;
  if (heddle::sys::parseAddress("127.0.0.1", port, &address) < 0) std::abort();
  return address;
}

struct Fd {
  explicit Fd(int fdIn = -1) : fd(fdIn) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }
  void reset(int fdIn = -1) {
    if (fd >= 0) heddle::sys::closeFd(fd);
    fd = fdIn;
  }
  // The descriptor is somebody else's from now on.
  int release() {
    const int released = fd;
    fd = -1;
    return released;
  }
  operator int() const { return fd; }  // NOLINT(google-explicit-constructor)
  int fd;
};

// A TCP connection to oneself.
struct TcpPair {
  Fd client;
  Fd server;

  TcpPair() {
    using namespace heddle::sys;
    const Fd listener(listenStream(loopback(), {}));
    Address bound;
    bool inProgress = false;
    if (localAddress(listener, &bound) < 0) std::abort();
    client.reset(connectStream(bound, &inProgress));
    while (server < 0) server.reset(acceptStream(listener, nullptr));
  }
};

struct UnixPair {
  Fd a;
  Fd b;
  UnixPair() {
    int fds[2];
    if (heddle::sys::pair(fds) < 0) std::abort();
    a.reset(fds[0]);
    b.reset(fds[1]);
  }
};

struct Pipe {
  Fd reader;
  Fd writer;
  Pipe() {
    int fds[2];
    if (heddle::sys::pipe(fds) < 0) std::abort();
    reader.reset(fds[0]);
    writer.reset(fds[1]);
  }
};

// Writes until the descriptor takes no more; the number of bytes that went.
inline int64_t fill(int fd) {
  static const char bytes[65536] = {};
  int64_t total = 0;
  for (int64_t n = 0; (n = heddle::sys::writeSome(fd, bytes, sizeof bytes)) > 0;) total += n;
  return total;
}

inline int64_t drain(int fd) {
  char bytes[65536];
  int64_t total = 0;
  for (int64_t n = 0; (n = heddle::sys::readSome(fd, bytes, sizeof bytes)) > 0;) total += n;
  return total;
}

}  // namespace check
