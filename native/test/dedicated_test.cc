// A loop on a thread of its own: batches one way, output the other, calls in between, and its end
// in every state.
#include <atomic>
#include <cerrno>
#include <string>
#include <thread>

#include "test/dedicated_fixture.h"

namespace heddle::test {
namespace {

using loop::Dedicated;

std::string pattern(size_t size, uint32_t seed) {
  std::string bytes(size, '\0');
  check::Random random(seed);
  for (char& byte : bytes) byte = static_cast<char>(random.next());
  return bytes;
}

// Sends what fits; the rest is left in `bytes`.
void sendSome(const Client& client, std::string* bytes) {
  const int64_t n = sys::sendSome(client.fd, bytes->data(), bytes->size());
  if (n > 0) bytes->erase(0, static_cast<size_t>(n));
}

CASE("PO-01 a dedicated loop: timers fire on its thread, in order and never early") {
  DedicatedWorld world;
  const double now = world.nowMs();
  for (uint32_t id = 1; id <= 200; id++) {
    world.addTimer(id, now + static_cast<double>(id % 10));
  }
  double early = 0;
  world.handler = [&](const Record& record) {
    const double due = now + static_cast<double>(record.handle() % 10);
    early = std::max(early, due - world.nowMs());
    CHECK(world.memory().clock[Clock::NOW] > due);
  };
  CHECK(world.until([&] { return world.log.size() == 200; }));
  CHECK(early <= 0);
  for (size_t i = 1; i < world.log.size(); i++) {
    const uint32_t before = world.log[i - 1].handle();
    const uint32_t after = world.log[i].handle();
    CHECK(std::pair(before % 10, before) < std::pair(after % 10, after));
  }
}

CASE("PO-01 a dedicated loop: bytes go round, from where they were received") {
  DedicatedWorld world;
  constexpr size_t kConnections = 8;
  const size_t size = 200'000u * check::kStressScale;
  std::vector<Client> clients;
  std::vector<std::string> sent;
  std::vector<std::string> left;
  for (uint32_t i = 0; i < kConnections; i++) {
    clients.push_back(std::move(world.adopt().second));
    sent.push_back(pattern(size, i + 1));
    left.push_back(sent.back());
  }
  world.keepsLog = false;
  world.handler = [&](const Record& record) {
    if (record.kind == In::DATA) {
      world.out(Out::WRITE_RECEIVED, record.handle(), record.at(2), record.at(3));
    }
  };
  CHECK(world.until([&] {
    bool done = true;
    for (size_t i = 0; i < kConnections; i++) {
      sendSome(clients[i], &left[i]);
      clients[i].read();
      done = done && clients[i].in.size() == size;
    }
    return done;
  }));
  for (size_t i = 0; i < kConnections; i++) CHECK(clients[i].in == sent[i]);
}

CASE("PO-01 a dedicated loop: blocks leave in order between other output") {
  DedicatedWorld world;
  auto adopted = world.adopt();
  const uint32_t connection = adopted.first;
  Client& far = adopted.second;
  std::string wanted;
  for (uint32_t i = 0; i < 20; i++) {
    const std::string head = "head" + std::to_string(i);
    const std::string block = pattern(100'000, i);
    world.write(connection, head);
    CHECK_EQ(world.writeBlock(connection, block), 0);
    wanted += head + block;
  }
  CHECK(world.until([&] {
    far.read();
    return far.in.size() >= wanted.size();
  }));
  CHECK(far.in == wanted);
}

CASE("PO-01 a dedicated loop: a busy isolate pushes back on its peers and loses nothing") {
  DedicatedWorld world;
  const Client client = world.adopt().second;
  const std::string sent = pattern(4u << 20, 7);
  std::string left = sent;
  // Nobody takes: what the batches and the sockets hold is all that leaves.
  const int64_t end = sys::monotonicNs() + 100'000'000;
  size_t before = 0;
  while (before != left.size() || sys::monotonicNs() < end) {
    before = left.size();
    sendSome(client, &left);
    world.dedicated().turnEnds();
    sys::yieldThread();
  }
  CHECK(!left.empty());
  std::string received;
  world.keepsLog = false;
  world.handler = [&](const Record& record) { received += record.bytes; };
  CHECK(world.until([&] {
    sendSome(client, &left);
    return received.size() == sent.size();
  }));
  CHECK(received == sent);
}

CASE("PO-01 a dedicated loop: what a callback has not dealt with yet is not reported again") {
  DedicatedWorld world;
  int fds[2];
  REQUIRE(sys::pair(fds) == 0);
  const check::Fd near(fds[0]);
  const check::Fd far(fds[1]);
  CHECK_EQ(world.dedicated().visit([&] { return world.loop().fdAdd(5, near, sys::kRead); }), 0);
  CHECK_EQ(sys::sendSome(far, "abc", 3), 3);
  const uint32_t loopId = world.dedicated().visit([&] { return world.loop().loopId(); });
  world.keepsLog = false;
  int reports = 0;
  world.handler = [&](const Record& record) {
    if (record.kind != In::FD) return;
    reports++;
    // The loop has all the time to look again, and mail that would end its sleep.
    const int32_t passes = world.passes();
    const int64_t end = sys::monotonicNs() + 20'000'000;
    while (sys::monotonicNs() < end) {
      CHECK(loop::Mailbox::post(loop::makeLetter(loopId, In::TRIGGER, 9, 0)) <= 0);
      sys::yieldThread();
      CHECK_EQ(world.passes(), passes);
    }
    char byte;
    CHECK_EQ(sys::readSome(near, &byte, 1), 1);
  };
  CHECK(world.until([&] { return reports == 3; }));
  world.turn(1);
  CHECK_EQ(reports, 3);
  CHECK_EQ(world.dedicated().visit([&] { return world.loop().fdRemove(5, near); }), 0);
}

CASE("EV-05 a dedicated loop sees a turn of its isolate as one") {
  for (int round = 0; round < 50 * check::kStressScale; round++) {
    DedicatedWorld world({}, round % 2 == 0);
    int fds[2];
    REQUIRE(sys::pair(fds) == 0);
    const check::Fd near(fds[0]);
    const check::Fd far(fds[1]);
    CHECK_EQ(sys::sendSome(far, "a", 1), 1);
    CHECK_EQ(world.dedicated().visit([&] { return world.loop().fdAdd(5, near, sys::kRead); }), 0);
    world.addTimer(6, 0);
    world.dedicated().handOver();
    world.addTimer(7, 0);
    world.dedicated().start();
    CHECK(world.until([&] { return world.log.size() >= 3; }));
    // The order of a pass, not of what was asked for.
    CHECK_EQ(world.log[0].kind, In::TIMER);
    CHECK_EQ(world.log[1].kind, In::TIMER);
    CHECK_EQ(world.log[2].kind, In::FD);
    CHECK_EQ(world.dedicated().visit([&] { return world.loop().fdRemove(5, near); }), 0);
  }
}

CASE("RC-01 a dedicated loop: recurrent events run once a pass and do not keep it awake") {
  DedicatedWorld world;
  world.out(Out::RECURRENT_ADD, 9);
  const int64_t began = sys::monotonicNs();
  CHECK(world.until([&] { return world.log.size() >= 2; }));
  // Two sleeps of 200 ms at least lie between three runs.
  CHECK(world.until([&] { return world.log.size() >= 4; }));
  CHECK(sys::monotonicNs() - began >= 390'000'000);
}

CASE("TM-08 a dedicated loop: so many timers a pass, so many a dispatch") {
  DedicatedWorld world;
  for (uint32_t id = 1; id <= 3000; id++) world.addTimer(id, 0);
  size_t fired = 0;
  while (fired < 3000) {
    const size_t before = world.log.size();
    world.turn();
    CHECK(world.log.size() - before <= 1024);
    fired = world.log.size();
  }
}

CASE("PO-01 a dedicated loop: a visit finds done what was handed over, a call is on its thread") {
  DedicatedWorld world;
  for (uint32_t id = 1; id <= 100; id++) {
    world.addTimer(id, 1e9);
    world.dedicated().handOver();
    CHECK_EQ(world.dedicated().visit([&] { return world.loop().timersArmed(); }), size_t{id});
  }
  const auto here = std::this_thread::get_id();
  const auto there = world.dedicated().call([] { return std::this_thread::get_id(); });
  CHECK(here != there);
  CHECK(there == world.dedicated().call([] { return std::this_thread::get_id(); }));
  CHECK_EQ(world.dedicated().call([&] { return world.loop().timersArmed(); }), size_t{100});
}

CASE("PO-01 a dedicated loop: an isolate far ahead does the work itself") {
  DedicatedWorld world;
  // The thread is kept from it.
  world.dedicated().stop();
  std::atomic<bool> go{false};
  struct Blocker final : loop::Errand {
    explicit Blocker(std::atomic<bool>* goIn)
        : Errand(
              0, execute, [](Errand*) {}, kReply),
          go(goIn) {}
    static void execute(Errand* self, loop::Loop&) {
      while (!static_cast<Blocker*>(self)->go->load()) sys::yieldThread();
    }
    std::atomic<bool>* go;
  };
  Blocker blocker(&go);
  world.dedicated().submit(&blocker);
  auto* const hold = new std::string(1024, 'x');
  const std::string& bytes = *hold;
  while (!world.dedicated().isBehind()) {
    for (int i = 0; i < 200; i++) world.write(77, bytes);
    world.dedicated().handOver();
  }
  go.store(true);
  world.write(77, bytes);
  world.dedicated().handOver();
  CHECK(!world.dedicated().isBehind());
  delete hold;
}

CASE("A-PO-4 A-FD-10 a descriptor goes from loop to loop under a flood, and no byte is lost") {
  DedicatedWorld first;
  DedicatedWorld second;
  DedicatedWorld* const worlds[] = {&first, &second};
  int fds[2];
  REQUIRE(sys::pair(fds) == 0);
  check::Fd near(fds[0]);
  check::Fd far(fds[1]);
  std::atomic<bool> stops{false};
  uint64_t sent = 0;
  std::thread flood([&] {
    const std::string bytes(4096, 'f');
    while (!stops.load()) {
      const int64_t n = sys::sendSome(far, bytes.data(), bytes.size());
      if (n > 0) {
        sent += static_cast<uint64_t>(n);
      } else {
        sys::yieldThread();
      }
    }
  });
  uint64_t got = 0;
  uint32_t handle = 1;
  size_t owner = 0;
  int moves = 0;
  const int wanted = 2500 * check::kStressScale;
  const auto add = [&](size_t to) {
    owner = to;
    CHECK_EQ(worlds[to]->dedicated().visit(
                 [&] { return worlds[to]->loop().fdAdd(handle, near, sys::kRead); }),
             0);
  };
  const auto remove = [&] {
    return worlds[owner]->dedicated().visit(
        [&] { return worlds[owner]->loop().fdRemove(handle, near); });
  };
  const auto callback = [&](size_t in, const Record& record) {
    if (record.kind != In::FD || record.handle() != handle) return;
    CHECK_EQ(in, owner);
    char bytes[1000];
    const int64_t n = sys::readSome(near, bytes, sizeof bytes);
    CHECK(n > 0);  // level-triggered, and nobody else reads
    if (n > 0) got += static_cast<uint64_t>(n);
    if (moves == wanted) return;
    moves++;
    CHECK_EQ(remove(), 0);
    handle++;
    add(1 - in);
  };
  first.keepsLog = second.keepsLog = false;
  first.handler = [&](const Record& record) { callback(0, record); };
  second.handler = [&](const Record& record) { callback(1, record); };
  add(0);
  const int64_t end = sys::monotonicNs() + 60'000'000'000;
  while (moves < wanted && sys::monotonicNs() < end) {
    first.turn(owner == 0 ? 1 : 0);
    second.turn(owner == 1 ? 1 : 0);
  }
  CHECK_EQ(moves, wanted);
  stops.store(true);
  flood.join();
  far.reset();
  CHECK_EQ(remove(), 0);
  for (;;) {
    char bytes[65536];
    const int64_t n = sys::readSome(near, bytes, sizeof bytes);
    if (n <= 0) break;
    got += static_cast<uint64_t>(n);
  }
  CHECK_EQ(got, sent);
}

CASE("EV-20 a dedicated loop: triggers of other threads arrive, each once") {
  DedicatedWorld world;
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  const uint32_t loopId = world.dedicated().visit([&] { return world.loop().loopId(); });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([t, loopId] {
      for (int i = 0; i < kEach; i++) {
        int posted = -ENOBUFS;
        while (posted == -ENOBUFS) {
          posted = loop::Mailbox::post(loop::makeLetter(loopId, In::TRIGGER, t + 1, i));
        }
        CHECK_EQ(posted, 0);
      }
    });
  }
  int next[kThreads] = {};
  world.keepsLog = false;
  int seen = 0;
  world.handler = [&](const Record& record) {
    if (record.kind != In::TRIGGER) return;
    const auto from = record.handle() - 1;
    CHECK_EQ(record.at(2), next[from]++);
    seen++;
  };
  CHECK(world.until([&] { return seen == kThreads * kEach; }));
  for (std::thread& thread : threads) thread.join();
}

CASE("EV-08 a dedicated loop: the time that its isolate is told does not run back") {
  DedicatedWorld world;
  world.addTimer(1, 0);
  world.dedicated().turnEnds();
  while (!world.dedicated().hasMore()) sys::yieldThread();
  // The batch with the timer waits; there is a pass after it, which the isolate hears of.
  const int32_t passes = world.passes();
  do {
    world.dedicated().wake();
    world.dedicated().turnEnds();
    sys::yieldThread();
  } while (world.passes() == passes);
  world.dedicated().refresh();
  const double before = world.memory().clock[Clock::NOW];
  CHECK(world.tick());
  REQUIRE(world.log.size() == 1);
  CHECK(world.memory().clock[Clock::NOW] >= before);
}

CASE("PO-08 a dedicated loop: its sleeps are counted, and their time, also of one under way") {
  DedicatedWorld world;
  world.turn(1);
  const int64_t began = sys::monotonicNs();
  world.dedicated().count();
  const double before = world.memory().clock[Clock::SLEPT];
  const int32_t waits = world.memory().control[Control::WAITS];
  double last = before;
  int longer = 0;
  for (int i = 0; i < 100; i++) {
    world.turn(5);
    world.dedicated().count();
    longer += world.memory().clock[Clock::SLEPT] > last ? 1 : 0;
    CHECK(world.memory().clock[Clock::SLEPT] >= last);
    last = world.memory().clock[Clock::SLEPT];
  }
  const double elapsedMs = static_cast<double>(sys::monotonicNs() - began) / 1e6;
  CHECK(last - before >= elapsedMs / 2);
  CHECK(last - before <= elapsedMs);
  CHECK(longer > 50);
  // One each 200 ms or so.
  CHECK(world.memory().control[Control::WAITS] - waits >= 1);
  CHECK(world.memory().control[Control::WAITS] - waits <= static_cast<int32_t>(elapsedMs / 20));
}

CASE("EV-06 a quiet dedicated loop sleeps") {
  DedicatedWorld world;
  world.turn(1);
  const auto passes = [&] {
    return world.dedicated().visit([&] { return world.loop().passes(); });
  };
  const uint64_t before = passes();
  const int64_t end = sys::monotonicNs() + 500'000'000;
  while (sys::monotonicNs() < end) world.turn(500);
  // Every 200 ms; and a few around the questions.
  CHECK(passes() - before <= 10);
}

CASE("PO-01 a dedicated loop ends in every state") {
  const int descriptors = openDescriptors();
  for (uint64_t round = 0; round < 100u * check::kStressScale; round++) {
    check::Random random(check::seed() + round);
    DedicatedWorld world({}, random.below(3) != 0);
    std::vector<Client> clients;
    std::vector<uint32_t> connections;
    for (uint32_t i = random.below(3); i > 0; i--) {
      auto adopted = world.adopt();
      connections.push_back(adopted.first);
      clients.push_back(std::move(adopted.second));
    }
    for (uint32_t step = random.below(12); step > 0; step--) {
      switch (random.below(8)) {
        case 0:
          world.addTimer(step + 1, random.below(2) == 0 ? 0 : 1e9);
          break;
        case 1:
          world.dedicated().handOver();
          break;
        case 2:
          for (const uint32_t connection : connections) world.write(connection, "hello");
          break;
        case 3:
          for (const Client& client : clients) CHECK(sys::sendSome(client.fd, "hello", 5) != 0);
          break;
        case 4:
          world.turn(0);
          break;
        case 5:
          world.dedicated().stop();
          break;
        case 6:
          world.dedicated().start();
          break;
        default:
          static_cast<void>(world.dedicated().call([&] { return world.loop().passes(); }));
      }
    }
    world.close();
  }
  // Adopted ones are closed on other threads, soon.
  while (openDescriptors() != descriptors) sys::yieldThread();
}

}  // namespace
}  // namespace heddle::test
