#include "aco/aco.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "aco/event_limit.h"
#include "loop/errand.h"
#include "sys/clock.h"

namespace heddle::aco {
namespace {

using loop::Errand;

void* takeErrand(size_t bytes) {
  return mem::allocateBytes(mem::builtinType(mem::Builtin::kAcoErrand), bytes);
}

void giveErrand(Errand* errand) {
  mem::release(mem::builtinType(mem::Builtin::kAcoErrand), errand);
}

// A start from another thread. A copied argument lies behind it.
struct StartErrand final : Errand {
  StartErrand(uint32_t loopId, coro::Main main, void* given, const StartOptions& how)
      : Errand(loopId, arrive, drop, kRequest), procedure(main), argument(given), options(how) {
    if (how.argumentBytes == 0) return;
    argument = this + 1;
    std::memcpy(argument, given, how.argumentBytes);
  }

  static void arrive(Errand* self, loop::Loop& loop) {
    const auto* const asked = static_cast<StartErrand*>(self);
    const StartOptions& how = asked->options;
    if (start(loop, asked->procedure, asked->argument, how) < 0 && how.ended != nullptr) {
      how.ended(how.endedContext, 0, Outcome::kDestroyed);
    }
    giveErrand(self);
  }
  static void drop(Errand* self) { giveErrand(self); }

  const coro::Main procedure;
  void* argument;
  const StartOptions options;
};

// A value or a cancellation from another thread.
struct WordErrand final : Errand {
  WordErrand(uint32_t loopId, Id coroutine, uint64_t word, bool cancels)
      : Errand(loopId, arrive, drop, kRequest), id(coroutine), value(word), isCancel(cancels) {}

  static void arrive(Errand* self, loop::Loop& loop) {
    const auto* const word = static_cast<WordErrand*>(self);
    Runtime* const runtime = Runtime::of(loop);
    if (runtime != nullptr) {
      if (word->isCancel) {
        runtime->cancel(word->id);
      } else {
        runtime->unpark(word->id, word->value);
      }
    }
    giveErrand(self);
  }
  static void drop(Errand* self) { giveErrand(self); }

  const Id id;
  const uint64_t value;
  const bool isCancel;
};

int post(uint32_t loopId, Id id, uint64_t value, bool isCancel) {
  void* const memory = takeErrand(sizeof(WordErrand));
  if (memory == nullptr) return -ENOMEM;
  return loop::Mailbox::post(
      loop::LetterPtr(::new (memory) WordErrand(loopId, id, value, isCancel)));
}

}  // namespace

int64_t start(loop::Loop& loop, coro::Main procedure, void* argument, const StartOptions& options) {
  Runtime* runtime = nullptr;
  const int made = Runtime::require(loop, &runtime);
  return made < 0 ? made : runtime->start(procedure, argument, options);
}

int startOn(uint32_t loopId, coro::Main procedure, void* argument, const StartOptions& options) {
  if (procedure == nullptr) return -EINVAL;
  void* const memory = takeErrand(sizeof(StartErrand) + options.argumentBytes);
  if (memory == nullptr) return -ENOMEM;
  return loop::Mailbox::post(
      loop::LetterPtr(::new (memory) StartErrand(loopId, procedure, argument, options)));
}

void* arg() {
  const Task* const task = runningTask();
  return task == nullptr ? nullptr : task->argument;
}

size_t argBytes() {
  const Task* const task = runningTask();
  return task == nullptr ? 0 : task->argumentBytes;
}

void exit() { coro::exit(); }

int onEnd(void (*run)(void* context), void* context) {
  return runningTask() == nullptr ? -EPERM : coro::onEnd(run, context);
}

int sleep(int64_t ns) {
  const Task* const task = runningTask();
  if (task == nullptr) return -EPERM;
  Runtime& runtime = *task->runtime;
  if (ns <= 0) return runtime.yieldOnce();
  return static_cast<int>(runtime.wait(State::kSleep, deadlineAfter(ns), nullptr, nullptr));
}

int park(uint64_t* value, int64_t timeoutNs) {
  Task* const task = runningTask();
  if (task == nullptr) return -EPERM;
  if (!task->hasValue) {
    if (timeoutNs == 0) return -ETIME;
    const int64_t waited =
        task->runtime->wait(State::kPark, deadlineAfter(timeoutNs), nullptr, nullptr);
    // A value that came together with the time-out is there, too.
    if (!task->hasValue) return static_cast<int>(waited);
  }
  task->hasValue = false;
  if (value != nullptr) *value = task->value;
  return 0;
}

int unparkOn(uint32_t loopId, Id id, uint64_t value) { return post(loopId, id, value, false); }

int cancelOn(uint32_t loopId, Id id) { return post(loopId, id, 0, true); }

int enterSection() { return runningTask() == nullptr ? -EPERM : mem::epochEnter(); }

int leaveSection() { return runningTask() == nullptr ? -EPERM : mem::epochLeave(); }

}  // namespace heddle::aco
