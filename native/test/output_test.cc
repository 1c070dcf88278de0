// Unsent bytes of a connection: order, partial sends, and blocks let go exactly once.
#include "net/output.h"

#include <string>
#include <vector>

#include "test/check.h"
#include "test/sockets.h"

namespace heddle::test {
namespace {

using check::UnixPair;
using net::Block;
using net::Output;

struct Owner {
  int released = 0;
  std::string bytes;
  Block block() {
    return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), letGo, this};
  }
  static void letGo(void* context) { static_cast<Owner*>(context)->released++; }
};

std::string pattern(size_t size, char from) {
  std::string bytes(size, ' ');
  for (size_t i = 0; i < size; i++) bytes[i] = static_cast<char>(from + static_cast<char>(i % 23));
  return bytes;
}

int copy(Output& output, const std::string& bytes) {
  return output.copy(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

std::string take(int fd) {
  std::string all;
  char bytes[65536];
  for (int64_t n; (n = sys::readSome(fd, bytes, sizeof bytes)) > 0;) {
    all.append(bytes, static_cast<size_t>(n));
  }
  return all;
}

void shrink(int fd) {
  const int size = 4096;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

CASE("output: copies and blocks leave in order, whatever the system takes at once") {
  const UnixPair pair;
  shrink(pair.a);
  Output output;
  std::string expected;
  std::vector<Owner> owners(40);
  for (size_t i = 0; i < owners.size(); i++) {
    const std::string small = pattern(1 + i * 97 % 3000, 'a');
    CHECK_EQ(copy(output, small), 0);
    expected += small;
    owners[i].bytes = pattern(1 + i * 991 % 20000, 'A');
    const size_t sentAlready = i % 3 == 0 ? owners[i].bytes.size() / 2 : 0;
    CHECK_EQ(output.refer(owners[i].block(), sentAlready), 0);
    expected += owners[i].bytes.substr(sentAlready);
  }
  CHECK_EQ(output.pending(), expected.size());
  std::string got;
  while (output.pending() > 0) {
    const size_t before = output.pending();
    const int64_t sent = output.sendTo(pair.a);
    REQUIRE(sent >= 0);
    CHECK_EQ(output.pending(), before - static_cast<size_t>(sent));
    got += take(pair.b);
  }
  got += take(pair.b);
  CHECK(got == expected);
  for (const Owner& owner : owners) CHECK_EQ(owner.released, 1);
  CHECK_EQ(output.sendTo(pair.a), 0);
}

CASE("output: a block is kept while one byte of it is unsent") {
  const UnixPair pair;
  shrink(pair.a);
  Owner owner;
  owner.bytes = pattern(300'000, 'a');
  Output output;
  CHECK_EQ(output.refer(owner.block(), 0), 0);
  CHECK(output.sendTo(pair.a) > 0);
  CHECK(output.pending() > 0);
  CHECK_EQ(output.sendTo(pair.a), 0);  // full
  CHECK_EQ(owner.released, 0);
  std::string got;
  while (output.pending() > 0) {
    CHECK_EQ(owner.released, 0);
    got += take(pair.b);
    REQUIRE(output.sendTo(pair.a) >= 0);
  }
  CHECK_EQ(owner.released, 1);
  got += take(pair.b);
  CHECK(got == owner.bytes);
}

CASE("output: of a block that its owner took away nothing is sent") {
  const UnixPair pair;
  static bool there = true;
  Owner owner;
  owner.bytes = "taken away";
  net::Block block = owner.block();
  block.isThere = [](void*) { return there; };
  {
    Output output;
    CHECK_EQ(copy(output, "before"), 0);
    CHECK_EQ(output.refer(block, 2), 0);
    CHECK_EQ(copy(output, "behind"), 0);
    there = false;
    CHECK_EQ(output.sendTo(pair.a), -EFAULT);
    CHECK(take(pair.b) == "before");
    CHECK_EQ(owner.released, 0);
    CHECK_EQ(output.sendTo(pair.a), -EFAULT);
  }
  CHECK_EQ(owner.released, 1);
  CHECK(take(pair.b).empty());
}

CASE("output: what is unsent at the end is let go once") {
  std::vector<Owner> owners(20);
  {
    Output output;
    for (Owner& owner : owners) {
      owner.bytes = "some bytes";
      CHECK_EQ(copy(output, "between"), 0);
      CHECK_EQ(output.refer(owner.block(), 3), 0);
    }
    CHECK_EQ(output.pending(), owners.size() * 14);
  }
  for (const Owner& owner : owners) CHECK_EQ(owner.released, 1);
}

CASE("output: errors of the descriptor are reported and lose nothing") {
  UnixPair pair;
  Owner owner;
  owner.bytes = "bytes";
  Output output;
  CHECK_EQ(output.refer(owner.block(), 0), 0);
  pair.b.reset();
  sys::ignoreBrokenPipe();
  CHECK_EQ(output.sendTo(pair.a), -EPIPE);
  CHECK_EQ(output.pending(), size_t{5});
  CHECK_EQ(owner.released, 0);
}

CASE("output: many small copies share memory and keep their order") {
  const UnixPair pair;
  Output output;
  std::string expected;
  for (int i = 0; i < 5000; i++) {
    const std::string piece = std::to_string(i) + ",";
    CHECK_EQ(copy(output, piece), 0);
    expected += piece;
  }
  std::string got;
  while (output.pending() > 0) {
    REQUIRE(output.sendTo(pair.a) >= 0);
    got += take(pair.b);
  }
  CHECK(got == expected);
  // A segment that was sent in part takes more behind what is left.
  CHECK_EQ(copy(output, "abc"), 0);
  CHECK_EQ(copy(output, ""), 0);
  CHECK_EQ(output.pending(), size_t{3});
}

}  // namespace
}  // namespace heddle::test
