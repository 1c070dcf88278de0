#pragma once

// The switch from one stack to another, by inline assembly: in the caller's own frame, without a
// call and a return. Every register that a procedure may use is a clobber, so the compiler keeps
// what is alive in the frame, before, and takes it back from there, after; nothing else is saved.
// No return address is predicted wrongly either, because none is used.
//
//   struct Registers, at the start of both sides       the frame of the caller, on its stack
//
//     +0   stack pointer   ----------------------->    [ what the caller had alive   ]
//     +8   frame pointer                               [ locals, spilled registers   ]
//     +16  where to go on: label 0 below               [ return address, older frames]
//     +24  rbx, x19                                    ...top: the entry's frame, unwinding ends
//
// By hand go the stack pointer, the frame pointer (no clobber may name it), and the register from
// which Clang addresses frames that are aligned and grow.
//
// Registers of the floating-point unit are clobbers as well; its control words are left as they are
// (floating.h). The caller's procedure must call something, or it may keep locals in the red zone
// below its stack pointer: yield() and resume() see to that.

#include "sys/abi.h"

namespace heddle::coro {

struct Registers {
  void* stackPointer;
  void* framePointer;
  const void* next;
  void* kept;
};

#if defined(__x86_64__)

#if defined(__CET__)
#define HEDDLE_LANDING "endbr64\n\t"
#else
#define HEDDLE_LANDING
#endif
#if defined(__AVX512F__)
#define HEDDLE_WIDE_CLOBBERS                                                                    \
  , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",   \
      "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", \
      "k7"
#else
#define HEDDLE_WIDE_CLOBBERS
#endif

// Goes to where `to` says; returns when somebody switches to `from`.
[[gnu::always_inline]] inline void switchStacks(Registers* from, const Registers* to) {
  asm volatile(
      "leaq 0f(%%rip), %%rax\n\t"
      "movq %%rsp, (%%rdi)\n\t"
      "movq %%rbp, 8(%%rdi)\n\t"
      "movq %%rax, 16(%%rdi)\n\t"
      "movq %%rbx, 24(%%rdi)\n\t"
      "movq (%%rsi), %%rsp\n\t"
      "movq 8(%%rsi), %%rbp\n\t"
      "movq 24(%%rsi), %%rbx\n\t"
      "jmpq *16(%%rsi)\n"
      "0:\n\t" HEDDLE_LANDING
      : "+D"(from), "+S"(to)
      :
      : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1",
        "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)",
        "st(7)", "cc", "memory" HEDDLE_WIDE_CLOBBERS);
}

#undef HEDDLE_LANDING
#undef HEDDLE_WIDE_CLOBBERS

#elif defined(__aarch64__)

#if defined(__ARM_FEATURE_BTI_DEFAULT)
#define HEDDLE_LANDING "hint #36\n\t"  // bti j
#else
#define HEDDLE_LANDING
#endif

// Goes to where `to` says; returns when somebody switches to `from`.
[[gnu::always_inline]] inline void switchStacks(Registers* from, const Registers* to) {
  register Registers* source asm("x0") = from;
  register const Registers* target asm("x1") = to;
  asm volatile(
      "adr x9, 0f\n\t"
      "mov x10, sp\n\t"
      "stp x10, x29, [x0]\n\t"
      "stp x9, x19, [x0, #16]\n\t"
      "ldp x10, x29, [x1]\n\t"
      "ldp x16, x19, [x1, #16]\n\t"
      "mov sp, x10\n\t"
      "br x16\n"
      "0:\n\t" HEDDLE_LANDING
      : "+r"(source), "+r"(target)
      :
      : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
        "x16", "x17" HEDDLE_PLATFORM_REGISTER, "x20", "x21", "x22", "x23", "x24", "x25", "x26",
        "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10",
        "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23",
        "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc", "memory");
}

#undef HEDDLE_LANDING

#else
#error "native/coro knows x86-64 (System V) and aarch64"
#endif

}  // namespace heddle::coro

// Where a coroutine begins (entry.cc). Not to be called.
extern "C" [[gnu::visibility("hidden")]] void heddle_coroutine_entry();
