#pragma once

// A joinable thread whose start can fail, which std::thread cannot say without exceptions. The
// owner's thread calls start and join. The new thread takes no signals but those of its own faults:
// the others belong to the threads of the program.

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <cstring>

namespace heddle::sys {

class Thread {
 public:
  // 0 or a negative errno. Not while it runs.
  [[nodiscard]] int start(void* (*main)(void*), void* argument) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) {
      sigdelset(&all, fault);
    }
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&thread_, nullptr, main, argument);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return -error;
  }
  // Waits for its end; exactly once for each successful start.
  void join() { pthread_join(thread_, nullptr); }

 private:
  pthread_t thread_{};
};

// Names the calling thread for debuggers and /proc, where the system can: what fits of the name.
inline void nameThread(const char* name) {
#ifdef __linux__
  char shortened[16] = {};
  // Not strncpy: under a sanitizer the compiler takes the cut for a mistake.
  std::memcpy(shortened, name, strnlen(name, sizeof(shortened) - 1));
  pthread_setname_np(pthread_self(), shortened);
#else
  static_cast<void>(name);
#endif
}

// Lets another thread of this processor run.
inline void yieldThread() { sched_yield(); }

}  // namespace heddle::sys
