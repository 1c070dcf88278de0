// How a loop lies down: looking a moment for what its guests expect, then asleep until somebody
// wakes it.
#include <sys/resource.h>

#include <atomic>
#include <thread>

#include "job/tray.h"
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
  if (granted > 0 && afterNs > granted) lookout->looked(granted);
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
    if (looked) lookout.looked(Lookout::kLongestNs);
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
  lookout.looked(Lookout::kLongestNs / 4);  // a descriptor asked for attention
  CHECK_EQ(lookout.grant(now + 1'000'000), Lookout::kLongestNs * 3 / 4);
  lookout.looked(Lookout::kLongestNs);
  for (int i = 0; i < 10; i++) CHECK_EQ(lookout.grant(now + 1'000'000 * i), 0);
}

CASE("JQ-01 with one processor there is no looking") {
  Lookout lookout(1);
  int64_t now = 1;
  for (int i = 0; i < 10; i++) CHECK_EQ(wait(&lookout, &now, kSoon), 0);
}

// Expects what never comes.
class Waiter : public loop::Guest {
 public:
  explicit Waiter(loop::Loop* loop) { loop->attach(this, 0); }

  bool isWaiting = true;
  mutable uint64_t looks = 0;  // at it
  uint64_t presses = 0;        // of so many looks one finds something else to do; 0: none

  void ready(uint64_t, uint32_t) override {}
  void timers(int64_t) override {}
  int64_t nextDeadlineNs() const override { return INT64_MAX; }
  bool hasWork() const override {
    looks++;
    return presses != 0 && looks % presses == 0;
  }
  bool expects() const override { return isWaiting; }
};

loop::Rest rest(Loopback& world) { return world.loop().rest(world.loop().poller().fd()); }

// As a desk does it: a tray, to which other threads bring.
class Customer : public loop::Guest {
 public:
  explicit Customer(loop::Loop* loop) : tray_(job::Trays::make(loop->loopId())), loop_(loop) {
    if (tray_ == nullptr) std::abort();
    tray_->open(loop);
    loop->attach(this, 0);
  }
  ~Customer() override {
    tray_->close();
    tray_->release();
  }
  Customer(const Customer&) = delete;
  Customer& operator=(const Customer&) = delete;

  // Any thread.
  void bring() { tray_->call(job::Tray::kWork); }
  int taken() const { return taken_; }

  void ready(uint64_t, uint32_t) override {}
  void timers(int64_t) override {
    if (tray_->takeCalls() != 0) loop_->port().emit(In::TRIGGER, 1, ++taken_);
  }
  bool resting() override { return tray_->rest(); }
  void roused() override { tray_->rouse(); }
  int64_t nextDeadlineNs() const override { return INT64_MAX; }
  bool hasWork() const override { return tray_->hasNews(); }
  bool expects() const override { return true; }

 private:
  job::Tray* const tray_;
  loop::Loop* const loop_;
  int taken_ = 0;
};

CASE("JQ-01 nothing that is brought while the loop lies down is overslept") {
  loop::LoopOptions options = Loopback::originNow();
  options.maxSleepNs = 600'000'000'000;
  Loopback world({}, options);
  Customer customer(&world.loop());
  constexpr int kMany = 20'000;
  std::atomic<int> seen{0};
  std::thread other([&] {
    // Each when the last has been seen, so that the loop is on its way to sleep every time.
    for (int i = 0; i < kMany; i++) {
      while (seen.load(std::memory_order_acquire) != i) sys::relax();
      for (int pause = 0; pause < i % 97; pause++) sys::relax();
      customer.bring();
    }
  });
  while (customer.taken() < kMany) {
    world.pass(600'000);  // a lost wake-up runs the test into its time limit
    seen.store(customer.taken(), std::memory_order_release);
  }
  other.join();
  CHECK_EQ(customer.taken(), kMany);
}

int64_t threadCpuNs() { return sys::readClockNs(CLOCK_THREAD_CPUTIME_ID); }

CASE("JQ-01 a loop that expects something which does not come burns no processor time") {
  Loopback world;
  const Waiter waiter(&world.loop());
  world.pass(1);
  const int64_t before = threadCpuNs();
  for (int i = 0; i < 50; i++) world.pass(10);
  CHECK(threadCpuNs() - before < 50'000'000);  // of 500 ms
}

CASE("JQ-01 looking ends when a descriptor asks for attention, and leaves what was granted") {
  // A look that has gone on to its end is not followed by another. A thread that was kept from its
  // processor meanwhile has looked as long, so one of many has to do.
  if (sys::usableProcessors() < 2) return;
  bool looksAgain = false;
  for (int i = 0; i < 1000 && !looksAgain; i++) {
    Loopback world;
    const Waiter waiter(&world.loop());
    world.loop().wake();
    CHECK(sys::isReadable(world.loop().poller().fd()));
    CHECK(rest(world) == loop::Rest::kAsleep);
    const uint64_t looked = waiter.looks;
    CHECK(looked > 2);
    CHECK(rest(world) == loop::Rest::kAsleep);
    looksAgain = waiter.looks - looked > 2;
  }
  CHECK(looksAgain);
}

CASE("JQ-01 who expects nothing does not look") {
  Loopback world;
  Waiter waiter(&world.loop());
  waiter.isWaiting = false;
  CHECK(rest(world) == loop::Rest::kAsleep);
  CHECK(waiter.looks <= 2);
}

CASE("JQ-01 what else comes while the loop looks takes its time from what is granted") {
  Loopback world;
  Waiter waiter(&world.loop());
  waiter.presses = 16;
  // Each look is ended by something else; all of them together are one.
  int found = 0;
  for (int i = 0; i < 100'000; i++) found += rest(world) == loop::Rest::kFound ? 1 : 0;
  CHECK(found < 10'000);
  if (sys::usableProcessors() > 1) CHECK(found > 0);
}

CASE("PO-01 who asks for a loop that looks has it at once") {
  if (sys::usableProcessors() < 2) return;
  Loopback world;
  const Waiter waiter(&world.loop());
  int asked = 0;
  const auto isAsked = [](void* by) { return ++*static_cast<int*>(by) == 3; };
  CHECK(world.loop().rest(world.loop().poller().fd(), isAsked, &asked) == loop::Rest::kDisturbed);
  CHECK_EQ(asked, 3);
}

}  // namespace
}  // namespace heddle::test
