// How a loop lies down: looking a moment for what its guests expect, then asleep until somebody
// wakes it.
#include <sys/resource.h>

#include <atomic>
#include <thread>

#include "loop/lookout.h"
#include "sys/spin.h"
#include "test/check.h"
#include "test/loopback.h"

namespace heddle::test {
namespace {

using loop::Lookout;

constexpr int64_t kSoon = Lookout::kLongestNs / 2;
constexpr int64_t kLate = 100 * Lookout::kLongestNs;

// One wait: granted, looked to the end of what is granted, then it came `afterNs` after the start.
int64_t wait(Lookout* lookout, int64_t* nowNs, int64_t afterNs) {
  const int64_t granted = lookout->grant(*nowNs);
  if (granted > 0 && afterNs > granted) lookout->inVain(granted);
  *nowNs += afterNs;
  lookout->settled(*nowNs);
  *nowNs += 1'000;
  return granted;
}

CASE("JQ-01 who waited in vain looks no more, until what is expected comes soon again") {
  Lookout lookout(2);
  int64_t now = 1;
  CHECK_EQ(wait(&lookout, &now, kSoon), Lookout::kLongestNs);
  CHECK_EQ(wait(&lookout, &now, kLate), Lookout::kLongestNs);
  for (int i = 0; i < 100; i++) CHECK_EQ(wait(&lookout, &now, kLate), 0);
  for (int i = 0; i < 2; i++) CHECK_EQ(wait(&lookout, &now, kSoon), 0);  // it slept
  for (int i = 0; i < 10; i++) CHECK_EQ(wait(&lookout, &now, kSoon), Lookout::kLongestNs);
}

CASE("JQ-01 looks that keep being in vain become rare, though things come soon to a sleeper") {
  Lookout lookout(2);
  int64_t now = 1;
  int looks = 0;
  for (int i = 0; i < 10'000; i++) {
    const bool looked = lookout.grant(now) > 0;
    if (looked) lookout.inVain(Lookout::kLongestNs);
    looks += looked ? 1 : 0;
    now += kSoon;
    lookout.settled(now);
    now += 1'000;
  }
  CHECK(looks < 20);
  CHECK(looks > 10);
}

CASE("JQ-01 one wait is granted one look, however often the thread is woken meanwhile") {
  Lookout lookout(2);
  const int64_t now = 1;
  CHECK_EQ(lookout.grant(now), Lookout::kLongestNs);
  lookout.inVain(Lookout::kLongestNs / 4);  // a descriptor asked for attention
  CHECK_EQ(lookout.grant(now + 1'000'000), Lookout::kLongestNs * 3 / 4);
  lookout.inVain(Lookout::kLongestNs);
  for (int i = 0; i < 10; i++) CHECK_EQ(lookout.grant(now + 1'000'000 * i), 0);
}

CASE("JQ-01 with one processor there is no looking") {
  Lookout lookout(1);
  int64_t now = 1;
  for (int i = 0; i < 10; i++) CHECK_EQ(wait(&lookout, &now, kSoon), 0);
}

// Is brought numbers by another thread.
class Inbox : public loop::Guest {
 public:
  explicit Inbox(loop::Loop* loop) : loop_(loop) { loop->attach(this, 0); }

  // Any thread.
  void bring() {
    brought_.fetch_add(1, std::memory_order_seq_cst);
    if (asleep_.load(std::memory_order_seq_cst)) loop_->wake();
  }
  int taken() const { return taken_; }
  bool isWaiting = true;

  void ready(uint64_t, uint32_t) override {}
  void timers(int64_t) override {
    const int brought = brought_.load(std::memory_order_seq_cst);
    if (brought == taken_) return;
    taken_ = brought;
    loop_->port().emit(In::TRIGGER, 1, brought);
  }
  bool resting() override {
    asleep_.store(true, std::memory_order_seq_cst);
    return !hasWork();
  }
  void roused() override { asleep_.store(false, std::memory_order_relaxed); }
  int64_t nextDeadlineNs() const override { return INT64_MAX; }
  bool hasWork() const override { return brought_.load(std::memory_order_seq_cst) != taken_; }
  bool expects() const override { return isWaiting; }

 private:
  loop::Loop* const loop_;
  std::atomic<int> brought_{0};
  std::atomic<bool> asleep_{false};
  int taken_ = 0;
};

CASE("JQ-01 nothing that is brought while the loop lies down is overslept") {
  Loopback world;
  Inbox inbox(&world.loop());
  constexpr int kMany = 20'000;
  std::atomic<int> seen{0};
  std::thread other([&] {
    // Each when the last has been seen, so that the loop is on its way to sleep every time.
    for (int i = 0; i < kMany; i++) {
      while (seen.load(std::memory_order_acquire) != i) sys::relax();
      for (int pause = 0; pause < i % 97; pause++) sys::relax();
      inbox.bring();
    }
  });
  while (inbox.taken() < kMany) {
    world.pass(600'000);  // a lost wake-up runs the test into its time limit
    seen.store(inbox.taken(), std::memory_order_release);
  }
  other.join();
  CHECK_EQ(inbox.taken(), kMany);
}

int64_t threadCpuNs() { return sys::readClockNs(CLOCK_THREAD_CPUTIME_ID); }

CASE("JQ-01 a loop that expects something which does not come burns no processor time") {
  Loopback world;
  Inbox inbox(&world.loop());
  world.pass(1);
  const int64_t before = threadCpuNs();
  for (int i = 0; i < 50; i++) world.pass(10);
  CHECK(threadCpuNs() - before < 50'000'000);  // of 500 ms
  CHECK_EQ(inbox.taken(), 0);
}

CASE("JQ-01 looking ends when a descriptor asks for attention") {
  Loopback world;
  Inbox inbox(&world.loop());
  CHECK(!sys::isReadable(world.loop().poller().fd()));
  world.loop().wake();
  CHECK(sys::isReadable(world.loop().poller().fd()));
  CHECK(world.loop().rest(world.loop().poller().fd()) == loop::Rest::kAsleep);
  world.pass(10'000);  // the wake-up ends it
  inbox.isWaiting = false;
  CHECK(world.loop().rest(world.loop().poller().fd()) == loop::Rest::kAsleep);
}

}  // namespace
}  // namespace heddle::test
