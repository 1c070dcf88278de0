// Whose turn it is to use a loop that has a thread of its own: that thread's, which has it during
// its passes, or that of the isolate behind the loop, which visits for a single call.
//
// A visitor who waits comes before the next pass: a loop with much to do would otherwise take its
// turn back before anybody had noticed that it was free. What one of them wrote in its turn the
// other sees in the next.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace heddle::loop {

class Turn {
 public:
  Turn() = default;
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // The loop's thread.
  void begin() {
    std::unique_lock<std::mutex> held(lock_);
    changed_.wait(held, [this] { return visitors_ == 0; });
    taken_ = true;
  }
  void end() {
    std::unique_lock<std::mutex> held(lock_);
    taken_ = false;
    if (visitors_ > 0) changed_.notify_all();
  }

  // In its turn: whether somebody waits for the end of it. Relaxed: a hint; `end` tells him.
  bool isAwaited() const { return visitors_.load(std::memory_order_relaxed) > 0; }

  // Another thread: calls use() between two of the loop's turns. use() neither visits nor waits for
  // the loop's thread.
  template <class Use>
  decltype(auto) visit(Use&& use) {
    std::unique_lock<std::mutex> held(lock_);
    visitors_++;
    changed_.wait(held, [this] { return !taken_; });
    const Leave leave{this};
    return use();
  }
  // The same, or false, if the loop has its turn.
  template <class Use>
  bool tryVisit(Use&& use) {
    std::unique_lock<std::mutex> held(lock_, std::try_to_lock);
    if (!held.owns_lock() || taken_) return false;
    use();
    return true;
  }

 private:
  struct Leave {
    Turn* turn;
    ~Leave() {
      if (--turn->visitors_ == 0) turn->changed_.notify_all();
    }
  };

  std::mutex lock_;
  std::condition_variable changed_;
  std::atomic<uint32_t> visitors_{0};  // that wait, or are there; written under lock_
  bool taken_ = false;
};

}  // namespace heddle::loop
