#pragma once

// Secrets from the system. Any thread.

#include <cstddef>

namespace heddle::sys {

// Fills at most 256 bytes that nobody can guess. 0, or a negative errno where the system has none
// to give (an ancient kernel, a sandbox); what was filled then is unspecified.
[[nodiscard]] int randomBytes(void* into, size_t bytes);

}  // namespace heddle::sys
