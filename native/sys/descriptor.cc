#include "sys/descriptor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "sys/socket.h"

namespace heddle::sys {
namespace {

// Repeats a call that a signal interrupted.
template <class Call>
int64_t retried(Call call) {
  while (true) {
    const int64_t n = call();
    if (n >= 0) return n;
    if (errno != EINTR) return -errno;
  }
}

int addFlag(int fd, int getter, int setter, int flag, bool on) {
  const int flags = fcntl(fd, getter);
  if (flags < 0) return -errno;
  const int wanted = on ? flags | flag : flags & ~flag;
  if (wanted == flags) return 0;
  return fcntl(fd, setter, wanted) < 0 ? -errno : 0;
}

int64_t clampLimit(rlim_t limit) {
  return limit == RLIM_INFINITY || limit > INT64_MAX ? INT64_MAX : static_cast<int64_t>(limit);
}

}  // namespace

int prepareDescriptor(int fd) {
  if (fd < 0) return -errno;
  int error = addFlag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, true);
  if (error == 0) error = setBlocking(fd, false);
#ifdef SO_NOSIGPIPE
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one);  // fails on pipes, which is fine
#endif
  if (error == 0) return fd;
  ::close(fd);
  return error;
}

int openStreamSocket(int family) {
#ifdef __APPLE__
  return prepareDescriptor(::socket(family, SOCK_STREAM, 0));
#else
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd < 0 ? -errno : fd;
#endif
}

int pair(int fds[2]) {
#ifdef __APPLE__
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0) return -errno;
  if (const int error = prepareDescriptor(fds[0]); error < 0) {
    ::close(fds[1]);
    return error;
  }
  if (const int error = prepareDescriptor(fds[1]); error < 0) {
    ::close(fds[0]);
    return error;
  }
  return 0;
#else
  const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  return ::socketpair(AF_UNIX, type, 0, fds) < 0 ? -errno : 0;
#endif
}

int pipe(int fds[2]) {
#ifdef __APPLE__
  if (::pipe(fds) < 0) return -errno;
  if (const int error = prepareDescriptor(fds[0]); error < 0) {
    ::close(fds[1]);
    return error;
  }
  if (const int error = prepareDescriptor(fds[1]); error < 0) {
    ::close(fds[0]);
    return error;
  }
  return 0;
#else
  return ::pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0 ? -errno : 0;
#endif
}

int setBlocking(int fd, bool blocking) {
  return addFlag(fd, F_GETFL, F_SETFL, O_NONBLOCK, !blocking);
}

int descriptorFlags(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  return flags < 0 ? -errno : flags;
}

int identify(int fd, Identity* out) {
  struct stat status {};
  if (fstat(fd, &status) < 0) return -errno;
  *out = {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino)};
  return 0;
}

int birthFlags(int fd) {
  const int status = fcntl(fd, F_GETFL);
  const int descriptor = fcntl(fd, F_GETFD);
  if (status < 0 || descriptor < 0) return -errno;
  return ((status & O_NONBLOCK) != 0 ? 1 : 0) | ((descriptor & FD_CLOEXEC) != 0 ? 2 : 0);
}

int64_t readSome(int fd, void* buffer, size_t size) {
  return retried([=] { return ::read(fd, buffer, size); });
}

int64_t writeSome(int fd, const void* bytes, size_t size) {
  const int64_t sent = sendSome(fd, bytes, size);
  if (sent != -ENOTSOCK) return sent;
  return retried([=] { return ::write(fd, bytes, size); });
}

int64_t writeVector(int fd, const iovec* parts, int count) {
  if (count > IOV_MAX) count = IOV_MAX;
  if (count < 0) return -EINVAL;
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);  // the system's declaration; it does not write there
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  const int64_t sent = retried([&] { return ::sendmsg(fd, &message, kSendFlags); });
  if (sent != -ENOTSOCK) return sent;
  return retried([=] { return ::writev(fd, parts, count); });
}

int closeFd(int fd) {
  if (::close(fd) == 0) return 0;
  return errno == EINTR || errno == EINPROGRESS ? 0 : -errno;
}

int64_t descriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
  return clampLimit(limit.rlim_cur);
}

int64_t raiseDescriptorLimit(int64_t wanted) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
  int64_t attempt = wanted;
  if (attempt > clampLimit(limit.rlim_max)) attempt = clampLimit(limit.rlim_max);
  // macOS reports no hard limit and then refuses more than kern.maxfilesperproc: step down until it
  // agrees.
  for (; attempt > clampLimit(limit.rlim_cur); attempt -= attempt / 4 + 1) {
    rlimit raised = limit;
    raised.rlim_cur = static_cast<rlim_t>(attempt);
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return attempt;
    if (errno != EINVAL && errno != EPERM) return -errno;
  }
  return clampLimit(limit.rlim_cur);
}

void ignoreBrokenPipe() {
  struct sigaction current {};
  if (sigaction(SIGPIPE, nullptr, &current) < 0 || current.sa_handler != SIG_DFL) return;
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
}

}  // namespace heddle::sys
