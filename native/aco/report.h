// What a runtime of coroutines tells about mistakes and mishaps that no call can return.
//
// Thread rule: reported on the loop's thread, outside of coroutines. A reporter may start and
// cancel coroutines; it must not end the loop.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heddle::aco {

enum class Trouble : uint8_t {
  kOverflow,      // a coroutine needed more stack than it may have: it has ended (AC-02)
  kSectionLeak,   // a coroutine ended inside an epoch section, which was left for it (AC-30)
  kFreedOpen,     // an event was freed with its descriptor open: nobody will close that (AC-13)
  kNotClosed,     // a listener's procedure returned without closing: it was done for it (AC-28)
  kAcceptFailed,  // a listener could not accept or serve a client; `error` says why
};

struct Report {
  Trouble trouble;
  uint64_t coroutine;  // 0: none
  const char* name;    // of the coroutine's procedure, "" when it has none
  int fd;              // -1: none
  int error;           // a negative errno, or 0
};

using Reporter = void (*)(void* context, const Report& report);

// The reporter that a runtime begins with: one line on standard error.
void printReport(void* context, const Report& report);

}  // namespace heddle::aco
