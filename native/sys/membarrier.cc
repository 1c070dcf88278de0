#include "sys/membarrier.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace heddle::sys {

#if defined(__linux__) && defined(SYS_membarrier)

namespace {

// From the kernel's interface; old headers lack them.
constexpr int kQuery = 0;
constexpr int kPrivateExpedited = 1 << 3;
constexpr int kRegisterPrivateExpedited = 1 << 4;

long call(int command) { return syscall(SYS_membarrier, command, 0, 0); }

int registerProcess() {
  const long commands = call(kQuery);
  if (commands < 0 || (commands & kPrivateExpedited) == 0) return -ENOSYS;
  if (call(kRegisterPrivateExpedited) != 0) return -ENOSYS;
  // Once for real: a filter may allow one command and forbid another.
  return call(kPrivateExpedited) == 0 ? 0 : -ENOSYS;
}

}  // namespace

int prepareMembarrier() {
  static const int result = registerProcess();
  return result;
}

void membarrier() {
  if (call(kPrivateExpedited) == 0) return;
  // Going on without it would free memory that is being read.
  std::fprintf(stderr, "heddle: membarrier failed after it was registered\n");
  std::abort();
}

#else

int prepareMembarrier() { return -ENOSYS; }

void membarrier() { std::abort(); }

#endif

}  // namespace heddle::sys
