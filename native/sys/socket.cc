#include "sys/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "sys/descriptor.h"

namespace heddle::sys {
namespace {

const sockaddr* systemAddress(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.ss);
}

sockaddr* systemAddress(Address* address) { return reinterpret_cast<sockaddr*>(&address->ss); }

int setOption(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

// nullptr unless the address is a path in the file system.
const char* socketPath(const Address& address) {
  if (address.ss.ss_family != AF_UNIX) return nullptr;
  const auto* un = reinterpret_cast<const sockaddr_un*>(&address.ss);
  if (address.len <= offsetof(sockaddr_un, sun_path)) return nullptr;
  return un->sun_path[0] == '\0' ? nullptr : un->sun_path;
}

// Whether somebody listens at a Unix address: 0 no, 1 yes, -errno when that cannot be told.
int isAnswered(const Address& address) {
  const int fd = openStreamSocket(AF_UNIX);
  if (fd < 0) return fd;
  const int error = ::connect(fd, systemAddress(address), address.len) < 0 ? errno : 0;
  ::close(fd);
  if (error == ECONNREFUSED || error == ENOENT) return 0;
  return error == 0 || error == EAGAIN || error == EINPROGRESS ? 1 : -error;
}

// Removes what a dead process left at the address, so that it can be bound. 0, or the reason why it
// stays.
int removeStale(const Address& address) {
  const char* path = socketPath(address);
  if (path == nullptr) return -EADDRINUSE;
  struct stat before {};
  if (::lstat(path, &before) < 0) return errno == ENOENT ? 0 : -errno;
  if (!S_ISSOCK(before.st_mode)) return -EEXIST;
  const int answered = isAnswered(address);
  if (answered != 0) return answered < 0 ? answered : -EADDRINUSE;
  // Another process may have replaced it in the meantime; then it is not ours to remove.
  struct stat now {};
  if (::lstat(path, &now) < 0) return errno == ENOENT ? 0 : -errno;
  if (now.st_ino != before.st_ino || now.st_dev != before.st_dev) return -EADDRINUSE;
  return ::unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int bindTo(int fd, const Address& address) {
  if (::bind(fd, systemAddress(address), address.len) == 0) return 0;
  const int error = errno;
  if (error != EADDRINUSE || socketPath(address) == nullptr) return -error;
  if (const int stale = removeStale(address); stale < 0) return stale;
  return ::bind(fd, systemAddress(address), address.len) < 0 ? -errno : 0;
}

int setListenOptions(int fd, const Address& address, const ListenFlags& flags) {
  if (address.ss.ss_family == AF_UNIX) return 0;
  int error = 0;
  if (flags.reuseAddr) error = setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (error == 0 && flags.reusePort) {
#if defined(SO_REUSEPORT_LB)
    error = setOption(fd, SOL_SOCKET, SO_REUSEPORT_LB, 1);
#elif defined(__linux__)
    error = setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
#else
    error = -ENOTSUP;
#endif
  }
  if (error == 0 && address.ss.ss_family == AF_INET6) {
    error = setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, flags.ipv6Only ? 1 : 0);
  }
  return error;
}

}  // namespace

int listenStream(const Address& address, const ListenFlags& flags) {
  const int fd = openStreamSocket(address.ss.ss_family);
  if (fd < 0) return fd;
  int error = setListenOptions(fd, address, flags);
  if (error == 0) error = bindTo(fd, address);
  if (error == 0 && ::listen(fd, flags.backlog) < 0) {
    error = -errno;
    removeSocketFile(address);
  }
  if (error == 0) return fd;
  ::close(fd);
  return error;
}

int tryBind(const Address& address, const ListenFlags& flags) {
  if (address.ss.ss_family == AF_UNIX) return -EINVAL;
  const int fd = openStreamSocket(address.ss.ss_family);
  if (fd < 0) return fd;
  int error = setListenOptions(fd, address, flags);
  if (error == 0) error = bindTo(fd, address);
  ::close(fd);
  return error;
}

int duplicateListening(int fd) {
  int listens = 0;
  socklen_t size = sizeof(listens);
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0)
    return errno == ENOTSOCK ? -EINVAL : -errno;
  if (listens == 0) return -EINVAL;
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return copy < 0 ? -errno : copy;
}

int removeSocketFile(const Address& address) {
  const char* path = socketPath(address);
  if (path == nullptr) return 0;
  struct stat file {};
  if (::lstat(path, &file) < 0) return -errno;
  if (!S_ISSOCK(file.st_mode)) return -EEXIST;
  return ::unlink(path) < 0 ? -errno : 0;
}

SocketFile socketFile(const Address& address) {
  const char* path = socketPath(address);
  struct stat file {};
  if (path == nullptr || ::lstat(path, &file) < 0) return {};
  return {static_cast<uint64_t>(file.st_dev), static_cast<uint64_t>(file.st_ino)};
}

int removeSocketFile(const Address& address, const SocketFile& file) {
  if (socketPath(address) == nullptr) return 0;
  const SocketFile now = socketFile(address);
  if (now.inode == 0) return -ENOENT;
  if (now.inode != file.inode || now.device != file.device) return -EEXIST;
  return removeSocketFile(address);
}

int acceptStream(int fd, Address* peer) {
  while (true) {
    sockaddr* address = peer != nullptr ? systemAddress(peer) : nullptr;
    socklen_t length = sizeof(sockaddr_storage);
    socklen_t* lengthOut = peer != nullptr ? &length : nullptr;
#ifdef __APPLE__
    const int accepted = ::accept(fd, address, lengthOut);
#else
    const int accepted = ::accept4(fd, address, lengthOut, SOCK_NONBLOCK | SOCK_CLOEXEC);
#endif
    if (accepted < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    if (peer != nullptr) peer->len = length;
#ifdef __APPLE__
    return prepareDescriptor(accepted);
#else
    return accepted;
#endif
  }
}

int connectStream(const Address& address, bool* inProgress) {
  *inProgress = false;
  const int fd = openStreamSocket(address.ss.ss_family);
  if (fd < 0) return fd;
  if (::connect(fd, systemAddress(address), address.len) == 0) return fd;
  // Interrupted, the attempt goes on by itself, as if it had been non-blocking from the start.
  if (errno == EINPROGRESS || errno == EINTR) {
    *inProgress = true;
    return fd;
  }
  const int error = errno;
  ::close(fd);
  return -error;
}

int socketError(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
  return -error;
}

int setNoDelay(int fd, bool on) { return setOption(fd, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0); }

bool hasUnread(int fd) {
  int bytes = 0;
  return ::ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

int setLinger(int fd, int seconds) {
  linger value{};
  value.l_onoff = seconds >= 0 ? 1 : 0;
  value.l_linger = seconds >= 0 ? seconds : 0;
  return setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value) < 0 ? -errno : 0;
}

bool lingers(int fd) {
  linger value{};
  socklen_t length = sizeof value;
  if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &value, &length) < 0) return false;
  return value.l_onoff != 0 && value.l_linger > 0;
}

int setKeepAlive(int fd, bool on, int delaySeconds) {
  const int error = setOption(fd, SOL_SOCKET, SO_KEEPALIVE, on ? 1 : 0);
  if (error < 0 || !on || delaySeconds <= 0) return error;
#ifdef __APPLE__
  return setOption(fd, IPPROTO_TCP, TCP_KEEPALIVE, delaySeconds);
#else
  return setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, delaySeconds);
#endif
}

int localAddress(int fd, Address* out) {
  std::memset(out, 0, sizeof *out);
  out->len = sizeof out->ss;
  return getsockname(fd, systemAddress(out), &out->len) < 0 ? -errno : 0;
}

int peerAddress(int fd, Address* out) {
  std::memset(out, 0, sizeof *out);
  out->len = sizeof out->ss;
  return getpeername(fd, systemAddress(out), &out->len) < 0 ? -errno : 0;
}

int shutdownWrite(int fd) { return ::shutdown(fd, SHUT_WR) < 0 ? -errno : 0; }

}  // namespace heddle::sys
