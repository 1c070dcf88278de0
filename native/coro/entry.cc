// The first instructions of a coroutine. The switch that comes here leaves the coroutine's Context
// in the register of its second operand, and the stack pointer at the top of the stack.
//
//   top      (aligned to 16)
//   top - 8  return address into the stub (x86-64)
//   ...      the procedure's frame
//
// The stub calls the procedure with its argument; a procedure that returns has no one to return to.
// Unwinding ends here: the stub's own return address is undefined, and the frame pointer is zero.
#include <cstddef>

#include "coro/coroutine.h"
#include "sys/abi.h"

namespace heddle::coro {

static_assert(offsetof(Context, main) == 32 && offsetof(Context, argument) == 40);

}  // namespace heddle::coro

#if defined(__x86_64__)
asm(".text\n"
    ".balign 16\n"
    ".globl " HEDDLE_SYMBOL(heddle_coroutine_entry) "\n"
    HEDDLE_INTERNAL HEDDLE_SYMBOL(heddle_coroutine_entry) "\n"
    HEDDLE_SYMBOL(heddle_coroutine_entry) ":\n\t"
    ".cfi_startproc\n\t"
    ".cfi_undefined rip\n\t"
    "endbr64\n\t"
    "xorl %ebp, %ebp\n\t"
    "movq 40(%rsi), %rdi\n\t"
    "callq *32(%rsi)\n\t"
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
    "mov x29, xzr\n\t"
    "mov x30, xzr\n\t"
    "ldp x9, x0, [x1, #32]\n\t"
    "blr x9\n\t"
    "bl " HEDDLE_SYMBOL(heddle_coroutine_returned) "\n\t"
    "brk #1\n\t"
    ".cfi_endproc\n");
#endif
