// Connections of a loop: reading, writing, water marks, and every way of ending.
#include <deque>
#include <string>
#include <vector>

#include "test/check.h"
#include "test/loopback.h"

namespace heddle::test {
namespace {

using net::Block;
using net::Settings;

std::string pattern(size_t size, size_t seed = 0) {
  std::string bytes(size, ' ');
  for (size_t i = 0; i < size; i++)
    bytes[i] = static_cast<char>('a' + (i * 7 + seed + i / 251) % 26);
  return bytes;
}

void echo(Loopback& world) {
  world.handler = [&world](const Record& record) {
    if (record.kind == In::DATA) {
      world.out(Out::WRITE_RECEIVED, record.at(1), record.at(2), record.at(3));
    }
  };
}

void checkClosed(const Loopback& world, uint32_t handle, int error, int32_t reason) {
  const Record* const close = world.last(In::CLOSE);
  CHECK(close != nullptr);
  if (close == nullptr) return;
  CHECK_EQ(close->handle(), handle);
  CHECK_EQ(close->at(2), error);
  CHECK_EQ(close->at(3), reason);
}

CASE("connections: bytes come in, go out of either slab, and the order holds") {
  Loopback world;
  auto adopted = world.adopt({});
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  echo(world);
  client.write("hello ");
  world.pass();
  world.write(handle, "wor");
  world.write(handle, "ld");
  CHECK(world.until([&] {
    client.read();
    return client.in == "hello world";
  }));
  CHECK_EQ(world.net().bufferedBytes(), size_t{0});
  CHECK_EQ(world.control(Control::CONNECTIONS), 1);
  world.finish(&client);
  checkClosed(world, handle, 0, CloseReason::PEER);
}

CASE("connections: writes of two connections may alternate in one batch") {
  Loopback world;
  auto a = world.adopt({});
  auto b = world.adopt({});
  std::string toA;
  std::string toB;
  for (int i = 0; i < 200; i++) {
    const std::string piece = pattern(1 + static_cast<size_t>(i) % 90, static_cast<size_t>(i));
    world.write(a.handle, piece);
    toA += piece;
    if (i % 3 == 0) continue;
    world.write(b.handle, piece);
    toB += piece;
  }
  world.pass();
  a.client.read();
  b.client.read();
  CHECK(a.client.in == toA);
  CHECK(b.client.in == toB);
  a.client.close();
  b.client.close();
  world.checkEmpty();
}

CASE("connections: output that the system does not take continues when it does") {
  Loopback world;
  Settings settings;
  auto adopted = world.adopt(settings, 4096);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  std::string expected;
  for (int i = 0; i < 40; i++) {
    const std::string piece = pattern(20'000, static_cast<size_t>(i));
    world.write(handle, piece);
    expected += piece;
  }
  world.pass();
  CHECK(world.net().bufferedBytes() > 0);
  const uint64_t waits = world.loop().waits();
  world.rest(60);  // a client that takes nothing costs nothing
  CHECK(world.loop().waits() - waits < 60);
  CHECK(world.until([&] {
    client.read();
    return client.in.size() >= expected.size();
  }));
  CHECK(client.in == expected);
  world.finish(&client);
}

CASE("connections: BLOCKED above the high-water mark, DRAIN below the low one, once each") {
  Loopback world;
  Settings settings;
  settings.highWaterBytes = 50'000;
  settings.lowWaterBytes = 10'000;
  auto adopted = world.adopt(settings, 4096);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  for (int round = 1; round <= 3; round++) {
    for (int i = 0; i < 20; i++) {
      world.write(handle, pattern(10'000));
      world.pass();
    }
    CHECK_EQ(world.count(In::BLOCKED), static_cast<size_t>(round));
    CHECK_EQ(world.count(In::DRAIN), static_cast<size_t>(round - 1));
    bool drainedLow = true;
    world.handler = [&](const Record& record) {
      if (record.kind == In::DRAIN)
        drainedLow = world.net().connection(handle)->pending() <= 10'000;
    };
    CHECK(world.until([&] {
      client.read();
      return world.net().bufferedBytes() == 0;
    }));
    world.settle();
    CHECK(drainedLow);
    CHECK_EQ(world.count(In::DRAIN), static_cast<size_t>(round));
  }
  world.finish(&client);
}

CASE("connections: WANT_DRAIN answers at once below the mark, else when it is reached, once") {
  Loopback world;
  Settings settings;
  settings.highWaterBytes = 60'000;
  settings.lowWaterBytes = 20'000;
  auto adopted = world.adopt(settings, 4096);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  world.out(Out::WANT_DRAIN, handle);
  world.pass();
  world.pass();
  CHECK_EQ(world.count(In::DRAIN), size_t{1});
  world.write(handle, pattern(50'000));  // above low, below high
  world.out(Out::WANT_DRAIN, handle);
  world.out(Out::WANT_DRAIN, handle);
  world.settle();
  CHECK_EQ(world.count(In::DRAIN), size_t{1});
  CHECK_EQ(world.count(In::BLOCKED), size_t{0});
  CHECK(world.until([&] {
    client.read();
    return world.net().bufferedBytes() == 0;
  }));
  world.settle();
  CHECK_EQ(world.count(In::DRAIN), size_t{2});
  world.finish(&client);
}

CASE("connections: more unsent output than allowed ends the connection") {
  Loopback world;
  Settings settings;
  settings.maxWriteBufferBytes = 100'000;
  auto adopted = world.adopt(settings, 4096);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  for (int i = 0; i < 30; i++) world.write(handle, pattern(10'000));
  world.settle();
  checkClosed(world, handle, ENOBUFS, CloseReason::OVERFLOW);
  CHECK_EQ(world.count(In::CLOSE), size_t{1});
  world.finish(&client);
}

CASE("connections: the peer ends first and still gets what is written afterwards") {
  Loopback world;
  Settings settings;
  settings.autoClose = false;
  auto adopted = world.adopt(settings);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  client.write("question");
  client.finish();
  CHECK(world.until([&] { return world.count(In::END) == 1; }));
  CHECK(world.received(handle) == "question");
  world.rest(20);
  CHECK_EQ(world.count(In::CLOSE), size_t{0});
  world.write(handle, "answer");
  world.out(Out::SHUTDOWN, handle);
  world.write(handle, "too late");
  CHECK(world.until([&] {
    client.read();
    return client.ended;
  }));
  CHECK(client.in == "answer");
  checkClosed(world, handle, 0, CloseReason::PEER);
  world.finish(&client);
}

CASE("connections: this side ends first and still reads") {
  Loopback world;
  auto adopted = world.adopt({}, 4096);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  const std::string sent = pattern(200'000);
  world.write(handle, sent);
  world.out(Out::SHUTDOWN, handle);
  world.pass();
  CHECK(world.until([&] {
    client.read();
    return client.ended;
  }));
  CHECK(client.in == sent);
  client.write("late words");
  CHECK(world.until([&] { return world.received(handle) == "late words"; }));
  CHECK_EQ(world.count(In::CLOSE), size_t{0});
  client.finish();
  CHECK(world.until([&] { return world.count(In::CLOSE) == 1; }));
  checkClosed(world, handle, 0, CloseReason::PEER);
  world.finish(&client);
}

CASE("connections: with autoClose the callback of END may still answer") {
  Loopback world;
  auto adopted = world.adopt({});
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  client.finish();
  world.handler = [&, to = handle](const Record& record) {
    if (record.kind == In::END) world.write(to, "last words");
  };
  CHECK(world.until([&] {
    client.read();
    return client.ended;
  }));
  CHECK(client.in == "last words");
  world.finish(&client);
  checkClosed(world, handle, 0, CloseReason::PEER);
}

CASE("connections: autoClose waits until a flush within the dispatch cannot outrun END") {
  Loopback world;
  auto first = world.adopt({});
  auto adopted = world.adopt({});
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  first.client.write("x");
  client.finish();
  bool flushed = false;
  world.handler = [&, to = handle](const Record& record) {
    if (!flushed) world.loop().apply();  // before the first record is dealt with
    flushed = true;
    if (record.kind == In::END && record.handle() == to) world.write(to, "still here");
  };
  world.pass();
  CHECK(world.until([&] {
    client.read();
    return client.ended;
  }));
  CHECK(client.in == "still here");
  first.client.close();
  world.finish(&client);
}

CASE("connections: CLOSE comes after everything that was written") {
  Loopback world;
  auto adopted = world.adopt({}, 4096);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  const std::string sent = pattern(300'000);
  world.write(handle, sent.substr(0, 150'000));
  world.write(handle, sent.substr(150'000));
  world.out(Out::CLOSE, handle);
  world.write(handle, "too late");
  CHECK(world.until([&] {
    client.read();
    return client.ended;
  }));
  CHECK(client.in == sent);
  world.finish(&client);
  checkClosed(world, handle, 0, CloseReason::LOCAL);
}

CASE("connections: DESTROY resets and drops what is unsent") {
  Loopback world;
  net::ListenSpec spec;
  const uint32_t listener = world.listen(spec);
  Client client = world.connectTo(listener);
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 1; }));
  const auto handle = static_cast<uint32_t>(world.last(In::ACCEPT)->at(2));
  client.write("unread");
  world.out(Out::PAUSE, handle);
  for (int i = 0; i < 40; i++) world.write(handle, pattern(200'000));
  world.write(handle, "never sent");
  world.out(Out::DESTROY, handle);
  world.write(handle, "neither");
  CHECK(world.until([&] {
    client.read();
    return client.gone();
  }));
  CHECK_EQ(client.error, ECONNRESET);
  checkClosed(world, handle, 0, CloseReason::LOCAL);
  world.finish(&client, listener);
}

CASE(
    "connections: paused with a peer that hung up does not keep the loop busy, and loses nothing") {
  Loopback world;
  Settings settings;
  settings.paused = true;
  auto adopted = world.adopt(settings);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  const std::string sent = pattern(100'000);
  CHECK_EQ(client.write(sent), sent.size());
  client.close();
  world.settle();
  const uint64_t waits = world.loop().waits();
  world.rest(100);  // in steps of 5 ms
  CHECK(world.loop().waits() - waits < 60);
  CHECK_EQ(world.count(In::DATA), size_t{0});
  world.out(Out::RESUME, handle);
  world.pass();
  world.out(Out::PAUSE, handle);
  world.pass();
  const size_t some = world.received(handle).size();
  CHECK(some > 0 && some < sent.size());
  const uint64_t again = world.loop().waits();
  world.rest(100);
  CHECK(world.loop().waits() - again < 60);
  world.out(Out::RESUME, handle);
  CHECK(world.until([&] { return world.count(In::CLOSE) == 1; }));
  CHECK(world.received(handle) == sent);
  checkClosed(world, handle, 0, CloseReason::PEER);
  world.checkEmpty();
}

CASE(
    "connections: ended by the peer and kept open by its owner, a hang-up does not keep the loop "
    "busy") {
  Loopback world;
  Settings settings;
  settings.autoClose = false;
  auto adopted = world.adopt(settings);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  client.close();
  CHECK(world.until([&] { return world.count(In::END) == 1; }));
  world.settle();
  const uint64_t waits = world.loop().waits();
  world.rest(100);
  CHECK(world.loop().waits() - waits < 60);
  world.out(Out::CLOSE, handle);
  world.settle();
  checkClosed(world, handle, 0, CloseReason::PEER);
  world.checkEmpty();
}

CASE("connections: pausing stops reading, so that the system pushes back") {
  Loopback world;
  auto adopted = world.adopt({});
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  world.out(Out::PAUSE, handle);
  world.pass();
  const int64_t filled = check::fill(client.fd);
  world.settle();
  CHECK_EQ(world.count(In::DATA), size_t{0});
  CHECK_EQ(client.write("x"), size_t{0});
  world.out(Out::RESUME, handle);
  CHECK(world.until([&] { return static_cast<int64_t>(world.received(handle).size()) == filled; }));
  world.finish(&client);
}

CASE("LS-05 idle time-outs: silence ends a connection, bytes in either direction postpone it") {
  Loopback world;
  Settings settings;
  settings.idleTimeoutMs = 1000;
  auto adopted = world.adopt(settings);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  const double start = world.nowMs();
  for (int i = 0; i < 4; i++) {
    world.rest(400);
    if (i % 2 == 0) client.write("x");
    if (i % 2 == 1) world.write(handle, "y");
  }
  // Kept alive beyond the time-out, unless the machine stood still for more than half of it
  // meanwhile.
  if (world.nowMs() - start < 2100) CHECK_EQ(world.count(In::CLOSE), size_t{0});
  CHECK(world.until([&] { return world.count(In::CLOSE) == 1; }));
  CHECK(world.nowMs() - start >= 1000);
  checkClosed(world, handle, ETIMEDOUT, CloseReason::IDLE);
  world.finish(&client);
}

CASE("LS-05 the idle time-out of a connection can be set, moved and taken away") {
  Loopback world;
  auto set = world.adopt({});
  Settings short50;
  short50.idleTimeoutMs = 50;
  auto off = world.adopt(short50);
  world.out(Out::IDLE_TIMEOUT, set.handle, 10'000);
  world.out(Out::IDLE_TIMEOUT, off.handle, 0);
  world.rest(120);
  CHECK_EQ(world.count(In::CLOSE), size_t{0});
  world.out(Out::IDLE_TIMEOUT, set.handle, 30);
  CHECK(world.until([&] { return world.count(In::CLOSE) == 1; }));
  checkClosed(world, set.handle, ETIMEDOUT, CloseReason::IDLE);
  world.out(Out::IDLE_TIMEOUT, off.handle, 30);
  CHECK(world.until([&] { return world.count(In::CLOSE) == 2; }));
  set.client.close();
  off.client.close();
  world.checkEmpty();
}

struct Crowd {
  std::vector<uint32_t> handles;
  std::deque<Client> clients;
  Crowd(Loopback& world, size_t size) {
    for (size_t i = 0; i < size; i++) {
      auto adopted = world.adopt({});
      const uint32_t handle = adopted.handle;
      Client& client = adopted.client;
      handles.push_back(handle);
      clients.push_back(std::move(client));
    }
  }
};

CASE("port: many connections ready at once share a small slab and inbox; nothing is lost") {
  PortSizes sizes;
  sizes.recvBytes = 20'000;
  sizes.inboxWords = loop::Port::kLongestRecord + 10;
  Loopback world(sizes);
  Crowd crowd(world, 40);
  for (size_t i = 0; i < crowd.clients.size(); i++) {
    CHECK_EQ(crowd.clients[i].write(pattern(30'000, i)), size_t{30'000});
    if (i % 2 == 0) crowd.clients[i].finish();
  }
  CHECK(world.until([&] {
    size_t all = 0;
    for (const Record& record : world.log) all += record.bytes.size();
    return all == 40 * 30'000 && world.count(In::CLOSE) == 20;
  }));
  for (size_t i = 0; i < crowd.clients.size(); i++) {
    CHECK(world.received(crowd.handles[i]) == pattern(30'000, i));
  }
  // END is the last but one record of its connection, CLOSE the last.
  for (size_t i = 0; i < crowd.handles.size(); i += 2) {
    std::vector<int32_t> kinds;
    for (const Record& record : world.log) {
      if (record.handle() == crowd.handles[i]) kinds.push_back(record.kind);
    }
    REQUIRE(kinds.size() >= 3);
    CHECK_EQ(kinds[kinds.size() - 1], static_cast<int32_t>(In::CLOSE));
    CHECK_EQ(kinds[kinds.size() - 2], static_cast<int32_t>(In::END));
  }
  crowd.clients.clear();
  world.checkEmpty();
}

CASE("port: connections that always have bytes do not starve the others of the slab") {
  PortSizes sizes;
  sizes.recvBytes = 2 * 65536;
  Loopback world(sizes);
  Crowd crowd(world, 12);
  for (int i = 0; i < 40; i++) {
    for (Client& client : crowd.clients) check::fill(client.fd);
    world.pass();
  }
  for (const uint32_t handle : crowd.handles) CHECK(!world.received(handle).empty());
  crowd.clients.clear();
  world.checkEmpty();
}

struct Owner {
  int released = 0;
  std::string bytes;
  Block block() {
    return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), letGo, this};
  }
  static void letGo(void* context) { static_cast<Owner*>(context)->released++; }
};

CASE("connections: a block goes behind what was written and is kept only while it is needed") {
  Loopback world;
  auto adopted = world.adopt({}, 4096);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  Owner small{0, "small block"};
  bool kept = true;
  world.write(handle, "before ");
  CHECK_EQ(world.net().writeBlock(handle, small.block(), &kept), 0);
  CHECK(!kept);
  client.read();
  CHECK(client.in == "before small block");
  client.in.clear();

  Owner large{0, pattern(500'000)};
  CHECK_EQ(world.net().writeBlock(handle, large.block(), &kept), 0);
  CHECK(kept);
  world.write(handle, " after");
  world.pass();
  CHECK_EQ(large.released, 0);
  CHECK(world.until([&] {
    client.read();
    return client.in.size() == 500'006;
  }));
  CHECK(client.in == large.bytes + " after");
  CHECK_EQ(large.released, 1);
  CHECK_EQ(small.released, 0);
  world.finish(&client);
}

CASE("connections: a block in the receive slab is copied where it is not sent at once") {
  Loopback world;
  auto adopted = world.adopt({}, 4096);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  auto source = world.adopt({});
  const std::string sent = pattern(60'000);
  source.client.write(sent);
  world.handler = [&, to = handle](const Record& record) {
    if (record.kind != In::DATA) return;
    Block block;
    block.data = world.memory().recv + record.at(2);
    block.size = static_cast<size_t>(record.at(3));
    bool kept = true;
    CHECK_EQ(world.net().writeBlock(to, block, &kept), 0);
    CHECK(!kept);
  };
  CHECK(world.until([&] {
    client.read();
    return client.in.size() == sent.size();
  }));
  CHECK(client.in == sent);
  client.close();
  source.client.close();
  world.checkEmpty();
}

CASE("connections: a block whose connection ends is let go once, however it ends") {
  for (int how = 0; how < 5; how++) {
    Owner owner{0, pattern(500'000)};
    {
      Loopback world;
      Settings settings;
      settings.maxWriteBufferBytes = how == 3 ? 100'000 : 1 << 30;
      auto adopted = world.adopt(settings, 4096);
      const uint32_t handle = adopted.handle;
      Client& client = adopted.client;
      bool kept = false;
      CHECK_EQ(world.net().writeBlock(handle, owner.block(), &kept), 0);
      CHECK(kept);
      if (how == 0) world.out(Out::DESTROY, handle);
      if (how == 1) client.close();
      if (how == 2) world.net().closeAll();
      // 3: overflow. 4: the whole loop goes.
      if (how != 4) {
        world.settle();
        CHECK_EQ(owner.released, 1);
        CHECK_EQ(world.net().writeBlock(handle, owner.block(), &kept), -EBADF);
        CHECK(!kept);
      }
    }
    CHECK_EQ(owner.released, 1);
  }
}

CASE("connections: a block is refused after SHUTDOWN and CLOSE") {
  Loopback world;
  auto adopted = world.adopt({}, 4096);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  Owner owner{0, "block"};
  bool kept = true;
  world.write(handle, pattern(200'000));
  world.out(Out::SHUTDOWN, handle);
  CHECK_EQ(world.net().writeBlock(handle, owner.block(), &kept), -EPIPE);
  CHECK(!kept);
  world.out(Out::CLOSE, handle);
  CHECK_EQ(world.net().writeBlock(handle, owner.block(), &kept), -EPIPE);
  world.finish(&client);
  CHECK_EQ(owner.released, 0);
}

CASE("connections: outgoing, with writes before it is established") {
  Loopback world;
  const uint32_t listener = world.listen({});
  net::ConnectSpec spec;
  spec.address = world.net().listener(listener)->bound;
  const int64_t handle = world.net().connect(spec);
  REQUIRE(handle > 0);
  world.write(static_cast<uint32_t>(handle), "early");
  world.out(Out::WANT_DRAIN, handle);
  CHECK(world.until([&] { return world.count(In::CONNECT) == 1 && world.count(In::DATA) == 1; }));
  CHECK_EQ(world.last(In::CONNECT)->at(2), 0);
  const auto accepted = static_cast<uint32_t>(world.last(In::ACCEPT)->at(2));
  CHECK(world.received(accepted) == "early");
  world.write(accepted, "back");
  CHECK(world.until([&] { return world.received(static_cast<uint32_t>(handle)) == "back"; }));
  world.out(Out::CLOSE, handle);
  CHECK(world.until([&] { return world.count(In::CLOSE) == 2; }));
  world.finish(listener);
}

CASE("connections: outgoing to nobody, ended before the outcome, and without any listener") {
  Loopback world;
  net::ConnectSpec spec;
  {
    const check::Fd taken(sys::listenStream(check::loopback(), {}));
    CHECK(sys::localAddress(taken, &spec.address) >= 0);
  }
  const int64_t handle = world.net().connect(spec);
  if (handle > 0) {
    CHECK(world.until([&] { return world.count(In::CLOSE) == 1; }));
    REQUIRE(world.last(In::CONNECT) != nullptr);
    CHECK_EQ(world.last(In::CONNECT)->at(2), ECONNREFUSED);
    checkClosed(world, static_cast<uint32_t>(handle), ECONNREFUSED, CloseReason::ERROR);
  } else {
    CHECK_EQ(handle, -ECONNREFUSED);
  }
  const uint32_t listener = world.listen({});
  spec.address = world.net().listener(listener)->bound;
  const int64_t brief = world.net().connect(spec);
  REQUIRE(brief > 0);
  world.out(Out::DESTROY, brief);
  world.flush();
  const int64_t polite = world.net().connect(spec);
  REQUIRE(polite > 0);
  world.write(static_cast<uint32_t>(polite), "bye");
  world.out(Out::CLOSE, polite);
  CHECK(world.until([&] { return world.net().connections() == 0 && world.count(In::END) >= 1; }));
  CHECK_EQ(world.count(In::DATA), size_t{1});
  world.finish(listener);
}

CASE("connections: a reset by the peer is an error with its number") {
  Loopback world;
  const uint32_t listener = world.listen({});
  Client client = world.connectTo(listener);
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 1; }));
  const auto handle = static_cast<uint32_t>(world.last(In::ACCEPT)->at(2));
  client.reset();
  CHECK(world.until([&] { return world.count(In::CLOSE) == 1; }));
  checkClosed(world, handle, ECONNRESET, CloseReason::ERROR);

  // While paused, too.
  Client paused = world.connectTo(listener);
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 2; }));
  world.out(Out::PAUSE, world.last(In::ACCEPT)->at(2));
  world.pass();
  paused.reset();
  CHECK(world.until([&] { return world.count(In::CLOSE) == 2; }));
  CHECK_EQ(world.last(In::CLOSE)->at(2), ECONNRESET);
  world.finish(listener);
}

CASE("EV-23 writing to a peer that is gone is EPIPE, not death") {
  Loopback world;
  Settings settings;
  settings.paused = true;
  auto adopted = world.adopt(settings);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  client.close();
  world.write(handle, "anyone?");
  CHECK(world.until([&] { return world.count(In::CLOSE) == 1; }));
  checkClosed(world, handle, EPIPE, CloseReason::ERROR);
  world.checkEmpty();
}

CASE("port: records about handles that are gone, or never were, do nothing") {
  Loopback world;
  auto old = world.adopt({});
  world.out(Out::DESTROY, old.handle);
  world.settle();
  old.client.close();
  auto fresh = world.adopt({});
  CHECK_EQ(fresh.handle & loop::kHandleIndexMask, old.handle & loop::kHandleIndexMask);
  CHECK(fresh.handle != old.handle);
  const std::vector<uint32_t> strangers = {old.handle, 0, 77, 0xffffff, 0x7fffffff, UINT32_MAX};
  for (const uint32_t handle : strangers) {
    for (int32_t kind = Out::WRITE; kind <= Out::HTTP_DESTROY; kind++) {
      world.out(kind, handle, 0, 4, 0, 0, 0, 0);
    }
    CHECK(world.net().connection(handle) == nullptr);
    CHECK(world.net().listener(handle) == nullptr);
    CHECK_EQ(world.net().closeListener(handle), -EBADF);
    CHECK_EQ(world.net().drainListener(handle), -EBADF);
  }
  // HTTP records about a connection that does not speak it, and slices that lie outside the slab.
  for (int32_t kind = Out::HTTP_RESPOND; kind <= Out::HTTP_DESTROY; kind++) {
    world.out(kind, fresh.handle, 0, 0, 0, 0, 0, 0);
  }
  const auto send = static_cast<int32_t>(world.memory().sendBytes);
  world.out(Out::WRITE, fresh.handle, send, 1);
  world.out(Out::WRITE, fresh.handle, 1, send);
  world.out(Out::WRITE, fresh.handle, -1, 2);
  world.out(Out::WRITE, fresh.handle, 0, -1);
  world.out(Out::WRITE_RECEIVED, fresh.handle, -4, 4);
  world.write(fresh.handle, "fine");
  world.settle();
  fresh.client.read();
  CHECK(fresh.client.in == "fine");
  CHECK_EQ(world.count(In::CLOSE), size_t{1});
  fresh.client.close();
  world.checkEmpty();
}

CASE("connections: a number in use or a bad descriptor is not adopted, and stays the caller's") {
  Loopback world;
  auto adopted = world.adopt({});
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  CHECK_EQ(world.net().adopt(world.net().connection(handle)->fd, {}), -EEXIST);
  CHECK_EQ(world.net().adopt(-1, {}), -EBADF);
  CHECK_EQ(world.net().connections(), size_t{1});
  client.write("alive");
  CHECK(world.until([&] { return world.received(handle) == "alive"; }));
  world.finish(&client);
}

CASE("connections: closing everything is silent and complete, in any state") {
  Loopback world;
  Crowd crowd(world, 10);
  const uint32_t listener = world.listen({});
  Client pending = world.connectTo(listener);
  world.write(crowd.handles[0], pattern(100'000));
  crowd.clients[1].write("unread");
  crowd.clients[2].finish();
  world.out(Out::SHUTDOWN, crowd.handles[3]);
  world.flush();
  world.log.clear();
  world.net().closeAll();
  CHECK_EQ(world.net().connections(), size_t{0});
  CHECK_EQ(world.net().listeners(), size_t{0});
  CHECK_EQ(world.net().bufferedBytes(), size_t{0});
  world.settle();
  CHECK(world.log.empty());
  crowd.clients.clear();
  pending.close();
  world.checkEmpty();
}

}  // namespace
}  // namespace heddle::test
