#pragma once

// Faults: touching memory that is not there or not to be touched (SIGSEGV, SIGBUS).
//
// The process has one handler of ours, installed when the first thread opens and kept; a fault that
// it does not know goes to the one that was there before, in the state in which the system handed
// it over. A thread that opens gets a signal stack, unless it has one, because a fault may mean
// that its own is used up.

#include <cstdint>

namespace heddle::sys {

struct Fault {
  uintptr_t address;
  void* context;  // the system's
};

// Runs in the signal handler: it may call only what is allowed there. True: it has seen to the
// fault.
using FaultHandler = bool (*)(const Fault& fault);

// For the calling thread. 0 or a negative errno. Each call needs one of closeFaults(). The handler
// of the first call is the process's.
[[nodiscard]] int openFaults(FaultHandler handler);
void closeFaults();

// Where a thread goes on: as after a jump with the registers named here. All others, but for the
// floating-point control words, are unspecified.
struct Place {
  const void* next;
  void* stackPointer;
  void* framePointer;
  void* kept;  // rbx, x19
};
void goOnAt(const Fault& fault, const Place& place);

}  // namespace heddle::sys
