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
[[noreturn]] void exit();

// The first of its two cache lines has all that a switch in place needs.
class alignas(64) Coroutine {
 public:
  [[nodiscard]] State state() const;
  [[nodiscard]] bool ended() const { return state_ >= State::kFinished; }
  // Bytes of stack in use when it was last left; 0 before it began and after its end.
  [[nodiscard]] size_t stackBytes() const { return state_ == State::kSuspended ? used() : 0; }
  // How often it was resumed.
  [[nodiscard]] uint64_t resumes() const { return resumes_; }
  // Whether it has a stack of its own, so that its locals keep their place. Not after its end.
  [[nodiscard]] bool hasOwnStack() const { return stack_ != nullptr && !stack_->shared; }
  // Whether a local with this address loses its place while others run.
  [[nodiscard]] bool movesWithStack(const void* address) const {
    if (stack_ == nullptr || !stack_->shared) return false;
    const auto* const at = static_cast<const char*>(address);
    return at >= stack_->low && at < stack_->top;
  }
  // Bytes of its save area.
  [[nodiscard]] size_t saveBytes() const { return saveBytes_; }

  // For Thread alone.
  explicit Coroutine(uint32_t maxStackBytes) : maxStackBytes_(maxStackBytes) {}
  Coroutine(const Coroutine&) = delete;
  Coroutine& operator=(const Coroutine&) = delete;

 private:
  friend class Thread;
  friend void yield();
  friend void exit();
  friend int onEnd(void (*run)(void*), void* argument);
  friend bool dropEnd(void (*run)(void*), void* argument);
  friend int openOverflows();

  // What a resume has to do besides switching.
  enum Extra : uint8_t {
    kAway = 1,        // its frames are not on the stack
    kFloating = 2,    // it has control words of its own
    kExceptions = 4,  // it was left inside a handler
  };

  void leave(bool forGood);
  // The next switch back is the last. One that faults before its first yield has not moved its
  // stack pointer yet.
  void endIn(State state) {
    state_ = state;
    lowest_ = top_ + 1;
  }
  static bool leaveByFault(const sys::Fault& fault);
  [[nodiscard]] size_t used() const {
    return static_cast<size_t>(top_ - static_cast<char*>(registers_.stackPointer));
  }

  // Before it begins: the argument in the frame pointer's place, the procedure in the kept one's.
  Registers registers_{};
  char* top_ = nullptr;  // of its stack
  // With a stack pointer below this the switch back is not all that is to be done: the deepest yet,
  // too deep, or the end.
  char* lowest_ = nullptr;
  uint64_t resumes_ = 0;
  int errno_ = 0;
  State state_ = State::kReady;  // kSuspended while it runs
  uint8_t extras_ = kAway;
  // --- the second line
  const uint32_t maxStackBytes_;
  uint32_t saveBytes_ = 0;
  Floating floating_;
  char* save_ = nullptr;
  Stack* stack_ = nullptr;  // nullptr before it begins, on a shared one, and after its end
  End* ends_ = nullptr;     // newest first
  Exceptions exceptions_;

 public:
  // For the layer above.
  void* local = nullptr;

 private:
  [[no_unique_address]] Fiber fiber_;
};
static_assert(!kCopiesStacks || sizeof(Coroutine) == 128);

// What is going on in the calling thread. Initial-exec: no call and no pointer to follow, also in a
// library that is loaded late, and safe in a signal handler.
struct Here {
  Outside outside;     // who resumed
  Coroutine* running;  // nullptr: no coroutine
};
extern __thread Here here __attribute__((tls_model("initial-exec")));

inline State Coroutine::state() const { return here.running == this ? State::kRunning : state_; }

[[gnu::always_inline]] inline void Coroutine::leave(bool forGood) {
  fiber_.leave(here.outside, forGood);
  switchStacks(&registers_, &here.outside.registers);
  fiber_.arrive(here.outside);
}

[[noreturn]] void stopOutside(const char* what);

// nullptr outside.
[[nodiscard]] inline Coroutine* current() { return here.running; }

// Goes back to whoever resumed the coroutine, until the next resume().
[[gnu::always_inline]] inline void yield() {
  Coroutine* self = here.running;
  // Hides what the compiler knows of it: with the call below the caller has no red zone.
  asm("" : "+r"(self));
  if (self == nullptr) [[unlikely]]
    stopOutside("yield");
  self->leave(false);
}

// Ends the coroutine, from any depth. What its frames hold is not destroyed; its clean-ups run.
[[noreturn, gnu::always_inline]] inline void exit() {
  Coroutine* const self = here.running;
  if (self == nullptr) [[unlikely]]
    stopOutside("exit");
  self->endIn(State::kFinished);
  self->leave(true);
  __builtin_unreachable();
}

// A clean-up of the current coroutine: runs once, on the thread's own stack and outside of any
// coroutine, at exit, overflow or destruction, newest first. The argument must not lie on the
// coroutine's stack. 0 or -ENOMEM.
[[nodiscard]] int onEnd(void (*run)(void*), void* argument);

// Takes the newest such clean-up back, without running it. False when there is none.
bool dropEnd(void (*run)(void*), void* argument);

}  // namespace heddle::coro
