#include "sys/thread.h"

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace heddle::sys {
namespace {

size_t leastStack() {
#ifdef PTHREAD_STACK_MIN
  const auto least = static_cast<size_t>(PTHREAD_STACK_MIN);
#else
  const size_t least = 16384;
#endif
  // What a function of ours and its signal handlers may take at the least.
  return std::max<size_t>(least, 65536);
}

int setStack(pthread_attr_t* attributes, size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t whole = (std::max(bytes, leastStack()) + page - 1) / page * page;
  return pthread_attr_setstacksize(attributes, whole);
}

}  // namespace

int Thread::start(void* (*main)(void*), void* argument, size_t stackBytes) {
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return -error;
  if (stackBytes > 0) error = setStack(&attributes, stackBytes);
  if (error == 0) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) {
      sigdelset(&all, fault);
    }
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread_, &attributes, main, argument);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  pthread_attr_destroy(&attributes);
  return -error;
}

void detachThread() { pthread_detach(pthread_self()); }

void nameThread(const char* name) {
  char shortened[kThreadNameBytes] = {};
  // Not strncpy: under a sanitizer the compiler takes the cut for a mistake.
  std::memcpy(shortened, name, strnlen(name, sizeof(shortened) - 1));
#if defined(__linux__)
  pthread_setname_np(pthread_self(), shortened);
#elif defined(__APPLE__)
  pthread_setname_np(shortened);
#else
  static_cast<void>(shortened);
#endif
}

}  // namespace heddle::sys
