#pragma once

namespace heddle::sys {

// Keeps the shared library that `code` lies in loaded until the process ends, so that threads of
// ours may run in it without anybody waiting for them. 0, or a negative errno where the system
// cannot promise it.
[[nodiscard]] int keepLoaded(const void* code);

}  // namespace heddle::sys
