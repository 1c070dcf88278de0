// Where coroutines begin that are started from a thread without a loop: the first loop that has a
// runtime, unless somebody says otherwise. Process-wide; any thread.
#pragma once

#include <cstdint>

namespace heddle::aco {

// 0: none.
[[nodiscard]] uint32_t defaultLoop();
void setDefaultLoop(uint32_t loopId);

// A loop with a runtime comes and goes.
void offerDefaultLoop(uint32_t loopId);
void forgetDefaultLoop(uint32_t loopId);

}  // namespace heddle::aco
