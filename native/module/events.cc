#include "module/events.h"

#include <cerrno>
#include <mutex>
#include <utility>

#include "aco/runtime.h"
#include "base/immortal.h"
#include "coro/coroutine.h"
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
  // The least number of a loop above `last`; 0: there is none. Whichever loops come and go
  // meanwhile, none that stays is missed.
  uint32_t loopAfter(uint32_t last) {
    const std::lock_guard<std::mutex> held(lock);
    uint32_t found = 0;
    for (const Events* at = first; at != nullptr; at = at->next_) {
      const uint32_t loopId = at->loop_->loopId();
      if (loopId > last && (found == 0 || loopId < found)) found = loopId;
    }
    return found;
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

namespace {

// Those of the calling thread's loops, newest first, and that whose callback runs.
thread_local Events* eventsHere = nullptr;
thread_local Events* running = nullptr;

loop::Loop* loopHere(const Self& self) {
  if (running != nullptr) return &running->loop();
  const Desk& desk = self.module().desk();
  if (desk.isHere()) return desk.isolate() == nullptr ? nullptr : desk.isolate()->loop();
  aco::Runtime* const runtime = aco::Runtime::current();
  return runtime == nullptr ? nullptr : &runtime->loop();
}

}  // namespace

void endEventsOfTheEnded() {
  for (Events* each = eventsHere; each != nullptr; each = each->nextOfThread()) each->sweep();
  for (uint32_t loopId = everywhere().loopAfter(0); loopId != 0;
       loopId = everywhere().loopAfter(loopId)) {
    Events* here = eventsHere;
    while (here != nullptr && here->loop().loopId() != loopId) here = here->nextOfThread();
    if (here != nullptr) continue;
    // Without memory its events end when they come.
    Sweep* const sweep = mem::Typed<Sweep, mem::Builtin::kModuleJob>::make(loopId);
    if (sweep == nullptr) continue;
    const int posted = loop::Mailbox::post(loop::LetterPtr(sweep));
    static_cast<void>(posted);  // -ENOENT: so have its events ended
  }
}

// --- life

int Events::here(const Self& self, Events** out) {
  if (coro::current() != nullptr) return -EPERM;
  loop::Loop* const loop = loopHere(self);
  if (loop == nullptr) return -ENXIO;
  *out = eventsOf(*loop);
  if (*out != nullptr) return (*out)->closing_ ? -ESHUTDOWN : 0;
  const aco::Runtime* const runtime = aco::Runtime::of(*loop);
  if (!loop->isOpen() || (runtime != nullptr && runtime->isClosing())) return -ESHUTDOWN;
  Events* const made = AllEvents::make(loop);
  if (made == nullptr) return -ENOMEM;
  everywhere().add(made);
  made->nextOfThread_ = std::exchange(eventsHere, made);
  loop->adopt(made, 1u << kTag);
  *out = made;
  return 0;
}

Events::Running::Running(Events* events)
    : before_(std::exchange(running, events)), inSection_(mem::epochEnter() == 0) {}

Events::Running::~Running() {
  if (inSection_) static_cast<void>(mem::epochLeave());
  running = before_;
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
  Events** link = &eventsHere;
  while (*link != nullptr && *link != this) link = &(*link)->nextOfThread_;
  if (*link == this) *link = nextOfThread_;
}

void Events::abandoned() { AllEvents::destroy(this); }

// --- events

int64_t Events::timer(Self* self, int64_t delayNs, int64_t (*run)(void*), void* closure) {
  if (run == nullptr) return -EINVAL;
  return add({self, run, nullptr, closure, -1, 0}, delayNs);
}

int64_t Events::watch(Self* self, int fd, uint32_t mask, uint32_t (*call)(void*, int, uint32_t),
                      void* closure) {
  if (call == nullptr || mask == 0 ||
      (mask & ~(HEDDLE_READABLE | HEDDLE_WRITABLE | HEDDLE_EXCEPTION)) != 0) {
    return -EINVAL;
  }
  if (fd < 0) return -EBADF;
  if (loop_->isWatched(fd)) return -EEXIST;
  return add({self, nullptr, call, closure, fd, mask}, 0);
}

int64_t Events::add(const Event& event, int64_t delayNs) {
  Self* const self = event.self;
  // Before the look at its end, see Self::countEvent.
  self->countEvent(1);
  int64_t handle = closing_ || self->ended() ? -ESHUTDOWN : 0;
  if (handle == 0) {
    const auto created = events_.create(event);
    if (created.value == nullptr) {
      handle = events_.full() ? -ENFILE : -ENOMEM;
    } else {
      handle = begin(created.handle, delayNs);
      if (handle < 0) events_.destroy(created.handle);
      if (handle == 0) handle = int64_t{loop_->loopId()} << 32 | created.handle;
    }
  }
  if (handle < 0) {
    self->countEvent(-1);
    return handle;
  }
  self->hold();
  nudge();
  return handle;
}

int Events::begin(uint32_t handle, int64_t delayNs) {
  const Event& event = *events_.get(handle);
  if (event.ready == nullptr) {
    return deadlines_.arm(handle & loop::kHandleIndexMask, handle,
                          later(sys::monotonicNs(), delayNs));
  }
  if (!owners_.cover(static_cast<size_t>(event.fd) + 1)) return -ENOMEM;
  const int added = loop_->poller().add(event.fd, event.mask, kTag << 32 | handle);
  // What had the number before was closed, which has ended its registration.
  if (added == 0) owners_[static_cast<size_t>(event.fd)] = handle;
  return added;
}

// JavaScript's watch of the number is a later one too.
bool Events::owns(const Event& event, uint32_t handle) const {
  return owners_[static_cast<size_t>(event.fd)] == handle && !loop_->isWatched(event.fd);
}

int Events::cancel(int64_t handle) {
  if (coro::current() != nullptr) return -EPERM;
  const auto loopId = static_cast<uint64_t>(handle) >> 32;
  Events* here = eventsHere;
  while (here != nullptr && here->loop_->loopId() != loopId) here = here->nextOfThread_;
  const auto known = static_cast<uint32_t>(handle);
  if (handle <= 0 || here == nullptr || here->events_.get(known) == nullptr) return -ENOENT;
  here->end(known);
  return 0;
}

void Events::end(uint32_t handle) {
  const Event event = *events_.get(handle);
  if (event.ready == nullptr) {
    deadlines_.cancel(handle & loop::kHandleIndexMask);
  } else if (owns(event, handle)) {
    loop_->poller().remove(event.fd);
    owners_[static_cast<size_t>(event.fd)] = 0;
  }
  events_.destroy(handle);
  event.self->countEvent(-1);
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
  uint32_t next = 0;
  {
    const Running section(this);
    next = event.ready(event.closure, event.fd, mask) &
           (HEDDLE_READABLE | HEDDLE_WRITABLE | HEDDLE_EXCEPTION);
  }
  event.self->release();
  Event* const still = events_.get(handle);
  if (still == nullptr) return;
  if (next == 0 || !owns(*still, handle)) return end(handle);
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
  int64_t again = 0;
  {
    const Running section(this);
    again = event.run(event.closure);
  }
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
