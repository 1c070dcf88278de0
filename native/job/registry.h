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

// Its number; -EEXIST; -ENOMEM; -EINVAL: no name. `host` is told what threads a worker queue needs,
// and takes it along when it ends; of a native queue it may be nullptr.
[[nodiscard]] int64_t createQueue(const QueueSpec& spec, Desk* host);
// Empty: there is none.
[[nodiscard]] QueueRef findQueue(uint32_t number);
[[nodiscard]] QueueRef findQueue(std::string_view name);
// The queues and then the back queues of loops (JQ-15). -ENOMEM.
[[nodiscard]] int listQueues(QueueEntries* into);
// 0; -ENOENT; -EBUSY: it is not drained. Its name is free then.
int destroyQueue(uint32_t number);

// --- for desks
void addDesk(Desk* desk);
// What it hosts loses its host.
void removeDesk(Desk* desk);
// What one of its queues wants of it. False: nothing.
bool nextWish(const Desk& host, Wish* wish);

}  // namespace heddle::job
