#pragma once

// Everything that touches descriptors: sockets, pipes, limits. Free functions without state; any
// thread may call them on a descriptor that it owns. Results are >= 0 or a negative errno.
// Descriptors that are created here are non-blocking and close-on-exec, and belong to the caller.
//
// The system's header of the same name: #include_next finds it even when `native` precedes the
// system's directories on the search path. The build keeps `native` on the quote path (-iquote),
// where the two cannot meet.
#include_next <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

// Because a C library's header may get here from within its own extern "C" block, by the above way.
extern "C++" {
namespace heddle::sys {

struct Address {
  sockaddr_storage ss;
  socklen_t len;
};

enum class Family : int { kOther = 0, kUnix = 1, kIpv4 = 4, kIpv6 = 6 };

// Numeric IPv4 or IPv6, the latter with an optional %scope (name or number). Nothing is resolved.
// EINVAL: not such an address, or the port is not in 0 … 65535.
[[nodiscard]] int parseAddress(const char* host, int port, Address* out);
// `path` need not be terminated. A path that begins with NUL is an abstract name (Linux).
// ENAMETOOLONG, EINVAL (empty, or NUL inside a path).
[[nodiscard]] int unixAddress(const char* path, size_t length, Address* out);

[[nodiscard]] Family familyOf(const Address& address);
// 0 for anything but IPv4 and IPv6.
[[nodiscard]] int portOf(const Address& address);
// Long enough for every host or path, with the terminating NUL.
constexpr size_t kHostTextBytes = 128;
// The numeric host, or the path of a Unix socket ("" when unnamed; an abstract name keeps its
// leading NUL). Returns the length without the terminating NUL, or -ENOSPC.
[[nodiscard]] int formatHost(const Address& address, char* out, size_t size);

// Whether several listeners of one address share its connections. Elsewhere SO_REUSEPORT exists,
// but the last listener gets everything.
#if defined(SO_REUSEPORT_LB) || defined(__linux__)
constexpr bool kSpreadsByReusePort = true;
#else
constexpr bool kSpreadsByReusePort = false;
#endif

struct ListenFlags {
  int backlog = 511;
  bool reusePort = false;  // ENOTSUP without kSpreadsByReusePort
  bool ipv6Only = false;
  bool reuseAddr = true;
};

// Creates, binds and listens. For a Unix path that exists: EADDRINUSE when someone listens there,
// EEXIST when it is not a socket; a socket left behind by a dead process is replaced.
[[nodiscard]] int listenStream(const Address& address, const ListenFlags& flags);
// Whether a TCP address could be listened on: binds a socket that is closed again and never
// listens. EADDRINUSE also where the listener would share it.
[[nodiscard]] int tryBind(const Address& address, const ListenFlags& flags);
// Another descriptor of a listening socket: both accept from one queue. EBADF; EINVAL: it does not
// listen.
[[nodiscard]] int duplicateListening(int fd);
// Removes the file of a bound Unix socket if a socket is what lies there. 0 for other addresses.
int removeSocketFile(const Address& address);
// Which file a Unix socket lies at; no other is it while the socket is open. Nothing for other
// addresses, or if there is none.
struct SocketFile {
  uint64_t device = 0;
  uint64_t inode = 0;
};
[[nodiscard]] SocketFile socketFile(const Address& address);
// Removes that file alone. EEXIST: another one has taken its place.
int removeSocketFile(const Address& address, const SocketFile& file);
// `peer` may be nullptr. EAGAIN, ECONNABORTED, EMFILE and so on are returned as such; EINTR is
// retried.
[[nodiscard]] int acceptStream(int fd, Address* peer);
// Starts connecting. *inProgress tells whether the outcome is still open: it then comes with the
// first readiness to write, and socketError has it.
[[nodiscard]] int connectStream(const Address& address, bool* inProgress);

// The pending error of a socket, as a negative errno (0: none); reading it clears it.
[[nodiscard]] int socketError(int fd);
int setNoDelay(int fd, bool on);
int setBlocking(int fd, bool blocking);
// Whether bytes have arrived that were not read. Closing a TCP socket then resets the connection.
[[nodiscard]] bool hasUnread(int fd);
// SO_LINGER: seconds < 0 turns it off, 0 makes close send a reset, > 0 makes close wait.
int setLinger(int fd, int seconds);
// Whether close may block.
[[nodiscard]] bool lingers(int fd);
// TCP keep-alive; delaySeconds <= 0 leaves the system's delay.
int setKeepAlive(int fd, bool on, int delaySeconds);
[[nodiscard]] int localAddress(int fd, Address* out);
[[nodiscard]] int peerAddress(int fd, Address* out);

// For any descriptor; retried after EINTR. The process ignores SIGPIPE. Writing goes through the
// socket calls where the descriptor is a socket and through plain writes otherwise.
[[nodiscard]] int64_t readSome(int fd, void* buffer, size_t size);
[[nodiscard]] int64_t writeSome(int fd, const void* bytes, size_t size);
// At most IOV_MAX parts are written. Both kinds of descriptor, as above.
[[nodiscard]] int64_t writeVector(int fd, const iovec* parts, int count);

int shutdownWrite(int fd);
// The descriptor is gone whatever the result; EINTR counts as success.
int closeFd(int fd);

// A connected pair of Unix stream sockets; a pipe (fds[0] reads).
[[nodiscard]] int pair(int fds[2]);
[[nodiscard]] int pipe(int fds[2]);

// F_GETFL: EBADF tells that the descriptor is not open.
[[nodiscard]] int descriptorFlags(int fd);

// What a descriptor stands for: tells whether its number has been given to another file since.
struct Identity {
  uint64_t device;
  uint64_t node;
  bool operator==(const Identity&) const = default;
};
// EBADF tells that the descriptor is not open.
[[nodiscard]] int identify(int fd, Identity* out);

// Bit 0: non-blocking, bit 1: close-on-exec. EBADF tells that the descriptor is not open.
[[nodiscard]] int birthFlags(int fd);

// The soft limit of open descriptors.
[[nodiscard]] int64_t descriptorLimit();
// Raises the soft limit towards `wanted`, as far as the system lets it go; never lowers it. Returns
// the limit in force.
[[nodiscard]] int64_t raiseDescriptorLimit(int64_t wanted);

// Ignores SIGPIPE unless the process has a handler of its own for it.
void ignoreBrokenPipe();

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;  // SO_NOSIGPIPE is set on every socket instead
#endif

// Whether a send that failed is to be repeated as it was.
inline bool isRetried(int error) {
#ifdef __APPLE__
  // Said of a socket that is shutting down at this moment; a moment later it is EPIPE.
  if (error == EPROTOTYPE) return true;
#endif
  return error == EINTR;
}

// The hot path: sockets only, one system call, nothing retried but EINTR. EAGAIN: no room now.
// ENOBUFS: the system has no memory for it, which ends a connection as other errors do.
[[nodiscard]] inline int64_t sendSome(int fd, const void* bytes, size_t size) {
  while (true) {
    const ssize_t n = ::send(fd, bytes, size, kSendFlags);
    if (n >= 0) [[likely]]
      return n;
    if (!isRetried(errno)) return -errno;
  }
}

[[nodiscard]] inline int64_t recvSome(int fd, void* buffer, size_t size) {
  while (true) {
    const ssize_t n = ::recv(fd, buffer, size, 0);
    if (n >= 0) [[likely]]
      return n;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace heddle::sys
}  // extern "C++"
