#include "sys/processor.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__FreeBSD__)
#include <sys/auxv.h>
#endif

namespace heddle::sys {

#if defined(__x86_64__)

bool processorHasCrc32c() { return __builtin_cpu_supports("sse4.2") != 0; }

#elif defined(__aarch64__) && defined(__APPLE__)

// Every processor that this system runs on has them.
bool processorHasCrc32c() { return true; }

#elif defined(__aarch64__) && (defined(__linux__) || defined(__FreeBSD__))

namespace {
constexpr unsigned long kCrc32 = 1UL << 7;  // HWCAP_CRC32, the same on both systems
}

bool processorHasCrc32c() {
#if defined(__linux__)
  return (getauxval(AT_HWCAP) & kCrc32) != 0;
#else
  unsigned long capabilities = 0;
  if (elf_aux_info(AT_HWCAP, &capabilities, sizeof capabilities) != 0) return false;
  return (capabilities & kCrc32) != 0;
#endif
}

#else

bool processorHasCrc32c() { return false; }

#endif

}  // namespace heddle::sys
