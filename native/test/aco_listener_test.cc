// Listeners that serve each connection in a coroutine, as the seed's listen_to_me.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>

#include "test/aco_fixture.h"
#include "test/folder.h"
#include "test/syscall_faults.h"

namespace heddle::test {
namespace {

constexpr std::string_view kThanks = "thanks!\n";

int64_t patienceNs = -1;

void listenToMe(void* argument) {
  auto* const event = static_cast<Event*>(argument);
  CHECK(event == aco::arg());
  while (true) {
    char bytes[128];
    const int64_t got = event->read(bytes, sizeof bytes, {.timeoutNs = patienceNs});
    if (got == -ETIME) CHECK_EQ(event->writeAll("bye!\n", 5), 5);
    if (got <= 0) break;
    if (got >= 4 && strncasecmp(bytes, "quit", 4) == 0) {
      CHECK_EQ(event->writeAll("quitter!\n", 9), 9);
      break;
    }
    if (event->writeAll(kThanks.data(), kThanks.size()) < 0) break;
  }
  event->close();
  CHECK_EQ(event->free(), 0);
}

aco::ListenSpec specOf(coro::Main procedure) {
  aco::ListenSpec spec;
  spec.address = check::loopback();
  spec.procedure = procedure;
  spec.name = "served";
  return spec;
}

Client clientOf(AcoWorld& world, int64_t listener) {
  const aco::Listener* const at = world.runtime().listener(static_cast<uint32_t>(listener));
  if (at == nullptr) std::abort();
  bool inProgress = false;
  const int fd = sys::connectStream(at->bound, &inProgress);
  if (fd < 0) std::abort();
  return Client(fd);
}

bool hears(AcoWorld& world, Client& client, std::string_view text) {
  return world.until([&] {
    client.read();
    return client.in == text;
  });
}

bool ended(AcoWorld& world, Client& client) {
  return world.until([&] {
    client.read();
    return client.gone();
  });
}

void end(AcoWorld& world, int64_t listener) {
  CHECK_EQ(world.runtime().closeListener(static_cast<uint32_t>(listener)), 0);
  CHECK(world.finishAll());
  CHECK_EQ(world.runtime().events(), size_t{0});
}

CASE("AC-28 A-AC-5 the seed's listener: thanks, quitter, and bye to the silent") {
  AcoWorld world;
  const int64_t listener = world.runtime().listen(specOf(listenToMe));
  REQUIRE(listener > 0);
  Client polite = clientOf(world, listener);
  polite.write("hello");
  CHECK(hears(world, polite, "thanks!\n"));
  polite.write("again");
  CHECK(hears(world, polite, "thanks!\nthanks!\n"));
  polite.write("QUIT now");
  CHECK(hears(world, polite, "thanks!\nthanks!\nquitter!\n"));
  CHECK(ended(world, polite));
  patienceNs = 20 * kMs;
  Client silent = clientOf(world, listener);
  CHECK(ended(world, silent));
  CHECK(silent.in == "bye!\n");
  patienceNs = -1;
  Client gone = clientOf(world, listener);
  CHECK(world.until([&] { return world.runtime().live() == 1; }));
  gone.close();
  CHECK(world.finishAll());
  CHECK(world.reports.empty());
  end(world, listener);
}

CASE("AC-28 A-AC-5 five hundred clients at once") {
  AcoWorld world;
  const int count = check::kStressScale > 1 ? 500 : 100;
  const int64_t listener = world.runtime().listen(specOf(listenToMe));
  REQUIRE(listener > 0);
  std::deque<Client> clients;
  for (int i = 0; i < count; i++) clients.push_back(clientOf(world, listener));
  for (Client& client : clients) client.write("hi");
  for (Client& client : clients) CHECK(hears(world, client, kThanks));
  CHECK_EQ(world.runtime().live(), static_cast<size_t>(count));
  CHECK_EQ(world.runtime().listener(static_cast<uint32_t>(listener))->accepted,
           static_cast<uint64_t>(count));
  for (Client& client : clients) client.write("quit");
  for (Client& client : clients) CHECK(ended(world, client));
  for (Client& client : clients) CHECK_EQ(client.in, std::string("thanks!\nquitter!\n"));
  end(world, listener);
}

CASE("AC-28 A-LS-8 one that returns without closing is closed and freed, with one warning") {
  AcoWorld world;
  const int64_t listener = world.runtime().listen(specOf([](void* argument) {
    static_cast<void>(static_cast<Event*>(argument)->writeAll("done", 4));
  }));
  REQUIRE(listener > 0);
  for (int i = 0; i < 3; i++) {
    Client client = clientOf(world, listener);
    CHECK(ended(world, client));
    CHECK_EQ(client.in, std::string("done"));
  }
  CHECK_EQ(world.told(Trouble::kNotClosed), size_t{1});
  CHECK_EQ(std::string(world.reports[0].name), std::string("served"));
  end(world, listener);
}

CASE("AC-28 exits, overflows and frees: the connection is closed in each case, once") {
  AcoWorld world;
  const int before = openDescriptors();
  const coro::Main ends[] = {
      [](void*) { aco::exit(); },
      [](void* argument) {
        auto* const event = static_cast<Event*>(argument);
        CHECK_EQ(event->close(), 0);
      },
      [](void* argument) {
        auto* const event = static_cast<Event*>(argument);
        CHECK_EQ(event->close(), 0);
        CHECK_EQ(event->free(), 0);
        aco::exit();
      },
      [](void*) {
        struct Deep {
          [[gnu::noinline]] static int down(int levels) {
            volatile char frame[1024];
            frame[levels & 1023] = 1;
            if (levels == 0) return aco::sleep(kMs);
            return down(levels - 1) + frame[levels & 1023];
          }
        };
        // More than it may have, and less than there is, also with a sanitizer's frames.
        Deep::down(40);
        aco::exit();
      },
  };
  for (const coro::Main each : ends) {
    const int64_t listener = world.runtime().listen(specOf(each));
    REQUIRE(listener > 0);
    Client client = clientOf(world, listener);
    CHECK(ended(world, client));
    end(world, listener);
  }
  CHECK_EQ(world.told(Trouble::kNotClosed), size_t{0});
  CHECK_EQ(openDescriptors(), before);
}

CASE("AC-28 a connection that is handed to another coroutine outlives its own only by release") {
  AcoWorld world;
  static int kept;
  kept = -1;
  const int64_t listener = world.runtime().listen(
      specOf([](void* argument) { kept = static_cast<Event*>(argument)->release(); }));
  REQUIRE(listener > 0);
  Client client = clientOf(world, listener);
  CHECK(world.until([&] { return kept >= 0; }));
  CHECK_EQ(sys::writeSome(kept, "mine", 4), 4);
  CHECK(hears(world, client, "mine"));
  sys::closeFd(kept);
  CHECK(world.reports.empty());
  end(world, listener);
}

CASE("AC-28 at most so many at a time; the others wait in the queue") {
  AcoWorld world;
  aco::ListenSpec spec = specOf(listenToMe);
  spec.maxConnections = 2;
  const int64_t listener = world.runtime().listen(spec);
  REQUIRE(listener > 0);
  std::deque<Client> clients;
  for (int i = 0; i < 3; i++) {
    clients.push_back(clientOf(world, listener));
    clients.back().write("hi");
  }
  CHECK(hears(world, clients[0], kThanks));
  CHECK(hears(world, clients[1], kThanks));
  world.rest(5);
  CHECK_EQ(world.runtime().live(), size_t{2});
  CHECK(!world.loop().hasWork());
  clients[0].write("quit");
  CHECK(hears(world, clients[2], kThanks));
  for (Client& client : clients) client.close();
  end(world, listener);
}

CASE("AC-11 AC-28 a listener that runs out of descriptors rests, and says so") {
  AcoWorld world;
  const int64_t listener = world.runtime().listen(specOf(listenToMe));
  REQUIRE(listener > 0);
  Client client = clientOf(world, listener);
  {
    const Fault fault(&acceptFaults, EMFILE);
    CHECK(world.until([&] { return world.told(Trouble::kAcceptFailed) == 1; }));
    CHECK_EQ(world.reports[0].error, -EMFILE);
  }
  world.pass();
  CHECK_EQ(world.runtime().live(), size_t{0});
  CHECK(world.loop().sleepNs() > 0);  // no busy loop
  client.write("quit");
  CHECK(ended(world, client));
  CHECK_EQ(client.in, std::string("quitter!\n"));
  {
    // A connection that was aborted in the queue is passed over.
    const Fault fault(&acceptFaults, ECONNABORTED);
    Client next = clientOf(world, listener);
    next.write("quit");
    CHECK(ended(world, next));
    CHECK_EQ(next.in, std::string("quitter!\n"));
  }
  CHECK_EQ(world.reports.size(), size_t{1});
  end(world, listener);
}

CASE(
    "AC-28 wrong listeners: no procedure, a taken address, an unknown handle, a poller's refusal") {
  AcoWorld world;
  CHECK_EQ(world.runtime().listen(specOf(nullptr)), -EINVAL);
  const int64_t listener = world.runtime().listen(specOf(listenToMe));
  REQUIRE(listener > 0);
  aco::ListenSpec again = specOf(listenToMe);
  again.address = world.runtime().listener(static_cast<uint32_t>(listener))->bound;
  CHECK_EQ(world.runtime().listen(again), -EADDRINUSE);
  CHECK_EQ(world.runtime().closeListener(77), -EBADF);
  const int before = openDescriptors();
  {
    const Fault fault(&epollFaults, ENOSPC);
    CHECK_EQ(world.runtime().listen(specOf(listenToMe)), -ENOSPC);
  }
  CHECK_EQ(openDescriptors(), before);
  end(world, listener);
}

CASE("AC-28 a Unix listener's file goes with it, and it may be closed by what it serves") {
  AcoWorld world;
  const std::string path = check::temporaryPath("aco-" + std::to_string(getpid()));
  static Runtime* runtime;
  static uint32_t handle;
  runtime = &world.runtime();
  aco::ListenSpec spec = specOf([](void* argument) {
    CHECK_EQ(runtime->closeListener(handle), 0);
    static_cast<Event*>(argument)->close();
  });
  REQUIRE(sys::unixAddress(path.data(), path.size(), &spec.address) == 0);
  const int64_t listener = world.runtime().listen(spec);
  REQUIRE(listener > 0);
  handle = static_cast<uint32_t>(listener);
  Client first = clientOf(world, listener);
  Client second = clientOf(world, listener);
  CHECK(ended(world, first));
  CHECK(ended(world, second));
  struct stat file {};
  CHECK_EQ(lstat(path.c_str(), &file), -1);
  CHECK(world.finishAll());
}

CASE("AC-28 the end of the loop ends listeners and those they serve") {
  const int before = openDescriptors();
  {
    AcoWorld world;
    const int64_t listener = world.runtime().listen(specOf(listenToMe));
    REQUIRE(listener > 0);
    Client client = clientOf(world, listener);
    CHECK(world.until([&] { return world.runtime().live() == 1; }));
    world.loop().close();
    client.read();
    CHECK(client.gone());
    CHECK_EQ(world.runtime().listen(specOf(listenToMe)), -ESHUTDOWN);
    CHECK_EQ(world.runtime().serve(0, listenToMe), -ESHUTDOWN);
    CHECK_EQ(world.runtime().live(), size_t{0});
  }
  CHECK_EQ(openDescriptors(), before);
}

CASE("AC-28 serving a descriptor that somebody else has accepted") {
  AcoWorld world;
  check::UnixPair pair;
  static int told;
  told = 0;
  aco::StartOptions options;
  options.ended = [](void* context, Id, Outcome how) {
    told += how == Outcome::kExited && context == &told ? 1 : 0;
  };
  options.endedContext = &told;
  CHECK_EQ(world.runtime().serve(pair.a, nullptr), -EINVAL);
  CHECK_EQ(world.runtime().serve(-1, listenToMe), -EBADF);
  CHECK(world.runtime().serve(pair.a.release(), listenToMe, options) > 0);
  Client client(pair.b.release());
  client.write("quit");
  CHECK(ended(world, client));
  CHECK(world.finishAll());
  CHECK_EQ(told, 1);
}

}  // namespace
}  // namespace heddle::test
