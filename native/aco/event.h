// A descriptor that coroutines wait for: read, write, accept, close as if they blocked.
//
// Every operation is tried first; only what would block waits. A read behind one that took all
// there was waits at once: the poller knows better. The descriptor stays in the poller
// between waits, and its interest changes only when something nobody waits for is ready.
//
// A peer that is always ready cannot keep a coroutine from ever waiting: after so many operations
// (Runtime::kTurns) the next one lets others run first; of a cancelled coroutine it fails.
//
// readUntil and readFrame read ahead; what is left over lies in the event and is what the next read
// of any kind gets first. Whatever fails, nothing that has arrived is lost: it is in the caller's
// buffer as told by Wait::done, or still to be read.
//
// Ownership: adopted descriptors belong to the event until `close` or `release`. `free` ends the
// event. One coroutine at a time may read or accept and one may write: -EBUSY for another.
// Thread rule: the loop's thread. `read` and `write` from another thread, or outside of coroutines,
// are plain calls that answer -EAGAIN where they would wait (AC-16); they need the event to stay
// open meanwhile.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "aco/read_ahead.h"
#include "aco/task.h"
#include "sys/socket.h"

namespace heddle::aco {

// How long an operation may take as a whole.
struct Wait {
  int64_t timeoutNs = -1;  // below 0: the event's default; 0: not at all
  // How many bytes were transferred, also when it fails.
  size_t* done = nullptr;
};

// What precedes the bytes of a frame: their number.
struct FrameFormat {
  uint8_t headerBytes = 4;  // 1, 2, 4 or 8
  bool littleEndian = false;
  bool countsHeader = false;  // whether the number includes the header
};

class Event {
 public:
  // Takes over an open descriptor, for the running coroutine's runtime or another on this thread,
  // and makes it non-blocking. On failure it stays the caller's. -EBADF; -EBUSY: a classic event
  // watches it still (ERR_EVENT_SCHEDULED); -EPERM: no runtime is given and no coroutine runs;
  // -ENFILE; -ENOMEM.
  [[nodiscard]] static int adopt(int fd, Event** out, Runtime* runtime = nullptr);
  // The way back (AC-14): the descriptor is the caller's, the event is gone. -EBUSY: somebody waits
  // for it; -ENOTEMPTY: bytes were read ahead (`buffered`), which have to be read first; -EBADF.
  [[nodiscard]] int release();
  // AC-13. An open descriptor leaks, which is reported. -EBUSY: somebody waits for it.
  int free();

  Event(Runtime* runtime, int fd) : runtime_(runtime), fd_(fd) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // AC-09. At least one byte; 0 is the peer's end.
  [[nodiscard]] int64_t read(void* buffer, size_t size, const Wait& wait = {});
  // Fewer bytes only at the peer's end.
  [[nodiscard]] int64_t readExact(void* buffer, size_t size, const Wait& wait = {});
  // Up to and including the delimiter. -EMSGSIZE: the first `size` bytes do not contain it;
  // -ENODATA: nor does what came before the peer's end (*done bytes, 0 when it ended cleanly).
  // Nothing is consumed when it fails. -EINVAL: an empty delimiter, or one that cannot fit.
  [[nodiscard]] int64_t readUntil(void* buffer, size_t size, const void* delimiter,
                                  size_t delimiterBytes, const Wait& wait = {});
  // The body of a frame, which may be empty. -EMSGSIZE: it is larger than `size` (*done is how
  // large); -ENODATA: the peer ended inside of a frame, or cleanly (*done is 0); -EBADMSG: a number
  // below that of the header it counts. Nothing is consumed when it fails.
  [[nodiscard]] int64_t readFrame(void* buffer, size_t size, const FrameFormat& format = {},
                                  const Wait& wait = {});
  // AC-10. As many bytes as the system takes at once, at least one.
  [[nodiscard]] int64_t write(const void* bytes, size_t size, const Wait& wait = {});
  // All of them: returns `size`, or an error with *done.
  [[nodiscard]] int64_t writeAll(const void* bytes, size_t size, const Wait& wait = {});
  // AC-11. A descriptor that is non-blocking and the caller's. -EMFILE and the like are returned
  // and leave the client in the queue.
  [[nodiscard]] int64_t accept(sys::Address* peer = nullptr, const Wait& wait = {});
  // AC-12. Waits where the system would block (a lingering socket). The descriptor is gone whatever
  // the result; whoever waits for the event is told -EBADF.
  int close();

  // AC-17. Below 0: for ever.
  void setReadTimeout(int64_t ns) { readTimeoutNs_ = ns; }
  void setWriteTimeout(int64_t ns) { writeTimeoutNs_ = ns; }
  void setAcceptTimeout(int64_t ns) { acceptTimeoutNs_ = ns; }
  int64_t readTimeout() const { return readTimeoutNs_; }
  int64_t writeTimeout() const { return writeTimeoutNs_; }
  int64_t acceptTimeout() const { return acceptTimeoutNs_; }

  // AC-18.
  void setClosure(void* closure) { closure_ = closure; }
  void* closure() const { return closure_; }

  // -1 when closed. Any thread.
  // Relaxed: a number; what other threads do with it they have to order themselves.
  int fd() const { return fd_.load(std::memory_order_relaxed); }
  Runtime& runtime() const { return *runtime_; }
  // Bytes that were read ahead.
  size_t buffered() const { return ahead_.size(); }

 private:
  friend class Runtime;
  // The end of an operation in time, read from the clock when it first has to wait.
  class Limit;

  bool mayWait() const;
  [[nodiscard]] int pace();
  [[nodiscard]] int64_t await(State state, Limit& limit);
  [[nodiscard]] int watch(uint32_t interest);
  void unwatch();
  void ready(uint32_t mask);
  static void forget(void* self, Task* task);
  [[nodiscard]] int64_t receive(void* buffer, size_t size);
  [[nodiscard]] int64_t send(const void* bytes, size_t size);
  template <class Attempt>
  [[nodiscard]] int64_t untilRead(Limit& limit, const Attempt& attempt);
  [[nodiscard]] int64_t readMore(size_t wanted, Limit& limit);
  // The descriptor, which is the caller's; whoever waits is told. -EBADF: there is none.
  [[nodiscard]] int detach();
  [[nodiscard]] int closeElsewhere(int fd);
  void shut();
  void rest(uint32_t unwanted);

  Runtime* const runtime_;
  std::atomic<int> fd_;
  uint32_t handle_ = 0;
  uint32_t interest_ = 0;
  bool watched_ = false;
  bool plain_ = false;    // not a socket
  bool drained_ = false;  // the last read took all there was
  Task* reader_ = nullptr;
  Task* writer_ = nullptr;
  int64_t readTimeoutNs_ = -1;
  int64_t writeTimeoutNs_ = -1;
  int64_t acceptTimeoutNs_ = -1;
  void* closure_ = nullptr;
  ReadAhead ahead_;
};

}  // namespace heddle::aco
