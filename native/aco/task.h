// What the runtime knows of one coroutine: its identity, what it waits for, and what it is to be
// told when it goes on. The coroutine itself (its stack and registers) is coro's.
//
// Ownership: the runtime's, from the start to the end of the coroutine. Thread rule: the loop's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "coro/coroutine.h"
#include "mem/epoch.h"

namespace heddle::aco {

class Runtime;

// Names a coroutine in its runtime, also after its end, when it is unknown. Below 2^53, never 0.
using Id = uint64_t;

enum class State : uint8_t {
  kRunning,
  kReady,  // about to go on
  kSleep,
  kRead,
  kWrite,
  kAccept,
  kClose,
  kAsynch,
  kGate,
  kPark,
};

// "running", "read" …, for people.
const char* stateName(State state);

enum class Outcome : uint8_t {
  kExited,
  kOverflowed,  // ERR_ACO_STACK
  kDestroyed,   // the loop ended before it had begun
};

// The last that is heard of a coroutine; outside of it, on the loop's thread.
using Ended = void (*)(void* context, Id id, Outcome outcome);

struct Task {
  // Lets go of what the coroutine waits for. Called exactly once for each wait, when it is decided.
  using Forget = void (*)(void* waitedFor, Task* task);

  Runtime* runtime = nullptr;
  coro::Coroutine* coroutine = nullptr;
  Task* nextReady = nullptr;
  Forget forget = nullptr;  // while it waits for something that must be told
  void* waitedFor = nullptr;
  int64_t result = 0;                             // what the wait returns
  uint64_t value = 0;                             // park: what unpark has sent
  mem::EpochCoroutineSection* section = nullptr;  // while it sleeps inside of one
  void* argument = nullptr;
  size_t argumentBytes = 0;  // of a copy, which is the task's; else 0
  const char* name = "";
  Ended ended = nullptr;
  void* endedContext = nullptr;
  Id id = 0;
  int64_t startedNs = 0;
  uint32_t handle = 0;
  uint32_t serial = 0;
  State state = State::kReady;
  bool cancelled = false;
  bool hasValue = false;  // unparked before it parked
  bool timed = false;     // its deadline is armed
  bool stubborn = false;  // its wait outlasts a cancellation
  uint8_t refusals = 0;   // waits refused since it was cancelled
  uint8_t turns = 0;      // operations that it may do before others run
};

// The coroutine that runs on this thread; nullptr outside of all, and in their clean-ups.
[[nodiscard]] inline Task* runningTask() {
  const coro::Coroutine* const running = coro::current();
  return running == nullptr ? nullptr : static_cast<Task*>(running->local);
}

}  // namespace heddle::aco
