#include "sys/poller.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace heddle::sys {
namespace {

// epoll_event.data: the caller's 61 bits, the wake bit, and the interest in the top two bits, so
// that wait can add the requested directions to an error without a table of its own.
constexpr int kInterestShift = 62;
constexpr uint64_t kWakeData = uint64_t{1} << 61;

bool valid(uint32_t interest, uint64_t data) {
  return (interest & ~(kRead | kWrite | kException)) == 0 && data <= Poller::kMaxData;
}

epoll_event encode(uint32_t interest, uint64_t data) {
  epoll_event event{};
  if (interest & kRead) event.events |= EPOLLIN | EPOLLPRI;
  if (interest & kWrite) event.events |= EPOLLOUT;
  event.data.u64 = data | static_cast<uint64_t>(interest & (kRead | kWrite)) << kInterestShift;
  return event;
}

Ready decode(const epoll_event& event) {
  const auto interest = static_cast<uint32_t>(event.data.u64 >> kInterestShift);
  uint32_t mask = 0;
  if (event.events & (EPOLLIN | EPOLLPRI)) mask |= kRead;
  if (event.events & EPOLLOUT) mask |= kWrite;
  if (event.events & (EPOLLERR | EPOLLHUP)) mask |= kException | interest;
  return {event.data.u64 & Poller::kMaxData, mask};
}

// Rounded up: a wait that ends before its deadline would make its caller spin.
int toMilliseconds(int64_t timeoutNs) {
  const int64_t ms = timeoutNs / 1'000'000 + (timeoutNs % 1'000'000 != 0 ? 1 : 0);
  return ms > INT_MAX ? INT_MAX : static_cast<int>(ms);
}

#ifdef SYS_epoll_pwait2
// Kernels before 5.11 do not know the call, and some sandboxes refuse what they do not know.
// Relaxed: threads that find out at the same time store the same value.
std::atomic<bool> precise{true};

int waitPrecisely(int fd, epoll_event* events, int max, int64_t timeoutNs) {
  timespec timeout;
  timeout.tv_sec = static_cast<time_t>(timeoutNs / 1'000'000'000);
  timeout.tv_nsec = static_cast<long>(timeoutNs % 1'000'000'000);
  const long n = syscall(SYS_epoll_pwait2, fd, events, max, &timeout, nullptr, size_t{0});
  return static_cast<int>(n);
}
#endif

int waitFor(int fd, epoll_event* events, int max, int64_t timeoutNs) {
  if (timeoutNs <= 0) return epoll_wait(fd, events, max, timeoutNs == 0 ? 0 : -1);
#ifdef SYS_epoll_pwait2
  if (precise.load(std::memory_order_relaxed)) {
    const int n = waitPrecisely(fd, events, max, timeoutNs);
    if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return n;
    precise.store(false, std::memory_order_relaxed);
  }
#endif
  return epoll_wait(fd, events, max, toMilliseconds(timeoutNs));
}

}  // namespace

const char* pollerName() { return "epoll"; }

int Poller::open() {
  if (fd_ >= 0) return -EALREADY;
  fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (fd_ < 0) return -errno;
  wakeFd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // Edge-triggered, so that the counter never has to be read: each write makes one event.
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = kWakeData;
  if (wakeFd_ < 0 || epoll_ctl(fd_, EPOLL_CTL_ADD, wakeFd_, &event) < 0) {
    const int error = errno;
    close();
    return -error;
  }
  // Relaxed: no other thread may wake before open has returned.
  wakePending_.store(false, std::memory_order_relaxed);
  return 0;
}

void Poller::close() {
  if (wakeFd_ >= 0) ::close(wakeFd_);
  if (fd_ >= 0) ::close(fd_);
  wakeFd_ = -1;
  fd_ = -1;
}

int Poller::add(int fd, uint32_t interest, uint64_t data) {
  if (!valid(interest, data)) return -EINVAL;
  epoll_event event = encode(interest, data);
  return epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int Poller::modify(int fd, uint32_t interest, uint64_t data) {
  if (!valid(interest, data)) return -EINVAL;
  epoll_event event = encode(interest, data);
  return epoll_ctl(fd_, EPOLL_CTL_MOD, fd, &event) < 0 ? -errno : 0;
}

int Poller::remove(int fd) {
  epoll_event unused{};
  return epoll_ctl(fd_, EPOLL_CTL_DEL, fd, &unused) < 0 ? -errno : 0;
}

int Poller::wait(Ready* out, int max, int64_t timeoutNs) {
  epoll_event events[kMaxBatch];
  if (max > kMaxBatch) max = kMaxBatch;
  const int n = waitFor(fd_, events, max, timeoutNs);
  if (n < 0) return errno == EINTR ? 0 : -errno;
  int count = 0;
  for (int i = 0; i < n; i++) {
    if (events[i].data.u64 == kWakeData) {
      // Acquire: pairs with the release in wake, also in those that found the flag set and wrote
      // nothing; what came before any of them is visible now. Cleared before the caller looks at
      // its queues: a later wake writes again.
      wakePending_.exchange(false, std::memory_order_acquire);
      continue;
    }
    out[count++] = decode(events[i]);
  }
  return count;
}

void Poller::sleep(int64_t timeoutNs) const {
  pollfd self{fd_, POLLIN, 0};
  timespec timeout;
  timeout.tv_sec = static_cast<time_t>(timeoutNs / 1'000'000'000);
  timeout.tv_nsec = static_cast<long>(timeoutNs % 1'000'000'000);
  ppoll(&self, 1, &timeout, nullptr);
}

int Poller::wake() {
  // Release: pairs with the exchange in wait. A read-modify-write even when the flag is set
  // already: only so does the exchange in wait read from a chain that contains it.
  if (wakePending_.exchange(true, std::memory_order_release)) return 0;
  const uint64_t one = 1;
  while (::write(wakeFd_, &one, sizeof one) < 0) {
    if (errno == EINTR) continue;
    const int error = errno;
    wakePending_.store(false, std::memory_order_relaxed);  // the next wake tries again
    return -error;
  }
  return 0;
}

}  // namespace heddle::sys
