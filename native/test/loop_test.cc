// A loop without connections: phases, timers, triggers, recurrent events, watched descriptors.
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "test/check.h"
#include "test/loopback.h"
#include "test/sockets.h"

namespace heddle::test {
namespace {

using check::Fd;
using check::Pipe;
using check::UnixPair;

std::vector<int32_t> kinds(const Loopback& world) {
  std::vector<int32_t> all;
  for (const Record& record : world.log) all.push_back(record.kind);
  return all;
}

std::vector<int32_t> handlesOf(const Loopback& world, int32_t kind) {
  std::vector<int32_t> all;
  for (const Record& record : world.log) {
    if (record.kind == kind) all.push_back(record.at(1));
  }
  return all;
}

int watch(Loopback& world, uint32_t handle, int fd, uint32_t mask) {
  return world.loop().fdAdd(handle, fd, mask);
}

CASE("EV-05 the phases of a pass come in their order") {
  Loopback world;
  const UnixPair pair;
  CHECK_EQ(watch(world, 5, pair.a, sys::kRead), 0);
  CHECK_EQ(sys::writeSome(pair.b, "x", 1), 1);
  world.trace(true);
  world.addTimer(1, -1);
  world.out(Out::TRIGGER, 2, 1);
  world.out(Out::RECURRENT_ADD, 3);
  world.pass();
  const std::vector<int32_t> expected = {In::PHASE, In::TIMER,     In::PHASE, In::TRIGGER,
                                         In::PHASE, In::RECURRENT, In::PHASE, In::PHASE,
                                         In::PHASE, In::FD};
  CHECK(kinds(world) == expected);
  const std::vector<int32_t> phases = {Phase::TIMERS, Phase::TRIGGERS,  Phase::RECURRENT,
                                       Phase::WAIT,   Phase::HEARTBEAT, Phase::DESCRIPTORS};
  CHECK(handlesOf(world, In::PHASE) == phases);
  world.trace(false);
  world.log.clear();
  world.pass();
  CHECK_EQ(world.count(In::PHASE), size_t{0});
  CHECK_EQ(world.loop().fdRemove(5, pair.a), 0);
}

CASE("EV-08 now is constant in a pass and advances between passes") {
  Loopback world;
  std::vector<double> seen;
  world.handler = [&](const Record&) {
    seen.push_back(world.clock(Clock::NOW));
    const double start = world.nowMs();
    while (world.nowMs() < start + 2) continue;  // a slow callback
  };
  for (uint32_t i = 1; i <= 3; i++) world.addTimer(i, -1);
  world.pass();
  REQUIRE(seen.size() == 3);
  CHECK(seen[0] == seen[1] && seen[1] == seen[2]);
  CHECK_EQ(world.clock(Clock::LAST_BEAT), seen[0]);
  world.addTimer(4, -1);
  world.pass();
  REQUIRE(seen.size() == 4);
  CHECK(seen[3] >= seen[0] + 2);
}

CASE("EV-06 EV-10 counters and clocks of a loop") {
  Loopback world;
  world.loop().markStarted();
  CHECK(world.clock(Clock::STARTED) >= 0);
  CHECK_EQ(world.clock(Clock::MAX_SLEEP), 200.0);
  const int32_t passes = world.control(Control::PASSES);
  const int32_t applied = world.control(Control::APPLIED);
  world.addTimer(1, 1e12);
  world.pass();
  world.pass();
  CHECK_EQ(world.control(Control::PASSES), passes + 2);
  CHECK_EQ(world.control(Control::WAITS), 2);
  CHECK_EQ(world.control(Control::TIMERS), 1);
  CHECK_EQ(world.control(Control::APPLIED), applied + 3);
  CHECK_EQ(world.control(Control::OUT_WORDS), 0);
  CHECK_EQ(world.control(Control::SEND_BYTES), 0);
}

CASE("EV-06 sleep is bounded by the nearest timer and the longest sleep") {
  loop::LoopOptions options = Loopback::originNow();
  options.maxSleepNs = 60'000'000'000;
  Loopback world({}, options);
  CHECK_EQ(world.loop().sleepNs(), 60'000'000'000);
  world.addTimer(1, world.nowMs() + 30'000);  // so far off that no standstill brings it here
  world.flush();
  CHECK(world.loop().sleepNs() <= 30'001'000'000);
  CHECK(world.loop().sleepNs() > 0);
  world.addTimer(2, -1e15);
  world.flush();
  CHECK_EQ(world.loop().sleepNs(), 0);
  world.out(Out::TIMER_DELETE, 2);
  world.out(Out::TIMER_DELETE, 1);
  world.flush();
  CHECK_EQ(world.loop().sleepNs(), 60'000'000'000);
}

CASE("TM-03 timers fire by time, then by insertion, never early") {
  Loopback world;
  const double base = world.nowMs() + 5;
  world.addTimer(10, base + 2);
  world.addTimer(11, base);
  world.addTimer(12, base + 2);
  world.addTimer(13, base + 1);
  world.addTimer(14, base);
  std::vector<double> at;
  world.handler = [&](const Record&) { at.push_back(world.clock(Clock::NOW)); };
  CHECK(world.until([&] { return world.count(In::TIMER) == 5; }));
  CHECK(handlesOf(world, In::TIMER) == (std::vector<int32_t>{11, 14, 13, 10, 12}));
  REQUIRE(at.size() == 5);
  CHECK(at[0] > base && at[2] > base + 1 && at[4] > base + 2);
  CHECK_EQ(world.loop().timersArmed(), size_t{0});
}

CASE("TM-08 at most so many timers a pass, the rest in order in the next") {
  loop::LoopOptions options = Loopback::originNow();
  options.maxTimersPerPass = 10;
  Loopback world({}, options);
  for (uint32_t i = 1; i <= 25; i++) world.addTimer(i, -100.0 + i);
  world.pass();
  CHECK_EQ(world.count(In::TIMER), size_t{10});
  CHECK(world.loop().hasWork());
  CHECK_EQ(world.loop().sleepNs(), 0);
  world.pass();
  CHECK_EQ(world.count(In::TIMER), size_t{20});
  world.pass();
  const std::vector<int32_t> order = handlesOf(world, In::TIMER);
  REQUIRE(order.size() == 25);
  for (int32_t i = 0; i < 25; i++) CHECK_EQ(order[static_cast<size_t>(i)], i + 1);
  CHECK(!world.loop().hasWork());
}

CASE("TM-08 more timers than the inbox holds are all fired, in order") {
  PortSizes sizes;
  sizes.inboxWords = loop::Port::kLongestRecord + 40;
  Loopback world(sizes);
  for (uint32_t i = 1; i <= 3000; i++) world.addTimer(i, -5000.0 + i);
  CHECK(world.until([&] { return world.count(In::TIMER) >= 3000; }));
  const std::vector<int32_t> order = handlesOf(world, In::TIMER);
  REQUIRE(order.size() == 3000);
  for (int32_t i = 0; i < 3000; i++) CHECK_EQ(order[static_cast<size_t>(i)], i + 1);
}

CASE("TM-03 what is due does not wait for descriptors") {
  Loopback world;
  world.trace(true);
  world.addTimer(1, -1);
  world.pass(100'000);  // returns at once, or the test runs into its time limit
  CHECK_EQ(world.count(In::TIMER), size_t{1});
  world.out(Out::TRIGGER, 1, 1);
  world.pass(100'000);
  CHECK_EQ(world.count(In::TRIGGER), size_t{1});
}

CASE("TM-05 a timer added by a timer waits for the next pass; a stale handle deletes nothing") {
  Loopback world;
  world.handler = [&](const Record& record) {
    if (record.at(1) == 1) world.addTimer(2, -1);
  };
  world.addTimer(1, -1);
  world.pass();
  CHECK(handlesOf(world, In::TIMER) == (std::vector<int32_t>{1}));
  world.pass();
  CHECK(handlesOf(world, In::TIMER) == (std::vector<int32_t>{1, 2}));
  world.addTimer(3 | 2 << 24, -1);
  world.out(Out::TIMER_DELETE, 3 | 1 << 24);  // an earlier owner of the same index
  world.out(Out::TIMER_DELETE, 999);
  world.pass();
  CHECK_EQ(world.log.back().at(1), 3 | 2 << 24);
}

CASE("TM-04 deadlines at the ends of the scale") {
  Loopback world;
  world.addTimer(1, -1e300);
  world.outDouble(Out::TIMER_ADD, std::stod("nan"), 2u);
  world.addTimer(3, 1e300);
  world.pass();
  CHECK(handlesOf(world, In::TIMER) == (std::vector<int32_t>{1, 2}));
  CHECK_EQ(world.loop().timersArmed(), size_t{1});
  CHECK_EQ(world.loop().sleepNs(), 200'000'000);
}

CASE("EK-08 triggers run in the next pass, in the order of asking, however many") {
  PortSizes sizes;
  sizes.inboxWords = loop::Port::kLongestRecord + 90;
  Loopback world(sizes);
  for (int32_t i = 0; i < 500; i++) world.out(Out::TRIGGER, i + 1, 1);
  int32_t next = 501;
  // Each batch asks for another one while older ones still wait.
  world.handler = [&](const Record& record) {
    if (record.kind == In::TRIGGER && record.at(1) <= 100) world.out(Out::TRIGGER, next++, 1);
  };
  CHECK(world.until([&] { return world.count(In::TRIGGER) >= 600; }));
  const std::vector<int32_t> order = handlesOf(world, In::TRIGGER);
  REQUIRE(order.size() == 600);
  for (int32_t i = 0; i < 600; i++) CHECK_EQ(order[static_cast<size_t>(i)], i + 1);
}

CASE("RC-01 recurrent events run once a pass, in order of addition, until removed") {
  Loopback world;
  world.out(Out::RECURRENT_ADD, 4);
  world.out(Out::RECURRENT_ADD, 9);
  world.out(Out::RECURRENT_ADD, 4);  // already there
  world.pass();
  world.pass();
  CHECK(handlesOf(world, In::RECURRENT) == (std::vector<int32_t>{4, 9, 4, 9}));
  world.out(Out::RECURRENT_DELETE, 4);
  world.out(Out::RECURRENT_DELETE, 77);
  world.pass();
  CHECK(handlesOf(world, In::RECURRENT) == (std::vector<int32_t>{4, 9, 4, 9, 9}));
  CHECK(!world.loop().hasWork());  // they do not keep a quiet loop busy
}

CASE("FD-06 readiness is level-triggered and follows the mask") {
  Loopback world;
  const UnixPair pair;
  CHECK_EQ(watch(world, 1, pair.a, sys::kRead), 0);
  CHECK_EQ(world.loop().watches(), size_t{1});
  CHECK_EQ(sys::writeSome(pair.b, "x", 1), 1);
  world.pass();
  world.pass();
  CHECK_EQ(world.count(In::FD), size_t{2});
  CHECK_EQ(world.last(In::FD)->at(2), static_cast<int32_t>(sys::kRead));
  world.out(Out::FD_MASK, 1, sys::kWrite);
  world.pass();
  CHECK_EQ(world.last(In::FD)->at(2), static_cast<int32_t>(sys::kWrite));
  world.out(Out::FD_MASK, 1, sys::kRead | sys::kWrite);
  world.pass();
  CHECK_EQ(world.last(In::FD)->at(2), static_cast<int32_t>(sys::kRead | sys::kWrite));
  const size_t before = world.count(In::FD);
  CHECK_EQ(world.loop().fdRemove(1, pair.a), 0);
  world.pass();
  CHECK_EQ(world.count(In::FD), before);
  CHECK_EQ(world.loop().watches(), size_t{0});
}

CASE("EK-11 FD-12 FD-15 descriptors that cannot be watched say why") {
  Loopback world;
  const UnixPair pair;
  CHECK_EQ(watch(world, 1, pair.a, sys::kRead), 0);
  CHECK_EQ(watch(world, 2, pair.a, sys::kRead), -EEXIST);
  CHECK_EQ(watch(world, 3, -1, sys::kRead), -EBADF);
  const int closed = dup(pair.b);
  sys::closeFd(closed);
  CHECK_EQ(watch(world, 4, closed, sys::kRead), -EBADF);
  // A number beyond all descriptors takes no room in the table of those there are.
  CHECK_EQ(watch(world, 4, 1 << 28, sys::kRead), -EBADF);
  CHECK(mem::usageOf(mem::builtinType(mem::Builtin::kLoopTable)).peakBytes < uint64_t{1} << 24);
#ifndef HEDDLE_KQUEUE_STANDIN
  const Fd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  CHECK_EQ(watch(world, 5, file, sys::kRead), -EPERM);
#endif
  CHECK_EQ(world.loop().watches(), size_t{1});
  CHECK_EQ(world.loop().fdRemove(2, pair.a), -ENOENT);
  CHECK_EQ(world.loop().fdRemove(1, pair.a), 0);
  CHECK_EQ(world.loop().fdRemove(1, pair.a), -ENOENT);
}

CASE("EK-11 a record about a removed handle does not reach the next owner of its index") {
  Loopback world;
  const UnixPair pair;
  const uint32_t first = 6 | 1u << 24;
  const uint32_t second = 6 | 2u << 24;
  CHECK_EQ(watch(world, first, pair.a, sys::kRead), 0);
  CHECK_EQ(world.loop().fdRemove(first, pair.a), 0);
  CHECK_EQ(watch(world, second, pair.a, sys::kRead), 0);
  world.out(Out::FD_MASK, first, sys::kWrite);
  world.pass();
  CHECK_EQ(world.count(In::FD), size_t{0});  // still interested in reading only
  CHECK_EQ(world.loop().fdRemove(first, pair.a), -ENOENT);
  CHECK_EQ(sys::writeSome(pair.b, "x", 1), 1);
  world.pass();
  REQUIRE(world.last(In::FD) != nullptr);
  CHECK_EQ(world.last(In::FD)->handle(), second);
  CHECK_EQ(world.loop().fdRemove(second, pair.a), 0);
}

// The number of a descriptor that was closed without telling the loop, given to a new one.
struct Reused {
  UnixPair old;
  UnixPair fresh;
  int number = -1;
  explicit Reused(Loopback& world, uint32_t handle) {
    number = old.a;
    CHECK_EQ(watch(world, handle, number, sys::kRead), 0);
    if (dup2(fresh.a, number) < 0) std::abort();  // closes the old one and takes its number
  }
};

CASE("EK-11 a descriptor number that was reused belongs to its new event alone") {
  Loopback world;
  const Reused reused(world, 1);
  CHECK_EQ(watch(world, 2, reused.number, sys::kRead), 0);
  CHECK_EQ(sys::writeSome(reused.fresh.b, "x", 1), 1);
  world.out(Out::FD_MASK, 1, sys::kWrite);  // the old event changes its mind
  world.pass();
  REQUIRE(world.count(In::FD) == 1);
  CHECK_EQ(world.last(In::FD)->at(1), 2);
  CHECK_EQ(world.loop().fdRemove(1, reused.number), 0);
  world.pass();
  REQUIRE(world.count(In::FD) == 2);
  CHECK_EQ(world.last(In::FD)->at(1), 2);
  CHECK_EQ(world.loop().fdRemove(2, reused.number), 0);
  CHECK_EQ(world.loop().watches(), size_t{0});
}

CASE("EK-11 an event whose number went to a connection cannot take the connection's place") {
  Loopback world;
  Reused reused(world, 1);
  net::Settings settings;
  const int64_t adopted = world.net().adopt(reused.number, settings);
  REQUIRE(adopted > 0);
  world.out(Out::FD_MASK, 1, sys::kWrite);
  world.pass();
  CHECK_EQ(world.loop().fdRemove(1, reused.number), 0);
  CHECK_EQ(sys::writeSome(reused.fresh.b, "hello", 5), 5);
  world.pass();
  CHECK_EQ(world.count(In::FD), size_t{0});
  CHECK(world.received(static_cast<uint32_t>(adopted)) == "hello");
  reused.old.a.release();  // the connection's by now
  world.out(Out::CLOSE, static_cast<uint32_t>(adopted));
  world.settle();
}

CASE("EK-07 hang-ups are reported whatever the mask") {
  Loopback world;
  UnixPair pair;
  CHECK_EQ(watch(world, 1, pair.a, sys::kRead), 0);
  pair.b.reset();
  world.pass();
  REQUIRE(world.last(In::FD) != nullptr);
  CHECK_EQ(world.last(In::FD)->at(2), static_cast<int32_t>(sys::kRead | sys::kException));
  CHECK_EQ(world.loop().fdRemove(1, pair.a), 0);
}

CASE("EV-05 descriptors beyond the size of a wait or of the inbox all have their turn") {
  PortSizes sizes;
  sizes.inboxWords = loop::Port::kLongestRecord + 16;
  loop::LoopOptions options = Loopback::originNow();
#ifndef HEDDLE_KQUEUE_STANDIN  // which reports the same ones first every time
  options.maxEventsPerWait = 32;
#endif
  Loopback world(sizes, options);
  std::vector<std::unique_ptr<Pipe>> pipes;
  std::vector<int> turns(65);
  for (uint32_t i = 1; i <= 64; i++) {
    pipes.push_back(std::make_unique<Pipe>());
    CHECK_EQ(watch(world, i, pipes.back()->reader, sys::kRead), 0);
    CHECK_EQ(sys::writeSome(pipes.back()->writer, "x", 1), 1);
  }
  world.handler = [&](const Record& record) { turns[record.handle()]++; };
  for (int i = 0; i < 64; i++) world.pass();
  // Nobody deals with them: all stay ready, and none may wait for ever behind the others.
  for (uint32_t i = 1; i <= 64; i++) CHECK(turns[i] >= 2);
  for (uint32_t i = 1; i <= 64; i++) CHECK_EQ(world.loop().fdRemove(i, pipes[i - 1]->reader), 0);
}

CASE("outbox: a torn record ends the batch and nothing is read behind it") {
  PortSizes sizes;
  sizes.outboxWords = 8;
  Loopback world(sizes);
  const loop::PortMemory memory = world.memory();
  const auto fill = [&](std::vector<int32_t> words) {
    std::memcpy(memory.outbox, words.data(), words.size() * sizeof(int32_t));
    memory.control[Control::OUT_WORDS] = static_cast<int32_t>(words.size());
    world.loop().apply();
    CHECK_EQ(world.control(Control::OUT_WORDS), 0);
    world.log.clear();
    world.pass();
    return world.count(In::TRIGGER);
  };
  const int32_t trigger = loop::recordHead(Out::TRIGGER, 3);
  CHECK_EQ(fill({trigger, 1, 1, trigger, 2, 1}), size_t{2});
  CHECK_EQ(fill({trigger, 1, 1, trigger, 2}), size_t{1});        // cut off
  CHECK_EQ(fill({trigger, 1, 1, 0, trigger, 2, 1}), size_t{1});  // no length
  CHECK_EQ(fill({trigger, 1, 1, loop::recordHead(Out::TRIGGER, 99), 2, 1}), size_t{1});
  CHECK_EQ(fill({99 | 3 << 8, 1, 1, trigger, 2, 1}), size_t{1});  // unknown kinds are stepped over
  // Shorter than its kind, at the very end of the memory.
  const int32_t nop = 99 | 7 << 8;
  for (int32_t kind = 0; kind < 64; kind++) {
    CHECK_EQ(fill({nop, 0, 0, 0, 0, 0, 0, loop::recordHead(kind, 1)}), size_t{0});
  }
  memory.control[Control::OUT_WORDS] = -1;
  for (int i = 0; i < 8; i++) memory.outbox[i] = 99 | 1 << 8;
  world.loop().apply();
  CHECK_EQ(world.control(Control::OUT_WORDS), 0);
}

}  // namespace
}  // namespace heddle::test
