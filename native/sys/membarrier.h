#pragma once

// A barrier that one thread pays for and all threads of the process get: after membarrier()
// returns, every other thread has executed a full memory barrier at some point between call and
// return. Where it exists, a frequent reader needs no barrier of its own, only a compiler barrier.
// Linux 4.14 and newer (private expedited); nowhere else.

namespace heddle::sys {

// Registers the process on first use; cheap afterwards. 0, or -ENOSYS (also where a sandbox forbids
// it). Any thread.
[[nodiscard]] int prepareMembarrier();

// Any thread; only after prepareMembarrier() has returned 0. Does not fail then. Costs an interrupt
// on every processor that runs a thread of this process: one to ten microseconds.
void membarrier();

}  // namespace heddle::sys
