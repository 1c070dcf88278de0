// Large bytes of jobs: kept for the next while there are loops, for a moment, and not too many.
#include <cstring>
#include <thread>
#include <vector>

#include "job/large_blocks.h"
#include "mem/pressure.h"
#include "sys/clock.h"
#include "test/job_fixture.h"

namespace heddle::test {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr int64_t kSecondNs = 1'000'000'000;

// As a loop is there.
struct Keeping {
  Keeping() { job::keepLargeBegin(); }
  ~Keeping() { job::keepLargeEnd(); }
  Keeping(const Keeping&) = delete;
  Keeping& operator=(const Keeping&) = delete;
};

CASE("without a loop no block is kept, and with the last one those that were go") {
  job::giveLarge(job::takeLarge(kMiB), kMiB);
  CHECK_EQ(job::countLarge(), 0u);
  {
    const Keeping first;
    {
      const Keeping second;
      job::giveLarge(job::takeLarge(kMiB), kMiB);
    }
    CHECK_EQ(job::countLarge(), 1u);
  }
  CHECK_EQ(job::countLarge(), 0u);
}

CASE("the block that was given last is taken first, by sizes that are nearly the same") {
  const Keeping keeping;
  uint8_t* const one = job::takeLarge(kMiB);
  uint8_t* const two = job::takeLarge(kMiB);
  REQUIRE(one != nullptr && two != nullptr);
  std::memset(one, 1, kMiB);
  job::giveLarge(one, kMiB);
  job::giveLarge(two, kMiB);
  CHECK_EQ(job::countLarge(), 2u);
  // A page more is of another size, which goes up to a quarter more.
  uint8_t* const larger = job::takeLarge(kMiB + 4096);
  CHECK(larger != one && larger != two);
  CHECK_EQ(job::takeLarge(kMiB - 100), two);
  CHECK_EQ(job::takeLarge(kMiB), one);
  CHECK_EQ(job::countLarge(), 0u);
  std::memset(larger, 2, kMiB + 4096);
  job::giveLarge(larger, kMiB + 4096);
  CHECK_EQ(job::takeLarge(kMiB + kMiB / 4), larger);
  std::memset(larger, 3, kMiB + kMiB / 4);
  job::giveLarge(larger, kMiB + kMiB / 4);
  job::giveLarge(one, kMiB);
  job::giveLarge(two, kMiB - 100);
}

CASE("as many are kept as bounds allow") {
  const Keeping keeping;
  std::vector<uint8_t*> blocks(20);
  for (uint8_t*& block : blocks) block = job::takeLarge(300'000);
  for (uint8_t* block : blocks) job::giveLarge(block, 300'000);
  CHECK_EQ(job::countLarge(), 16u);
  job::trimLarge(INT64_MAX);
  CHECK_EQ(job::countLarge(), 0u);
  blocks.resize(5);
  for (uint8_t*& block : blocks) block = job::takeLarge(5 * kMiB);
  for (uint8_t* block : blocks) job::giveLarge(block, 5 * kMiB);
  CHECK_EQ(job::countLarge(), 3u);
  job::giveLarge(job::takeLarge(17 * kMiB), 17 * kMiB);
  CHECK_EQ(job::countLarge(), 3u);
}

CASE("what nobody takes goes after a second, the older ones first") {
  const Keeping keeping;
  const int64_t before = sys::monotonicNs();
  uint8_t* const one = job::takeLarge(kMiB);
  job::giveLarge(job::takeLarge(2 * kMiB), 2 * kMiB);
  const int64_t between = sys::monotonicNs();
  job::giveLarge(one, kMiB);
  const int64_t after = sys::monotonicNs();
  job::trimLarge(before + kSecondNs - 1);
  CHECK_EQ(job::countLarge(), 2u);
  if (between < after) job::trimLarge(between + kSecondNs);
  CHECK(job::countLarge() <= 2u);
  CHECK(job::largeDueNs() <= after + kSecondNs);
  job::trimLarge(after + kSecondNs);
  CHECK_EQ(job::countLarge(), 0u);
  CHECK_EQ(job::largeDueNs(), INT64_MAX);
}

CASE("when memory has become low nothing is kept any more") {
  const Keeping keeping;
  job::giveLarge(job::takeLarge(kMiB), kMiB);
  const int64_t now = sys::monotonicNs();
  job::trimLarge(now);
  CHECK_EQ(job::countLarge(), 1u);
  REQUIRE(mem::setPressureMarks({.limitBytes = 1}, nullptr, nullptr) == 0);
  job::trimLarge(now);
  CHECK_EQ(job::countLarge(), 0u);
  job::giveLarge(job::takeLarge(kMiB), kMiB);
  CHECK_EQ(job::countLarge(), 0u);
  CHECK_EQ(mem::setPressureMarks({}, nullptr, nullptr), 0);
}

CASE("a loop at rest gets up to free what was kept") {
  JobWorld world;
  world.rest(1);
  const int64_t before = world.desk().nextDeadlineNs();
  const int64_t now = sys::monotonicNs();
  { const job::Payload payload(job::Payload::allocate(kMiB), kMiB); }
  CHECK_EQ(before, INT64_MAX);
  CHECK(world.desk().nextDeadlineNs() >= now + kSecondNs);
  CHECK(world.desk().nextDeadlineNs() <= sys::monotonicNs() + kSecondNs);
  CHECK(world.until([] { return job::countLarge() == 0; }));
  CHECK_EQ(world.desk().nextDeadlineNs(), INT64_MAX);
}

CASE("a loop looks after them in its passes, and a payload takes and gives them") {
  JobWorld world;
  {
    job::Payload payload(job::Payload::allocate(kMiB), kMiB);
    REQUIRE(!payload.empty());
    payload.shrink(5);
    job::Payload other(std::move(payload));
    CHECK_EQ(other.size(), size_t{5});
  }
  CHECK_EQ(job::countLarge(), 1u);
  { const job::Payload small(job::Payload::allocate(job::kMostSmallBytes), job::kMostSmallBytes); }
  CHECK_EQ(job::countLarge(), 1u);
  CHECK(world.until([] { return job::countLarge() == 0; }));
}

CASE("results of a mebibyte, made on several threads, come whole, again and again") {
  JobWorld world;
  const uint32_t number = world.queue({.desired = 3});
  std::atomic<uint8_t> next{0};
  const Body fills = [&](job::NativeCall& call) {
    uint8_t* const room = call.reserve(kMiB);
    if (room == nullptr) return call.fail(-ENOMEM);
    std::memset(room, next++, kMiB);
  };
  for (int round = 0; round < 10 * check::kStressScale; round++) {
    world.done.clear();
    std::vector<uint32_t> handles(6);
    for (uint32_t& handle : handles) handle = world.submit(number, fills);
    CHECK(world.until([&] { return world.done.size() == handles.size(); }));
    for (const uint32_t handle : handles) {
      const std::string bytes = world.done[handle].bytes.substr(8);
      CHECK(bytes == std::string(kMiB, bytes.empty() ? '\0' : bytes[0]));
    }
  }
  world.end(number);
}

}  // namespace
}  // namespace heddle::test
