// Too deep: found at the next yield or by the guard below the stack. The coroutine is ended, its
// clean-ups run, and the process lives; faults that are none of ours go where they went before.
#include <csignal>
#include <cstring>
#include <string>

#include "test/child.h"
#include "test/coro_fixture.h"

namespace heddle::test {
namespace {

constexpr size_t kFrameFactor = coro::kCopiesStacks ? 1 : 4;

// About 250 bytes a level. The result depends on every frame.
[[gnu::noinline]] uint64_t descend(uint32_t levels, bool yields) {
  volatile uint64_t words[28];
  words[0] = levels;
  words[27] = levels * 3;
  uint64_t below = 0;
  if (levels > 0) {
    below = descend(levels - 1, yields);
  } else if (yields) {
    coro::yield();
  }
  return below + words[0] + words[27];
}

constexpr uint64_t sumOf(uint64_t levels) { return 4 * levels * (levels + 1) / 2; }

// --- faults of others. First: what these set up in a child has to be there before ours is.

// Nobody has that page.
volatile int* volatile nowhere = reinterpret_cast<volatile int*>(uintptr_t{64});

CASE("AC-02 any other fault ends the process as it did before") {
  for (const bool inside : {false, true}) {
    int status = 0;
    childSays(status, [&] {
      std::signal(SIGSEGV, SIG_DFL);
      Crew crew;
      if (!inside) *nowhere = 1;
      crew.resume(crew.make([] { *nowhere = 1; }));
    });
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  }
}

CASE("AC-02 a handler that was there before gets the faults that are none of ours") {
  int status = 0;
  const std::string said = childSays(status, [] {
    struct sigaction theirs = {};
    theirs.sa_flags = SA_SIGINFO;
    theirs.sa_sigaction = [](int, siginfo_t* info, void*) {
      const char text[] = "theirs";
      if (info->si_addr == nowhere && write(STDERR_FILENO, text, 6) == 6) _exit(7);
    };
    sigaction(SIGSEGV, &theirs, nullptr);
    Crew crew;
    // Ours first.
    if (crew.resume(crew.make([] { descend(1'000'000, false); })) != State::kOverflowed) _exit(8);
    crew.resume(crew.make([] { *nowhere = 1; }));
  });
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  CHECK_EQ(said, "theirs");
}

CASE("AC-02 a signal that somebody sent is not taken for an overflow") {
  int status = 0;
  childSays(status, [] {
    std::signal(SIGSEGV, SIG_DFL);
    Crew crew;
    crew.resume(crew.make([] { raise(SIGSEGV); }));
  });
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

// --- overflows

CASE("A-AC-18 AC-02 deep recursion below the limit is intact, also after another ran there") {
  Crew crew;
  uint64_t sums[2] = {};
  Coroutine* all[2];
  for (int i = 0; i < 2; i++) {
    all[i] = crew.make([&sums, i] { sums[i] = descend(80, true); });
  }
  for (Coroutine* co : all) CHECK(crew.resume(co) == State::kSuspended);
  CHECK(all[0]->stackBytes() > 15'000);
  for (Coroutine* co : all) CHECK(crew.resume(co) == State::kFinished);
  CHECK_EQ(sums[0], sumOf(80));
  CHECK_EQ(sums[1], sumOf(80));
  CHECK_EQ(crew.thread().stats().overflows, uint64_t{0});
}

CASE("A-AC-18 AC-02 above its limit, but not at the stack's end: an overflow at the next yield") {
  Crew crew;
  int ended = 0;
  Coroutine* const co = crew.make(
      [&] {
        (void)coro::onEnd([](void* count) { ++*static_cast<int*>(count); }, &ended);
        descend(30 * kFrameFactor, true);
      },
      {.maxStackBytes = 4096});
  CHECK(crew.resume(co) == State::kOverflowed);
  CHECK(co->state() == State::kOverflowed);
  CHECK_EQ(ended, 1);
  CHECK_EQ(crew.thread().stats().overflows, uint64_t{1});
  CHECK_EQ(co->stackBytes(), size_t{0});
}

CASE(
    "A-AC-18 AC-02 at the stack's end: an overflow at once, again and again, and the process "
    "lives") {
  for (const bool own : {false, true}) {
    Crew crew;
    std::string name = "kept";
    Coroutine* const witness = crew.make([&] {
      const uint64_t sum = descend(50, true);
      CHECK_EQ(sum, sumOf(50));
    });
    CHECK(crew.resume(witness) == State::kSuspended);
    int ended = 0;
    for (int i = 0; i < 20; i++) {
      Coroutine* const co = crew.make(
          [&] {
            (void)coro::onEnd([](void* count) { ++*static_cast<int*>(count); }, &ended);
            coro::yield();
            descend(1'000'000, false);
          },
          {.ownStack = own});
      CHECK(crew.resume(co) == State::kSuspended);
      CHECK(crew.resume(co) == State::kOverflowed);
      CHECK(coro::current() == nullptr);
      crew.destroy(co);
    }
    CHECK_EQ(ended, 20);
    CHECK_EQ(name, "kept");
    CHECK_EQ(crew.thread().stats().overflows, uint64_t{20});
    CHECK(crew.resume(witness) == State::kFinished);
  }
}

#if defined(__x86_64__)
CASE("AC-34 an overflow leaves the x87's stack empty and the direction flag clear") {
  Crew crew;
  Coroutine* const co = crew.make([] {
    for (int i = 0; i < 6; i++) asm volatile("fld1");
    asm volatile("std");
    // Into the guard, past all that may be used.
    constexpr int64_t kBelow = coro::kCopiesStacks ? -0x15000 : -0x25000;
    asm volatile("movq $0, (%%rsp, %0)" : : "r"(kBelow) : "memory");
  });
  CHECK(crew.resume(co) == State::kOverflowed);
  uint64_t flags = 0;
  asm volatile("pushfq\n\tpopq %0" : "=r"(flags));
  CHECK_EQ(flags & 0x400, uint64_t{0});
  volatile long double sum = 0;
  for (int i = 1; i <= 8; i++) sum = sum + 1.0L / i;
  CHECK(sum > 2.7L && sum < 2.72L);
}
#endif

CASE("AC-02 an overflow on each of several threads at once") {
  constexpr int kThreads = 3;
  pthread_t threads[kThreads];
  static int overflows[kThreads];
  for (int& count : overflows) {
    count = 0;
    const auto run = [](void* argument) -> void* {
      Crew crew;
      for (int i = 0; i < 10; i++) {
        Coroutine* const co = crew.make([] { descend(1'000'000, false); });
        if (crew.resume(co) == State::kOverflowed) ++*static_cast<int*>(argument);
      }
      return nullptr;
    };
    CHECK_EQ(pthread_create(&threads[&count - overflows], nullptr, run, &count), 0);
  }
  for (pthread_t& thread : threads) pthread_join(thread, nullptr);
  for (const int count : overflows) CHECK_EQ(count, 10);
}

CASE("AC-02 a thread's signal stack goes with it, and one it had stays") {
  stack_t before = {};
  sigaltstack(nullptr, &before);
  {
    Crew first;
    { Crew second; }
    stack_t during = {};
    sigaltstack(nullptr, &during);
    CHECK_EQ(during.ss_flags & SS_DISABLE, 0);
  }
  stack_t after = {};
  sigaltstack(nullptr, &after);
  CHECK_EQ(after.ss_flags & SS_DISABLE, before.ss_flags & SS_DISABLE);

  static char own[256 << 10];
  stack_t mine = {};
  mine.ss_sp = own;
  mine.ss_size = sizeof own;
  CHECK_EQ(sigaltstack(&mine, &before), 0);
  {
    Crew crew;
    CHECK(crew.resume(crew.make([] { descend(1'000'000, false); })) == State::kOverflowed);
  }
  sigaltstack(nullptr, &after);
  CHECK(after.ss_sp == own);
  sigaltstack(&before, nullptr);
}

}  // namespace
}  // namespace heddle::test
