// Whether a thread with nothing to do looks for a moment before it sleeps. To wake a sleeping
// thread costs more than most jobs take (ANCHORS: 25 us), so where another thread is about to bring
// something, looking is cheaper; where it is not, looking burns the processor for nothing.
//
// What has been seen decides: of the times when something was expected, did it come within the time
// that looking lasts? Each that did buys one try to look, each look in vain costs one. Whoever
// waits is granted `kLongestNs` of looking in all, however often he is woken meanwhile by something
// else, so a thread that nothing comes to is quiet.
//
// Thread rule: the loop's thread. Times are monotonic nanoseconds, of the caller.
#pragma once

#include <cstdint>

namespace heddle::loop {

// What a thread may do that wants to sleep: sleep; see to work that was there; or to what came
// while it looked.
enum class Rest { kAsleep, kWork, kFound };

class Lookout {
 public:
  static constexpr int64_t kLongestNs = 50'000;
  // What a sleeper learns of an arrival comes later than the arrival by the time to wake.
  static constexpr int64_t kWakingNs = 40'000;
  static constexpr int kMostTries = 4;

  // With one processor nothing can come while we look.
  explicit Lookout(int processors) : maySpin_(processors > 1) {}

  // Something is expected and is not there: the time to look for it, 0: sleep at once.
  [[nodiscard]] int64_t grant(int64_t nowNs) {
    if (sinceNs_ == 0) {
      sinceNs_ = nowNs;
      lookedNs_ = 0;
    }
    return maySpin_ && tries_ > 0 && lookedNs_ < kLongestNs ? kLongestNs - lookedNs_ : 0;
  }

  // It looked for so long and saw nothing.
  void inVain(int64_t ns) {
    lookedNs_ += ns;
    if (lookedNs_ >= kLongestNs && tries_ > 0) tries_--;
  }

  // What was expected is there.
  void settled(int64_t nowNs) {
    if (nowNs - sinceNs_ < kLongestNs + kWakingNs && tries_ < kMostTries) tries_++;
    sinceNs_ = 0;
  }
  // Nothing is expected any more.
  void forget() { sinceNs_ = 0; }
  bool waits() const { return sinceNs_ != 0; }

 private:
  const bool maySpin_;
  int tries_ = 1;
  int64_t sinceNs_ = 0;  // 0: it does not wait
  int64_t lookedNs_ = 0;
};

}  // namespace heddle::loop
