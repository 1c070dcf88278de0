#pragma once

// A joinable thread whose start can fail, which std::thread cannot say without exceptions. The
// owner's thread calls start and join. The new thread takes no signals but those of its own faults:
// the others belong to the threads of the program.

#include <pthread.h>
#include <sched.h>

#include <cstddef>

namespace heddle::sys {

class Thread {
 public:
  // With so many bytes of stack, at least what the system needs; 0: as many as usual. 0 or a
  // negative errno. Not while it runs.
  [[nodiscard]] int start(void* (*main)(void*), void* argument, size_t stackBytes = 0);
  // Waits for its end; exactly once for each successful start.
  void join() { pthread_join(thread_, nullptr); }

 private:
  pthread_t thread_{};
};

// Nobody will join the calling thread.
void detachThread();

// Names the calling thread for debuggers and /proc, where the system can: what fits of the name.
constexpr size_t kThreadNameBytes = 16;  // with its end
void nameThread(const char* name);

// Lets another thread of this processor run.
inline void yieldThread() { sched_yield(); }

}  // namespace heddle::sys
