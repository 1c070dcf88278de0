// One pass of the timers: its limit, and callbacks that arm, move and cancel.
#include <algorithm>
#include <cstdint>

#include "test/timers_fixture.h"

namespace {

using namespace heddle::test;

}  // namespace

CASE("TM-08 at most max fire in a call and the rest follows in order") {
  Timers timers(kStartNs);
  constexpr uint32_t kCount = 5000;
  for (uint32_t i = 0; i < kCount; i++) {
    const uint32_t id = i * 1009 % kCount;
    arm(timers, id, kStartNs + 20'000LL * id);
  }
  const int64_t now = kStartNs + 100 * kMsNs;
  CHECK(expire(timers, now, 0).empty());
  uint32_t next = 0;
  while (next < kCount) {
    const Ids ids = expire(timers, now, 1024);
    CHECK_EQ(ids.size(), std::min<size_t>(1024, kCount - next));
    for (const uint32_t id : ids) CHECK_EQ(id, next++);
    if (next < kCount) CHECK(timers.nextDeadlineNs() <= kStartNs + 20'000LL * next);
  }
  CHECK(expire(timers, now, 1024).empty());
}

CASE("TM-08 timers armed between limited calls take their place among those left over") {
  Timers timers(kStartNs);
  for (uint32_t id = 0; id < 100; id++) arm(timers, id, kStartNs + id * kMsNs);
  const int64_t now = kStartNs + 1000 * kMsNs;
  CHECK_EQ(expire(timers, now, 10).size(), 10u);
  arm(timers, 200, kStartNs + 10 * kMsNs - 1);
  arm(timers, 201, kStartNs + 11 * kMsNs);
  arm(timers, 202, kStartNs + 50 * kMsNs + 1);
  CHECK(expire(timers, now, 4) == (Ids{200, 10, 11, 201}));
  const Ids rest = expire(timers, now);
  CHECK_EQ(rest.size(), 89u);
  CHECK_EQ(rest[39], 202u);
}

CASE("TM-08 a small max on a very crowded tick costs no more than its share") {
  // A sort or a walk at each call would make this run for hours.
  constexpr uint32_t kCount = 200'000;
  Timers timers(kStartNs);
  check::Random random(check::seed());
  const int64_t start = (kStartNs / kTickNs + 3) * kTickNs;
  for (uint32_t id = 0; id < kCount; id++) arm(timers, id, start + random.below(1u << 20));
  size_t fired = 0;
  size_t calls = 0;
  int64_t last = 0;
  while (timers.armed() > 0) {
    fired += timers.expire(start + kTickNs, 1, [&](uint32_t, uint32_t id) {
      CHECK(timers.deadlineNs(id) >= last);
      last = timers.deadlineNs(id);
    });
    CHECK(timers.nextDeadlineNs() >= last);
    calls++;
  }
  CHECK_EQ(fired, kCount);
  CHECK_EQ(calls, kCount);
}

CASE("TM-02 a timer armed by a callback never fires in the same pass, not even when due") {
  Timers timers(kStartNs);
  for (uint32_t id = 0; id < 3; id++) arm(timers, id, kStartNs + id);
  const int64_t now = kStartNs + 50 * kTickNs;
  Ids first;
  timers.expire(now, SIZE_MAX, [&](uint32_t, uint32_t id) {
    first.push_back(id);
    CHECK_EQ(timers.arm(id, tagOf(id), kStartNs + 2 - id), 0);
    CHECK_EQ(timers.arm(10 + id, tagOf(10 + id), now - 1), 0);
    CHECK(timers.isArmed(id));
    CHECK(timers.nextDeadlineNs() <= kStartNs + 2 - id);
    timers.checkInvariants();
  });
  CHECK(first == (Ids{0, 1, 2}));
  CHECK_EQ(timers.armed(), 6u);
  CHECK(expire(timers, now) == (Ids{2, 1, 0, 10, 11, 12}));
}

CASE("TM-02 callbacks of one pass arm many due timers in falling order") {
  constexpr uint32_t kCount = 500;
  Timers timers(kStartNs);
  for (uint32_t id = 0; id < kCount; id++) arm(timers, id, kStartNs);
  const int64_t now = kStartNs + kMsNs;
  timers.expire(now, SIZE_MAX, [&](uint32_t, uint32_t id) {
    CHECK_EQ(timers.arm(id, tagOf(id), kStartNs - id), 0);
  });
  timers.checkInvariants();
  Ids expected;
  for (uint32_t id = kCount; id > 0; id--) expected.push_back(id - 1);
  CHECK(expire(timers, now) == expected);
}

CASE("TM-02 a timer that re-arms itself runs once a pass, behind equals that waited") {
  Timers timers(kStartNs);
  int runs = 0;
  arm(timers, 1, kStartNs);
  for (int pass = 1; pass <= 10; pass++) {
    const int64_t now = kStartNs + pass * 7 * kMsNs;
    timers.expire(now, SIZE_MAX, [&](uint32_t, uint32_t) {
      runs++;
      CHECK_EQ(timers.arm(1, 1, now), 0);
    });
    CHECK_EQ(runs, pass);
  }
}

CASE("TM-06 a callback cancels timers that are due in the same pass") {
  Timers timers(kStartNs);
  for (uint32_t id = 0; id < 300; id++) arm(timers, id, kStartNs + id * kTickNs / 40);
  arm(timers, 300, kStartNs - 1);
  Ids fired;
  timers.expire(kStartNs + kYearNs, SIZE_MAX, [&](uint32_t, uint32_t id) {
    fired.push_back(id);
    CHECK(!timers.cancel(id));
    if (id != 300) CHECK(timers.cancel(id + 1));
    timers.checkInvariants();
  });
  CHECK_EQ(timers.armed(), 0u);
  CHECK_EQ(fired[0], 300u);
  for (size_t i = 1; i < fired.size(); i++) CHECK_EQ(fired[i], 2 * (i - 1));
}

CASE("TM-05 a callback moves timers that are due in the same pass") {
  Timers timers(kStartNs);
  for (uint32_t id = 0; id < 4; id++) arm(timers, id, kStartNs + id);
  const int64_t now = kStartNs + kMsNs;
  Ids fired;
  timers.expire(now, SIZE_MAX, [&](uint32_t, uint32_t id) {
    fired.push_back(id);
    if (id != 0) return;
    CHECK_EQ(timers.arm(1, tagOf(1), now + kMsNs), 0);
    CHECK_EQ(timers.arm(2, tagOf(2), kStartNs - 1), 0);
  });
  CHECK(fired == (Ids{0, 3}));
  CHECK(expire(timers, now) == Ids{2});
  CHECK(expire(timers, now + kMsNs + 1) == Ids{1});
}
