#include "job/registry.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <thread>

#include "base/immortal.h"
#include "job/desk.h"
#include "job/large_blocks.h"

namespace heddle::job {
namespace {

constexpr size_t kLongestName = 255;
// Native functions mostly wait for something, so there are some threads however few processors
// there are.
constexpr uint32_t kLeastNativeThreads = 4;

// Process-wide by nature: any isolate may use any queue.
class Registry {
 public:
  std::mutex lock;  // everything below; taken before that of a queue

  Queue* first = nullptr;
  uint32_t lastNumber = 0;
  Desk* desks = nullptr;

  Queue* find(uint32_t number) {
    Queue* queue = first;
    while (queue != nullptr && queue->number() != number) queue = queue->nextInRegistry;
    return queue;
  }
  Queue* find(std::string_view name) {
    Queue* queue = first;
    while (queue != nullptr && (!queue->hasName || queue->name() != name)) {
      queue = queue->nextInRegistry;
    }
    return queue;
  }
  Queue* firstOf(const Tray* host) {
    Queue* queue = first;
    while (queue != nullptr && !queue->isHostedBy(host)) queue = queue->nextInRegistry;
    return queue;
  }
  // Its number; -ENOMEM.
  int64_t make(const QueueSpec& spec, Tray* host) {
    Queues::Ptr queue = Queues::makePtr(lastNumber + 1, spec, host);
    if (queue == nullptr || queue->open() < 0) return -ENOMEM;
    queue->nextInRegistry = first;
    first = queue.release();
    return ++lastNumber;
  }
  // nullptr without memory.
  Queue* native() {
    Queue* const known = find(kNativeQueue);
    if (known != nullptr) return known;
    QueueSpec spec;
    spec.name = kNativeQueue;
    spec.desired = std::max(kLeastNativeThreads, std::thread::hardware_concurrency());
    return make(spec, nullptr) < 0 ? nullptr : first;
  }
  // Those that their host has left behind, as soon as nothing of them is left.
  void reap() {
    for (Queue* queue = first; queue != nullptr;) {
      Queue* const following = queue->nextInRegistry;
      if (queue->isOrphaned()) {
        remove(queue);
        queue->release();
      }
      queue = following;
    }
  }
  void remove(const Queue* queue) {
    Queue** link = &first;
    while (*link != queue) link = &(*link)->nextInRegistry;
    *link = queue->nextInRegistry;
  }
};

Registry& registry() {
  static base::Immortal<Registry> instance;
  return *instance;
}

QueueRef refer(Queue* queue) {
  if (queue != nullptr) queue->acquire();
  return QueueRef(queue);
}

bool describe(QueueEntries* into, uint32_t number, JobQueueKind::Id kind, bool internal,
              std::string_view name) {
  QueueEntry entry{number, kind, internal, {}};
  const size_t length = std::min(name.size(), sizeof entry.name - 1);
  std::memcpy(entry.name, name.data(), length);
  return into->push(entry);
}

QueueRef firstOf(const Tray* host) {
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  return refer(all.firstOf(host));
}

// Waits for plain threads that have nothing to do, and so not with the lock.
void abandon(Queue& queue) {
  {
    const std::lock_guard<std::mutex> guard(registry().lock);
    queue.hasName = false;
  }
  queue.hostGone();
  if (queue.kind() == JobQueueKind::NATIVE) queue.dismiss();
}

}  // namespace

int64_t createQueue(const QueueSpec& spec, Desk* host) {
  if (spec.name.empty() || spec.name.size() > kLongestName || host == nullptr) return -EINVAL;
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  all.reap();
  if (spec.name == kNativeQueue) return all.native() == nullptr ? -ENOMEM : -EEXIST;
  Queue* const known = all.find(spec.name);
  if (known != nullptr) return known->state() == Queue::State::kOpen ? -EEXIST : -EBUSY;
  return all.make(spec, host->tray());
}

QueueRef nativeQueue() {
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  return refer(all.native());
}

QueueRef findQueue(uint32_t number) {
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  return refer(all.find(number));
}

QueueRef findQueue(std::string_view name) {
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  Queue* const queue = all.find(name);
  return queue != nullptr && queue->state() == Queue::State::kOpen ? refer(queue) : QueueRef();
}

int listQueues(QueueEntries* into) {
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  for (const Queue* queue = all.first; queue != nullptr; queue = queue->nextInRegistry) {
    if (!queue->hasName) continue;
    if (!describe(into, queue->number(), queue->kind(), false, queue->name())) return -ENOMEM;
  }
  std::reverse(into->begin(), into->end());  // as they were made
  for (const Desk* desk = all.desks; desk != nullptr; desk = desk->nextInRegistry) {
    char name[64];
    std::snprintf(name, sizeof name, "default_back_queue/%u", desk->loopId());
    if (!describe(into, 0, JobQueueKind::NATIVE, true, name)) return -ENOMEM;
  }
  return 0;
}

int destroyQueue(uint32_t number) {
  QueueRef gone;  // ends its threads, which may take a moment, without the lock
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  Queue* const queue = all.find(number);
  if (queue == nullptr) return -ENOENT;
  if (queue->state() != Queue::State::kDrained) return -EBUSY;
  all.remove(queue);
  gone = QueueRef(queue);
  return 0;
}

int abandonQueue(uint32_t number) {
  const QueueRef queue = findQueue(number);
  if (!queue) return -ENOENT;
  if (queue->isProcessOwned()) return -EPERM;
  abandon(*queue.get());
  reapQueues();
  return 0;
}

void addDesk(Desk* desk) {
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  desk->nextInRegistry = all.desks;
  all.desks = desk;
  keepLargeBegin();
}

void removeDesk(Desk* desk) {
  QueueRef idle;  // with the last desk
  {
    Registry& all = registry();
    const std::lock_guard<std::mutex> guard(all.lock);
    Desk** link = &all.desks;
    while (*link != desk) link = &(*link)->nextInRegistry;
    *link = desk->nextInRegistry;
    if (all.desks == nullptr) idle = refer(all.find(kNativeQueue));
  }
  while (const QueueRef queue = firstOf(desk->tray())) abandon(*queue.get());
  if (idle) idle->dismiss();
  keepLargeEnd();
  reapQueues();
}

void reapQueues() {
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  all.reap();
}

bool nextWish(const Desk& host, Wish* wish) {
  Registry& all = registry();
  const std::lock_guard<std::mutex> guard(all.lock);
  for (Queue* queue = all.first; queue != nullptr; queue = queue->nextInRegistry) {
    if (queue->isHostedBy(host.tray()) && queue->nextWish(wish)) return true;
  }
  return false;
}

}  // namespace heddle::job
