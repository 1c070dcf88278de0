// Listeners: accepting, limits, running out of descriptors, closing.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <string>
#include <vector>

#include "test/check.h"
#include "test/folder.h"
#include "test/loopback.h"

namespace heddle::test {
namespace {

using net::ListenSpec;

uint32_t acceptedOf(const Loopback& world) {
  return static_cast<uint32_t>(world.last(In::ACCEPT)->at(2));
}

CASE("LS-01 connections are reported with their listener and speak both ways") {
  Loopback world;
  const uint32_t first = world.listen({});
  const uint32_t second = world.listen({});
  CHECK_EQ(world.control(Control::LISTENERS), 2);
  Client a = world.connectTo(first);
  Client b = world.connectTo(second);
  a.write("to the first");
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 2 && world.count(In::DATA) == 1; }));
  for (const Record& record : world.log) {
    if (record.kind != In::ACCEPT) continue;
    const auto handle = static_cast<uint32_t>(record.at(2));
    CHECK_EQ(world.net().connection(handle)->settings->listener, record.handle());
    if (record.handle() == first) CHECK(world.received(handle) == "to the first");
    CHECK_EQ(sys::birthFlags(world.net().connection(handle)->fd), 3);
  }
  CHECK_EQ(world.net().listener(first)->settings->connections, 1u);
  a.close();
  b.close();
  CHECK_EQ(world.net().closeListener(first), 0);
  CHECK_EQ(world.net().closeListener(first), -EBADF);
  CHECK_EQ(world.net().closeListener(second), 0);
  world.checkEmpty();
  CHECK_EQ(world.count(In::LISTENER_CLOSED), size_t{2});
  CHECK_EQ(world.control(Control::LISTENERS), 0);
}

CASE("LS-04 a listener that holds leaves accepting to those who share its socket") {
  Loopback world;
  ListenSpec spec;
  spec.address = check::loopback();
  spec.holds = true;
  const int64_t holder = world.net().listen(spec);
  REQUIRE(holder > 0);
  const auto held = static_cast<uint32_t>(holder);
  Client client = world.connectTo(held);
  client.write("early");
  // Nobody accepts: passes come and go.
  for (int i = 0; i < 20; i++) world.pass();
  CHECK_EQ(world.count(In::ACCEPT), size_t{0});
  ListenSpec shares;
  shares.address = world.net().listener(held)->bound;
  shares.share = world.net().listener(held)->fd;
  const int64_t sharer = world.net().listen(shares);
  REQUIRE(sharer > 0);
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 1 && world.count(In::DATA) == 1; }));
  CHECK_EQ(world.last(In::ACCEPT)->handle(), static_cast<uint32_t>(sharer));
  CHECK_EQ(world.net().closeListener(static_cast<uint32_t>(sharer)), 0);
  // The address is still there for the next one.
  Client waiting = world.connectTo(held);
  const int64_t next = world.net().listen(shares);
  REQUIRE(next > 0);
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 2; }));
  client.close();
  waiting.close();
  CHECK_EQ(world.net().closeListener(static_cast<uint32_t>(next)), 0);
  CHECK_EQ(world.net().closeListener(held), 0);
  world.checkEmpty();
  CHECK_EQ(world.control(Control::LISTENERS), 0);
}

CASE("LS-02 IPv6, a taken port, a Unix path") {
  Loopback world;
  ListenSpec spec;
  CHECK(sys::parseAddress("::1", 0, &spec.address) >= 0);
  const int64_t six = world.net().listen(spec);
  if (six > 0) {  // a machine without IPv6 has none on loopback either
    Client client = world.connectTo(static_cast<uint32_t>(six));
    CHECK(world.until([&] { return world.count(In::ACCEPT) == 1; }));
    client.close();
    CHECK_EQ(world.net().closeListener(static_cast<uint32_t>(six)), 0);
  } else {
    CHECK(six == -EADDRNOTAVAIL || six == -EAFNOSUPPORT);
  }
  const uint32_t listener = world.listen({});
  spec.address = world.net().listener(listener)->bound;
  CHECK_EQ(world.net().listen(spec), -EADDRINUSE);
  CHECK_EQ(world.net().closeListener(listener), 0);

  const std::string path = check::temporaryPath("accept-" + std::to_string(getpid()));
  CHECK(sys::unixAddress(path.data(), path.size(), &spec.address) >= 0);
  const uint32_t local = world.listen(spec);
  world.log.clear();
  Client client = world.connectTo(local);
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 1; }));
  const uint32_t handle = acceptedOf(world);
  world.write(handle, "over the path");
  CHECK(world.until([&] {
    client.read();
    return client.in == "over the path";
  }));
  struct stat file {};
  CHECK_EQ(lstat(path.c_str(), &file), 0);
  CHECK_EQ(world.net().closeListener(local), 0);
  CHECK(lstat(path.c_str(), &file) != 0);
  world.finish(&client);
}

CASE("LS-10 so many accepts a pass; the rest follows") {
  Loopback world;
  ListenSpec spec;
  spec.acceptsPerPass = 3;
  const uint32_t listener = world.listen(spec);
  std::deque<Client> clients;
  for (int i = 0; i < 10; i++) clients.push_back(world.connectTo(listener));
  world.pass();
  CHECK_EQ(world.count(In::ACCEPT), size_t{3});
  world.pass();
  CHECK_EQ(world.count(In::ACCEPT), size_t{6});
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 10; }));
  clients.clear();
  world.finish(listener);
}

CASE("LS-10 a full inbox puts accepting off") {
  PortSizes sizes;
  sizes.inboxWords = loop::Port::kLongestRecord + 7;
  Loopback world(sizes);
  const uint32_t listener = world.listen({});
  std::deque<Client> clients;
  for (int i = 0; i < 20; i++) clients.push_back(world.connectTo(listener));
  world.pass();
  CHECK(world.count(In::ACCEPT) < 5);
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 20; }));
  clients.clear();
  world.finish(listener);
}

CASE("LS-10 accepting stops at the limit and goes on when one leaves") {
  Loopback world;
  ListenSpec spec;
  spec.maxConnections = 3;
  const uint32_t listener = world.listen(spec);
  std::deque<Client> clients;
  for (int i = 0; i < 6; i++) clients.push_back(world.connectTo(listener));
  world.settle();
  CHECK_EQ(world.count(In::ACCEPT), size_t{3});
  const uint64_t waits = world.loop().waits();
  world.rest(100);  // those who wait do not keep the loop busy
  CHECK(world.loop().waits() - waits < 60);
  CHECK_EQ(world.net().connections(), size_t{3});
  for (size_t i = 0; i < 3; i++) {
    clients[i].close();
    CHECK(world.until([&] { return world.count(In::ACCEPT) == 4 + i; }));
    CHECK(world.net().connections() <= 3);
  }
  clients.clear();
  world.finish(listener);
}

// Takes all descriptors but `left` while it lives.
class Scarcity {
 public:
  explicit Scarcity(int left) {
    getrlimit(RLIMIT_NOFILE, &before_);
    int highest = 0;
    for (int fd = 0; fd < 4096; fd++) {
      if (sys::descriptorFlags(fd) >= 0) highest = fd;
    }
    while (true) {  // no gaps below the limit
      const int fd = dup(0);
      if (fd < 0 || fd > highest) {
        if (fd >= 0) sys::closeFd(fd);
        break;
      }
      fillers_.push_back(fd);
    }
    rlimit lowered = before_;
    lowered.rlim_cur = static_cast<rlim_t>(highest + 1 + left);
    setrlimit(RLIMIT_NOFILE, &lowered);
  }
  ~Scarcity() {
    for (const int fd : fillers_) sys::closeFd(fd);
    setrlimit(RLIMIT_NOFILE, &before_);
  }
  Scarcity(const Scarcity&) = delete;
  Scarcity& operator=(const Scarcity&) = delete;

 private:
  rlimit before_{};
  std::vector<int> fillers_;
};

CASE("LS-10 FD-08 without descriptors a listener rests, does not spin, and recovers") {
  loop::LoopOptions options = Loopback::originNow();
  options.maxSleepNs = 60'000'000'000;  // only the listener itself ends a sleep
  Loopback world({}, options);
  const uint32_t listener = world.listen({});
  std::deque<Client> clients;
  for (int i = 0; i < 4; i++) clients.push_back(world.connectTo(listener));
  {
    const Scarcity scarcity(2);
    CHECK(world.until([&] { return world.count(In::LISTEN_ERROR) >= 1; }));
    CHECK_EQ(world.last(In::LISTEN_ERROR)->at(1), static_cast<int32_t>(listener));
    CHECK_EQ(world.last(In::LISTEN_ERROR)->at(2), EMFILE);
    CHECK_EQ(world.count(In::ACCEPT), size_t{2});
    CHECK(world.loop().sleepNs() <= 101'000'000);
    const uint64_t waits = world.loop().waits();
    world.rest(250);  // in steps of 5 ms
    CHECK(world.loop().waits() - waits < 120);
    CHECK(world.count(In::LISTEN_ERROR) <= 6);
    // The connections that it has go on.
    world.write(acceptedOf(world), "alive");
    CHECK(world.until([&] {
      std::string all;
      for (Client& client : clients) {
        client.read();
        all += client.in;
      }
      return all == "alive";
    }));
    // A connection that leaves makes a place at once.
    world.out(Out::CLOSE, acceptedOf(world));
    CHECK(world.until([&] { return world.count(In::ACCEPT) == 3; }));
  }
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 4; }));
  clients.clear();
  world.finish(listener);
}

CASE("LS-10 a resting listener can be closed") {
  Loopback world;
  const uint32_t listener = world.listen({});
  Client client = world.connectTo(listener);
  {
    const Scarcity scarcity(0);
    CHECK(world.until([&] { return world.count(In::LISTEN_ERROR) == 1; }));
    CHECK_EQ(world.net().closeListener(listener), 0);
    world.rest(150);
  }
  CHECK_EQ(world.count(In::LISTEN_ERROR), size_t{1});
  CHECK_EQ(world.loop().sleepNs(), 200'000'000);
  world.finish(&client);
}

CASE("LS-12 a listener closes, its connections go on") {
  Loopback world;
  const uint32_t listener = world.listen({});
  Client client = world.connectTo(listener);
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 1; }));
  const uint32_t handle = acceptedOf(world);
  CHECK_EQ(world.net().closeListener(listener), 0);
  CHECK(world.until([&] { return world.count(In::LISTENER_CLOSED) == 1; }));
  client.write("still here");
  CHECK(world.until([&] { return world.received(handle) == "still here"; }));
  world.write(handle, "so am I");
  CHECK(world.until([&] {
    client.read();
    return client.in == "so am I";
  }));
  world.finish(&client);
}

CASE("LS-12 connections of a closed listener are counted and can be destroyed, others stay") {
  Loopback world;
  const uint32_t first = world.listen({});
  const uint32_t second = world.listen({});
  Client a = world.connectTo(first);
  Client b = world.connectTo(first);
  Client c = world.connectTo(second);
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 3; }));
  CHECK_EQ(world.net().closeListener(first), 0);
  CHECK_EQ(world.net().connectionsOf(first), size_t{2});
  world.net().destroyConnectionsOf(first);
  CHECK(world.loop().hasWork());
  CHECK(world.until([&] {
    a.read();
    b.read();
    return a.gone() && b.gone();
  }));
  CHECK_EQ(a.error, ECONNRESET);
  CHECK_EQ(world.net().connectionsOf(first), size_t{0});
  CHECK_EQ(world.net().connectionsOf(second), size_t{1});
  world.settle();
  CHECK_EQ(world.count(In::CLOSE), size_t{2});
  for (Client* each : {&a, &b, &c}) each->close();
  CHECK_EQ(world.net().closeListener(second), 0);
  world.checkEmpty();
}

CASE("connections of a listener: idle time-out, pause and auto close are its settings") {
  Loopback world;
  ListenSpec spec;
  spec.settings.idleTimeoutMs = 40;
  spec.settings.paused = true;
  const uint32_t listener = world.listen(spec);
  Client client = world.connectTo(listener);
  client.write("not wanted");
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 1; }));
  CHECK(world.until([&] { return world.count(In::CLOSE) == 1; }));
  CHECK_EQ(world.count(In::DATA), size_t{0});
  CHECK_EQ(world.last(In::CLOSE)->at(3), static_cast<int32_t>(CloseReason::IDLE));
  world.finish(&client, listener);
}

CASE("connections come and go in a thousand rounds without leaving a trace") {
  Loopback world;
  const uint32_t listener = world.listen({});
  world.rebaseDescriptors();
  check::Random random(check::seed());
  world.handler = [&](const Record& record) {
    if (record.kind == In::DATA)
      world.out(Out::WRITE_RECEIVED, record.at(1), record.at(2), record.at(3));
    if (record.kind == In::ACCEPT && random.below(8) == 0) world.out(Out::CLOSE, record.at(2));
    if (record.kind == In::DATA && random.below(8) == 0) world.out(Out::DESTROY, record.at(1));
  };
  std::deque<Client> clients;
  for (int i = 0; i < 1000; i++) {
    clients.push_back(world.connectTo(listener));
    for (Client& client : clients) {
      if (client.fd < 0) continue;
      const uint32_t act = random.below(12);
      if (act < 6) client.write("some bytes");
      if (act == 6) client.finish();
      if (act == 7) client.reset();
      if (act == 8) client.close();
      client.read();
    }
    while (clients.size() > 20) clients.pop_front();
    world.pass();
    world.log.clear();
  }
  clients.clear();
  CHECK(world.until([&] { return world.net().connections() == 0; }));
  CHECK_EQ(world.net().listener(listener)->settings->connections, 0u);
  world.net().closeListener(listener);
  world.settle();
  CHECK_EQ(world.net().bufferedBytes(), size_t{0});
}

}  // namespace
}  // namespace heddle::test
