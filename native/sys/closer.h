#pragma once

// Closes descriptors whose close may block (SO_LINGER is set, see `lingers` in sys/socket.h) on
// helper threads, so that no loop stalls. Process-wide and reference counted.
//
// Threads: any thread may call anything here. `done` runs on a helper thread, exactly once for each
// accepted submission and never inside `submit`; it must not block and must not call
// `releaseCloser`. At most `concurrency` helpers run at a time (10 unless set); one of them stays,
// the others leave after five idle seconds. The last release waits until everything submitted is
// closed and reported, and joins the helpers; it is the caller's duty that `ctx` lives that long.

#include <cstddef>
#include <cstdint>

namespace heddle::sys {

// err is 0 or the errno of close.
using CloseDone = void (*)(void* ctx, uint64_t request, int err);

constexpr int kCloserMaxConcurrency = 100;

// Each successful acquire needs one release. No thread is started before the first submission.
void acquireCloser();
void releaseCloser();

// Takes over the descriptor. Returns 0, or a negative errno and then the descriptor is still the
// caller's and `done` is not called: EBADF for a negative descriptor, ENODEV without an acquire,
// ENOMEM, EAGAIN when no thread could be started. `done` may be nullptr.
[[nodiscard]] int submitClose(int fd, CloseDone done, void* ctx, uint64_t request);

// Takes over a descriptor and never blocks: where its close might, a helper thread does it; without
// one (no acquire, no memory, no thread) lingering is switched off first, so that the system sends
// what is left by itself. Nobody is told. Any thread.
void closeSoon(int fd);
// Closes on this thread without waiting for a peer: a lingering socket stops to linger. 0 or a
// negative errno, the descriptor is gone whatever the result.
int closeNow(int fd);

// 1 … kCloserMaxConcurrency; EINVAL otherwise. Holds for the process and may change at any time.
[[nodiscard]] int setCloserConcurrency(int concurrency);

// How long a helper beyond the first stays without work. For tests; call it before the first
// submission.
void setCloserIdleMs(int milliseconds);

struct CloserStats {
  int threads;
  int idle;
  size_t queued;
};
[[nodiscard]] CloserStats closerStats();

}  // namespace heddle::sys
