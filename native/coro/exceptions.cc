#include "coro/exceptions.h"

#include <cxxabi.h>

namespace heddle::coro {

Exceptions* exceptionsOfThread() { return reinterpret_cast<Exceptions*>(abi::__cxa_get_globals()); }

void endHandlers(Exceptions left) {
  Exceptions* const thread = exceptionsOfThread();
  *thread = {.caught = left.caught};
  while (thread->caught != nullptr) abi::__cxa_end_catch();
  *thread = {};
}

}  // namespace heddle::coro
