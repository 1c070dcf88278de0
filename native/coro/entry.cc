// The first instructions of a coroutine. Its Registers bring the procedure in the kept register and
// the argument in the frame pointer; the stack pointer is the top of the stack.
//
//   top      (aligned to 16)
//   top - 8  return address into the stub (x86-64)
//   ...      the procedure's frame
//
// The stub jumps to the procedure with its own end as the return address: a call would be predicted
// to return, and the prediction of all returns of whoever resumes would be off by one. A procedure
// that returns nevertheless has no one to return to. Unwinding ends here: the
// stub's own return address is undefined, and the frame pointer is zero.
#include "sys/abi.h"

#if defined(__x86_64__)
asm(".text\n"
    ".balign 16\n"
    ".globl " HEDDLE_SYMBOL(heddle_coroutine_entry) "\n"
    HEDDLE_INTERNAL HEDDLE_SYMBOL(heddle_coroutine_entry) "\n"
    HEDDLE_SYMBOL(heddle_coroutine_entry) ":\n\t"
    ".cfi_startproc\n\t"
    ".cfi_undefined rip\n\t"
    "endbr64\n\t"
    "movq %rbp, %rdi\n\t"
    "xorl %ebp, %ebp\n\t"
    "leaq 1f(%rip), %rax\n\t"
    "pushq %rax\n\t"
    "jmpq *%rbx\n"
    "1:\n\t"
    "callq " HEDDLE_SYMBOL(heddle_coroutine_returned) "\n\t"
    "ud2\n\t"
    ".cfi_endproc\n");
#elif defined(__aarch64__)
asm(".text\n"
    ".balign 16\n"
    ".globl " HEDDLE_SYMBOL(heddle_coroutine_entry) "\n"
    HEDDLE_INTERNAL HEDDLE_SYMBOL(heddle_coroutine_entry) "\n"
    HEDDLE_SYMBOL(heddle_coroutine_entry) ":\n\t"
    ".cfi_startproc\n\t"
    ".cfi_undefined x30\n\t"
    "hint #38\n\t"  // bti jc
    "mov x0, x29\n\t"
    "mov x29, xzr\n\t"
    "adr x30, 1f\n\t"
    "mov x16, x19\n\t"
    "br x16\n"
    "1:\n\t"
    "bl " HEDDLE_SYMBOL(heddle_coroutine_returned) "\n\t"
    "brk #1\n\t"
    ".cfi_endproc\n");
#endif
