#include "coro/overflow.h"

#include "coro/coroutine.h"
#include "sys/fault.h"

namespace heddle::coro {

// Runs in a signal handler.
bool Coroutine::leaveByFault(const sys::Fault& fault) {
  Coroutine* const self = here.running;
  if (self == nullptr || !self->stack_->guards(fault.address)) return false;
  self->endIn(State::kOverflowed);
  self->fiber_.drop(here.outside);
  const Registers& registers = here.outside.registers;
  sys::goOnAt(fault, {.next = registers.next,
                      .stackPointer = registers.stackPointer,
                      .framePointer = registers.framePointer,
                      .kept = registers.kept});
  return true;
}

int openOverflows() { return sys::openFaults(Coroutine::leaveByFault); }

void closeOverflows() { sys::closeFaults(); }

}  // namespace heddle::coro
