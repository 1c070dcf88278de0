#pragma once

// A coroutine: a procedure that may be left in the middle, by yield(), and is continued there by
// Thread::resume() (thread.h). Many share one stack: what a coroutine has on it is copied to a save
// area of just that size, but only when another one needs the place.
//
// A coroutine belongs to the OS thread that made it and runs on no other. What follows, but for
// Coroutine's members, is called from inside one; outside it is fatal, and says so.
//
//   void main(void* argument) {
//     while (more(argument)) coro::yield();
//     coro::exit();
//   }
//
// What holds inside:
// - Addresses of locals are valid while the coroutine runs. While another one runs on the same
//   stack something else lies there: hand nobody a pointer to a local across a yield, or start the
//   coroutine with a stack of its own.
// - errno is the coroutine's own. C++ exceptions may be thrown and caught inside, and a handler may
//   yield; one that nobody catches ends the program, as unwinding stops at the entry.
// - The floating-point control words are the thread's, unless StartOptions asks for own ones.
// - Using more stack than allowed ends the coroutine: at the next yield, or at once when it runs
//   into the guard below the stack. Locks it held then, its own and the C library's, stay held.

#include <cstddef>
#include <cstdint>

#include "coro/exceptions.h"
#include "coro/fiber.h"
#include "coro/floating.h"
#include "coro/stack.h"
#include "coro/switch.h"
#include "sys/fault.h"

namespace heddle::coro {

class Thread;

enum class State : uint8_t {
  kReady,  // made, not begun
  kRunning,
  kSuspended,
  kFinished,
  kOverflowed,  // used more stack than it may, and is ended
  kNoMemory,    // only as the result of resume(): nothing has happened; try again later
};

// The procedure ends by exit(). One that returns stops the program ("last word"), because nobody
// can say to whom.
using Main = void (*)(void* argument);

struct End;  // a clean-up, see onEnd()

// Ends the coroutine, from any depth. What its frames hold is not destroyed; its clean-ups run.
[[noreturn]] void exit();

class Coroutine {
 public:
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool ended() const { return state_ >= State::kFinished; }
  // Bytes of stack in use when it was last left; 0 before it began and after its end.
  [[nodiscard]] size_t stackBytes() const {
    return state_ == State::kSuspended ? stack_->usedFrom(context_.registers) : 0;
  }
  // How often it was resumed.
  [[nodiscard]] uint64_t resumes() const { return resumes_; }
  // Whether it has a stack of its own, so that its locals keep their place.
  [[nodiscard]] bool hasOwnStack() const { return !stack_->isShared(); }
  // Whether a local with this address loses its place while others run.
  [[nodiscard]] bool movesWithStack(const void* address) const {
    const auto* const at = static_cast<const char*>(address);
    return !hasOwnStack() && at >= stack_->low && at < stack_->top;
  }
  // Bytes of its save area.
  [[nodiscard]] size_t saveBytes() const { return saveBytes_; }

  // For the layer above.
  void* local = nullptr;

  // For Thread alone.
  explicit Coroutine(Outside* outside) : outside_(outside) {}
  Coroutine(const Coroutine&) = delete;
  Coroutine& operator=(const Coroutine&) = delete;

 private:
  friend class Thread;
  friend int openOverflows();
  friend void yield();
  friend void exit();
  friend int onEnd(void (*run)(void*), void* argument);
  friend bool dropEnd(void (*run)(void*), void* argument);

  enum Extra : uint8_t {
    kFloating = 1,    // has control words of its own
    kExceptions = 2,  // was left inside a handler
  };

  void leave(State state);
  static bool leaveByFault(const sys::Fault& fault);

  Context context_{};
  Stack* stack_ = &noStack;
  Outside* const outside_;  // of whoever resumes
  char* save_ = nullptr;
  uint32_t saveBytes_ = 0;
  uint32_t maxStackBytes_ = 0;
  int errno_ = 0;
  State state_ = State::kReady;
  uint8_t extras_ = 0;
  Floating floating_;
  End* ends_ = nullptr;  // newest first
  uint64_t resumes_ = 0;
  Exceptions exceptions_;
  [[no_unique_address]] Fiber fiber_;
};

[[gnu::always_inline]] inline void Coroutine::leave(State state) {
  state_ = state;
  fiber_.leave(outside_, state == State::kFinished);
  switchStacks(&context_.registers, outside_);
  fiber_.arrive(outside_);
}

// The thread's running coroutine. Initial-exec: one instruction, also in a library that is loaded
// late, and safe to read in a signal handler.
extern __thread Coroutine* running __attribute__((tls_model("initial-exec")));

[[noreturn]] void stopOutside(const char* what);

// nullptr outside.
[[nodiscard]] inline Coroutine* current() { return running; }

// Goes back to whoever resumed the coroutine, until the next resume().
[[gnu::always_inline]] inline void yield() {
  Coroutine* self = running;
  // Hides what the compiler knows of it: with the call below the caller has no red zone.
  asm("" : "+r"(self));
  if (self == nullptr) [[unlikely]]
    stopOutside("yield");
  self->leave(State::kSuspended);
}

// A clean-up of the current coroutine: runs once, on the thread's own stack and outside of any
// coroutine, at exit, overflow or destruction, newest first. The argument must not lie on the
// coroutine's stack. 0 or -ENOMEM.
[[nodiscard]] int onEnd(void (*run)(void*), void* argument);

// Takes the newest such clean-up back, without running it. False when there is none.
bool dropEnd(void (*run)(void*), void* argument);

}  // namespace heddle::coro
