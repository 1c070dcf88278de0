#include "sys/fault.h"

#include <signal.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include <cerrno>

#include "sys/library.h"
#include "sys/memory.h"

namespace heddle::sys {

namespace {

// What the handlers before ours may need: reports of sanitizers and of V8 are deep.
constexpr size_t kSignalStackBytes = size_t{128} << 10;

// Written before ours is installed, read in handlers only after.
FaultHandler known = nullptr;
struct sigaction beforeSegv;
struct sigaction beforeBus;

// Of the calling thread.
struct SignalStack {
  uint32_t opens = 0;
  void* memory = nullptr;  // nullptr: it had one
};
thread_local SignalStack signalStack;

void passOn(int number, siginfo_t* info, void* context) {
  const struct sigaction& before = number == SIGSEGV ? beforeSegv : beforeBus;
  if ((before.sa_flags & SA_SIGINFO) != 0) return before.sa_sigaction(number, info, context);
  const bool sent = info->si_code <= 0;
  if (before.sa_handler == SIG_IGN && sent) return;
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    return before.sa_handler(number);
  }
  // The instruction faults again and ends the process; what somebody sent has to be sent again.
  signal(number, SIG_DFL);
  if (sent) raise(number);
}

void onFault(int number, siginfo_t* info, void* context) {
  const int saved = errno;
  // Others than the system may send the signal: then there is no address.
  const bool fault = info->si_code > 0;
  if (fault && known({reinterpret_cast<uintptr_t>(info->si_addr), context})) {
    errno = saved;
    return;
  }
  passOn(number, info, context);
  errno = saved;
}

int installFor(int number, struct sigaction& before) {
  if (sigaction(number, nullptr, &before) < 0) return -errno;
  struct sigaction ours = {};
  ours.sa_sigaction = onFault;
  ours.sa_mask = before.sa_mask;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | (before.sa_flags & (SA_NODEFER | SA_RESTART));
  return sigaction(number, &ours, nullptr) < 0 ? -errno : 0;
}

int install(FaultHandler handler) {
  known = handler;
  // Refused for what is part of the program itself, and that stays anyway.
  (void)keepLoaded(reinterpret_cast<const void*>(&onFault));
  const int segv = installFor(SIGSEGV, beforeSegv);
  return segv < 0 ? segv : installFor(SIGBUS, beforeBus);
}

int openSignalStack(SignalStack& mine) {
  stack_t present = {};
  if (sigaltstack(nullptr, &present) < 0) return -errno;
  if ((present.ss_flags & SS_DISABLE) == 0) return 0;
  void* const memory = mapMemory(wholePages(kSignalStackBytes));
  if (memory == nullptr) return -ENOMEM;
  stack_t ours = {};
  ours.ss_sp = memory;
  ours.ss_size = wholePages(kSignalStackBytes);
  if (sigaltstack(&ours, nullptr) < 0) {
    const int error = -errno;
    unmapMemory(memory, ours.ss_size);
    return error;
  }
  mine.memory = memory;
  return 0;
}

}  // namespace

int openFaults(FaultHandler handler) {
  static const int installed = install(handler);
  if (installed < 0) return installed;
  SignalStack& mine = signalStack;
  if (mine.opens == 0) {
    const int opened = openSignalStack(mine);
    if (opened < 0) return opened;
  }
  mine.opens++;
  return 0;
}

void closeFaults() {
  SignalStack& mine = signalStack;
  if (--mine.opens > 0 || mine.memory == nullptr) return;
  stack_t present = {};
  // Somebody may have put another in its place.
  if (sigaltstack(nullptr, &present) == 0 && present.ss_sp == mine.memory) {
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
  }
  unmapMemory(mine.memory, wholePages(kSignalStackBytes));
  mine.memory = nullptr;
}

void goOnAt(const Fault& fault, const Place& place) {
  auto* const context = static_cast<ucontext_t*>(fault.context);
  const auto word = [](const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); };
#if defined(__linux__) && defined(__x86_64__)
  constexpr greg_t kDirection = 1 << 10;
  greg_t* const registers = context->uc_mcontext.gregs;
  registers[REG_RIP] = static_cast<greg_t>(word(place.next));
  registers[REG_RSP] = static_cast<greg_t>(word(place.stackPointer));
  registers[REG_RBP] = static_cast<greg_t>(word(place.framePointer));
  registers[REG_RBX] = static_cast<greg_t>(word(place.kept));
  registers[REG_EFL] &= ~kDirection;
  // The x87's own stack was in use, perhaps.
  constexpr uint16_t kTop = 7 << 11;
  if (context->uc_mcontext.fpregs != nullptr) {
    context->uc_mcontext.fpregs->ftw = 0;
    context->uc_mcontext.fpregs->swd &= static_cast<uint16_t>(~kTop);
  }
#elif defined(__linux__) && defined(__aarch64__)
  constexpr uint64_t kBranchType = 3 << 10;
  context->uc_mcontext.pc = word(place.next);
  context->uc_mcontext.sp = word(place.stackPointer);
  context->uc_mcontext.regs[29] = word(place.framePointer);
  context->uc_mcontext.regs[19] = word(place.kept);
  context->uc_mcontext.pstate &= ~kBranchType;
#elif defined(__APPLE__) && defined(__x86_64__)
  auto& registers = context->uc_mcontext->__ss;
  registers.__rip = word(place.next);
  registers.__rsp = word(place.stackPointer);
  registers.__rbp = word(place.framePointer);
  registers.__rbx = word(place.kept);
#elif defined(__APPLE__) && defined(__aarch64__)
  auto& registers = context->uc_mcontext->__ss;
  registers.__pc = word(place.next);
  registers.__sp = word(place.stackPointer);
  registers.__fp = word(place.framePointer);
  registers.__x[19] = word(place.kept);
#elif defined(__FreeBSD__) && defined(__x86_64__)
  auto& registers = context->uc_mcontext;
  registers.mc_rip = static_cast<register_t>(word(place.next));
  registers.mc_rsp = static_cast<register_t>(word(place.stackPointer));
  registers.mc_rbp = static_cast<register_t>(word(place.framePointer));
  registers.mc_rbx = static_cast<register_t>(word(place.kept));
#else
#error "native/sys/fault.cc does not know this system's signal frames"
#endif
}

}  // namespace heddle::sys
