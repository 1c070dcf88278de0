// Whether a thread with nothing to do looks for a moment before it sleeps. To wake a sleeping
// thread costs more than most jobs take (ANCHORS: 25 us), so where another thread is about to bring
// something, looking is cheaper; where it is not, looking burns the processor for nothing.
//
// What has been seen decides. A look that finds something is followed by others; after one in vain
// things have to come soon a number of times before there is another, twice as often each time. So
// a busy machine, where the thread that looks takes the processor from the one it waits for, soon
// has threads that sleep. Whoever waits is granted `kLongestNs` of looking in all, however often he
// is woken meanwhile by something else, so a thread that nothing comes to is quiet.
//
// Thread rule: the loop's thread. Times are monotonic nanoseconds, of the caller.
#pragma once

#include <cstdint>

namespace heddle::loop {

// What a thread may do that wants to sleep: sleep; see to work that was there; to what came while
// it looked; or to who disturbed it then.
enum class Rest { kAsleep, kWork, kFound, kDisturbed };

class Lookout {
 public:
  static constexpr int64_t kLongestNs = 50'000;
  // What a sleeper learns of an arrival comes later than the arrival by the time to wake.
  static constexpr int64_t kWakingNs = 40'000;
  static constexpr uint32_t kHighestPrice = 1024;

  // With one processor nothing can come while we look.
  explicit Lookout(int processors) : mayLook_(processors > 1) {}

  // Something is expected and is not there: the time to look for it, 0: sleep at once.
  [[nodiscard]] int64_t grant(int64_t nowNs) {
    if (sinceNs_ == 0) {
      sinceNs_ = nowNs;
      lookedNs_ = 0;
      looks_ = mayLook_ && soon_ >= price_;
    }
    return looks_ && lookedNs_ < kLongestNs ? kLongestNs - lookedNs_ : 0;
  }

  // It looked for so long. What it waits for is not there, or has just come: then `settled`
  // follows.
  void looked(int64_t ns) {
    lookedNs_ += ns;
    if (lookedNs_ < kLongestNs) return;
    soon_ = 0;
    if (price_ < kHighestPrice) price_ *= 2;
  }

  // What was expected is there.
  void settled(int64_t nowNs) {
    if (!looks_) {
      soon_ += nowNs - sinceNs_ < kLongestNs + kWakingNs ? 1 : 0;
    } else if (lookedNs_ < kLongestNs) {
      price_ = soon_ = 1;
    }
    sinceNs_ = 0;
  }
  // Nothing is expected any more.
  void forget() { sinceNs_ = 0; }
  bool waits() const { return sinceNs_ != 0; }

 private:
  const bool mayLook_;
  bool looks_ = false;    // in this wait
  uint32_t price_ = 1;    // of a look, in arrivals that came soon
  uint32_t soon_ = 1;     // those seen since the last look in vain
  int64_t sinceNs_ = 0;   // 0: it does not wait
  int64_t lookedNs_ = 0;  // in this wait
};

}  // namespace heddle::loop
