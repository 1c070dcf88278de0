#include <fcntl.h>
#include <poll.h>
#include <sys/event.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "sys/poller.h"
#include "sys/supply.h"

// kqueue knows filters where the interface knows descriptors: this table brings them together. The
// differences that it evens out: one report per descriptor, EEXIST and ENOENT, regular files, and
// hang-ups while nothing is requested. The last needs a filter all the same, the guard: a read
// filter with EV_CLEAR, whose reports of mere data are swallowed (once per arrival). Urgent data
// alone is reported where the system has a filter for it (macOS and OpenBSD): it is of use to
// nobody else, as in-line data comes with the read filter.

namespace heddle::sys {
namespace {

enum class ReadFilter : uint8_t { kNone, kLevel, kGuard };

struct Watch {
  uint64_t data = 0;
  uint64_t pass = 0;  // the wait that has reported it last, and where
  int reportedAt = 0;
  uint8_t interest = 0;
  bool watched = false;
  bool writeFilter = false;
  bool urgentFilter = false;
  ReadFilter readFilter = ReadFilter::kNone;
};

constexpr uintptr_t kWakeIdent = 0;

int applyFilter(int queue, uintptr_t ident, int filter, int flags, unsigned note = 0) {
  struct kevent change;
  EV_SET(&change, ident, static_cast<short>(filter), static_cast<unsigned short>(flags), note, 0,
         0);
  while (kevent(queue, &change, 1, nullptr, 0, nullptr) < 0) {
    if (errno != EINTR) return -errno;
  }
  return 0;
}

// Level filters of such files always fire, which is of no use; epoll refuses them.
int checkWatchable(int fd) {
  struct stat file;
  if (fstat(fd, &file) < 0) return -errno;
  return S_ISREG(file.st_mode) || S_ISDIR(file.st_mode) ? -EPERM : 0;
}

// EV_EOF says that one direction has ended; this, whether both have, or whether there was an error.
#ifdef __APPLE__
// poll reports nothing there unless it is asked for something, and then takes a half-close for a
// hang-up. A socket that is shut in both directions has no peer any more. What is no socket has one
// direction only.
bool hasHungUp(int fd) {
  sockaddr_storage peer;
  socklen_t length = sizeof peer;
  return getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) < 0;
}
#else
bool hasHungUp(int fd) {
  pollfd query{fd, 0, 0};
  return poll(&query, 1, 0) == 1 && (query.revents & (POLLERR | POLLHUP)) != 0;
}
#endif

bool isBroken(const struct kevent& event) {
  if (event.filter != EVFILT_READ && event.filter != EVFILT_WRITE) return false;
  if ((event.flags & EV_EOF) == 0) return false;
  return event.fflags != 0 || hasHungUp(static_cast<int>(event.ident));
}

// Readers of a socket learn of urgent data at once, not with what follows it. Refused for anything
// but sockets, and where there is no such filter: not an error.
bool addUrgent([[maybe_unused]] int queue, [[maybe_unused]] uintptr_t ident) {
#if defined(EVFILT_EXCEPT) && defined(NOTE_OOB)
  // EV_CLEAR: the mark stays until data behind it is read, and none may ever come.
  return applyFilter(queue, ident, EVFILT_EXCEPT, EV_ADD | EV_CLEAR, NOTE_OOB) == 0;
#else
  return false;
#endif
}

bool isUrgent([[maybe_unused]] const struct kevent& event) {
#if defined(EVFILT_EXCEPT) && defined(NOTE_OOB)
  return event.filter == EVFILT_EXCEPT && (event.fflags & NOTE_OOB) != 0;
#else
  return false;
#endif
}

void dropUrgent([[maybe_unused]] int queue, [[maybe_unused]] uintptr_t ident) {
#if defined(EVFILT_EXCEPT) && defined(NOTE_OOB)
  // Fails only when the descriptor is closed, which has dropped the filter.
  static_cast<void>(applyFilter(queue, ident, EVFILT_EXCEPT, EV_DELETE));
#endif
}

}  // namespace

struct Poller::Watches {
  Watch* items = nullptr;
  size_t size = 0;
  uint64_t pass = 0;

  ~Watches() { supply.release(items); }

  Watch* find(int fd) {
    const auto index = static_cast<size_t>(fd);
    return fd >= 0 && index < size && items[index].watched ? &items[index] : nullptr;
  }

  bool reserve(int fd) {
    const auto wanted = static_cast<size_t>(fd) + 1;
    if (wanted <= size) return true;
    const size_t grown = wanted < 64 ? 64 : wanted + wanted / 2;
    auto* memory = static_cast<Watch*>(supply.resize(items, grown * sizeof(Watch)));
    if (memory == nullptr) return false;
    items = memory;
    while (size < grown) items[size++] = Watch{};
    return true;
  }

  // Brings the filters of a descriptor to what `interest` needs.
  static int apply(int queue, int fd, Watch* watch, uint32_t interest) {
    const auto ident = static_cast<uintptr_t>(fd);
    const bool write = (interest & kWrite) != 0;
    ReadFilter read = write ? ReadFilter::kNone : ReadFilter::kGuard;
    if ((interest & kRead) != 0) read = ReadFilter::kLevel;

    if (write != watch->writeFilter) {
      const int error = applyFilter(queue, ident, EVFILT_WRITE, write ? EV_ADD : EV_DELETE);
      if (error < 0) return error;
      watch->writeFilter = write;
    }
    if (read == watch->readFilter) return 0;
    // EV_CLEAR of an existing filter cannot be changed.
    if (const int error = dropRead(queue, ident, watch); error < 0) return error;
    if (read == ReadFilter::kNone) return 0;
    const int flags = read == ReadFilter::kGuard ? EV_ADD | EV_CLEAR : EV_ADD;
    const int error = applyFilter(queue, ident, EVFILT_READ, flags);
    if (error < 0) return error;
    watch->readFilter = read;
    if (read == ReadFilter::kLevel) watch->urgentFilter = addUrgent(queue, ident);
    return 0;
  }

  static int dropRead(int queue, uintptr_t ident, Watch* watch) {
    if (watch->readFilter == ReadFilter::kNone) return 0;
    watch->readFilter = ReadFilter::kNone;
    if (watch->urgentFilter) dropUrgent(queue, ident);
    watch->urgentFilter = false;
    return applyFilter(queue, ident, EVFILT_READ, EV_DELETE);
  }

  static int drop(int queue, int fd, Watch* watch) {
    const auto ident = static_cast<uintptr_t>(fd);
    int error = dropRead(queue, ident, watch);
    if (watch->writeFilter) {
      const int writeError = applyFilter(queue, ident, EVFILT_WRITE, EV_DELETE);
      if (error == 0) error = writeError;
    }
    *watch = Watch{};
    return error;
  }

  // Whether the system still has the filters: it drops them when the descriptor is closed.
  static bool isKept(int queue, int fd, const Watch& watch) {
    const int filter = watch.writeFilter ? EVFILT_WRITE : EVFILT_READ;
    return applyFilter(queue, static_cast<uintptr_t>(fd), filter, EV_ENABLE) == 0;
  }

  // The mask that one filter's event stands for; 0 for what the guard swallows.
  static uint32_t translate(int queue, const struct kevent& event, Watch* watch) {
    const uint32_t requested = watch->interest & (kRead | kWrite);
    if (isBroken(event)) {
      // Level semantics for the guard as well: armed anew, it reports again.
      if (watch->readFilter == ReadFilter::kGuard) {
        static_cast<void>(dropRead(queue, event.ident, watch));
        static_cast<void>(apply(queue, static_cast<int>(event.ident), watch, watch->interest));
      }
      return kException | requested;
    }
    if (event.filter == EVFILT_WRITE) return requested & kWrite;
    return event.filter == EVFILT_READ || isUrgent(event) ? requested & kRead : 0;
  }
};

const char* pollerName() { return "kqueue"; }

int Poller::open() {
  if (fd_ >= 0) return -EALREADY;
  watches_ = supplyNew<Watches>();
  if (watches_ == nullptr) return -ENOMEM;
  fd_ = kqueue();
  if (fd_ < 0) {
    const int error = errno;
    close();
    return -error;
  }
  int error = fcntl(fd_, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
  if (error == 0) error = applyFilter(fd_, kWakeIdent, EVFILT_USER, EV_ADD | EV_CLEAR);
  if (error < 0) close();
  // Relaxed: no other thread may wake before open has returned.
  wakePending_.store(false, std::memory_order_relaxed);
  return error;
}

void Poller::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  supplyDelete(watches_);
  watches_ = nullptr;
}

int Poller::add(int fd, uint32_t interest, uint64_t data) {
  if ((interest & ~(kRead | kWrite | kException)) != 0 || data > kMaxData) return -EINVAL;
  if (fd < 0 || watches_ == nullptr) return -EBADF;
  if (const int error = checkWatchable(fd); error < 0) return error;
  if (!watches_->reserve(fd)) return -ENOMEM;
  Watch* watch = &watches_->items[fd];
  if (watch->watched && Watches::isKept(fd_, fd, *watch)) return -EEXIST;
  *watch = Watch{};
  if (const int error = Watches::apply(fd_, fd, watch, interest); error < 0) {
    Watches::drop(fd_, fd, watch);
    return error;
  }
  watch->data = data;
  watch->interest = static_cast<uint8_t>(interest);
  watch->watched = true;
  return 0;
}

int Poller::modify(int fd, uint32_t interest, uint64_t data) {
  if ((interest & ~(kRead | kWrite | kException)) != 0 || data > kMaxData) return -EINVAL;
  if (watches_ == nullptr) return -EBADF;
  Watch* watch = watches_->find(fd);
  if (watch == nullptr) return -ENOENT;
  if (const int error = Watches::apply(fd_, fd, watch, interest); error < 0) return error;
  watch->data = data;
  watch->interest = static_cast<uint8_t>(interest);
  return 0;
}

int Poller::remove(int fd) {
  if (watches_ == nullptr) return -EBADF;
  Watch* watch = watches_->find(fd);
  if (watch != nullptr) return Watches::drop(fd_, fd, watch);
  return fcntl(fd, F_GETFD) < 0 ? -EBADF : -ENOENT;
}

int Poller::wait(Ready* out, int max, int64_t timeoutNs) {
  if (watches_ == nullptr) return -EBADF;
  struct kevent events[kMaxBatch];
  if (max > kMaxBatch) max = kMaxBatch;
  timespec timeout;
  timeout.tv_sec = static_cast<time_t>(timeoutNs / 1'000'000'000);
  timeout.tv_nsec = static_cast<long>(timeoutNs % 1'000'000'000);
  const int n = kevent(fd_, nullptr, 0, events, max, timeoutNs < 0 ? nullptr : &timeout);
  if (n < 0) return errno == EINTR ? 0 : -errno;

  const uint64_t pass = ++watches_->pass;
  int count = 0;
  for (int i = 0; i < n; i++) {
    if (events[i].filter == EVFILT_USER) {
      // Acquire: pairs with the release in wake, also in those that found the flag set and
      // triggered nothing; what came before any of them is visible now. Cleared before the caller
      // looks at its queues: a later wake triggers again.
      wakePending_.exchange(false, std::memory_order_acquire);
      continue;
    }
    Watch* watch = watches_->find(static_cast<int>(events[i].ident));
    if (watch == nullptr) continue;
    const uint32_t mask = Watches::translate(fd_, events[i], watch);
    if (mask == 0) continue;
    if (watch->pass == pass) {
      out[watch->reportedAt].mask |= mask;
      continue;
    }
    watch->pass = pass;
    watch->reportedAt = count;
    out[count++] = {watch->data, mask};
  }
  return count;
}

void Poller::sleep(int64_t timeoutNs) const {
  pollfd self{fd_, POLLIN, 0};
  // Rounded up, as its clock knows milliseconds only.
  const int64_t ms = (timeoutNs + 999'999) / 1'000'000;
  ::poll(&self, 1, ms > INT_MAX ? INT_MAX : static_cast<int>(ms));
}

int Poller::wake() {
  // Release: pairs with the exchange in wait. A read-modify-write even when the flag is set
  // already: only so does the exchange in wait read from a chain that contains it.
  if (wakePending_.exchange(true, std::memory_order_release)) return 0;
  const int error = applyFilter(fd_, kWakeIdent, EVFILT_USER, 0, NOTE_TRIGGER);
  if (error < 0) wakePending_.store(false, std::memory_order_relaxed);  // the next wake tries again
  return error;
}

}  // namespace heddle::sys
