#pragma once

// What the epochs need from the machine, as a template parameter, so that tests can put a model of
// one in its place.
//
// Two forms. Asymmetric: entering a section is a plain store, and whoever reclaims runs a
// membarrier. Exchange: entering is an exchange, and whoever reclaims reads with an exchange too.
// The first is chosen at run time where the kernel has membarrier; HEDDLE_EPOCH_EXCHANGE builds
// without it, and so does ThreadSanitizer, which does not understand it.

#include <time.h>

#include <atomic>
#include <mutex>

#include "sys/membarrier.h"
#include "sys/thread.h"

namespace heddle::mem {

#if defined(HEDDLE_EPOCH_EXCHANGE) || defined(__SANITIZE_THREAD__)
inline constexpr bool kEpochMayBeAsymmetric = false;
#else
inline constexpr bool kEpochMayBeAsymmetric = true;
#endif

struct EpochPlatform {
  template <class T>
  using Atomic = std::atomic<T>;
  using Mutex = std::mutex;

  static constexpr bool kMayBeAsymmetric = kEpochMayBeAsymmetric;
  static bool asymmetricWorks() { return kMayBeAsymmetric && sys::prepareMembarrier() == 0; }

  // The reader's half of the asymmetric barrier: keeps the compiler from moving anything across.
  static void lightBarrier() { std::atomic_signal_fence(std::memory_order_seq_cst); }
  // The reclaimer's half.
  static void heavyBarrier() { sys::membarrier(); }

  // The next step of a wait that has lasted `round` steps: at once, then yields, then sleeps of up
  // to 1 ms.
  static void pause(unsigned round) {
    if (round < 32) return;
    if (round < 48) {
      sys::yieldThread();
      return;
    }
    const long us = round < 96 ? 50 : 1000;
    const timespec nap{0, us * 1000};
    nanosleep(&nap, nullptr);
  }
};

}  // namespace heddle::mem
