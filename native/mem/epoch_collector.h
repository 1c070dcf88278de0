#pragma once

// The background collector of a domain: a thread that reclaims what others retire. It looks at
// least every maxLatencyMs while something is pending, after minLatencyMs when a batch has come
// together, at once when the backlog passes the high-water mark or a ticket is asked for. While
// nothing is pending it sleeps until a mark or a ticket wakes it, or its turn comes.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "mem/epoch_domain.h"
#include "mem/epoch_platform.h"
#include "sys/thread.h"

namespace heddle::mem {

struct CollectorOptions {
  uint32_t minLatencyMs = 500;
  uint32_t maxLatencyMs = 1000;
  // Pending objects that make a batch.
  uint64_t batch = 100;
  // Called on the collector's thread around its life, for thread-local set-up; may be nullptr.
  void (*threadBegins)() = nullptr;
  void (*threadEnds)() = nullptr;
};

class EpochCollector {
 public:
  using Domain = EpochDomain<EpochPlatform>;

  // Becomes the domain's wake function. The domain outlives the collector; the collector outlives
  // all threads that are attached to the domain.
  explicit EpochCollector(Domain& domain, const CollectorOptions& options = {});
  // Stops.
  ~EpochCollector();
  EpochCollector(const EpochCollector&) = delete;
  EpochCollector& operator=(const EpochCollector&) = delete;

  // 0, or the negative errno of the thread that cannot be made. start and stop on one thread, any
  // number of times.
  [[nodiscard]] int start();
  // Joins. What is pending stays pending. Not from a reclaim function.
  void stop();

  // Any thread.
  void wake();

 private:
  static void* main(void* self);
  void run();
  void rest();

  Domain& domain_;
  const CollectorOptions options_;
  sys::Thread thread_;
  bool running_ = false;

  std::mutex lock_;
  std::condition_variable woken_;
  bool stopping_ = false;  // under lock_
  // Set by wake, cleared by the collector: a second wake costs a load.
  std::atomic<bool> urgent_{false};
  // How long to rest next when readers are in the way; grows to minLatencyMs.
  uint32_t retryMs_ = 0;
};

}  // namespace heddle::mem
