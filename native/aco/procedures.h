// Names of native code, process-wide: what JavaScript and listeners start by name. Registered by
// libraries when they are loaded and never taken back: a library stays loaded.
//
// Any thread. Names are copied; those handed out live as long as the process.
#pragma once

#include <cstddef>
#include <cstdint>

#include "coro/coroutine.h"

namespace heddle::aco {

// 0, also for the same once more; -EEXIST: the name means something else; -EINVAL: an empty name or
// nothing behind it; -ENOMEM.
[[nodiscard]] int registerProcedure(const char* name, coro::Main procedure);
// A function that is called by name, on a thread of the asynchronous calls: it is given bytes of
// the caller's, may change them in place, and returns a number.
using NamedFunction = int64_t (*)(void* bytes, size_t size);
[[nodiscard]] int registerFunction(const char* name, NamedFunction function);

// Returning without exit is fatal for a procedure that was started, and fine for one that a
// listener calls.
struct Procedure {
  const char* name = nullptr;  // nullptr: not found
  coro::Main main = nullptr;
};
[[nodiscard]] Procedure findProcedure(const char* name);
// nullptr: not found.
[[nodiscard]] NamedFunction findFunction(const char* name);

}  // namespace heddle::aco
