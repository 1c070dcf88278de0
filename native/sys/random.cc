#include "sys/random.h"

#include <sys/random.h>
#include <unistd.h>

#include <cerrno>

namespace heddle::sys {

// Declared by <sys/random.h> on macOS, by <unistd.h> on the others.
int randomBytes(void* into, size_t bytes) { return getentropy(into, bytes) == 0 ? 0 : -errno; }

}  // namespace heddle::sys
