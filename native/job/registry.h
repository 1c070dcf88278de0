// The queues of the process, by number and by name. Any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "job/queue.h"

namespace heddle::job {

class Desk;

// A queue that stays there as long as somebody looks at it.
class QueueRef {
 public:
  QueueRef() = default;
  explicit QueueRef(Queue* queue) : queue_(queue) {}  // takes over a reference
  QueueRef(QueueRef&& other) noexcept : queue_(std::exchange(other.queue_, nullptr)) {}
  QueueRef& operator=(QueueRef&& other) noexcept {
    std::swap(queue_, other.queue_);
    return *this;
  }
  ~QueueRef() {
    if (queue_ != nullptr) queue_->release();
  }

  explicit operator bool() const { return queue_ != nullptr; }
  Queue* get() const { return queue_; }
  Queue* operator->() const { return queue_; }

 private:
  Queue* queue_ = nullptr;
};

struct QueueEntry {
  uint32_t number;
  JobQueueKind::Id kind;
  bool internal;       // of a loop: finished jobs on their way back
  char name[256 + 1];  // cut if need be
};
using QueueEntries = mem::TypedArray<QueueEntry, mem::Builtin::kJobTable>;

// Who a queue belongs to. Its host is the desk that it was made for: with that it ends, and takes
// no more jobs; its name is free at once, and it goes with its last thread. Without a host is the
// one native queue of the process, `nativeQueue`, which never ends.

// Its number; -EEXIST; -EBUSY: the name is that of a queue that is not open any more and not
// destroyed; -ENOMEM; -EINVAL: no name. The host is told what threads a worker queue needs.
[[nodiscard]] int64_t createQueue(const QueueSpec& spec, Desk* host);
// "default_native": for whoever has no queue of his own. Made when it is first asked for; it has
// threads only while there is work, and none when the last loop has gone. Empty without memory.
[[nodiscard]] QueueRef nativeQueue();
constexpr std::string_view kNativeQueue = "default_native";
// Empty: there is none.
[[nodiscard]] QueueRef findQueue(uint32_t number);
// Only open ones are found by name.
[[nodiscard]] QueueRef findQueue(std::string_view name);
// The queues and then the back queues of loops (JQ-15). -ENOMEM.
[[nodiscard]] int listQueues(QueueEntries* into);
// 0; -ENOENT; -EBUSY: it is not drained. Its name is free then.
int destroyQueue(uint32_t number);
// It ends as with its host: what waits ends SHUTDOWN. -ENOENT, -EPERM: it is the process's.
int abandonQueue(uint32_t number);

// --- for desks
void addDesk(Desk* desk);
// What it hosts is abandoned.
void removeDesk(Desk* desk);
// What one of its queues wants of it. False: nothing.
bool nextWish(const Desk& host, Wish* wish);
// --- for queues: those that were abandoned and have nothing left go. Without a lock of theirs.
void reapQueues();

}  // namespace heddle::job
