// What a switch keeps: every register that a procedure has to keep, checked by assembly on both
// sides; floating-point values and control words; errno; alignment.
#include <cerrno>
#include <cfenv>
#include <cmath>
#include <cstdint>

#include "test/coro_fixture.h"

// Fills the registers that a procedure has to keep with values made of the salt, calls, compares.
// 0: the call has kept them, and the stack pointer.
extern "C" uint64_t heddle_test_keeps(uint64_t salt, void (*call)(void*), void* argument);

#if defined(__x86_64__)
asm(".text\n.globl heddle_test_keeps\nheddle_test_keeps:\n"
    "pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15;\n"
    "subq $24, %rsp; movq %rdi, (%rsp); movq %rsp, 8(%rsp); movq %rdi, %rbx;\n"
    "leaq 1(%rdi), %rbp; leaq 2(%rdi), %r12; leaq 3(%rdi), %r13;\n"
    "leaq 4(%rdi), %r14; leaq 5(%rdi), %r15; movq %rdx, %rdi; callq *%rsi;\n"
    "movq (%rsp), %rdi; xorl %eax, %eax; cmpq %rsp, 8(%rsp); setne %al;\n"
    "subq %rdi, %rbx; orq %rbx, %rax; subq %rdi, %rbp; subq $1, %rbp;\n"
    "orq %rbp, %rax; subq %rdi, %r12; subq $2, %r12; orq %r12, %rax;\n"
    "subq %rdi, %r13; subq $3, %r13; orq %r13, %rax; subq %rdi, %r14;\n"
    "subq $4, %r14; orq %r14, %rax; subq %rdi, %r15; subq $5, %r15;\n"
    "orq %r15, %rax; addq $24, %rsp; popq %r15; popq %r14; popq %r13; popq %r12;\n"
    "popq %rbx; popq %rbp; retq;\n");
#elif defined(__aarch64__)
asm(".text\n.globl heddle_test_keeps\nheddle_test_keeps:\n"
    "stp x29, x30, [sp, #-176]!; mov x29, sp; stp x19, x20, [sp, #16];\n"
    "stp x21, x22, [sp, #32]; stp x23, x24, [sp, #48]; stp x25, x26, [sp, #64];\n"
    "stp x27, x28, [sp, #80]; stp d8, d9, [sp, #96]; stp d10, d11, [sp, #112];\n"
    "stp d12, d13, [sp, #128]; stp d14, d15, [sp, #144]; str x0, [sp, #160];\n"
    "mov x19, x0; add x20, x0, #1; add x21, x0, #2; add x22, x0, #3;\n"
    "add x23, x0, #4; add x24, x0, #5; add x25, x0, #6; add x26, x0, #7;\n"
    "add x27, x0, #8; add x28, x0, #9; fmov d8, x19; fmov d9, x20; fmov d10, x21;\n"
    "fmov d11, x22; fmov d12, x23; fmov d13, x24; fmov d14, x25; fmov d15, x26;\n"
    "mov x9, x1; mov x0, x2; blr x9; ldr x1, [sp, #160]; mov x2, sp;\n"
    "sub x0, x2, x29; sub x2, x19, x1; sub x2, x2, #0; orr x0, x0, x2;\n"
    "sub x2, x20, x1; sub x2, x2, #1; orr x0, x0, x2; sub x2, x21, x1;\n"
    "sub x2, x2, #2; orr x0, x0, x2; sub x2, x22, x1; sub x2, x2, #3;\n"
    "orr x0, x0, x2; sub x2, x23, x1; sub x2, x2, #4; orr x0, x0, x2;\n"
    "sub x2, x24, x1; sub x2, x2, #5; orr x0, x0, x2; sub x2, x25, x1;\n"
    "sub x2, x2, #6; orr x0, x0, x2; sub x2, x26, x1; sub x2, x2, #7;\n"
    "orr x0, x0, x2; sub x2, x27, x1; sub x2, x2, #8; orr x0, x0, x2;\n"
    "sub x2, x28, x1; sub x2, x2, #9; orr x0, x0, x2; fmov x2, d8; sub x2, x2, x1;\n"
    "sub x2, x2, #0; orr x0, x0, x2; fmov x2, d9; sub x2, x2, x1; sub x2, x2, #1;\n"
    "orr x0, x0, x2; fmov x2, d10; sub x2, x2, x1; sub x2, x2, #2; orr x0, x0, x2;\n"
    "fmov x2, d11; sub x2, x2, x1; sub x2, x2, #3; orr x0, x0, x2; fmov x2, d12;\n"
    "sub x2, x2, x1; sub x2, x2, #4; orr x0, x0, x2; fmov x2, d13; sub x2, x2, x1;\n"
    "sub x2, x2, #5; orr x0, x0, x2; fmov x2, d14; sub x2, x2, x1; sub x2, x2, #6;\n"
    "orr x0, x0, x2; fmov x2, d15; sub x2, x2, x1; sub x2, x2, #7; orr x0, x0, x2;\n"
    "ldp d8, d9, [sp, #96]; ldp d10, d11, [sp, #112]; ldp d12, d13, [sp, #128];\n"
    "ldp d14, d15, [sp, #144]; ldp x19, x20, [sp, #16]; ldp x21, x22, [sp, #32];\n"
    "ldp x23, x24, [sp, #48]; ldp x25, x26, [sp, #64]; ldp x27, x28, [sp, #80];\n"
    "ldp x29, x30, [sp], #176; ret;\n");
#endif

namespace heddle::test {
namespace {

CASE("AC-34 every register that has to be kept is kept, on both sides of a switch") {
  struct Side {
    Crew crew{{.count = 2}};
    uint64_t wrong = 0;
    Coroutine* all[4] = {};
    Coroutine* next = nullptr;
  } side;
  for (uint64_t i = 0; i < 4; i++) {
    side.all[i] = side.crew.make(
        [&side, i] {
          for (uint64_t turn = 0;; turn++) {
            const uint64_t salt = 0x123456789abcdef0u * (i + 1) + turn;
            side.wrong |= heddle_test_keeps(
                salt, [](void*) { coro::yield(); }, nullptr);
          }
        },
        {.keepsFloatingControl = i == 1});
  }
  check::Random random(check::seed());
  for (uint64_t turn = 0; turn < 1000; turn++) {
    side.next = side.all[random.below(4)];
    const auto resume = [](void* argument) {
      auto& self = *static_cast<Side*>(argument);
      self.crew.resume(self.next);
    };
    side.wrong |= heddle_test_keeps(~turn << 20, resume, &side);
  }
  CHECK_EQ(side.wrong, uint64_t{0});
}

// Many values alive at once, in whatever registers the compiler likes.
template <class Number>
[[gnu::noinline]] Number aliveAcross(int turns, void (*leave)()) {
  Number a = 1, b = 2, c = 3, d = 5, e = 7, f = 11, g = 13;
  for (int i = 1; i <= turns; i++) {
    a += b / static_cast<Number>(i);
    b += c / static_cast<Number>(i);
    leave();
    c += d / static_cast<Number>(i);
    d += e / static_cast<Number>(i);
    e += f / static_cast<Number>(i);
    coro::current() != nullptr ? coro::yield() : leave();
    f += g / static_cast<Number>(i);
    g += a / static_cast<Number>(i);
  }
  return a + b + c + d + e + f + g;
}

template <class Number>
void staysAlive() {
  Crew crew;
  const auto leave = [] {
    if (coro::current() != nullptr) coro::yield();
  };
  const Number expected = aliveAcross<Number>(20, leave);
  Number found[3] = {};
  std::vector<Coroutine*> all;
  for (Number& each : found) {
    all.push_back(crew.make([&each, leave] { each = aliveAcross<Number>(20, leave); }));
  }
  for (bool any = true; any;) {
    any = false;
    for (Coroutine* co : all) any = (!co->ended() && crew.resume(co) == State::kSuspended) || any;
  }
  for (const Number each : found) CHECK(each == expected);
}

CASE("A-AC-18 A-AC-21 numbers of every kind that are alive across a yield are the same after it") {
  staysAlive<float>();
  staysAlive<double>();
  staysAlive<long double>();
  staysAlive<uint32_t>();
  staysAlive<uint64_t>();
}

// Opaque, so that the division happens at run time, in the mode of the moment.
double third() {
  volatile double one = 1;
  volatile double three = 3;
  return one / three;
}

CASE(
    "AC-34 A-AC-21 control words of the floating-point unit are kept when asked, and do not leak") {
  const double near = third();
  for (const bool aside : {false, true}) {
    Crew crew;
    double inside[3] = {};
    int modes[2] = {};
    Coroutine* const co = crew.make(
        [&] {
          inside[0] = third();
          std::fesetround(FE_UPWARD);
          inside[1] = third();
          coro::yield();
          modes[0] = std::fegetround();
          inside[2] = third();
          std::fesetround(FE_DOWNWARD);
          coro::yield();
          modes[1] = std::fegetround();
        },
        {.keepsFloatingControl = true});
    Coroutine* const other = crew.make([&] {
      for (;;) {
        CHECK(third() == near);
        CHECK_EQ(std::fegetround(), FE_TONEAREST);
        coro::yield();
      }
    });
    for (int turn = 0; turn < 3; turn++) {
      crew.resume(co);
      CHECK_EQ(std::fegetround(), FE_TONEAREST);
      CHECK(third() == near);
      if (aside) crew.resume(other);
    }
    CHECK(inside[0] == near);
    CHECK(inside[1] > near);
    CHECK(inside[2] > near);
    CHECK_EQ(modes[0], FE_UPWARD);
    CHECK_EQ(modes[1], FE_DOWNWARD);
  }
}

CASE("AC-34 one that keeps control words begins with those of who made it, and may overflow") {
  Crew crew;
  std::fesetround(FE_TOWARDZERO);
  int mode = 0;
  const StartOptions keeps = {.keepsFloatingControl = true};
  Coroutine* const co = crew.make([&] { mode = std::fegetround(); }, keeps);
  Coroutine* const deep = crew.make(
      [] {
        std::fesetround(FE_UPWARD);
        volatile char bytes[40'000];
        bytes[0] = 1;
        // All of it, for a compiler that would keep the byte alone.
        asm volatile("" : : "r"(bytes) : "memory");
        coro::yield();
        bytes[1] = bytes[0];
      },
      {.maxStackBytes = 8'000, .keepsFloatingControl = true});
  std::fesetround(FE_TONEAREST);
  CHECK(crew.resume(co) == State::kFinished);
  CHECK_EQ(mode, FE_TOWARDZERO);
  CHECK(crew.resume(deep) == State::kOverflowed);
  CHECK_EQ(std::fegetround(), FE_TONEAREST);
}

CASE("A-AC-21 errno is each coroutine's own, and the thread's") {
  Crew crew;
  Coroutine* all[3];
  for (int i = 0; i < 3; i++) {
    all[i] = crew.make([i] {
      CHECK_EQ(errno, 0);
      for (int turn = 0; turn < 3; turn++) {
        errno = 100 * i + turn;
        coro::yield();
        CHECK_EQ(errno, 100 * i + turn);
      }
    });
  }
  errno = 77;
  for (int turn = 0; turn < 4; turn++) {
    for (Coroutine* co : all) {
      crew.resume(co);
      CHECK_EQ(errno, 77);
    }
  }
  errno = 0;
}

[[gnu::noinline]] bool isAligned() {
  alignas(16) volatile char plain[16];
  alignas(64) volatile char wide[64];
  plain[0] = 1;
  wide[0] = 1;
  return reinterpret_cast<uintptr_t>(plain) % 16 == 0 &&
         reinterpret_cast<uintptr_t>(wide) % 64 == 0;
}

CASE("AC-34 the stack is aligned as the calling convention wants it, whatever its colour") {
  Crew crew({.count = 5});
  for (int i = 0; i < 10; i++) {
    const bool own = i >= 5;
    Coroutine* const co = crew.make(
        [] {
          const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
          CHECK_EQ(frame % 16, uintptr_t{0});
          CHECK(isAligned());
          // Formatting a number uses aligned vector moves.
          char text[64];
          std::snprintf(text, sizeof text, "%.3f", std::sqrt(2.0));
          CHECK_EQ(std::strcmp(text, "1.414"), 0);
          coro::yield();
          CHECK(isAligned());
        },
        {.ownStack = own});
    CHECK(crew.finish(co) == State::kFinished);
  }
}

}  // namespace
}  // namespace heddle::test
