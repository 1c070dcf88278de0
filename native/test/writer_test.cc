// What one application of the outbox writes leaves in as few system calls as possible, in order.
#include "net/writer.h"

#include <memory>
#include <string>
#include <vector>

#include "test/check.h"
#include "test/sockets.h"

namespace heddle::test {
namespace {

using check::UnixPair;
using net::Connection;
using net::Output;
using net::Writer;

class Events : public net::WriteEvents {
 public:
  void written(Connection*, int64_t bytes) override {
    calls++;
    total += bytes;
  }
  void writeFailed(Connection*, int failure) override { error = failure; }

  int calls = 0;
  int64_t total = 0;
  int error = 0;
};

// A connection with nothing behind it but a descriptor.
struct Wire {
  UnixPair pair;
  Connection connection;
  Wire() { connection.fd = pair.a; }
  ~Wire() { net::Outputs::destroy(connection.output); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  std::string arrived() const {
    std::string all;
    char bytes[65536];
    for (int64_t n; (n = sys::readSome(pair.b, bytes, sizeof bytes)) > 0;) {
      all.append(bytes, static_cast<size_t>(n));
    }
    return all;
  }
};

const uint8_t* at(const std::string& bytes, size_t offset = 0) {
  return reinterpret_cast<const uint8_t*>(bytes.data()) + offset;
}

void assemble(Writer& writer, Connection* connection, const std::string& bytes) {
  const auto size = static_cast<uint32_t>(bytes.size());
  std::memcpy(writer.room(connection, size), bytes.data(), size);
  writer.commit(size);
}

CASE("writer: bytes that lie together leave together, from where they are") {
  Events events;
  Writer writer(&events);
  Wire wire;
  const std::string slab = "one two three";
  writer.span(&wire.connection, at(slab), 4);
  writer.span(&wire.connection, at(slab, 4), 4);
  writer.span(&wire.connection, at(slab, 8), 5);
  CHECK_EQ(events.calls, 0);
  writer.settle();
  CHECK_EQ(events.calls, 1);
  CHECK_EQ(events.total, 13);
  CHECK(wire.arrived() == slab);
  writer.settle();
  CHECK_EQ(events.calls, 1);
}

CASE("writer: spans apart and assembled bytes are one system call, in order") {
  Events events;
  Writer writer(&events);
  Wire wire;
  const std::string slab = "0123456789";
  writer.span(&wire.connection, at(slab, 5), 2);
  writer.span(&wire.connection, at(slab, 0), 2);
  assemble(writer, &wire.connection, "-ab-");
  writer.span(&wire.connection, at(slab, 2), 1);
  writer.span(&wire.connection, at(slab, 3), 1);
  assemble(writer, &wire.connection, "-cd-");
  writer.settle();
  CHECK_EQ(events.calls, 1);
  CHECK(wire.arrived() == "5601-ab-23-cd-");
}

CASE("writer: another connection's turn sends what the last one has") {
  Events events;
  Writer writer(&events);
  Wire first;
  Wire second;
  const std::string slab = "abcdef";
  for (int i = 0; i < 3; i++) {
    writer.span(&first.connection, at(slab, static_cast<size_t>(i)), 1);
    assemble(writer, &second.connection, "x");
  }
  writer.settle(&first.connection);  // not its turn: nothing happens
  CHECK_EQ(events.calls, 5);
  writer.settle(&second.connection);
  CHECK_EQ(events.calls, 6);
  CHECK(first.arrived() == "abc");
  CHECK(second.arrived() == "xxx");
}

CASE("writer: sizes around the scratch buffer, in every combination, keep order") {
  const uint32_t k = Writer::kScratchBytes;
  const std::vector<uint32_t> sizes = {1, k / 2, k / 2 + 1, k - 1, k, k + 1, 3 * k};
  for (const uint32_t a : sizes) {
    for (const uint32_t b : sizes) {
      for (int form = 0; form < 4; form++) {
        Events events;
        Writer writer(&events);
        Wire wire;
        const std::string first(a, 'a');
        const std::string second(b, 'b');
        const auto give = [&](const std::string& bytes, bool span) {
          if (span || bytes.size() > k) {
            writer.span(&wire.connection, at(bytes), static_cast<uint32_t>(bytes.size()));
          } else {
            assemble(writer, &wire.connection, bytes);
          }
        };
        give(first, (form & 1) != 0);
        give(second, (form & 2) != 0);
        give(first, (form & 1) == 0);
        writer.settle();
        std::string got = wire.arrived();
        while (wire.connection.pending() > 0) {
          REQUIRE(wire.connection.output->sendTo(wire.connection.fd) >= 0);
          got += wire.arrived();
        }
        CHECK(got == first + second + first);
      }
    }
  }
}

CASE("writer: what the system does not take waits, and later writes go behind it") {
  Events events;
  Writer writer(&events);
  Wire wire;
  const int64_t filled = check::fill(wire.pair.a);
  const std::string slab = "later";
  writer.span(&wire.connection, at(slab), 5);
  writer.settle();
  CHECK_EQ(events.total, 0);
  CHECK_EQ(wire.connection.pending(), size_t{5});
  CHECK_EQ(static_cast<int64_t>(wire.arrived().size()), filled);
  // Room now, but the order comes first.
  assemble(writer, &wire.connection, " still");
  writer.settle();
  CHECK_EQ(wire.connection.pending(), size_t{11});
  CHECK(wire.arrived().empty());
  CHECK_EQ(wire.connection.output->sendTo(wire.connection.fd), 11);
  CHECK(wire.arrived() == "later still");
}

CASE("writer: nothing is sent while a connection is being established") {
  Events events;
  Writer writer(&events);
  Wire wire;
  wire.connection.set(Connection::kConnecting);
  assemble(writer, &wire.connection, "early");
  writer.settle();
  CHECK_EQ(wire.connection.pending(), size_t{5});
  CHECK(wire.arrived().empty());
}

CASE("writer: a failed write is told, a forgotten connection is not written to") {
  Events events;
  Writer writer(&events);
  Wire wire;
  assemble(writer, &wire.connection, "dropped");
  writer.forget(&wire.connection);
  writer.settle();
  CHECK_EQ(events.calls, 0);
  CHECK(wire.arrived().empty());
  sys::ignoreBrokenPipe();
  wire.pair.b.reset();
  assemble(writer, &wire.connection, "lost");
  writer.settle();
  CHECK_EQ(events.error, EPIPE);
  CHECK_EQ(wire.connection.pending(), size_t{0});
}

}  // namespace
}  // namespace heddle::test
