// Timers and watched descriptors of native modules on one loop: callbacks of the loop's thread,
// inside of its pass.
//
// A guest of the loop, made with the first of them and owned by the loop. Which loop: that whose
// callback runs, else the first of the isolate. Each keeps its self until it ends; once the end of
// that has begun its callbacks run no more. Callbacks may end any event, also their own, and make
// new ones; a callback runs in a section of the epochs.
//
// Handles name the loop as well: the number of one loop's event is none of another's.
//
// Thread rule: the loop's thread, except for what says otherwise. Results are >= 0 or negative
// errnos.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/slots.h"
#include "include/heddle/module.h"
#include "loop/loop.h"
#include "mem/typed_array.h"
#include "mem/typed_memory.h"
#include "mem/typed_object.h"

namespace heddle::modules {

struct JobCall;
class Self;

class Events final : public loop::Guest {
 public:
  static constexpr uint64_t kTag = 6;
  static constexpr size_t kTimersPerPass = 1024;

  // Of the loop that what the self asks for on this thread belongs to. -EPERM: on a coroutine's
  // stack; -ENXIO, -ESHUTDOWN, -ENOMEM.
  [[nodiscard]] static int here(const Self& self, Events** out);
  // While a callback of this loop runs on the calling thread.
  class Running {
   public:
    explicit Running(Events* events);
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    Events* const before_;
    const bool inSection_;
  };

  explicit Events(loop::Loop* loop);
  ~Events() override;
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // As in the header.
  [[nodiscard]] int64_t timer(Self* self, int64_t delayNs, int64_t (*run)(void*), void* closure);
  [[nodiscard]] int64_t watch(Self* self, int fd, uint32_t mask,
                              uint32_t (*ready)(void*, int, uint32_t), void* closure);
  // Of any loop of this thread. -EPERM, -ENOENT.
  static int cancel(int64_t handle);
  [[nodiscard]] size_t live() const { return events_.live(); }

  // A job that is to be told on this loop, until it was.
  void link(JobCall* call);
  void unlink(JobCall* call);
  loop::Loop& loop() { return *loop_; }
  // Another one of this thread; nullptr: no more.
  [[nodiscard]] Events* nextOfThread() const { return nextOfThread_; }

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
  [[nodiscard]] bool owns(const Event& event, uint32_t handle) const;
  void due(uint32_t handle);
  void nudge();

  loop::Loop* const loop_;
  base::Slots<Event, mem::TypedMemory<mem::Builtin::kModuleEvents>> events_;
  // By descriptor: the watch that has it. One that was closed and watched again under its number is
  // the later watch's; the earlier one must not touch its registration.
  mem::TypedArray<uint32_t, mem::Builtin::kModuleEvents> owners_;
  loop::Timers deadlines_;  // by index of the event
  JobCall* calls_ = nullptr;
  bool timersLeft_ = false;
  bool closing_ = false;
  bool usesRunner_ = false;

  // In the list of all, under its lock.
  friend struct Everywhere;
  Events* next_ = nullptr;
  Events* nextOfThread_ = nullptr;
};

// On every loop, soon: ends the events of selves that have ended; on this thread's loops at once.
// Any thread.
void endEventsOfTheEnded();

}  // namespace heddle::modules
