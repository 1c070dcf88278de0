#pragma once

// How descriptors are born: non-blocking and close-on-exec, in one call where the system has it.
// For native/sys only.

namespace heddle::sys {

// A socket of the given family, SOCK_STREAM. -errno on failure.
[[nodiscard]] int openStreamSocket(int family);

// For systems that cannot do it at birth: sets both flags (and SO_NOSIGPIPE where it exists).
// Closes the descriptor and returns -errno on failure, returns it otherwise; passes on a negative
// one with errno.
[[nodiscard]] int prepareDescriptor(int fd);

}  // namespace heddle::sys
