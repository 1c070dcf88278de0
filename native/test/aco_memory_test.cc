// Coroutines when memory fails at any allocation: each call says -ENOMEM and has done nothing, or
// has done it; a second try succeeds; nothing is left behind.
#include <cerrno>
#include <deque>

#include "test/aco_fixture.h"
#include "test/failing.h"

namespace heddle::test {
namespace {

// What may fail once for want of memory.
template <class Try>
auto again(Try&& attempt) {
  auto result = attempt();
  if (result == -ENOMEM) result = attempt();
  return result;
}

struct Run {
  Loopback world;
  Runtime* runtime = nullptr;
  std::deque<AcoWorld::Body> bodies;
  std::vector<aco::Report> reports;

  // False when it could not be had at the first try.
  void open() {
    CHECK_EQ(again([&] { return Runtime::require(world.loop(), &runtime); }), 0);
    runtime->setReporter(
        [](void* all, const aco::Report& report) {
          static_cast<std::vector<aco::Report>*>(all)->push_back(report);
        },
        &reports);
  }
  int64_t go(AcoWorld::Body body) {
    bodies.push_back(std::move(body));
    const int64_t id =
        again([&] { return runtime->start(AcoWorld::callBody, &bodies.back(), {}); });
    CHECK(id > 0);
    return id;
  }
  void finish() {
    CHECK(world.until([&] { return runtime->live() == 0; }));
    CHECK_EQ(runtime->nextDeadlineNs(), INT64_MAX);
  }
};

CASE("MT-18 AC-01 AC-08 starts, arguments, clean-ups and sleeps") {
  eachAllocationFails(8, [](Failing& failing) {
    Run run;
    failing.arm();
    run.open();
    int slept = 0;
    static int cleaned;
    cleaned = 0;
    for (int i = 0; i < 3; i++) {
      run.go([&] {
        CHECK_EQ(again([] { return aco::onEnd([](void*) { cleaned++; }, nullptr); }), 0);
        CHECK_EQ(again([] { return aco::sleep(kMs); }), 0);
        slept++;
      });
    }
    static std::string got;
    got.clear();
    aco::StartOptions options;
    char text[] = "copied";
    options.argumentBytes = sizeof text;
    const auto main = [](void* argument) {
      got += static_cast<const char*>(argument);
      aco::exit();
    };
    CHECK(again([&] { return run.runtime->start(main, text, options); }) > 0);
    const uint32_t loop = run.world.loop().loopId();
    CHECK_EQ(again([&] { return aco::startOn(loop, main, text, options); }), 0);
    const int64_t parked = run.go([] { CHECK_EQ(aco::park(nullptr), 0); });
    CHECK_EQ(again([&] { return aco::unparkOn(loop, static_cast<Id>(parked), 1); }), 0);
    run.finish();
    CHECK_EQ(slept, 3);
    CHECK_EQ(cleaned, 3);
    // The errand itself may have found none: then it did not begin.
    CHECK(got == "copiedcopied" || got == "copied");
  });
}

CASE("MT-18 AC-09 AC-10 AC-12 events: adopting, reading ahead, closing elsewhere") {
  eachAllocationFails(6, [](Failing& failing) {
    Run run;
    check::TcpPair pair;
    check::UnixPair other;
    failing.arm();
    run.open();
    std::string got;
    run.go([&] {
      Event* event = nullptr;
      const int fd = pair.server.release();
      CHECK_EQ(again([&] { return Event::adopt(fd, &event); }), 0);
      char bytes[64];
      const int64_t line = again([&] { return event->readUntil(bytes, sizeof bytes, "\n", 1); });
      if (line > 0) got.assign(bytes, static_cast<size_t>(line));
      const int64_t frame = again([&] {
        return event->readFrame(bytes, sizeof bytes, {.headerBytes = 1},
                                {.timeoutNs = 60'000 * kMs});
      });
      if (frame > 0) got.append(bytes, static_cast<size_t>(frame));
      sys::setLinger(event->fd(), 5);
      CHECK_EQ(event->close(), 0);
      CHECK_EQ(event->free(), 0);
    });
    CHECK_EQ(sys::writeSome(pair.client, "line\n\3f", 7), 7);
    run.world.pass();
    run.world.pass();
    CHECK_EQ(sys::writeSome(pair.client, "rm", 2), 2);
    run.go([&] {
      Event* event = nullptr;
      CHECK_EQ(again([&] { return Event::adopt(other.a, &event); }), 0);
      CHECK_EQ(event->free(), 0);  // its report needs memory, too
    });
    run.finish();
    CHECK_EQ(got, std::string("line\nfrm"));
    CHECK_EQ(run.runtime->events(), size_t{0});
  });
}

CASE("MT-18 AC-19 AC-24 asynchronous calls and gates") {
  eachAllocationFails(6, [](Failing& failing) {
    Run run;
    failing.arm();
    run.open();
    static std::atomic<int> ran;
    ran = 0;
    const auto count = [](void*) -> int64_t { return ++ran; };
    run.go([&] {
      int copied = 3;
      CHECK_EQ(again([&] { return aco::asynch(count, &copied, {.copyBytes = sizeof copied}); }), 0);
      Gate* gate = Gate::make();
      if (gate == nullptr) gate = Gate::make();
      for (int i = 0; i < 3; i++) {
        CHECK_EQ(again([&] { return aco::asynch(count, nullptr, {.gate = gate}); }), 0);
      }
      const int waited = gate->wait();
      CHECK_EQ(waited, 0);
      CHECK_EQ(gate->pending(), 0u);
      CHECK_EQ(gate->free(), 0);
    });
    run.finish();
    CHECK_EQ(ran.load(), 4);
  });
}

CASE(
    "MT-18 AC-28 a listener without memory sends nobody away for good but the one it had no memory "
    "for") {
  eachAllocationFails(6, [](Failing& failing) {
    Run run;
    failing.arm();
    run.open();
    aco::ListenSpec spec;
    spec.address = check::loopback();
    spec.procedure = [](void* argument) {
      auto* const event = static_cast<Event*>(argument);
      CHECK_EQ(event->writeAll("hi", 2), 2);
      CHECK_EQ(event->close(), 0);
      CHECK_EQ(event->free(), 0);
    };
    const int64_t listener = again([&] { return run.runtime->listen(spec); });
    REQUIRE(listener > 0);
    const sys::Address bound = run.runtime->listener(static_cast<uint32_t>(listener))->bound;
    int served = 0;
    for (int i = 0; i < 2; i++) {
      bool inProgress = false;
      Client client(sys::connectStream(bound, &inProgress));
      CHECK(run.world.until([&] {
        client.read();
        return client.gone();
      }));
      served += client.in == "hi" ? 1 : 0;
    }
    CHECK_EQ(served + static_cast<int>(run.reports.size()), 2);
    CHECK(served >= 1);
    CHECK_EQ(run.runtime->closeListener(static_cast<uint32_t>(listener)), 0);
    run.finish();
    CHECK_EQ(run.runtime->events(), size_t{0});
  });
}

CASE("MT-18 AC-30 a wait inside a section for which there is no memory says so") {
  eachAllocationFails(4, [](Failing& failing) {
    CHECK_EQ(mem::epochAttachThread(), 0);
    {
      Run run;
      failing.arm();
      run.open();
      for (int i = 0; i < 2; i++) {
        run.go([&] {
          CHECK_EQ(aco::enterSection(), 0);
          int slept = aco::sleep(kMs);
          if (slept == -ENOMEM) {
            // It runs in the thread's own section, where nobody may wait.
            CHECK_EQ(aco::leaveSection(), 0);
            CHECK_EQ(again([] { return aco::sleep(kMs); }), 0);
            CHECK_EQ(aco::enterSection(), 0);
            slept = aco::sleep(kMs);
          }
          CHECK_EQ(slept, 0);
          CHECK_EQ(aco::leaveSection(), 0);
        });
      }
      run.finish();
      CHECK(run.reports.empty());
    }
    CHECK_EQ(mem::epochDetachThread(), 0);
  });
}

}  // namespace
}  // namespace heddle::test
