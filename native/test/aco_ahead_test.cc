// What an event reads ahead of what it is asked for: that nothing is lost or out of order however
// it arrives, that the system is not asked for what it does not have, and that the memory goes.
#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "mem/memtype.h"
#include "test/aco_fixture.h"

namespace heddle::test {
namespace {

using check::UnixPair;

uint64_t bytesAhead() { return mem::usageOf(mem::builtinType(mem::Builtin::kAcoBytes)).bytes; }

void say(int fd, std::string_view text) {
  CHECK_EQ(sys::writeSome(fd, text.data(), text.size()), static_cast<int64_t>(text.size()));
}

// Sends as much as there is room for, and takes passes for the rest.
void sayAll(AcoWorld& world, int fd, std::string_view bytes) {
  const bool said = world.until([&] {
    const int64_t sent = sys::writeSome(fd, bytes.data(), bytes.size());
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
    return bytes.empty();
  });
  CHECK(said);
}

std::string lineOf(size_t number, size_t size) {
  std::string line = std::to_string(number) + ":";
  line.append(size, static_cast<char>('a' + number % 26));
  return line + '\n';
}

CASE("AC-09 readUntil: thousands of lines, of all sizes and in pieces of all sizes, in order") {
  AcoWorld world;
  UnixPair pair;
  std::mt19937 random(check::seed());
  std::vector<std::string> lines;
  std::string all;
  for (size_t i = 0; i < 5000; i++) {
    lines.push_back(lineOf(i, random() % 50 == 0 ? random() % 9000 : random() % 60));
    all += lines.back();
  }
  size_t read = 0;
  bool equal = true;
  world.go([&] {
    Event* const event = adopted(pair.a.release());
    std::string line(10'000, ' ');
    while (true) {
      const int64_t size = event->readUntil(line.data(), line.size(), "\n", 1);
      if (size < 0) break;
      equal = equal && std::string_view(line.data(), static_cast<size_t>(size)) == lines[read];
      read++;
    }
    closeAndFree(event);
  });
  for (std::string_view left = all; !left.empty();) {
    const size_t piece =
        std::min<size_t>(left.size(), 1 + random() % (random() % 8 == 0 ? 90'000 : 400));
    sayAll(world, pair.b, left.substr(0, piece));
    left.remove_prefix(piece);
    if (random() % 3 == 0) world.pass();
  }
  pair.b.reset();
  CHECK(world.finishAll());
  CHECK(equal);
  CHECK_EQ(read, lines.size());
}

CASE("AC-09 readFrame: every kind of header, many frames at once and in pieces, in order") {
  for (const uint8_t header : std::initializer_list<uint8_t>{1, 2, 4, 8}) {
    for (const bool littleEndian : {false, true}) {
      AcoWorld world;
      UnixPair pair;
      std::mt19937 random(check::seed() + header);
      std::vector<std::string> bodies;
      std::string all;
      for (size_t i = 0; i < 500; i++) {
        bodies.emplace_back(random() % (header == 1 ? 256 : 3000), static_cast<char>('a' + i % 26));
        for (unsigned at = 0; at < header; at++) {
          const unsigned shift = 8 * (littleEndian ? at : header - 1u - at);
          all += static_cast<char>(uint64_t{bodies.back().size()} >> shift);
        }
        all += bodies.back();
      }
      size_t read = 0;
      bool equal = true;
      world.go([&] {
        Event* const event = adopted(pair.a.release());
        std::string body(3000, ' ');
        const aco::FrameFormat format{.headerBytes = header, .littleEndian = littleEndian};
        while (true) {
          const int64_t size = event->readFrame(body.data(), body.size(), format);
          if (size < 0) break;
          equal = equal && std::string_view(body.data(), static_cast<size_t>(size)) == bodies[read];
          read++;
        }
        closeAndFree(event);
      });
      for (std::string_view left = all; !left.empty();) {
        const size_t piece = std::min<size_t>(left.size(), 1 + random() % 20'000);
        sayAll(world, pair.b, left.substr(0, piece));
        left.remove_prefix(piece);
      }
      pair.b.reset();
      CHECK(world.finishAll());
      CHECK(equal);
      CHECK_EQ(read, bodies.size());
    }
  }
}

CASE("AC-09 A-AC-4 what has come since a short read is read however short the time is") {
  AcoWorld world;
  UnixPair pair;
  std::string got;
  world.go([&] {
    Event* const event = adopted(pair.a.release());
    char bytes[64];
    for (int i = 0; i < 3; i++) {
      // The read before took all there was, and the deadline passes before the loop looks again.
      say(pair.b, "abc");
      const int64_t size = event->read(bytes, sizeof bytes, {.timeoutNs = 1});
      CHECK_EQ(size, int64_t{3});
      if (size > 0) got.append(bytes, static_cast<size_t>(size));
    }
    CHECK_EQ(event->read(bytes, sizeof bytes, {.timeoutNs = 1}), -ETIME);
    CHECK_EQ(event->read(bytes, sizeof bytes, {.timeoutNs = 0}), -ETIME);
    say(pair.b, "d\n");
    CHECK_EQ(event->readUntil(bytes, sizeof bytes, "\n", 1, {.timeoutNs = 0}), int64_t{2});
    say(pair.b, "ef\n");
    CHECK_EQ(event->readUntil(bytes, sizeof bytes, "\n", 1, {.timeoutNs = 1}), int64_t{3});
    closeAndFree(event);
  });
  CHECK(world.finishAll());
  CHECK_EQ(got, std::string("abcabcabc"));
}

CASE("AC-09 an event may be closed and freed by another while its read's time runs out") {
  AcoWorld world;
  UnixPair pair;
  Event* event = nullptr;
  int64_t result = 0;
  world.go([&] {
    event = adopted(pair.a.release());
    char bytes[8];
    say(pair.b, "a");
    CHECK_EQ(event->read(bytes, sizeof bytes), int64_t{1});
    result = event->read(bytes, sizeof bytes, {.timeoutNs = kMs});
  });
  world.go([&] {
    // Both deadlines come in one pass; this one goes on first.
    aco::sleep(kMs / 2);
    closeAndFree(event);
  });
  world.rest(3);
  CHECK(world.finishAll());
  CHECK(result == -ETIME || result == -EBADF);
}

CASE("AC-09 a part of a record holds little memory, and an idle event none") {
  AcoWorld world;
  UnixPair pair;
  const uint64_t before = bytesAhead();
  size_t read = 0;
  const std::string burst(150'000, '\n');
  world.go([&] {
    Event* const event = adopted(pair.a.release());
    char line[64];
    while (event->readUntil(line, sizeof line, "\n", 1) > 0) read++;
    closeAndFree(event);
  });
  sayAll(world, pair.b, burst);
  CHECK(world.until([&] { return read == burst.size(); }));
  world.settle();
  CHECK_EQ(bytesAhead(), before);
  sayAll(world, pair.b, burst + "part");
  CHECK(world.until([&] { return read == 2 * burst.size(); }));
  world.settle();
  CHECK(bytesAhead() <= before + 2048);
  sayAll(world, pair.b, "\n");
  CHECK(world.until([&] { return read == 2 * burst.size() + 1; }));
  pair.b.reset();
  CHECK(world.finishAll());
  CHECK_EQ(bytesAhead(), before);
}

}  // namespace
}  // namespace heddle::test
