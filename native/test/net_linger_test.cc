// Connections whose close would block, because their socket lingers: no loop waits for a peer.
#include <functional>

#include "sys/closer.h"
#include "test/check.h"
#include "test/loopback.h"

namespace heddle::test {
namespace {

constexpr int kLingerSeconds = 60;
constexpr int64_t kStallNs = 20'000'000'000;  // a close that blocks takes three times as long

// A peer that reads nothing, and a connection with output for it in the system's buffer.
struct Unread : check::TcpPair {
  uint32_t handle = 0;

  explicit Unread(Loopback& world) {
    CHECK_EQ(sys::setLinger(server, kLingerSeconds), 0);
    CHECK(check::fill(server) > 0);
    const int64_t adopted = world.net().adopt(server, {});
    CHECK(adopted > 0);
    handle = static_cast<uint32_t>(adopted);
    server.release();
  }
};

bool isPrompt(const std::function<void()>& act) {
  const int64_t start = sys::monotonicNs();
  act();
  return sys::monotonicNs() - start < kStallNs;
}

struct CloserHeld {
  CloserHeld() { sys::acquireCloser(); }
  ~CloserHeld() { sys::releaseCloser(); }
};

CASE("FD-09 a lingering connection closes beside the loop") {
  const CloserHeld closer;
  Loopback world;
  Unread unread(world);
  world.out(Out::CLOSE, unread.handle);
  CHECK(isPrompt([&] { world.until([&] { return world.count(In::CLOSE) == 1; }); }));
  CHECK_EQ(sys::closerStats().threads, 1);
  // The peer still gets all of it, and then the end.
  int64_t rest = 0;
  while (true) {
    char bytes[65536];
    const int64_t n = sys::readSome(unread.client, bytes, sizeof bytes);
    if (n == -EAGAIN) continue;
    CHECK(n >= 0);
    if (n <= 0) break;
    rest += n;
  }
  CHECK(rest > 0);
}

CASE("FD-09 a loop that ends with lingering connections does not wait for their peers") {
  const CloserHeld closer;
  Loopback world;
  Unread first(world);
  Unread second(world);
  CHECK(isPrompt([&] { world.net().closeAll(); }));
  CHECK_EQ(world.net().connections(), size_t{0});
  sys::setLinger(first.client, 0);
  sys::setLinger(second.client, 0);
  first.client.reset();
  second.client.reset();
}

CASE("FD-09 without helper threads a lingering connection is closed without waiting") {
  Loopback world;
  Unread unread(world);
  CHECK(isPrompt([&] { world.net().closeAll(); }));
}

CASE("FD-09 a reset does not linger") {
  const CloserHeld closer;
  Loopback world;
  Unread unread(world);
  world.out(Out::DESTROY, unread.handle);
  CHECK(isPrompt([&] { world.until([&] { return world.count(In::CLOSE) == 1; }); }));
  char byte = 0;
  int64_t n = 0;
  while ((n = sys::readSome(unread.client, &byte, 1)) > 0 || n == -EAGAIN) continue;
  CHECK_EQ(n, -ECONNRESET);
}

CASE("an adopted descriptor that blocks does not block the loop") {
  Loopback world;
  check::UnixPair pair;
  CHECK_EQ(sys::setBlocking(pair.a, true), 0);
  const int64_t handle = world.net().adopt(pair.a, {});
  CHECK(handle > 0);
  const int fd = pair.a.release();
  CHECK_EQ(sys::birthFlags(fd) & 1, 1);
  pair.b.reset();
  world.settle();
  CHECK_EQ(world.net().connections(), size_t{0});
}

}  // namespace
}  // namespace heddle::test
