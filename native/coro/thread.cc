#include "coro/thread.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <utility>

#include "coro/copy.h"
#include "coro/end.h"
#include "coro/instrumented.h"
#include "coro/overflow.h"
#include "mem/builtin_types.h"
#include "mem/memtype.h"
#include "mem/typed_object.h"

namespace heddle::coro {

namespace {

using mem::Builtin;
using Coroutines = mem::Typed<Coroutine, Builtin::kCoroutine>;

// Stacks of ended coroutines that wait for the next ones.
constexpr uint32_t kMaxSpares = 16;
// Candidates that a new coroutine looks at for a stack where nothing lies.
constexpr uint32_t kCandidates = 4;
// A sanitizer's frames are larger.
constexpr size_t kFrameFactor = kCopiesStacks ? 1 : 4;
constexpr size_t kMaxStackBytes = size_t{1} << 30;

[[noreturn]] void stop(const char* what) {
  std::fprintf(stderr, "heddle: %s\n", what);
  std::abort();
}

constexpr size_t copied(size_t used) {
  return (used + kCopyGranule - 1) / kCopyGranule * kCopyGranule;
}

// Whether a save area is of the right size: it may be twice as large, so that a coroutine that
// swings between two depths does not change it at each switch.
constexpr bool fits(size_t area, size_t bytes) { return bytes <= area && area <= 2 * bytes; }

}  // namespace

int Thread::open(const StacksOptions& options) {
  if (options.count == 0 || options.bytes == 0 || options.bytes > kMaxStackBytes) return -EINVAL;
  const int guarded = openOverflows();
  if (guarded < 0) return guarded;
  opened_ = true;
  errno_ = &errno;
  exceptions_ = exceptionsOfThread();
  stackBytes_ = options.bytes;
  if (!copiesStacks()) return 0;
  void* const memory =
      mem::allocateBytes(mem::builtinType(Builtin::kCoroutineStack), options.count * sizeof(Stack));
  if (memory == nullptr) {
    close();
    return -ENOMEM;
  }
  stacks_ = static_cast<Stack*>(memory);
  for (; count_ < options.count; count_++) {
    Stack& stack = *::new (&stacks_[count_]) Stack{};
    if (!stack.open(options.bytes, count_)) {
      close();
      return -ENOMEM;
    }
    stack.shared = true;
  }
  return 0;
}

void Thread::close() {
  if (!opened_) return;
  if (stats_.live > 0) stop("a thread's coroutines must be destroyed before it closes");
  while (spare_ != nullptr) closeOwnStack(std::exchange(spare_, spare_->nextSpare));
  spares_ = 0;
  while (count_ > 0) stacks_[--count_].close();
  mem::release(mem::builtinType(Builtin::kCoroutineStack), stacks_);
  stacks_ = nullptr;
  closeOverflows();
  opened_ = false;
}

Coroutine* Thread::make(Main main, void* argument, const StartOptions& options) {
  if (options.maxStackBytes > kMaxStackBytes) return nullptr;
  Coroutine* const co =
      Coroutines::make(static_cast<uint32_t>(options.maxStackBytes * kFrameFactor));
  if (co == nullptr) return nullptr;
  const bool own = !copiesStacks() || options.ownStack || options.maxStackBytes > stackBytes_;
  Start start{main, argument};
  if (own && !giveOwnStack(co, start)) {
    Coroutines::destroy(co);
    return nullptr;
  }
  co->registers_.framePointer = start.argument;
  co->registers_.kept = reinterpret_cast<void*>(start.main);
  if (options.keepsFloatingControl) {
    co->floating_.read();
    co->extras_ |= Coroutine::kFloating;
  }
  stats_.live++;
  return co;
}

void Thread::destroy(Coroutine* co) {
  if (co == nullptr) return;
  if (co == here.running) stop("destroy() of the running coroutine");
  if (!co->ended()) end(co, State::kFinished);
  stats_.live--;
  Coroutines::destroy(co);
}

// --- stacks

bool Thread::giveOwnStack(Coroutine* co, Start& start) {
  Stack* const stack = takeOwnStack(co->maxStackBytes_);
  if (stack == nullptr) return false;
  co->stack_ = stack;
  if (co->fiber_.open(start, stack->low, stack->bytes())) return true;
  dropStack(co);
  return false;
}

Stack* Thread::takeOwnStack(size_t bytes) {
  for (Stack** at = &spare_; *at != nullptr; at = &(*at)->nextSpare) {
    Stack* const stack = *at;
    if (stack->bytes() < bytes || stack->bytes() / 2 > bytes) continue;
    *at = stack->nextSpare;
    spares_--;
    return stack;
  }
  void* const memory =
      mem::allocateBytes(mem::builtinType(Builtin::kCoroutineStack), sizeof(Stack));
  if (memory == nullptr) return nullptr;
  auto* const stack = ::new (memory) Stack{};
  if (stack->open(bytes, 0)) return stack;
  mem::release(mem::builtinType(Builtin::kCoroutineStack), stack);
  return nullptr;
}

// Where nothing lies, if one of the next is such; else simply the next.
Stack* Thread::chooseStack() {
  const uint32_t first = nextStack_;
  uint32_t at = first;
  for (uint32_t i = 0; i < kCandidates && stacks_[at].owner != nullptr; i++) at = following(at);
  if (stacks_[at].owner != nullptr) at = first;
  nextStack_ = following(at);
  return &stacks_[at];
}

void Thread::dropStack(Coroutine* co) {
  Stack* const stack = co->stack_;
  co->stack_ = nullptr;
  co->extras_ = Coroutine::kAway;
  if (stack == nullptr) return;
  if (stack->owner == co) stack->owner = nullptr;
  if (stack->shared) return;
  if (spares_ == kMaxSpares) return closeOwnStack(stack);
  stack->nextSpare = spare_;
  spare_ = stack;
  spares_++;
}

void Thread::closeOwnStack(Stack* stack) {
  stack->close();
  mem::release(mem::builtinType(Builtin::kCoroutineStack), stack);
}

// --- save areas

void Thread::dropSave(Coroutine* co) {
  if (co->save_ == nullptr) return;
  mem::release(mem::builtinType(Builtin::kCoroutineSave), co->save_);
  stats_.saveBytes -= co->saveBytes_;
  co->save_ = nullptr;
  co->saveBytes_ = 0;
}

// An area of at least so many bytes, and not of more than twice as many. What was in it is not
// kept.
bool Thread::fitSave(Coroutine* co, size_t bytes) {
  if (fits(co->saveBytes_, bytes)) return true;
  dropSave(co);
  co->save_ =
      static_cast<char*>(mem::allocateBytes(mem::builtinType(Builtin::kCoroutineSave), bytes));
  if (co->save_ == nullptr) return false;
  co->saveBytes_ = static_cast<uint32_t>(bytes);
  stats_.saveBytes += bytes;
  return true;
}

// Exchanges the coroutine with who lies in its place. False when that is not all: it begins, nobody
// is there, or the other one needs a save area of another size.
[[gnu::always_inline]] inline bool Thread::swap(Coroutine* co) {
  Stack* const stack = co->stack_;
  if (stack == nullptr || underValgrind) [[unlikely]]
    return false;
  Coroutine* const owner = stack->owner;
  if (owner == nullptr || co->state_ != State::kSuspended) [[unlikely]]
    return false;
  const size_t bytesOut = copied(owner->used());
  if (!fits(owner->saveBytes_, bytesOut)) [[unlikely]]
    return false;
  const size_t bytesIn = copied(co->used());
  stats_.copiesOut++;
  stats_.copiesIn++;
  stats_.bytesCopied += bytesOut + bytesIn;
  place(co, *stack);
  copyBoth({owner->save_, stack->top - bytesOut, bytesOut},
           {stack->top - bytesIn, co->save_, bytesIn});
  return true;
}

// Puts the coroutine where it runs, and aside who is there. False without memory.
bool Thread::bring(Coroutine* co) {
  if (co->ended()) stop("resume() of a coroutine that has ended");
  if (co->stack_ == nullptr) co->stack_ = chooseStack();
  Stack* const stack = co->stack_;
  Copy out{};
  Copy in{};
  if (Coroutine* const owner = stack->owner; owner != nullptr) {
    const size_t bytes = copied(owner->used());
    if (!fitSave(owner, bytes)) return false;
    out = {owner->save_, stack->top - bytes, bytes};
    stats_.copiesOut++;
  }
  if (co->state_ == State::kReady) {
    begin(co);
  } else {
    const size_t bytes = copied(co->used());
    in = {stack->top - bytes, co->save_, bytes};
    stats_.copiesIn++;
  }
  place(co, *stack);
  stats_.bytesCopied += out.bytes + in.bytes;
  if (out.bytes + in.bytes > 0) copyBoth(out, in);
  return true;
}

void Thread::begin(Coroutine* co) {
  co->state_ = State::kSuspended;
  co->top_ = co->stack_->top;
  if (underValgrind) openStack(co->stack_->low, co->top_);
  co->registers_.stackPointer = co->top_;
  co->registers_.next = reinterpret_cast<const void*>(&heddle_coroutine_entry);
  watchDepth(co);
}

// Whatever is deeper than anything before, or too deep, is looked at.
void Thread::watchDepth(Coroutine* co) {
  const size_t noted = std::min<size_t>(co->maxStackBytes_, stats_.maxStackSeen);
  co->lowest_ = co->top_ - noted;
}

void Thread::place(Coroutine* co, Stack& stack) {
  if (stack.owner != nullptr) stack.owner->extras_ |= Coroutine::kAway;
  co->extras_ &= static_cast<uint8_t>(~Coroutine::kAway);
  stack.owner = co;
}

// --- running

State Thread::resumeOtherwise(Coroutine* co) {
  if (here.running != nullptr) stop("resume() inside a coroutine");
  if ((co->extras_ & Coroutine::kAway) != 0 && !swap(co) && !bring(co)) return State::kNoMemory;
  if (co->extras_ != 0 || exceptions_->any()) [[unlikely]]
    return resumeWithExtras(co);
  enter(co);
  return settle(co);
}

State Thread::resumeWithExtras(Coroutine* co) {
  const Exceptions outerExceptions = *exceptions_;
  if ((co->extras_ & Coroutine::kExceptions) != 0) {
    *exceptions_ = co->exceptions_;
    co->exceptions_ = {};
    co->extras_ &= static_cast<uint8_t>(~Coroutine::kExceptions);
  } else if (outerExceptions.any()) {
    *exceptions_ = {};
  }
  Floating outer;
  const bool floating = (co->extras_ & Coroutine::kFloating) != 0;
  if (floating) {
    outer.read();
    co->floating_.apply();
  }
  enter(co);
  if (floating) {
    co->floating_.read();
    outer.apply();
  }
  const State state = settle(co);
  if (outerExceptions.any()) *exceptions_ = outerExceptions;
  return state;
}

// What settle() leaves to this: a new greatest depth, handlers, every kind of end.
State Thread::left(Coroutine* co) {
  const bool faulted = co->state_ == State::kOverflowed;
  const size_t used = faulted ? co->stack_->bytes() : co->used();
  stats_.maxStackSeen = std::max<uint64_t>(stats_.maxStackSeen, used);
  if (exceptions_->any()) {
    co->exceptions_ = *exceptions_;
    co->extras_ |= Coroutine::kExceptions;
    *exceptions_ = {};
  }
  State state = co->state_;
  if (state == State::kSuspended) {
    watchDepth(co);
    if (used <= co->maxStackBytes_) return state;
    state = State::kOverflowed;
  }
  if (state == State::kOverflowed) stats_.overflows++;
  end(co, state);
  return state;
}

// A clean-up may destroy the coroutine: nothing touches it afterwards.
void Thread::end(Coroutine* co, State state) {
  co->state_ = state;
  if ((co->extras_ & Coroutine::kExceptions) != 0) endHandlers(co->exceptions_);
  co->fiber_.close();
  dropSave(co);
  dropStack(co);
  End* ends = co->ends_;
  co->ends_ = nullptr;
  runEnds(ends);
}

}  // namespace heddle::coro
