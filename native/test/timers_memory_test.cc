// What the timers hold and give back, cancelled entries, and work without memory.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "test/timers_fixture.h"

namespace {

using namespace heddle::test;

using Key = std::pair<int64_t, uint64_t>;

Ids inOrder(std::vector<Key> keys) {
  std::sort(keys.begin(), keys.end());
  Ids ids;
  for (const auto& [deadline, id] : keys) ids.push_back(static_cast<uint32_t>(id));
  return ids;
}

// Arms and cancels under whatever limit is set, from callbacks too; what fired is compared with an
// ordered map.
class ScarceTimers {
 public:
  explicit ScarceTimers(uint64_t seed) : random_(seed), timers_(kStartNs) {}

  void step(unsigned scaleBits) {
    timers_.setMemoryLimit(random_.below(3) == 0 ? SIZE_MAX : random_.below(60'000));
    for (uint32_t i = random_.below(300); i > 0; i--) armOne(scaleBits);
    for (uint32_t i = random_.below(40); i > 0; i--) cancelOne();
    timers_.checkInvariants();
    now_ += static_cast<int64_t>(random_.next() >> (64 - scaleBits));
    expire(random_.below(3) == 0 ? random_.below(100) : SIZE_MAX, scaleBits);
    timers_.checkInvariants();
  }

  void drain() {
    timers_.setMemoryLimit(0);
    draining_ = true;
    now_ += kYearNs * 100;
    expire(SIZE_MAX, 0);
    CHECK(reference_.empty());
    CHECK_EQ(timers_.armed(), 0u);
    timers_.releaseMemory();
    CHECK_EQ(timers_.bytes(), 0u);
  }

  size_t refused() const { return refused_; }

 private:
  void armOne(unsigned scaleBits) {
    const auto id = static_cast<uint32_t>(random_.below(3000));
    const int64_t deadline = now_ - 1000 + static_cast<int64_t>(random_.next() >> (64 - scaleBits));
    const bool wasArmed = timers_.isArmed(id);
    const int error = timers_.arm(id, tagOf(id), deadline);
    if (error == 0) {
      forget(id);
      keys_[id] = Key{deadline, order_++};
      reference_[keys_[id]] = id;
      return;
    }
    CHECK_EQ(error, -ENOMEM);
    refused_++;
    CHECK_EQ(timers_.isArmed(id), wasArmed);
    if (wasArmed) CHECK_EQ(timers_.deadlineNs(id), keys_[id].first);
  }

  void cancelOne() {
    const auto id = static_cast<uint32_t>(random_.below(3000));
    CHECK_EQ(timers_.cancel(id), keys_.count(id) == 1);
    forget(id);
  }

  void forget(uint32_t id) {
    const auto found = keys_.find(id);
    if (found == keys_.end()) return;
    reference_.erase(found->second);
    keys_.erase(found);
  }

  void expire(size_t max, unsigned scaleBits) {
    const uint64_t passOrder = order_;
    size_t toArm = 200;
    const size_t fired = timers_.expire(now_, max, [&](uint32_t, uint32_t id) {
      auto next = reference_.begin();
      while (next != reference_.end() && next->first.second >= passOrder) ++next;
      CHECK(next != reference_.end() && next->first.first < now_ && next->second == id);
      forget(id);
      if (draining_ || toArm == 0) return;
      toArm--;
      armOne(random_.below(2) == 0 ? 11 : scaleBits);
      if (random_.below(4) == 0) cancelOne();
    });
    if (fired == max) return;
    for (const auto& [key, id] : reference_) {
      if (key.first >= now_) break;
      CHECK(key.second >= passOrder);
    }
  }

  check::Random random_;
  heddle::loop::Timers timers_;
  int64_t now_ = kStartNs;
  std::map<Key, uint32_t> reference_;
  std::unordered_map<uint32_t, Key> keys_;
  uint64_t order_ = 0;
  size_t refused_ = 0;
  bool draining_ = false;
};

}  // namespace

CASE("TM-05 timers that are moved for ever take no more memory than at first") {
  constexpr uint32_t kCount = 1000;
  Timers timers(kStartNs);
  check::Random random(check::seed());
  // Alone in a slot, among others in a slot, from slot to slot, and in the current slot.
  for (uint32_t id = 0; id < kCount; id++) arm(timers, id, kStartNs + 5000 * kMsNs + id);
  size_t most = 0;
  for (int i = 0; i < 500'000 * check::kStressScale; i++) {
    const uint32_t id = random.below(kCount);
    arm(timers, id, kStartNs + 5000 * kMsNs + random.below(1000));
    arm(timers, kCount, kStartNs + 90'000 * kMsNs + i % 7);
    arm(timers, kCount + 1, kStartNs + random.below(1u << 30));
    arm(timers, kCount + 2, kStartNs - kMsNs + i);
    most = std::max(most, timers.bytes());
    if (i % 10'000 == 0) timers.checkInvariants();
  }
  CHECK_EQ(timers.armed(), kCount + 3);
  CHECK(most < 64 * 1024);
}

CASE("TM-06 cancelled timers leave the others in order, whatever is compacted") {
  for (const int64_t span : {kTickNs / 2, 200 * kMsNs, 100'000 * kMsNs}) {
    constexpr uint32_t kCount = 4000;
    Timers timers(kStartNs);
    check::Random random(check::seed());
    std::vector<Key> left;
    for (uint32_t id = 0; id < kCount; id++) {
      const int64_t deadline = kStartNs + 2 * kTickNs + random.below(64) * span / 64;
      arm(timers, id, deadline);
      left.emplace_back(deadline, id);
    }
    for (uint32_t i = kCount - 1; i > 200; i--) {
      std::swap(left[i], left[random.below(i + 1)]);
      CHECK(timers.cancel(static_cast<uint32_t>(left[i].second)));
      left.pop_back();
      if (i % 100 == 0) timers.checkInvariants();
    }
    CHECK(expire(timers, kStartNs + kYearNs) == inOrder(left));
  }
}

CASE("TM-06 timers of the slot being fired are cancelled and moved between limited calls") {
  constexpr uint32_t kCount = 3000;
  Timers timers(kStartNs);
  check::Random random(check::seed());
  const int64_t start = (kStartNs / kTickNs + 3) * kTickNs;
  std::map<Key, uint32_t> reference;
  std::vector<Key> keys(kCount);
  for (uint32_t id = 0; id < kCount; id++) {
    keys[id] = Key{start + random.below(1u << 20), id};
    arm(timers, id, keys[id].first);
    reference[keys[id]] = id;
  }
  uint64_t order = kCount;
  const int64_t now = start + kTickNs;
  while (!reference.empty()) {
    const Ids fired = expire(timers, now, 3);
    CHECK(!fired.empty());
    for (const uint32_t id : fired) {
      CHECK_EQ(reference.begin()->second, id);
      reference.erase(reference.begin());
    }
    for (int i = 0; i < 4; i++) {
      const uint32_t id = random.below(kCount);
      if (reference.erase(keys[id]) == 0) continue;
      CHECK(timers.cancel(id));
      if (i < 3) continue;
      keys[id] = Key{start + random.below(1u << 20), order++};
      arm(timers, id, keys[id].first);
      reference[keys[id]] = id;
    }
    if (!reference.empty()) CHECK_EQ(timers.nextDeadlineNs(), reference.begin()->first.first);
  }
  CHECK_EQ(timers.armed(), 0u);
}

CASE("TM-06 blocks are used again, and given back when timers have fired") {
  Timers timers(kStartNs);
  int64_t now = kStartNs;
  size_t most = 0;
  for (int wave = 0; wave < 50; wave++) {
    for (uint32_t id = 0; id < 20'000; id++) arm(timers, id, now + 1 + id * 50'000LL);
    most = std::max(most, timers.bytes());
    if (wave == 0) CHECK(most < 20'000 * size_t{24} + 400'000);
    now += 2000 * kMsNs;
    CHECK_EQ(expire(timers, now).size(), 20'000u);
    // The table of places stays.
    CHECK(timers.bytes() < 20'000 * size_t{4} + 100'000);
  }
  CHECK(most < 20'000 * size_t{24} + 400'000);
}

CASE("TM-06 three timers take a few pages") {
  Timers timers(kStartNs);
  for (uint32_t id = 0; id < 3; id++) arm(timers, id, kStartNs + (id + 1) * 40 * kMsNs);
  CHECK(timers.bytes() < 10 * 1024);
}

CASE("TM-03 without memory every timer fires in order all the same") {
  for (const int64_t span : {kTickNs - 1, 250 * kMsNs, 70'000 * kMsNs, kYearNs}) {
    for (const uint32_t count : {1u, 64u, 65u, 129u, 10'000u}) {
      Timers timers(kStartNs);
      check::Random random(check::seed());
      const int64_t start = (kStartNs / kTickNs + 3) * kTickNs;
      std::vector<Key> armed;
      for (uint32_t id = 0; id < count; id++) {
        const int64_t deadline = start + static_cast<int64_t>(random.next() >> 1) % span;
        arm(timers, id, deadline);
        armed.emplace_back(deadline, id);
      }
      // Some equal ones, armed later.
      for (uint32_t id = 0; id < count; id += 3) {
        arm(timers, count + id, armed[id].first);
        armed.emplace_back(armed[id].first, count + id);
      }
      timers.setMemoryLimit(0);
      Ids fired;
      for (int64_t now = start; timers.armed() > 0; now += span / 5 + 1) {
        for (const uint32_t id : expire(timers, now)) fired.push_back(id);
      }
      CHECK(fired == inOrder(armed));
    }
  }
}

CASE("TM-05 a refused timer stays as it was, and so do the others") {
  Timers timers(kStartNs);
  for (uint32_t id = 0; id < 100; id++) arm(timers, id, kStartNs + 10 * kMsNs + id);
  timers.setMemoryLimit(timers.bytes());
  // A chunk of places, blocks, room in the heap: each is refused in its turn.
  CHECK_EQ(timers.arm(5000, 0, kStartNs), -ENOMEM);
  CHECK(!timers.isArmed(5000));
  CHECK_EQ(timers.arm(7, 1, kStartNs - 1), -ENOMEM);
  CHECK_EQ(timers.tag(7), tagOf(7));
  CHECK_EQ(timers.deadlineNs(7), kStartNs + 10 * kMsNs + 7);
  uint32_t refused = 0;
  for (uint32_t id = 100; id < 1024; id++) {
    const int error = timers.arm(id, tagOf(id), kStartNs + id * 20 * kMsNs);
    refused += error == -ENOMEM ? 1 : 0;
    CHECK_EQ(timers.isArmed(id), error == 0);
  }
  CHECK(refused > 0);
  timers.checkInvariants();
  CHECK_EQ(expire(timers, kStartNs + kYearNs).size(), 1024u - refused);
}

CASE("TM-02 TM-03 TM-06 TM-08 random use with scarce memory agrees with an ordered map") {
  check::Random random(check::seed());
  size_t refused = 0;
  for (int round = 0; round < 40 * check::kStressScale; round++) {
    ScarceTimers timers(random.next());
    const auto scaleBits = static_cast<unsigned>(12 + random.below(40));
    for (int step = 0; step < 30; step++) timers.step(scaleBits);
    timers.drain();
    refused += timers.refused();
  }
  CHECK(refused > 100);
}
