#include "coro/thread.h"

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

// As copyBoth, in the order that valgrind can follow: what is defined goes along with a copy.
void copyWatched(const Stack& stack, const Copy& out, const Copy& in) {
  permit(const_cast<char*>(out.from), const_cast<char*>(out.from) + kCopyGranule);
  copyBoth(out, {});
  forbid(stack.low, stack.top);
  permit(in.to, stack.top);
  copyBoth({}, in);
}

}  // namespace

int Thread::open(const StacksOptions& options) {
  if (options.count == 0 || options.bytes == 0 || options.bytes > kMaxStackBytes) return -EINVAL;
  const int guarded = openOverflows();
  if (guarded < 0) return guarded;
  opened_ = true;
  errno_ = &errno;
  exceptions_ = exceptionsOfThread();
  stackBytes_ = options.bytes;
  if (!kCopiesStacks) return 0;
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
  Coroutine* const co = Coroutines::make(&outside_);
  if (co == nullptr) return nullptr;
  co->context_.main = main;
  co->context_.argument = argument;
  co->maxStackBytes_ = static_cast<uint32_t>(options.maxStackBytes * kFrameFactor);
  const bool own = !kCopiesStacks || options.ownStack || options.maxStackBytes > stackBytes_;
  if (own && !giveOwnStack(co)) {
    Coroutines::destroy(co);
    return nullptr;
  }
  if (options.keepsFloatingControl) {
    co->floating_ = Floating::read();
    co->extras_ = Coroutine::kFloating;
  }
  stats_.live++;
  return co;
}

void Thread::destroy(Coroutine* co) {
  if (co == nullptr) return;
  if (co == running) stop("destroy() of the running coroutine");
  if (!co->ended()) end(co, State::kFinished);
  stats_.live--;
  Coroutines::destroy(co);
}

// --- stacks

bool Thread::giveOwnStack(Coroutine* co) {
  Stack* const stack = takeOwnStack(co->maxStackBytes_);
  if (stack == nullptr) return false;
  co->stack_ = stack;
  if (co->fiber_.open(co->context_, outside_, stack->low, stack->bytes())) return true;
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
  co->stack_ = &noStack;
  if (stack->owner == co) stack->owner = nullptr;
  if (stack == &noStack || stack->shared) return;
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
  if (bytes <= co->saveBytes_ && co->saveBytes_ <= 2 * bytes) return true;
  dropSave(co);
  co->save_ =
      static_cast<char*>(mem::allocateBytes(mem::builtinType(Builtin::kCoroutineSave), bytes));
  if (co->save_ == nullptr) return false;
  co->saveBytes_ = static_cast<uint32_t>(bytes);
  stats_.saveBytes += bytes;
  return true;
}

// Puts the coroutine where it runs, and aside who is there.
bool Thread::bring(Coroutine* co) {
  if (running != nullptr) stop("resume() inside a coroutine");
  if (co->ended()) stop("resume() of a coroutine that has ended");
  if (co->stack_ == &noStack) co->stack_ = chooseStack();
  Stack* const stack = co->stack_;
  Copy out{};
  Copy in{};
  if (Coroutine* const owner = stack->owner; owner != nullptr) {
    const size_t bytes = copied(owner->stackBytes());
    if (!fitSave(owner, bytes)) return false;
    out = {owner->save_, stack->top - bytes, bytes};
    stats_.copiesOut++;
  }
  if (co->state_ == State::kReady) {
    co->context_.registers = {stack->top, nullptr,
                              reinterpret_cast<const void*>(&heddle_coroutine_entry), nullptr};
  } else {
    const size_t bytes = copied(co->stackBytes());
    in = {stack->top - bytes, co->save_, bytes};
    stats_.copiesIn++;
  }
  stats_.bytesCopied += out.bytes + in.bytes;
  if (underValgrind) [[unlikely]] {
    copyWatched(*stack, out, in);
  } else {
    copyBoth(out, in);
  }
  stack->owner = co;
  return true;
}

// --- running

State Thread::resumeWithExtras(Coroutine* co) {
  const Exceptions outerExceptions = *exceptions_;
  *exceptions_ = co->exceptions_;
  co->exceptions_ = {};
  co->extras_ &= static_cast<uint8_t>(~Coroutine::kExceptions);
  const bool floating = (co->extras_ & Coroutine::kFloating) != 0;
  Floating outer;
  if (floating) {
    outer = Floating::read();
    co->floating_.apply(outer);
  }
  enter(co);
  if (floating) {
    co->floating_ = Floating::read();
    outer.apply(co->floating_);
  }
  const State state = settle(co);
  *exceptions_ = outerExceptions;
  return state;
}

// What run() leaves to this: a new largest stack, handlers, every kind of end.
State Thread::left(Coroutine* co) {
  const bool faulted = co->state_ == State::kOverflowed;
  const size_t used = faulted ? co->stack_->bytes() : co->stack_->usedFrom(co->context_.registers);
  if (used > stats_.maxStackSeen) stats_.maxStackSeen = used;
  if (exceptions_->any()) {
    co->exceptions_ = *exceptions_;
    co->extras_ |= Coroutine::kExceptions;
    *exceptions_ = {};
  }
  State state = co->state_;
  if (state == State::kSuspended) {
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
  if ((co->extras_ & Coroutine::kExceptions) != 0) {
    co->extras_ = 0;
    endHandlers(co->exceptions_);
  }
  co->fiber_.close();
  dropSave(co);
  dropStack(co);
  End* ends = co->ends_;
  co->ends_ = nullptr;
  runEnds(ends);
}

}  // namespace heddle::coro
