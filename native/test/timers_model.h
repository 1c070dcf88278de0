// The timers beside a reference made of an ordered map, driven by choices from a source: a random
// generator in the test, the fuzzer's bytes in the fuzzer. Every answer of every call is compared;
// a difference aborts with a message, so that both runners stop at it.
#pragma once

#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <unordered_map>
#include <utility>

#include "loop/timers.h"

namespace heddle::test {

struct TimersProfile {
  // Ids are below this; few ids mean many re-arms.
  uint32_t ids = 64;
  // Deadlines and steps of time are mostly below 2^scaleBits ns.
  unsigned scaleBits = 30;
  bool clockMayStepBack = false;
};

// A source has byte() and word(), evenly distributed over their types or chosen by a fuzzer.
template <class Source>
class TimersModel {
 public:
  TimersModel(Source& source, TimersProfile profile, int64_t nowNs)
      : source_(source), profile_(profile), nowNs_(nowNs), timers_(nowNs) {}

  void step() {
    const uint8_t choice = source_.byte();
    if (choice < 120) {
      arm();
    } else if (choice < 160) {
      cancel();
    } else if (choice < 164) {
      release();
    } else {
      passTime();
      expire();
    }
    checkBound();
  }

  void checkInvariants() const { timers_.checkInvariants(); }
  uint64_t fired() const { return firedTotal_; }

  // Fires all that is armed short of INT64_MAX, which never fires.
  void drain() {
    nowNs_ = INT64_MAX;
    draining_ = true;
    while (!reference_.empty() && reference_.begin()->first.first < nowNs_) expire();
    checkBound();
    checkInvariants();
  }

 private:
  using Key = std::pair<int64_t, uint64_t>;
  struct Armed {
    uint32_t id;
    uint32_t tag;
  };

  static void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "timers differ from the reference: %s\n", what);
    std::abort();
  }

  static int64_t addClamped(int64_t time, int64_t delta) {
    int64_t sum = 0;
    if (!__builtin_add_overflow(time, delta, &sum)) return sum;
    return delta < 0 ? INT64_MIN : INT64_MAX;
  }

  int64_t distance() {
    const unsigned bits = 1 + source_.byte() % profile_.scaleBits;
    return static_cast<int64_t>(source_.word() & ((uint64_t{1} << bits) - 1));
  }

  int64_t pickDeadline() {
    static constexpr int64_t kExtremes[] = {INT64_MIN, INT64_MIN + 1, -1,       0,
                                            1,         INT64_MAX - 1, INT64_MAX};
    const uint8_t choice = source_.byte();
    if (choice < 8) return kExtremes[choice % std::size(kExtremes)];
    if (choice < 24) return addClamped(nowNs_, -distance());
    if (choice < 72) return lastDeadlineNs_;
    if (choice < 96) {
      // Around the start of a slot.
      const int64_t start = addClamped(nowNs_, distance()) & ~((int64_t{1} << 20) - 1);
      return addClamped(start, choice % 3 - 1);
    }
    if (choice < 100) return static_cast<int64_t>(source_.word());
    return addClamped(nowNs_, distance());
  }

  void arm() {
    const auto id = static_cast<uint32_t>(source_.word() % profile_.ids);
    const auto tag = static_cast<uint32_t>(source_.word());
    const int64_t deadline = pickDeadline();
    lastDeadlineNs_ = deadline;
    require(timers_.arm(id, tag, deadline) == 0, "arm");
    if (const auto old = keys_.find(id); old != keys_.end()) reference_.erase(old->second);
    const Key key{deadline, nextOrder_++};
    keys_[id] = key;
    reference_[key] = Armed{id, tag};
    checkState(id);
  }

  void cancel() {
    const auto id = static_cast<uint32_t>(source_.word() % profile_.ids);
    const auto found = keys_.find(id);
    require(timers_.cancel(id) == (found != keys_.end()), "cancel");
    if (found != keys_.end()) {
      reference_.erase(found->second);
      keys_.erase(found);
    }
    checkState(id);
  }

  void release() {
    timers_.releaseMemory();
    if (reference_.empty()) require(timers_.bytes() <= 24 * 1024, "memory after release");
  }

  void checkState(uint32_t id) const {
    const auto found = keys_.find(id);
    require(timers_.isArmed(id) == (found != keys_.end()), "isArmed");
    require(timers_.armed() == reference_.size(), "armed");
    if (found == keys_.end()) return;
    require(timers_.deadlineNs(id) == found->second.first, "deadlineNs");
    require(timers_.tag(id) == reference_.at(found->second).tag, "tag");
  }

  void passTime() {
    const uint8_t choice = source_.byte();
    const int64_t bound = timers_.nextDeadlineNs();
    if (choice < 60) {
      nowNs_ = addClamped(nowNs_, source_.byte());
    } else if (choice < 180) {
      nowNs_ = addClamped(nowNs_, distance());
    } else if (choice < 200) {
      if (bound > nowNs_ && bound != INT64_MAX) nowNs_ = bound;
    } else if (choice < 230) {
      const int64_t nearest = nearestNs();
      if (nearest >= nowNs_ && nearest != INT64_MAX) nowNs_ = nearest + (choice & 1);
    } else if (choice == 230 && profile_.clockMayStepBack) {
      nowNs_ = addClamped(nowNs_, -distance());
    } else if (choice == 231 && profile_.clockMayStepBack) {
      nowNs_ = static_cast<int64_t>(source_.word());
    }
  }

  size_t pickMax() {
    const uint8_t choice = source_.byte();
    if (choice < 100) return SIZE_MAX;
    return choice < 130 ? choice % 3 : choice % 50;
  }

  // The timer that must fire next: armed before this pass and due.
  typename std::map<Key, Armed>::iterator nextDue() {
    for (auto at = reference_.begin(); at != reference_.end(); ++at) {
      if (at->first.first >= nowNs_) break;
      if (at->first.second < passOrder_) return at;
    }
    return reference_.end();
  }

  void expire() {
    const size_t max = pickMax();
    passOrder_ = nextOrder_;
    armsLeft_ = 64;
    size_t seen = 0;
    const size_t fired = timers_.expire(nowNs_, max, [&](uint32_t tag, uint32_t id) {
      seen++;
      require(seen <= max, "more than max");
      onFire(tag, id);
    });
    require(fired == seen, "count of fired");
    firedTotal_ += fired;
    if (fired == max) return;
    require(nextDue() == reference_.end(), "due timers left");
    checkProgress();
  }

  void onFire(uint32_t tag, uint32_t id) {
    const auto expected = nextDue();
    require(expected != reference_.end(), "fired though nothing is due");
    require(expected->second.id == id && expected->second.tag == tag, "order of firing");
    keys_.erase(id);
    reference_.erase(expected);
    checkState(id);
    if (!draining_) actFromFire();
    checkBound();
  }

  void actFromFire() {
    const uint8_t choice = source_.byte();
    if (choice < 60 && armsLeft_ > 0) {
      armsLeft_--;
      arm();
    } else if (choice < 100) {
      cancel();
    } else if (choice == 100) {
      require(timers_.expire(nowNs_, 1, [](uint32_t, uint32_t) {}) == 0, "expire within expire");
      timers_.releaseMemory();
    }
    if (choice > 250 && reference_.size() < 100) checkInvariants();
  }

  int64_t nearestNs() const {
    return reference_.empty() ? INT64_MAX : reference_.begin()->first.first;
  }

  void checkBound() const {
    const int64_t bound = timers_.nextDeadlineNs();
    require(bound <= nearestNs(), "bound later than the nearest deadline");
    if (reference_.empty()) require(bound == INT64_MAX, "bound without timers");
  }

  // After a pass that was not cut short a waiting loop must get on.
  void checkProgress() const {
    const int64_t nearest = nearestNs();
    if (nearest < nowNs_) return;
    const int64_t bound = timers_.nextDeadlineNs();
    require(bound >= nowNs_, "bound in the past after a whole pass");
    require(bound > nowNs_ || nearest == nowNs_, "bound of now without a deadline of now");
  }

  Source& source_;
  TimersProfile profile_;
  int64_t nowNs_;
  int64_t lastDeadlineNs_ = 0;
  uint64_t nextOrder_ = 0;
  uint64_t passOrder_ = 0;
  uint64_t firedTotal_ = 0;
  int armsLeft_ = 0;
  bool draining_ = false;
  loop::Timers timers_;
  std::map<Key, Armed> reference_;
  std::unordered_map<uint32_t, Key> keys_;
};

}  // namespace heddle::test
