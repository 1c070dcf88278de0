// Timers and watched descriptors of native modules on one loop: callbacks of the loop's thread,
// inside of its pass.
//
// A guest of the loop, made with the first of them and owned by the loop. Which loop: that of the
// thread's coroutines (aco::Runtime::current()). Each keeps its self until it ends; once that has
// seen HEDDLE_DESTROY its callbacks run no more. Callbacks may end any event, also their own, and
// make new ones; a callback runs in a section of the epochs.
//
// Thread rule: the loop's thread, except for what says otherwise. Results are >= 0 or negative
// errnos.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/slots.h"
#include "include/heddle/module.h"
#include "loop/loop.h"
#include "mem/typed_memory.h"
#include "mem/typed_object.h"

namespace heddle::modules {

struct JobCall;
class Self;

class Events final : public loop::Guest {
 public:
  static constexpr uint64_t kTag = 6;
  static constexpr size_t kTimersPerPass = 1024;

  // Of this thread's loop. -ENXIO, -ESHUTDOWN, -ENOMEM.
  [[nodiscard]] static int here(Events** out);

  explicit Events(loop::Loop* loop);
  ~Events() override;
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // As in the header.
  [[nodiscard]] int64_t timer(Self* self, int64_t delayNs, int64_t (*run)(void*), void* closure);
  [[nodiscard]] int64_t watch(Self* self, int fd, uint32_t mask,
                              uint32_t (*ready)(void*, int, uint32_t), void* closure);
  int cancel(int64_t handle);
  [[nodiscard]] size_t live() const { return events_.live(); }

  // A job that is to be told on this loop, until it was.
  void link(JobCall* call);
  void unlink(JobCall* call);
  loop::Loop& loop() { return *loop_; }

  // Ends those whose self has ended.
  void sweep();

  // --- loop::Guest
  void ready(uint64_t data, uint32_t mask) override;
  void timers(int64_t nowNs) override;
  int64_t nextDeadlineNs() const override { return deadlines_.nextDeadlineNs(); }
  bool hasWork() const override { return timersLeft_; }
  void closing() override;
  void abandoned() override;

 private:
  struct Event {
    Self* self = nullptr;  // with a count
    int64_t (*run)(void*) = nullptr;
    uint32_t (*ready)(void*, int, uint32_t) = nullptr;
    void* closure = nullptr;
    int fd = -1;
    uint32_t mask = 0;
  };

  [[nodiscard]] int64_t add(const Event& event, int64_t delayNs);
  [[nodiscard]] int begin(uint32_t handle, int64_t delayNs);
  void end(uint32_t handle);
  void due(uint32_t handle);
  void nudge();

  loop::Loop* const loop_;
  base::Slots<Event, mem::TypedMemory<mem::Builtin::kModuleEvents>> events_;
  loop::Timers deadlines_;  // by index of the event
  JobCall* calls_ = nullptr;
  bool timersLeft_ = false;
  bool closing_ = false;
  bool usesRunner_ = false;

  // In the list of all, under its lock.
  friend struct Everywhere;
  Events* next_ = nullptr;
};

// On every loop, soon: ends the events of selves that have ended; those of this thread's loops at
// once. Any thread.
void endEventsOfTheEnded();

}  // namespace heddle::modules
