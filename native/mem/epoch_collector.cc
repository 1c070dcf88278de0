#include "mem/epoch_collector.h"

#include <algorithm>
#include <chrono>

namespace heddle::mem {

EpochCollector::EpochCollector(Domain& domain, const CollectorOptions& options)
    : domain_(domain), options_(options) {
  domain_.setWake([](void* self) { static_cast<EpochCollector*>(self)->wake(); }, this);
}

EpochCollector::~EpochCollector() {
  stop();
  domain_.setWake(nullptr, nullptr);
}

int EpochCollector::start() {
  if (running_) return -EALREADY;
  stopping_ = false;
  const int error = thread_.start(main, this);
  if (error != 0) return error;
  running_ = true;
  return 0;
}

void EpochCollector::stop() {
  if (!running_) return;
  running_ = false;
  {
    std::lock_guard held(lock_);
    stopping_ = true;
  }
  woken_.notify_one();
  thread_.join();
}

void EpochCollector::wake() {
  // Relaxed: whoever finds it set relies on the notification of the one who set it, and the
  // collector clears it before it looks for work.
  if (urgent_.load(std::memory_order_relaxed)) return;
  {
    std::lock_guard held(lock_);
    urgent_.store(true, std::memory_order_relaxed);
  }
  woken_.notify_one();
}

void* EpochCollector::main(void* self) {
  auto* collector = static_cast<EpochCollector*>(self);
  if (collector->options_.threadBegins != nullptr) collector->options_.threadBegins();
  collector->run();
  if (collector->options_.threadEnds != nullptr) collector->options_.threadEnds();
  return nullptr;
}

void EpochCollector::run() {
  for (;;) {
    rest();
    {
      std::lock_guard held(lock_);
      if (stopping_) return;
    }
    if (!domain_.unfinished()) {
      retryMs_ = 0;
      continue;
    }
    bool blocked = domain_.maintainTry() < 0;
    // A ticket needs up to two batches.
    if (!blocked && domain_.awaited()) blocked = domain_.maintainTry() < 0;
    // Readers are usually gone in a moment; the longer they are not, the rarer the look.
    retryMs_ = !blocked && !domain_.awaited()
                   ? 0
                   : std::min(std::max(1u, retryMs_ * 2), options_.minLatencyMs);
  }
}

void EpochCollector::rest() {
  using Ms = std::chrono::milliseconds;
  std::unique_lock held(lock_);
  const auto awake = [this] { return stopping_ || urgent_.load(std::memory_order_relaxed); };
  if (retryMs_ != 0) {
    // A wake-up does not shorten this one: it could only find the same readers.
    woken_.wait_for(held, Ms(retryMs_), [this] { return stopping_; });
  } else if (!woken_.wait_for(held, Ms(options_.minLatencyMs), awake)) {
    held.unlock();
    const bool batch = domain_.stats().backlog() >= options_.batch;
    held.lock();
    const uint32_t more =
        options_.maxLatencyMs - std::min(options_.minLatencyMs, options_.maxLatencyMs);
    if (!batch) woken_.wait_for(held, Ms(more), awake);
  }
  urgent_.store(false, std::memory_order_relaxed);
}

}  // namespace heddle::mem
