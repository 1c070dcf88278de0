// Every wait against everything that may end it, in all orders and at the same time: completed,
// timed out, cancelled. Whatever wins, the result is one of them, nothing is lost, and neither a
// watch nor a deadline is left.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

#include "sys/clock.h"
#include "test/aco_fixture.h"

namespace heddle::test {
namespace {

constexpr int64_t kShort = 20'000;  // a time-out that is over soon

// What happens to a wait, in an order of the seed's, with passes between some of it.
class Storm {
 public:
  Storm(AcoWorld& world, check::Random& random) : world_(world), random_(random) {}

  // Twice is likely for each of them, and often several between two passes.
  void rage(int64_t id, const std::function<void()>& complete) {
    for (int step = 0; step < 6; step++) {
      switch (random_.below(5)) {
        case 0:
          complete();
          break;
        case 1:
          if (mayCancel) world_.runtime().cancel(static_cast<Id>(id));
          break;
        case 2:
          letTimePass();
          break;
        default:
          world_.pass();
      }
    }
  }
  bool mayCancel = true;

 private:
  void letTimePass() {
    const int64_t end = sys::monotonicNs() + kShort;
    while (sys::monotonicNs() <= end) continue;
  }

  AcoWorld& world_;
  check::Random& random_;
};

int rounds() { return 400 * check::kStressScale; }

void checkQuiet(AcoWorld& world) {
  CHECK(world.finishAll());
  CHECK_EQ(world.runtime().nextDeadlineNs(), INT64_MAX);
  CHECK_EQ(world.runtime().events(), size_t{0});
  CHECK(world.reports.empty());
}

CASE("AC-08 AC-31 AC-32 sleeps and parks in every order of ends") {
  AcoWorld world;
  check::Random random(check::seed());
  Storm storm(world, random);
  for (int i = 0; i < rounds(); i++) {
    int slept = 1;
    const int64_t sleeper = world.go([&] { slept = aco::sleep(kShort); });
    storm.rage(sleeper, [] {});
    checkQuiet(world);
    CHECK(slept == 0 || slept == -ECANCELED);

    uint64_t given = 0;
    uint64_t taken = 0;
    int left = 0;
    const int64_t parked = world.go([&] {
      uint64_t value = 0;
      const int result = aco::park(&value, kShort);
      CHECK(result == 0 || result == -ETIME || result == -ECANCELED);
      if (result == 0) taken = value;
      // A value that came too late is still there.
      left = aco::park(&value, 0);
      if (left == 0) taken = std::max(taken, value);
    });
    storm.rage(parked, [&] {
      if (world.runtime().unpark(static_cast<Id>(parked), given + 1) == 0) given++;
    });
    checkQuiet(world);
    CHECK_EQ(taken, given);
    if (check::state().failures > 0) return;
  }
}

CASE("AC-09 AC-10 AC-32 reads and writes in every order of ends lose no byte") {
  AcoWorld world;
  check::Random random(check::seed() + 1);
  Storm storm(world, random);
  for (int i = 0; i < rounds(); i++) {
    check::UnixPair pair;
    std::string sent;
    std::string got;
    const auto kind = random.below(4);
    const int64_t reader = world.go([&] {
      Event* const event = adopted(pair.a.release());
      char bytes[16];
      size_t done = 0;
      const Wait wait{kShort, &done};
      int64_t result = 0;
      if (kind == 0) result = event->read(bytes, sizeof bytes, wait);
      if (kind == 1) result = event->readExact(bytes, 4, wait);
      if (kind == 2) result = event->readUntil(bytes, sizeof bytes, "xyxy", 4, wait);
      if (kind == 3) result = event->readFrame(bytes, sizeof bytes, {.headerBytes = 1}, wait);
      CHECK(result > 0 || result == -ETIME || result == -ECANCELED || result == -EMSGSIZE);
      if (kind == 3 && result > 0) got.assign(1, 'x');
      if (kind != 3 || result > 0) got.append(bytes, result == -EMSGSIZE ? 0 : done);
      // What is left is there for the next, cancelled or not.
      CHECK_EQ(aco::park(nullptr, 0), -ETIME);
      for (int64_t more; (more = event->read(bytes, sizeof bytes, {.timeoutNs = 0})) > 0;) {
        got.append(bytes, static_cast<size_t>(more));
      }
      closeAndFree(event);
    });
    storm.rage(reader, [&] {
      const std::string_view piece = random.below(2) == 0 ? "x" : "xy";
      if (sys::writeSome(pair.b, piece.data(), piece.size()) > 0) sent += piece;
    });
    // One that waits still is let go.
    if (world.runtime().live() > 0 && random.below(2) == 0) {
      world.runtime().cancel(static_cast<Id>(reader));
    }
    checkQuiet(world);
    // Bytes that came after the last look are the only ones missing.
    CHECK(sent.starts_with(got));
    if (check::state().failures > 0) return;
  }
}

CASE("AC-10 AC-32 writes in every order of ends: what is said to be written arrives") {
  AcoWorld world;
  check::Random random(check::seed() + 2);
  Storm storm(world, random);
  const std::string large(1 << 19, 'l');
  for (int i = 0; i < rounds() / 4; i++) {
    check::UnixPair pair;
    size_t written = 0;
    int64_t result = 0;
    const int64_t writer = world.go([&] {
      Event* const event = adopted(pair.a.release());
      result =
          event->writeAll(large.data(), large.size(), {.timeoutNs = 4 * kShort, .done = &written});
      closeAndFree(event);
    });
    int64_t drained = 0;
    storm.rage(writer, [&] { drained += check::drain(pair.b); });
    if (world.runtime().live() > 0) world.runtime().cancel(static_cast<Id>(writer));
    checkQuiet(world);
    drained += check::drain(pair.b);
    CHECK_EQ(drained, static_cast<int64_t>(written));
    CHECK(result == -ETIME || result == -ECANCELED || written == large.size());
    if (check::state().failures > 0) return;
  }
}

CASE("AC-11 AC-12 AC-32 accepts and lingering closes in every order of ends") {
  AcoWorld world;
  check::Random random(check::seed() + 3);
  Storm storm(world, random);
  for (int i = 0; i < rounds() / 4; i++) {
    const check::Fd listening(sys::listenStream(check::loopback(), {}));
    sys::Address bound;
    REQUIRE(sys::localAddress(listening, &bound) == 0);
    std::vector<Client> clients;
    int64_t accepted = 0;
    const int64_t id = world.go([&] {
      Event* const event = adopted(listening);
      accepted = event->accept(nullptr, {.timeoutNs = kShort});
      CHECK(accepted >= 0 || accepted == -ETIME || accepted == -ECANCELED);
      CHECK_EQ(event->release(), listening.fd);
      if (accepted < 0) return;
      Event* const connection = adopted(static_cast<int>(accepted));
      sys::setLinger(connection->fd(), 1);
      const int closed = connection->close();
      CHECK(closed == 0 || closed == -ECANCELED);
      CHECK_EQ(connection->free(), 0);
    });
    storm.rage(id, [&] {
      bool inProgress = false;
      clients.emplace_back(sys::connectStream(bound, &inProgress));
    });
    if (world.runtime().live() > 0) world.runtime().cancel(static_cast<Id>(id));
    checkQuiet(world);
    if (check::state().failures > 0) return;
  }
}

CASE("AC-19 AC-23 AC-24 AC-32 asynchronous calls and gates in every order of ends") {
  AcoWorld world;
  check::Random random(check::seed() + 4);
  Storm storm(world, random);
  for (int i = 0; i < rounds(); i++) {
    std::atomic<bool> go{false};
    static std::atomic<int> finished;
    finished = 0;
    struct Argument {
      std::atomic<bool>* go;
    };
    const auto spin = [](void* argument) -> int64_t {
      while (!static_cast<Argument*>(argument)->go->load()) std::this_thread::yield();
      finished++;
      return 4;
    };
    Argument argument{&go};
    const bool copies = random.below(2) == 0;
    const bool gated = random.below(3) == 0;
    const bool hurried = random.below(2) == 0;
    int called = 1;
    int waited = 1;
    const int64_t id = world.go([&] {
      aco::AsynchOptions options;
      options.copyBytes = copies ? sizeof argument : 0;
      options.deadlineNs = hurried ? sys::monotonicNs() + kShort : 0;
      Gate* const gate = gated ? Gate::make() : nullptr;
      options.gate = gate;
      called = aco::asynch(spin, &argument, options);
      if (!gated) return;
      waited = gate->wait(hurried ? kShort : -1);
      CHECK_EQ(gate->free(), 0);
    });
    storm.rage(id, [&] { go = true; });
    // Unless it is done it is waited for, or has been given up.
    go = true;
    CHECK(world.finishAll());
    CHECK(world.until(
        [&] { return mem::usageOf(mem::builtinType(mem::Builtin::kAcoCall)).live == 0; }));
    CHECK(called == 0 || called == -ETIME || called == -ECANCELED);
    if (gated) CHECK(waited == 0 || waited == -ETIME || waited == -ECANCELED);
    if (called == 0 && !gated) CHECK_EQ(finished.load(), 1);
    checkQuiet(world);
    if (check::state().failures > 0) return;
  }
}

CASE("AC-32 AC-13 the loop's end at any moment, with everything under way") {
  check::Random random(check::seed() + 5);
  for (int i = 0; i < rounds() / 8; i++) {
    const int before = openDescriptors();
    static int ended;
    ended = 0;
    int started = 0;
    {
      AcoWorld world;
      std::vector<std::unique_ptr<check::UnixPair>> pairs;
      for (int c = 0; c < 12; c++) {
        pairs.push_back(std::make_unique<check::UnixPair>());
        check::UnixPair& pair = *pairs.back();
        const uint32_t kind = random.below(5);
        started++;
        world.go([&, kind] {
          CHECK_EQ(aco::onEnd([](void*) { ended++; }, nullptr), 0);
          Event* const event = adopted(pair.a.release());
          Gate* const gate = Gate::make();
          CHECK_EQ(aco::onEnd([](void* given) { static_cast<Gate*>(given)->free(); }, gate), 0);
          static std::atomic<int> sink;
          while (true) {
            char bytes[32] = {};
            if (kind == 0)
              static_cast<void>(event->read(bytes, sizeof bytes, {.timeoutNs = kShort}));
            if (kind == 1) aco::sleep(kShort);
            if (kind == 2) {
              static_cast<void>(aco::asynch([](void*) -> int64_t { return ++sink; }, nullptr));
            }
            if (kind == 3) {
              static_cast<void>(
                  aco::asynch([](void*) -> int64_t { return ++sink; }, nullptr, {.gate = gate}));
              static_cast<void>(aco::park(nullptr, kShort));
            }
            if (kind == 4)
              static_cast<void>(event->writeAll(bytes, sizeof bytes, {.timeoutNs = kShort}));
            if (aco::sleep(0) == -ECANCELED && kind == 4) aco::exit();
          }
        });
      }
      for (uint32_t p = random.below(20); p > 0; p--) world.pass();
    }
    CHECK_EQ(ended, started);
    CHECK_EQ(openDescriptors(), before);
    if (check::state().failures > 0) return;
  }
}

}  // namespace
}  // namespace heddle::test
