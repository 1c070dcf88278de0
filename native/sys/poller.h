#pragma once

// Waits until descriptors are ready: epoll on Linux, kqueue on macOS and BSD. Which file implements
// the class is the build's choice; nobody else can tell the difference.
//
// One thread owns a poller and makes all calls; only `wake` may come from any thread, between the
// owner's `open` and `close`. While the owner is in `sleep`, another thread may stand in for it.
// The poller never closes a descriptor that it watches. Remove a descriptor before closing it: a
// duplicate of it elsewhere would otherwise keep the watch alive.
//
// Semantics are level-triggered: what is ready is reported by every wait until it is dealt with.
// Errors and hang-ups are reported as kException, whatever the interest (which may be 0, for
// nothing but them), together with the requested ones of kRead and kWrite, so that a reader sees
// the end of file and a writer the error. The end of the peer's stream alone (half-close) is kRead.
// Urgent data is kRead (where kqueue has no filter for it, only together with other data).

#include <atomic>
#include <cstdint>

namespace heddle::sys {

constexpr uint32_t kRead = 1;
constexpr uint32_t kWrite = 2;
constexpr uint32_t kException = 4;

struct Ready {
  uint64_t data;
  uint32_t mask;
};

// "epoll" or "kqueue".
const char* pollerName();

class Poller {
 public:
  // `data` is the caller's; pointers and handles fit. The bits above are the poller's own.
  static constexpr uint64_t kMaxData = (uint64_t{1} << 61) - 1;
  // The most that one wait reports; the rest follows with the next.
  static constexpr int kMaxBatch = 512;

  Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller() { close(); }

  // All results: >= 0, or a negative errno.
  [[nodiscard]] int open();
  // Closes the poller's own descriptors. Idempotent.
  void close();

  // EEXIST: already watched. EPERM: not a descriptor that can be watched (a regular file or
  // directory). EINVAL: bits in `interest` beyond kRead | kWrite | kException, or `data` above
  // kMaxData. ENOSPC, ENOMEM: the system has no room for another watch. EPIPE (kqueue only): to
  // wait for room in a pipe whose reader is gone.
  [[nodiscard]] int add(int fd, uint32_t interest, uint64_t data);
  // ENOENT: not watched. EPIPE as for `add`: the interest is as it was.
  [[nodiscard]] int modify(int fd, uint32_t interest, uint64_t data);
  // ENOENT: not watched; EBADF: not open.
  int remove(int fd);

  // Waits at most timeoutNs (-1 without end, 0 not at all) and fills in at most `max` entries, one
  // per descriptor. Returns their number; 0 also after a wake-up, which is not reported itself, or
  // a signal. Everything that happened before a `wake` on another thread is visible when the wait
  // that swallows it returns.
  [[nodiscard]] int wait(Ready* out, int max, int64_t timeoutNs);

  // Waits at most timeoutNs until a `wait` would not block, and reports nothing. Meanwhile another
  // thread may add, modify and remove.
  void sleep(int64_t timeoutNs) const;

  // Any thread. Makes the current or the next wait return. Costs no system call while a wake-up is
  // pending.
  int wake();

  // Readable exactly when a wait would not block: for embedding in another loop. Owned by the
  // poller.
  [[nodiscard]] int fd() const { return fd_; }

 private:
  struct Watches;

  int fd_ = -1;
  [[maybe_unused]] int wakeFd_ = -1;             // epoll only
  [[maybe_unused]] Watches* watches_ = nullptr;  // kqueue only
  std::atomic<bool> wakePending_{false};
};

}  // namespace heddle::sys
