// Reads and waits that are asked for by one record and answered by one.
#include <sys/socket.h>

#include <random>
#include <string>

#include "test/check.h"
#include "test/loopback.h"
#include "test/sockets.h"

namespace heddle::test {
namespace {

using check::Pipe;
using check::UnixPair;

constexpr uint32_t kHandle = 5;

// One asked descriptor of a pair; what its answers said.
struct Asked : Loopback {
  UnixPair pair;
  std::string bytes;
  int32_t last = 0;
  uint32_t readiness = 0;

  explicit Asked(const PortSizes& sizes = {}) : Loopback(sizes) {
    REQUIRE(loop().fdAdd(kHandle, pair.a, loop::kAsked) == 0);
    handler = [this](const Record& record) { heard(record); };
  }
  ~Asked() override {
    const int removed = loop().fdRemove(kHandle, pair.a);
    static_cast<void>(removed);  // some cases remove it themselves
  }

  void read(uint32_t most) { out(Out::FD_READ, kHandle, static_cast<int32_t>(most)); }
  void wait(uint32_t mask) { out(Out::FD_WAIT, kHandle, static_cast<int32_t>(mask)); }
  void send(std::string_view text) {
    CHECK_EQ(sys::writeSome(pair.b, text.data(), text.size()), static_cast<int64_t>(text.size()));
  }
  size_t answers() const { return count(In::FD_DATA); }

 private:
  void heard(const Record& record) {
    if (record.kind == In::FD_READY) readiness = static_cast<uint32_t>(record.at(2));
    if (record.kind != In::FD_DATA) return;
    last = record.at(3);
    bytes += record.bytes;
  }
};

CASE("AC-09 a read takes what there is, never more than asked, and is answered once") {
  Asked world;
  world.read(4);
  world.settle();
  CHECK_EQ(world.answers(), size_t{0});
  world.send("abcdef");
  world.settle();
  CHECK_EQ(world.bytes, std::string("abcd"));
  CHECK_EQ(world.answers(), size_t{1});
  world.read(100);
  world.settle();
  CHECK_EQ(world.bytes, std::string("abcdef"));
  CHECK_EQ(world.answers(), size_t{2});
}

CASE("AC-09 the end of the stream and errors are answers") {
  Asked world;
  world.read(8);
  ::shutdown(world.pair.b, SHUT_WR);
  world.settle();
  CHECK_EQ(world.answers(), size_t{1});
  CHECK_EQ(world.last, 0);
  world.read(8);
  world.settle();
  CHECK_EQ(world.answers(), size_t{2});
  CHECK_EQ(world.last, 0);
}

CASE("AC-09 a reset peer fails the read that waits and the one that comes later") {
  Asked world;
  world.read(8);
  world.send("x");
  // A unix peer that goes with unread input resets.
  CHECK_EQ(sys::writeSome(world.pair.a, "unread", 6), 6);
  world.settle();
  CHECK_EQ(world.bytes, std::string("x"));
  world.pair.b.reset();
  world.settle();  // nobody asks: the multiplexer must not report it for ever
  CHECK_EQ(world.loop().lastReady(), 0u);
  world.read(8);
  world.settle();
  CHECK_EQ(world.last, -ECONNRESET);
  world.read(8);
  world.settle();
  CHECK_EQ(world.last, 0);
  CHECK_EQ(world.answers(), size_t{3});
}

CASE("AC-32 a withdrawn read takes nothing; what arrives is there for the next one") {
  Asked world;
  world.read(8);
  world.settle();
  world.read(0);
  world.send("late");
  world.settle();
  CHECK_EQ(world.answers(), size_t{0});
  CHECK_EQ(world.loop().lastReady(), 0u);
  world.read(8);
  world.settle();
  CHECK_EQ(world.bytes, std::string("late"));
}

CASE("AC-10 a wait for room is answered once") {
  Asked world;
  std::string filler(4096, 'x');
  while (sys::writeSome(world.pair.a, filler.data(), filler.size()) > 0) continue;
  world.wait(sys::kWrite);
  world.settle();
  CHECK_EQ(world.readiness, 0u);
  char sink[65536];
  while (sys::readSome(world.pair.b, sink, sizeof sink) > 0) continue;
  world.settle();
  CHECK_EQ(world.readiness, sys::kWrite);
  CHECK_EQ(world.count(In::FD_READY), size_t{1});
}

CASE("AC-09 AC-10 a read and a wait for room go side by side") {
  Asked world;
  world.read(8);
  world.wait(sys::kWrite);
  world.settle();
  CHECK_EQ(world.readiness, sys::kWrite);
  CHECK_EQ(world.answers(), size_t{0});
  world.send("in");
  world.settle();
  CHECK_EQ(world.bytes, std::string("in"));
}

CASE("AC-10 a wait on a peer that is gone is answered with the exception") {
  Pipe pipe;
  Loopback world;
  CHECK_EQ(world.loop().fdAdd(kHandle, pipe.writer, loop::kAsked), 0);
  pipe.reader.reset();
  world.settle();
  world.out(Out::FD_WAIT, kHandle, sys::kWrite);
  world.settle();
  CHECK_EQ(world.count(In::FD_READY), size_t{1});
  CHECK_EQ(world.loop().fdRemove(kHandle, pipe.writer), 0);
}

CASE("AC-09 an asked descriptor reports nothing by itself and takes no mask") {
  Asked world;
  world.send("x");
  world.out(Out::FD_MASK, kHandle, sys::kRead);
  world.settle();
  CHECK(world.log.empty());
  CHECK_EQ(world.loop().lastReady(), 0u);
}

CASE("AC-09 asking a classic watch, or a handle that is gone, does nothing") {
  Loopback world;
  const UnixPair pair;
  CHECK_EQ(world.loop().fdAdd(9, pair.a, sys::kWrite), 0);
  world.out(Out::FD_READ, 9, 8);
  world.out(Out::FD_WAIT, 77, 1);
  world.pass();
  CHECK_EQ(world.count(In::FD_DATA), size_t{0});
  CHECK_EQ(world.count(In::FD_READY), size_t{0});
  CHECK_EQ(world.loop().fdRemove(9, pair.a), 0);
}

CASE("AC-09 a descriptor whose number was given to another watch answers EBADF") {
  Loopback world;
  auto* first = new UnixPair;
  const int number = first->a;
  CHECK_EQ(world.loop().fdAdd(5, number, loop::kAsked), 0);
  delete first;  // closed without being removed
  const UnixPair second;
  REQUIRE(second.a == number || second.b == number);
  CHECK_EQ(world.loop().fdAdd(6, number, sys::kRead), 0);
  int32_t answer = 0;
  world.handler = [&](const Record& record) {
    if (record.kind == In::FD_DATA) answer = record.at(3);
  };
  world.out(Out::FD_READ, 5, 8);
  world.settle();
  CHECK_EQ(answer, -EBADF);
  CHECK_EQ(world.loop().fdRemove(5, number), 0);
  CHECK_EQ(world.loop().fdRemove(6, number), 0);
}

CASE("AC-09 a full slab puts a read off to the next pass; bytes come in order") {
  PortSizes sizes;
  sizes.recvBytes = 8192;
  Asked world(sizes);
  const UnixPair other;
  CHECK_EQ(world.loop().fdAdd(6, other.a, loop::kAsked), 0);
  const std::string large(8000, 'a');
  CHECK_EQ(sys::writeSome(other.b, large.data(), large.size()), 8000);
  world.send(large);
  world.read(8192);
  world.out(Out::FD_READ, 6, 8192);
  world.pass();
  CHECK_EQ(world.answers(), size_t{1});
  CHECK(world.loop().hasWork());
  world.pass();
  CHECK_EQ(world.answers(), size_t{2});
  CHECK_EQ(world.loop().fdRemove(6, other.a), 0);
}

CASE("AC-32 asks withdrawn and made again in any order lose no byte (seeded)") {
  for (uint32_t seed = 1; seed <= 20; seed++) {
    std::mt19937 random(seed);
    const auto below = [&](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
    Asked world;
    std::string sent;
    for (int step = 0; step < 400; step++) {
      switch (below(5)) {
        case 0: {
          const std::string text(1 + below(9), static_cast<char>('a' + step % 26));
          world.send(text);
          sent += text;
          break;
        }
        case 1:
          world.read(1 + below(7));
          break;
        case 2:
          world.read(0);
          break;
        case 3:
          world.wait(below(4));
          break;
        default:
          world.pass();
      }
    }
    while (world.bytes.size() < sent.size()) {
      const size_t before = world.bytes.size();
      world.read(16);
      world.settle();
      REQUIRE(world.bytes.size() > before);
    }
    CHECK_EQ(world.bytes, sent);
  }
}

}  // namespace
}  // namespace heddle::test
