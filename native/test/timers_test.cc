// Order, range, bound and memory of the timers, and random use beside a reference.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "test/timers_fixture.h"
#include "test/timers_model.h"

namespace {

using namespace heddle::test;

class RandomSource {
 public:
  explicit RandomSource(uint64_t seed) : random_(seed) {}
  uint8_t byte() { return static_cast<uint8_t>(random_.next()); }
  uint64_t word() { return random_.next(); }

 private:
  check::Random random_;
};

}  // namespace

CASE("TM-03 a timer fires strictly after its deadline, never at it") {
  for (const int64_t delay : {int64_t{0}, int64_t{1}, kMsNs, 300 * kMsNs, kYearNs}) {
    Timers timers(kStartNs);
    arm(timers, 5, kStartNs + delay);
    CHECK(expire(timers, kStartNs + delay - 1).empty());
    CHECK(expire(timers, kStartNs + delay).empty());
    CHECK(timers.isArmed(5));
    CHECK(expire(timers, kStartNs + delay + 1) == Ids{5});
    CHECK_EQ(timers.armed(), 0u);
  }
}

CASE("TM-03 timers fire in order of deadline whatever the order of arming") {
  Timers timers(kStartNs);
  Ids expected;
  for (uint32_t id = 0; id < 60; id++) expected.push_back(id);
  for (uint32_t i = 0; i < 60; i++) {
    const uint32_t id = i * 37 % 60;
    arm(timers, id, kStartNs + (int64_t{1} << id));
  }
  CHECK(expire(timers, kStartNs + (int64_t{1} << 60)) == expected);
}

CASE("TM-03 equal deadlines fire in order of arming, also when some came down the levels") {
  for (unsigned bits = 10; bits < 62; bits++) {
    Timers timers(kStartNs);
    const int64_t deadline = kStartNs + (int64_t{1} << bits);
    Ids expected;
    uint32_t id = 0;
    // Armed ever nearer to the deadline, two at a time, with others around them.
    for (unsigned near = bits; near > 0; near--) {
      CHECK(expire(timers, deadline - (int64_t{1} << near)).empty());
      arm(timers, 1000 + id, deadline + 1);
      for (int twice = 0; twice < 2; twice++) {
        arm(timers, id, deadline);
        expected.push_back(id++);
      }
    }
    for (uint32_t i = 0; i < id; i += 2) expected.push_back(1000 + i);
    CHECK(expire(timers, deadline + 2) == expected);
  }
}

CASE("TM-03 a crowded tick is ordered by deadline, then by arming") {
  check::Random random(check::seed());
  for (const uint32_t count : {2u, 63u, 64u, 65u, 66u, 5000u}) {
    Timers timers(kStartNs);
    const int64_t start = (kStartNs / kTickNs + 40) * kTickNs;
    std::vector<std::pair<int64_t, uint32_t>> armed;
    for (uint32_t id = 0; id < count; id++) {
      // Few distinct values, so that many are equal, and both ends of the tick.
      const int64_t deadline = start + random.below(97) * (kTickNs - 1) / 96;
      arm(timers, id, deadline);
      armed.emplace_back(deadline, id);
    }
    timers.checkInvariants();
    std::stable_sort(armed.begin(), armed.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    Ids expected;
    for (const auto& [deadline, id] : armed) expected.push_back(id);
    Ids fired;
    while (timers.armed() > 0) {
      for (const uint32_t id : expire(timers, start + kTickNs, 1024)) fired.push_back(id);
    }
    CHECK(fired == expected);
  }
}

CASE("TM-03 late timers keep the order among themselves and with the current tick") {
  Timers timers(kStartNs);
  arm(timers, 0, kStartNs);
  arm(timers, 1, kStartNs - 10);
  arm(timers, 2, kStartNs - 20 * kTickNs);
  arm(timers, 3, kStartNs - 10);
  arm(timers, 4, kStartNs);
  arm(timers, 5, kStartNs + kTickNs);
  timers.checkInvariants();
  CHECK_EQ(timers.nextDeadlineNs(), kStartNs - 20 * kTickNs);
  CHECK(timers.cancel(3));
  arm(timers, 3, kStartNs - 11);
  CHECK(expire(timers, kStartNs + 2 * kTickNs) == (Ids{2, 3, 1, 0, 4, 5}));
}

CASE("TM-01 deadlines in the past and TM-04 a deadline of zero are due at once") {
  Timers timers(kStartNs);
  arm(timers, 1, kStartNs - kYearNs);
  arm(timers, 2, 0);
  arm(timers, 3, -5);
  arm(timers, 4, 0);
  CHECK_EQ(timers.nextDeadlineNs(), kStartNs - kYearNs);
  CHECK(expire(timers, kStartNs) == (Ids{1, 3, 2, 4}));
}

CASE("TM-01 deadlines years away and at the ends of the range") {
  Timers timers(kStartNs);
  arm(timers, 0, INT64_MAX);
  arm(timers, 1, INT64_MAX - 1);
  arm(timers, 2, INT64_MIN);
  arm(timers, 3, kStartNs + 100 * kYearNs);
  arm(timers, 4, kStartNs + 10 * kYearNs);
  CHECK(expire(timers, INT64_MIN).empty());
  CHECK(expire(timers, INT64_MIN + 1) == Ids{2});
  CHECK(expire(timers, kStartNs + 9 * kYearNs).empty());
  CHECK(expire(timers, kStartNs + 200 * kYearNs) == (Ids{4, 3}));
  CHECK(expire(timers, INT64_MAX) == Ids{1});
  CHECK(timers.isArmed(0));
  CHECK_EQ(timers.nextDeadlineNs(), INT64_MAX);
  CHECK(timers.cancel(0));
}

CASE("TM-01 a clock that starts at the very beginning of the range") {
  Timers timers(INT64_MIN);
  arm(timers, 0, 0);
  arm(timers, 1, INT64_MAX - 1);
  arm(timers, 2, INT64_MIN);
  CHECK(expire(timers, INT64_MIN).empty());
  CHECK(expire(timers, 1) == (Ids{2, 0}));
  CHECK(expire(timers, INT64_MAX) == Ids{1});
}

CASE("TM-06 cancel says whether the timer was armed") {
  Timers timers(kStartNs);
  CHECK(!timers.cancel(0));
  CHECK(!timers.cancel(123'456));
  arm(timers, 3, kStartNs + kMsNs);
  CHECK(timers.cancel(3));
  CHECK(!timers.cancel(3));
  CHECK(expire(timers, kStartNs + kYearNs).empty());
  arm(timers, 3, kStartNs + 2 * kYearNs);
  CHECK(expire(timers, kStartNs + 3 * kYearNs) == Ids{3});
  CHECK(!timers.cancel(3));
}

CASE("TM-05 arming an armed timer moves it and counts as a new insertion") {
  Timers timers(kStartNs);
  const int64_t deadline = kStartNs + 20 * kMsNs;
  arm(timers, 1, kStartNs + 10'000 * kMsNs);
  arm(timers, 2, deadline);
  arm(timers, 3, deadline);
  arm(timers, 1, deadline);
  arm(timers, 2, deadline);
  CHECK_EQ(timers.armed(), 3u);
  CHECK_EQ(timers.deadlineNs(1), deadline);
  CHECK(expire(timers, deadline + 1) == (Ids{3, 1, 2}));
  CHECK_EQ(timers.arm(1, 77, deadline), 0);
  CHECK_EQ(timers.arm(1, 78, deadline + 1), 0);
  CHECK_EQ(timers.tag(1), 78u);
}

CASE("EV-06 the bound leads a waiting loop to a deadline within few wake-ups") {
  check::Random random(check::seed());
  for (unsigned bits = 1; bits < 62; bits++) {
    for (const uint32_t crowd : {1u, 40u}) {
      Timers timers(kStartNs);
      const int64_t deadline = kStartNs + static_cast<int64_t>(random.next() >> (64 - bits));
      for (uint32_t id = 0; id < crowd; id++) arm(timers, id, deadline);
      int wakes = 0;
      while (timers.armed() > 0 && wakes < 20) {
        const int64_t bound = timers.nextDeadlineNs();
        CHECK(bound <= deadline);
        wakes++;
        expire(timers, bound + 1);
      }
      // Once for the deadline, once more at most for each of the six levels.
      CHECK(crowd == 1 ? wakes == 1 : wakes <= 7);
    }
  }
}

CASE("EV-06 the bound of a near, crowded slot is less than a tick low") {
  Timers timers(kStartNs);
  const int64_t blockStart = kStartNs / (256 * kTickNs) * 256 * kTickNs + 256 * kTickNs;
  expire(timers, blockStart);
  for (uint32_t id = 0; id < 50; id++) arm(timers, id, blockStart + 30 * kTickNs + 999 + id);
  const int64_t bound = timers.nextDeadlineNs();
  CHECK(bound <= blockStart + 30 * kTickNs + 999);
  CHECK(bound > blockStart + 29 * kTickNs + 999);
  for (uint32_t id = 0; id < 50; id++) timers.cancel(id);
  CHECK_EQ(timers.nextDeadlineNs(), INT64_MAX);
}

CASE("TM-01 a suspended process finds its timers after a leap of centuries") {
  Timers timers(0);
  for (uint32_t id = 0; id < 1000; id++) arm(timers, id, (id + 1) * (kYearNs / 7));
  Ids expected;
  for (uint32_t id = 0; id < 1000; id++) expected.push_back(id);
  CHECK(expire(timers, 200 * kYearNs) == expected);
  CHECK(expire(timers, 290 * kYearNs).empty());
  // The clock may even come back once nothing is armed.
  CHECK(expire(timers, kStartNs).empty());
  arm(timers, 1, kStartNs + kMsNs);
  CHECK_EQ(timers.nextDeadlineNs(), kStartNs + kMsNs);
  CHECK(expire(timers, kStartNs + 2 * kMsNs) == Ids{1});
  // And the timers after that are filed as ever, not as late ones, which take more memory.
  for (uint32_t id = 0; id < 1000; id++) arm(timers, id, kStartNs + (2000 - id) * kMsNs);
  CHECK(timers.bytes() < 1024 * 24 + 2000);
}

CASE("TM-06 a million timers take 24 bytes each and give them back") {
  constexpr uint32_t kCount = 1'000'000;
  Timers timers(kStartNs);
  check::Random random(check::seed());
  for (uint32_t id = 0; id < kCount; id++) {
    arm(timers, id, kStartNs + 1 + static_cast<int64_t>(random.next() >> 20));
  }
  CHECK_EQ(timers.armed(), kCount);
  CHECK(timers.bytes() < kCount * size_t{24} + 100'000);
  timers.checkInvariants();
  timers.releaseMemory();
  CHECK(timers.isArmed(kCount - 1));
  for (uint32_t id = 0; id < kCount; id++) CHECK(timers.cancel(id));
  timers.checkInvariants();
  timers.releaseMemory();
  CHECK_EQ(timers.bytes(), 0u);
  CHECK(!timers.isArmed(7));
  arm(timers, 7, kStartNs);
  CHECK(expire(timers, kStartNs + 1) == Ids{7});
}

CASE("TM-03 a burst of late timers in falling order fires in order and gives its memory back") {
  constexpr uint32_t kCount = 20'000;
  Timers timers(kStartNs);
  for (uint32_t id = 0; id < kCount; id++) arm(timers, id, kStartNs - id / 2);
  const size_t burstBytes = timers.bytes();
  for (uint32_t id = 0; id < kCount; id += 3) CHECK(timers.cancel(id));
  const Ids fired = expire(timers, kStartNs + 1);
  CHECK_EQ(fired.size(), kCount - (kCount + 2) / 3);
  const bool ordered = std::is_sorted(fired.begin(), fired.end(), [](uint32_t a, uint32_t b) {
    return a / 2 != b / 2 ? a / 2 > b / 2 : a < b;
  });
  CHECK(ordered);
  CHECK(timers.bytes() + kCount * size_t{24} / 2 < burstBytes);
}

CASE("TM-06 an id out of range is refused and changes nothing") {
  Timers timers(kStartNs);
  CHECK(timers.arm(Timers::kMaxTimers, 0, 0) == -ENOMEM);
  CHECK(timers.arm(UINT32_MAX, 0, 0) == -ENOMEM);
  CHECK(!timers.cancel(UINT32_MAX));
  CHECK(!timers.isArmed(Timers::kMaxTimers));
  CHECK_EQ(timers.armed(), 0u);
  CHECK_EQ(timers.bytes(), 0u);
}

CASE("TM-03 TM-05 TM-06 TM-08 random use agrees with an ordered map") {
  check::Random random(check::seed());
  RandomSource source(random.next());
  uint64_t fired = 0;
  for (int round = 0; round < 1000 * check::kStressScale; round++) {
    TimersProfile profile;
    profile.ids = 1u << random.below(12);
    profile.scaleBits = 8 + random.below(52);
    profile.clockMayStepBack = random.below(4) == 0;
    const auto base = static_cast<int64_t>(random.next() >> (round % 3 == 0 ? 0 : 8));
    TimersModel model(source, profile, base);
    for (int step = 0; step < 4000; step++) {
      model.step();
      if (step % 200 == 0) model.checkInvariants();
    }
    model.drain();
    fired += model.fired();
  }
  CHECK(fired > 10'000);
}
