// What other threads send to a loop.
#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "loop/errand.h"
#include "test/check.h"
#include "test/loopback.h"

namespace heddle::test {
namespace {

using loop::LetterPtr;
using loop::Mailbox;

LetterPtr trigger(uint32_t to, int32_t handle, int32_t mask = 1) {
  return loop::makeLetter(to, In::TRIGGER, handle, mask);
}

LetterPtr bytes(uint32_t to, size_t size, uint8_t fill = 'x') {
  const std::vector<uint8_t> content(size, fill);
  return loop::makePost(to, content.data(), static_cast<uint32_t>(size));
}

CASE("EV-24 a letter reaches its loop and ends its wait") {
  Loopback world;
  CHECK_EQ(Mailbox::post(trigger(world.loop().loopId(), 5, 3)), 0);
  world.pass();
  REQUIRE(world.count(In::TRIGGER) == 1);
  CHECK_EQ(world.last(In::TRIGGER)->at(1), 5);
  CHECK_EQ(world.last(In::TRIGGER)->at(2), 3);
  std::thread other([&] { CHECK_EQ(Mailbox::post(bytes(world.loop().loopId(), 3)), 0); });
  CHECK(world.until([&] { return world.count(In::POST) == 1; }));
  other.join();
  CHECK(world.last(In::POST)->bytes == "xxx");
}

CASE("EV-24 a loop that is gone, or never was, is no receiver") {
  uint32_t id = 0;
  {
    Loopback world;
    id = world.loop().loopId();
    CHECK_EQ(Mailbox::wake(id), 0);
  }
  CHECK_EQ(Mailbox::post(trigger(id, 1)), -ENOENT);
  CHECK_EQ(Mailbox::wake(id), -ENOENT);
  CHECK_EQ(Mailbox::post(trigger(0, 1)), -ENOENT);
}

CASE("EV-24 a loop that is being closed is no receiver any more, though it still exists") {
  Loopback world;
  const uint32_t id = world.loop().loopId();
  CHECK_EQ(Mailbox::post(trigger(id, 1)), 0);
  world.loop().close();
  world.loop().close();
  CHECK_EQ(Mailbox::post(trigger(id, 2)), -ENOENT);
  CHECK_EQ(Mailbox::wake(id), -ENOENT);
  world.pass();
  CHECK_EQ(world.count(In::TRIGGER), size_t{1});  // it came in time
}

CASE("EV-07 a wake-up ends a wait, runs nothing, and several are one") {
  Loopback world;
  for (int i = 0; i < 100; i++) CHECK_EQ(Mailbox::wake(world.loop().loopId()), 0);
  const uint64_t waits = world.loop().waits();
  world.pass(10'000);  // returns at once, or the test runs into its time limit
  CHECK_EQ(world.loop().waits(), waits + 1);
  CHECK(world.log.empty());
  CHECK(!world.loop().hasWork());
}

// Posts while the loop is between looking into its mailbox and waiting.
class LatePoster : public loop::Guest {
 public:
  explicit LatePoster(loop::Loop* owner) : loop_(owner) {}
  void resumed() override {
    if (posted) return;
    posted = true;
    CHECK_EQ(Mailbox::post(trigger(loop_->loopId(), 9)), 0);
  }
  void ready(uint64_t, uint32_t) override {}
  void timers(int64_t) override {}
  int64_t nextDeadlineNs() const override { return INT64_MAX; }
  bool hasWork() const override { return false; }

  bool posted = false;

 private:
  loop::Loop* loop_;
};

CASE("EV-07 a letter that comes just before the wait does not wait for the next sleep") {
  Loopback world;
  LatePoster poster(&world.loop());
  world.loop().attach(&poster, 0);
  world.pass();
  CHECK(poster.posted);
  CHECK_EQ(world.count(In::TRIGGER), size_t{0});
  // Its wake-up is spent, so nothing but the loop itself knows.
  CHECK(world.loop().hasWork());
  CHECK_EQ(world.loop().sleepNs(), 0);
  world.pass();
  CHECK_EQ(world.count(In::TRIGGER), size_t{1});
  CHECK(!world.loop().hasWork());
}

CASE("EV-24 a full mailbox says so, and takes again when emptied") {
  Loopback world;
  const uint32_t id = world.loop().loopId();
  for (size_t i = 0; i < Mailbox::kMaxLetters; i++) {
    if (Mailbox::post(trigger(id, static_cast<int32_t>(i))) != 0) CHECK(false);
  }
  CHECK_EQ(Mailbox::post(trigger(id, 1)), -ENOBUFS);
  CHECK(world.until([&] { return world.count(In::TRIGGER) == Mailbox::kMaxLetters; }));
  int32_t expected = 0;
  bool ordered = true;
  for (const Record& record : world.log) ordered = ordered && record.at(1) == expected++;
  CHECK(ordered);
  CHECK_EQ(Mailbox::post(trigger(id, 1)), 0);
}

CASE("EV-24 bytes beyond the receive slab are refused, not kept for ever") {
  PortSizes sizes;
  sizes.recvBytes = 8192;
  Loopback world(sizes);
  const uint32_t id = world.loop().loopId();
  CHECK_EQ(Mailbox::post(bytes(id, 8193)), -EMSGSIZE);
  CHECK_EQ(Mailbox::post(bytes(id, 8192, 'm')), 0);
  CHECK_EQ(Mailbox::post(bytes(id, 8000, 'n')), 0);
  CHECK_EQ(Mailbox::post(bytes(id, 0)), 0);
  CHECK_EQ(Mailbox::post(trigger(id, 1)), 0);
  CHECK(world.until([&] { return world.count(In::TRIGGER) == 1; }));
  CHECK_EQ(world.count(In::POST), size_t{3});
  CHECK(world.log[0].bytes == std::string(8192, 'm'));
  CHECK(world.log[1].bytes == std::string(8000, 'n'));
  CHECK(world.log[2].bytes.empty());
  CHECK(!world.loop().hasWork());
}

// Threads post numbered letters; each sender's arrive complete and in its order.
void storm(int threads) {
  Loopback world;
  const uint32_t id = world.loop().loopId();
  const int each = 2000 * check::kStressScale;
  std::vector<std::thread> senders;
  for (int t = 0; t < threads; t++) {
    senders.emplace_back([=] {
      for (int i = 0; i < each; i++) {
        const auto* const number = reinterpret_cast<const uint8_t*>(&i);
        const auto make = [&] {
          return i % 3 == 0 ? loop::makePost(id, number, sizeof i) : trigger(id, t, i);
        };
        while (Mailbox::post(make()) == -ENOBUFS) std::this_thread::yield();
        if (i % 64 == 0) static_cast<void>(Mailbox::wake(id));
      }
    });
  }
  const auto expected = static_cast<size_t>(each) * static_cast<size_t>(threads);
  CHECK(world.until([&] { return world.log.size() == expected; }, 60'000));
  for (std::thread& sender : senders) sender.join();
  std::vector<int> next(static_cast<size_t>(threads), 0);
  bool ordered = true;
  for (const Record& record : world.log) {
    if (record.kind != In::TRIGGER) continue;
    int& from = next[static_cast<size_t>(record.at(1))];
    if (from % 3 == 0) from++;  // went by post, which carries no sender
    ordered = ordered && record.at(2) == from++;
  }
  CHECK(ordered);
  CHECK(!world.loop().hasWork());
}

CASE("EV-24 stress: two threads post to a loop") { storm(2); }
CASE("EV-24 stress: four threads post to a loop") { storm(4); }

CASE("EV-24 stress: loops end while four threads post to them") {
  // Zero while no loop is up. Relaxed: only a number to aim at; the mailbox synchronises for
  // itself.
  std::atomic<uint32_t> target{0};
  std::atomic<bool> stop{false};
  std::atomic<uint32_t> accepted{0};
  std::vector<std::thread> senders;
  for (int t = 0; t < 4; t++) {
    senders.emplace_back([&, t] {
      while (!stop.load(std::memory_order_relaxed)) {
        const uint32_t id = target.load(std::memory_order_relaxed);
        const int result = t % 2 == 0 ? Mailbox::post(trigger(id, t)) : Mailbox::wake(id);
        if (result == 0) accepted.fetch_add(1, std::memory_order_relaxed);
        if (result != 0 && result != -ENOENT && result != -ENOBUFS) std::abort();
      }
    });
  }
  for (int i = 0; i < 100 * check::kStressScale; i++) {
    Loopback world;
    target.store(world.loop().loopId(), std::memory_order_relaxed);
    // Somebody has found it; it goes while they are at it.
    const uint32_t before = accepted.load(std::memory_order_relaxed);
    while (accepted.load(std::memory_order_relaxed) < before + 4) std::this_thread::yield();
    world.pass();
  }
  stop.store(true, std::memory_order_relaxed);
  for (std::thread& sender : senders) sender.join();
  CHECK(accepted.load(std::memory_order_relaxed) >= 400);
}

// Counts how it ended.
struct Tally : loop::Errand {
  Tally(uint32_t toIn, Urgency urgency, int* ranIn, int* droppedIn)
      : Errand(toIn, ran, gone, urgency), ranCount(ranIn), droppedCount(droppedIn) {}

  static void ran(Errand* self, loop::Loop& at) {
    auto* const tally = static_cast<Tally*>(self);
    CHECK_EQ(at.loopId(), tally->to);
    ++*tally->ranCount;
    delete tally;
  }
  static void gone(Errand* self) {
    auto* const tally = static_cast<Tally*>(self);
    ++*tally->droppedCount;
    delete tally;
  }

  int* ranCount;
  int* droppedCount;
};

CASE("EV-07 an errand runs once on its loop, in turn with letters, or is dropped once") {
  int ran = 0;
  int dropped = 0;
  {
    Loopback world;
    const uint32_t id = world.loop().loopId();
    const auto post = [&](loop::Errand::Urgency urgency) {
      return Mailbox::post(LetterPtr(new Tally(id, urgency, &ran, &dropped)));
    };
    CHECK_EQ(post(loop::Errand::kRequest), 0);
    CHECK_EQ(Mailbox::post(trigger(id, 3)), 0);
    world.handler = [&](const Record&) { CHECK_EQ(ran, 1); };
    world.pass();
    CHECK_EQ(ran, 1);
    CHECK_EQ(world.count(In::TRIGGER), size_t{1});
    world.handler = nullptr;
    // A full mailbox refuses requests; a reply is always taken.
    for (size_t i = 0; i < Mailbox::kMaxLetters; i++) {
      if (Mailbox::post(trigger(id, 1)) != 0) CHECK(false);
    }
    CHECK_EQ(post(loop::Errand::kRequest), -ENOBUFS);
    CHECK_EQ(dropped, 1);
    CHECK_EQ(post(loop::Errand::kReply), 0);
    CHECK(world.until([&] { return ran == 2; }));
    // What is under way when the loop ends is dropped with it, what comes later at once.
    CHECK_EQ(post(loop::Errand::kReply), 0);
    world.loop().close();
    CHECK_EQ(post(loop::Errand::kReply), -ENOENT);
    CHECK_EQ(dropped, 2);
  }
  CHECK_EQ(ran, 2);
  CHECK_EQ(dropped, 3);
}

// A guest that notes which descriptors it was told of, and its end.
class Notes : public loop::Guest {
 public:
  explicit Notes(std::vector<uint64_t>* toldIn) : told(toldIn) {}
  void ready(uint64_t data, uint32_t) override { told->push_back(data); }
  void timers(int64_t) override {}
  int64_t nextDeadlineNs() const override { return INT64_MAX; }
  bool hasWork() const override { return false; }
  void closing() override { told->push_back(1); }
  void abandoned() override {
    told->push_back(2);
    delete this;
  }

  std::vector<uint64_t>* told;
};

CASE("EV-05 each guest hears of descriptors under its own tags; an owned one ends with the loop") {
  constexpr uint64_t kFirst = 4;
  constexpr uint64_t kSecond = 5;
  std::vector<uint64_t> first;
  std::vector<uint64_t> owned;
  {
    Loopback world;
    Notes guest(&first);
    world.loop().attach(&guest, 1u << kFirst);
    world.loop().adopt(new Notes(&owned), 1u << kSecond);
    CHECK(world.loop().guest(kFirst) == &guest);
    const check::UnixPair one;
    const check::UnixPair other;
    CHECK_EQ(world.loop().poller().add(one.a, sys::kWrite, kFirst << 32 | 7), 0);
    CHECK_EQ(world.loop().poller().add(other.a, sys::kWrite, kSecond << 32 | 8), 0);
    world.pass();
    world.loop().poller().remove(one.a);
    world.loop().poller().remove(other.a);
    CHECK(first == (std::vector<uint64_t>{kFirst << 32 | 7}));
    CHECK(owned == (std::vector<uint64_t>{kSecond << 32 | 8}));
    world.loop().close();
    world.loop().close();
    CHECK_EQ(first.back(), uint64_t{1});
    CHECK_EQ(owned.back(), uint64_t{1});
  }
  CHECK_EQ(owned.back(), uint64_t{2});
  CHECK_EQ(owned.size(), size_t{3});
}

}  // namespace
}  // namespace heddle::test
