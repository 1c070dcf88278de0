#pragma once

#include <cstdint>

namespace heddle::coro {

// AC-34: nanoseconds that a resume and the yield that answers it take together, on average over
// `iterations` of one coroutine on a shared stack of its own thread of coroutines. Below 0: there
// is no memory. Not from inside a coroutine.
[[nodiscard]] double measureSwitchNs(uint64_t iterations);

}  // namespace heddle::coro
