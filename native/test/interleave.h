#pragma once

// Deterministic interleaving: threads that pass a baton at every operation on a YieldingAtomic, the
// next holder drawn from a seed. One thread runs at a time, so this explores orders of operations,
// not memory orders; those are ThreadSanitizer's.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "test/check.h"

namespace check {

class Interleaver {
 public:
  explicit Interleaver(uint64_t seedValue) : random_(seedValue) {}

  // Runs all bodies to their ends.
  void run(const std::vector<std::function<void()>>& bodies) {
    alive_.assign(bodies.size(), true);
    std::vector<std::thread> threads;
    turn_ = -1;
    for (size_t i = 0; i < bodies.size(); i++) {
      threads.emplace_back([this, &bodies, i] {
        current() = {this, static_cast<int>(i)};
        waitForTurn(static_cast<int>(i));
        bodies[i]();
        leave(static_cast<int>(i));
      });
    }
    {
      std::lock_guard<std::mutex> held(lock_);
      passOn();
    }
    for (std::thread& thread : threads) thread.join();
  }

  // Called before each atomic operation; does nothing outside of run.
  static void yield() {
    const Place place = current();
    if (place.interleaver != nullptr) place.interleaver->step(place.thread);
  }

 private:
  struct Place {
    Interleaver* interleaver = nullptr;
    int thread = 0;
  };

  static Place& current() {
    static thread_local Place place;
    return place;
  }

  void step(int thread) {
    {
      std::lock_guard<std::mutex> held(lock_);
      passOn();
      if (turn_ == thread) return;
    }
    waitForTurn(thread);
  }

  void leave(int thread) {
    std::lock_guard<std::mutex> held(lock_);
    alive_[static_cast<size_t>(thread)] = false;
    passOn();
  }

  void waitForTurn(int thread) {
    std::unique_lock<std::mutex> held(lock_);
    turned_.wait(held, [&] { return turn_ == thread; });
  }

  // With lock_ held.
  void passOn() {
    std::vector<int> candidates;
    for (size_t i = 0; i < alive_.size(); i++) {
      if (alive_[i]) candidates.push_back(static_cast<int>(i));
    }
    if (candidates.empty()) return;
    turn_ = candidates[random_.below(static_cast<uint32_t>(candidates.size()))];
    turned_.notify_all();
  }

  std::mutex lock_;
  std::condition_variable turned_;
  std::vector<bool> alive_;
  int turn_ = -1;
  Random random_;
};

// Stands in for std::atomic. A weak compare-exchange also fails for no reason now and then.
template <class T>
class YieldingAtomic {
 public:
  YieldingAtomic() = default;
  // Implicit, as that of std::atomic.
  YieldingAtomic(T value) : value_(value) {}  // NOLINT(google-explicit-constructor)

  T load(std::memory_order order) const {
    Interleaver::yield();
    return value_.load(order);
  }

  void store(T value, std::memory_order order) {
    Interleaver::yield();
    value_.store(value, order);
  }

  T exchange(T value, std::memory_order order) {
    Interleaver::yield();
    return value_.exchange(value, order);
  }

  bool compare_exchange_weak(T& expected, T wanted, std::memory_order success,
                             std::memory_order failure) {
    Interleaver::yield();
    if (++attempts_ % 5 == 0) {
      expected = value_.load(failure);
      return false;
    }
    return value_.compare_exchange_strong(expected, wanted, success, failure);
  }

 private:
  std::atomic<T> value_{};
  std::atomic<unsigned> attempts_{0};
};

}  // namespace check
