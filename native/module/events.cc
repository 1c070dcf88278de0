#include "module/events.h"

#include <cerrno>
#include <mutex>
#include <utility>

#include "aco/runtime.h"
#include "base/immortal.h"
#include "loop/errand.h"
#include "mem/epoch.h"
#include "module/job_call.h"
#include "module/self.h"
#include "sys/clock.h"

namespace heddle::modules {

// All there are, so that the end of a self is told to each. Loops are named by their numbers: they
// may end at any time.
struct Everywhere {
  std::mutex lock;
  Events* first = nullptr;

  void add(Events* events) {
    const std::lock_guard<std::mutex> held(lock);
    events->next_ = first;
    first = events;
  }
  void remove(const Events* events) {
    const std::lock_guard<std::mutex> held(lock);
    Events** link = &first;
    while (*link != events) link = &(*link)->next_;
    *link = events->next_;
  }
  // The number of the loop that is the n-th in the list; 0: there are fewer.
  uint32_t loopOf(size_t n) {
    const std::lock_guard<std::mutex> held(lock);
    const Events* at = first;
    while (at != nullptr && n > 0) {
      at = at->next_;
      n--;
    }
    return at == nullptr ? 0 : at->loop_->loopId();
  }
};

namespace {

using AllEvents = mem::Typed<Events, mem::Builtin::kModuleEvents>;

Everywhere& everywhere() {
  static base::Immortal<Everywhere> instance;
  return *instance;
}

Events* eventsOf(loop::Loop& loop) { return static_cast<Events*>(loop.guest(Events::kTag)); }

struct Sweep final : loop::Errand {
  explicit Sweep(uint32_t loopId) : Errand(loopId, arrive, discard, kReply) {}

  static void arrive(Errand* self, loop::Loop& loop) {
    Events* const events = eventsOf(loop);
    if (events != nullptr) events->sweep();
    discard(self);
  }
  static void discard(Errand* self) {
    mem::Typed<Sweep, mem::Builtin::kModuleJob>::destroy(static_cast<Sweep*>(self));
  }
};

int64_t later(int64_t nowNs, int64_t delayNs) {
  if (delayNs <= 0) return nowNs;
  return delayNs > INT64_MAX - nowNs ? INT64_MAX : nowNs + delayNs;
}

}  // namespace

void endEventsOfTheEnded() {
  aco::Runtime* const runtime = aco::Runtime::current();
  const uint32_t here = runtime == nullptr ? 0 : runtime->loop().loopId();
  if (runtime != nullptr && eventsOf(runtime->loop()) != nullptr)
    eventsOf(runtime->loop())->sweep();
  for (size_t n = 0;; n++) {
    const uint32_t loopId = everywhere().loopOf(n);
    if (loopId == 0) return;
    if (loopId == here) continue;
    Sweep* const sweep = mem::Typed<Sweep, mem::Builtin::kModuleJob>::make(loopId);
    // Without memory its events end when they come.
    if (sweep == nullptr) return;
    const int posted = loop::Mailbox::post(loop::LetterPtr(sweep));
    static_cast<void>(posted);  // -ENOENT: so have its events ended
  }
}

// --- life

int Events::here(Events** out) {
  aco::Runtime* const runtime = aco::Runtime::current();
  if (runtime == nullptr) return -ENXIO;
  loop::Loop& loop = runtime->loop();
  *out = eventsOf(loop);
  if (*out != nullptr) return (*out)->closing_ ? -ESHUTDOWN : 0;
  if (!loop.isOpen() || runtime->isClosing()) return -ESHUTDOWN;
  Events* const made = AllEvents::make(&loop);
  if (made == nullptr) return -ENOMEM;
  everywhere().add(made);
  loop.adopt(made, 1u << kTag);
  *out = made;
  return 0;
}

Events::Events(loop::Loop* loop) : loop_(loop), deadlines_(sys::monotonicNs()) {}

Events::~Events() = default;

void Events::closing() {
  if (closing_) return;
  closing_ = true;
  while (calls_ != nullptr) calls_->endWithLoop();
  events_.each([this](Event&, uint32_t handle) { end(handle); });
  if (usesRunner_) aco::asynchRunner().release();
  everywhere().remove(this);
}

void Events::abandoned() { AllEvents::destroy(this); }

// --- events

int64_t Events::timer(Self* self, int64_t delayNs, int64_t (*run)(void*), void* closure) {
  if (run == nullptr) return -EINVAL;
  return add({self, run, nullptr, closure, -1, 0}, delayNs);
}

int64_t Events::watch(Self* self, int fd, uint32_t mask, uint32_t (*call)(void*, int, uint32_t),
                      void* closure) {
  if (call == nullptr || (mask & ~(HEDDLE_READABLE | HEDDLE_WRITABLE | HEDDLE_EXCEPTION)) != 0) {
    return -EINVAL;
  }
  if (fd < 0) return -EBADF;
  if (loop_->isWatched(fd)) return -EEXIST;
  return add({self, nullptr, call, closure, fd, mask}, 0);
}

int64_t Events::add(const Event& event, int64_t delayNs) {
  if (closing_ || event.self->ended()) return -ESHUTDOWN;
  const auto created = events_.create(event);
  if (created.value == nullptr) return events_.full() ? -ENFILE : -ENOMEM;
  const int begun = begin(created.handle, delayNs);
  if (begun < 0) {
    events_.destroy(created.handle);
    return begun;
  }
  event.self->hold();
  nudge();
  return created.handle;
}

int Events::begin(uint32_t handle, int64_t delayNs) {
  const Event& event = *events_.get(handle);
  if (event.ready != nullptr) {
    return loop_->poller().add(event.fd, event.mask, kTag << 32 | handle);
  }
  return deadlines_.arm(handle & loop::kHandleIndexMask, handle,
                        later(sys::monotonicNs(), delayNs));
}

int Events::cancel(int64_t handle) {
  if (handle <= 0 || handle > INT32_MAX) return -ENOENT;
  const auto known = static_cast<uint32_t>(handle);
  if (events_.get(known) == nullptr) return -ENOENT;
  end(known);
  return 0;
}

void Events::end(uint32_t handle) {
  const Event event = *events_.get(handle);
  if (event.ready != nullptr) {
    loop_->poller().remove(event.fd);
  } else {
    deadlines_.cancel(handle & loop::kHandleIndexMask);
  }
  events_.destroy(handle);
  event.self->release();
}

void Events::sweep() {
  events_.each([this](const Event& event, uint32_t handle) {
    if (event.self->ended()) end(handle);
  });
}

// --- the loop's guest

void Events::ready(uint64_t data, uint32_t mask) {
  const auto handle = static_cast<uint32_t>(data);
  const Event* const found = events_.get(handle);
  if (found == nullptr) return;
  if (found->self->ended()) return end(handle);
  const Event event = *found;
  event.self->hold();
  const bool inSection = mem::epochEnter() == 0;
  const uint32_t next = event.ready(event.closure, event.fd, mask) &
                        (HEDDLE_READABLE | HEDDLE_WRITABLE | HEDDLE_EXCEPTION);
  if (inSection) static_cast<void>(mem::epochLeave());
  event.self->release();
  Event* const still = events_.get(handle);
  if (still == nullptr) return;
  if (next == 0) return end(handle);
  if (next == still->mask) return;
  still->mask = next;
  // It was added, so there is room; of a descriptor that was closed there is nothing to watch.
  if (loop_->poller().modify(still->fd, next, kTag << 32 | handle) < 0) end(handle);
}

void Events::timers(int64_t nowNs) {
  const size_t fired =
      deadlines_.expire(nowNs, kTimersPerPass, [this](uint32_t handle, uint32_t) { due(handle); });
  timersLeft_ = fired == kTimersPerPass;
}

void Events::due(uint32_t handle) {
  const Event* const found = events_.get(handle);
  if (found == nullptr) return;
  if (found->self->ended()) return end(handle);
  const Event event = *found;
  event.self->hold();
  const bool inSection = mem::epochEnter() == 0;
  const int64_t again = event.run(event.closure);
  if (inSection) static_cast<void>(mem::epochLeave());
  event.self->release();
  if (events_.get(handle) == nullptr) return;
  if (again <= 0 || begin(handle, again) < 0) end(handle);
}

// Outside of a pass nobody else tells the loop that there is something to do.
void Events::nudge() {
  if (!loop_->inPass()) loop_->wake();
}

// --- jobs

void Events::link(JobCall* call) {
  if (!std::exchange(usesRunner_, true)) aco::asynchRunner().acquire();
  call->following = calls_;
  if (calls_ != nullptr) calls_->previous = call;
  calls_ = call;
}

void Events::unlink(JobCall* call) {
  (call->previous == nullptr ? calls_ : call->previous->following) = call->following;
  if (call->following != nullptr) call->following->previous = call->previous;
}

}  // namespace heddle::modules
