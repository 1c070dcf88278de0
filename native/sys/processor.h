#pragma once

namespace heddle::sys {

// Whether this processor has instructions for CRC-32C: SSE4.2 of x86-64, the CRC32 extension of
// aarch64. Any thread; ask once and keep the answer.
[[nodiscard]] bool processorHasCrc32c();

}  // namespace heddle::sys
