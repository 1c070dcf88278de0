#pragma once

// A joinable thread whose start can fail, which std::thread cannot say without exceptions. The
// owner's thread calls start and join.

#include <pthread.h>
#include <sched.h>

namespace heddle::sys {

class Thread {
 public:
  // 0 or a negative errno. Not while it runs.
  [[nodiscard]] int start(void* (*main)(void*), void* argument) {
    return -pthread_create(&thread_, nullptr, main, argument);
  }
  // Waits for its end; exactly once for each successful start.
  void join() { pthread_join(thread_, nullptr); }

 private:
  pthread_t thread_{};
};

// Lets another thread of this processor run.
inline void yieldThread() { sched_yield(); }

}  // namespace heddle::sys
