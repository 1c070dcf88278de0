#pragma once

// Lets a test program make system calls fail: its definitions of these functions stand before those
// of the C library. For programs of one source file, as all tests are; Linux only.
//
//   Fault fault(&test::sendFaults, ENOBUFS);      the next send fails
//   Fault fault(&test::sendFaults, EINTR, 3);     the next three do
//
// Thread rule: the plan is the test thread's; calls of other threads count, too.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace heddle::test {

struct FaultPlan {
  int error = 0;
  int times = 0;  // how many calls fail from now on
  int calls = 0;  // made since the plan was set, failed ones among them

  bool fails() {
    calls++;
    if (times == 0) return false;
    times--;
    errno = error;
    return true;
  }
};

inline FaultPlan sendFaults;
inline FaultPlan recvFaults;
inline FaultPlan acceptFaults;
inline FaultPlan epollFaults;  // epoll_ctl
inline FaultPlan listenFaults;

class Fault {
 public:
  Fault(FaultPlan* plan, int error, int times = 1) : plan_(plan) { *plan_ = {error, times, 0}; }
  ~Fault() { *plan_ = {}; }
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;
  int calls() const { return plan_->calls; }
  bool spent() const { return plan_->times == 0; }

 private:
  FaultPlan* plan_;
};

}  // namespace heddle::test

extern "C" {

ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  if (heddle::test::sendFaults.fails()) return -1;
  return sendto(fd, bytes, size, flags, nullptr, 0);
}

ssize_t recv(int fd, void* buffer, size_t size, int flags) {
  if (heddle::test::recvFaults.fails()) return -1;
  return recvfrom(fd, buffer, size, flags, nullptr, nullptr);
}

int accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  if (heddle::test::acceptFaults.fails()) return -1;
  return static_cast<int>(syscall(SYS_accept4, fd, address, length, flags));
}

int epoll_ctl(int queue, int operation, int fd, epoll_event* event) noexcept {
  if (heddle::test::epollFaults.fails()) return -1;
  return static_cast<int>(syscall(SYS_epoll_ctl, queue, operation, fd, event));
}

int listen(int fd, int backlog) noexcept {
  if (heddle::test::listenFaults.fails()) return -1;
  return static_cast<int>(syscall(SYS_listen, fd, backlog));
}

}  // extern "C"
