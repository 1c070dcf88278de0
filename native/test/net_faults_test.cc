// What the system refuses in the middle of things: every refusal ends where it belongs, once.
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "test/check.h"
#include "test/folder.h"
#include "test/http_loopback.h"
#include "test/syscall_faults.h"

namespace heddle::test {
namespace {

using net::Block;
using net::ListenSpec;
using net::Settings;

void checkClosed(const Loopback& world, uint32_t handle, int error, int32_t reason) {
  CHECK_EQ(world.count(In::CLOSE), size_t{1});
  const Record* const close = world.last(In::CLOSE);
  if (close == nullptr) return;
  CHECK_EQ(close->handle(), handle);
  CHECK_EQ(close->at(2), error);
  CHECK_EQ(close->at(3), reason);
}

// Unix listeners leave a file.
ListenSpec pathSpec(std::string* path) {
  *path = check::temporaryPath("faults-" + std::to_string(getpid()));
  ListenSpec spec;
  if (sys::unixAddress(path->data(), path->size(), &spec.address) < 0) std::abort();
  return spec;
}

bool exists(const std::string& path) {
  struct stat file {};
  return lstat(path.c_str(), &file) == 0;
}

CASE("connections: ENOBUFS of the system is its own error and no overflow of ours") {
  Loopback world;
  auto adopted = world.adopt({});
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  {
    const Fault fault(&sendFaults, ENOBUFS);
    world.write(handle, "lost");
    world.settle();
    CHECK(fault.spent());
  }
  checkClosed(world, handle, ENOBUFS, CloseReason::ERROR);
  world.finish(&client);
}

CASE("connections: a pinned block that the system refuses is not kept") {
  Loopback world;
  auto adopted = world.adopt({});
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  static const uint8_t bytes[20'000] = {};
  bool kept = true;
  const Fault fault(&sendFaults, ENOBUFS);
  const Block block{bytes, sizeof bytes, [](void*) { CHECK(false); }, nullptr};
  CHECK_EQ(world.net().writeBlock(handle, block, &kept), -ENOBUFS);
  CHECK(!kept);
  world.settle();
  checkClosed(world, handle, ENOBUFS, CloseReason::ERROR);
  world.finish(&client);
}

CASE("connections: nothing follows a write that failed, not even its own rest") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  client.write(get("/"));
  CHECK(world.until([&] { return world.requests.size() == 1; }));
  const std::string body(100'000, 'b');  // head and body leave in two system calls
  {
    const Fault fault(&sendFaults, ENOBUFS);
    world.respond(world.requests[0], 200, body);
    world.pass();
    CHECK_EQ(fault.calls(), 1);
  }
  CHECK(world.ended(client));
  CHECK(client.in.empty());
  world.finish(&client);
}

CASE("connections: a block does not follow a write that failed just before it") {
  Loopback world;
  auto adopted = world.adopt({});
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  static const uint8_t bytes[20'000] = {};
  bool kept = true;
  const Fault fault(&sendFaults, ENOBUFS);
  world.write(handle, "lost");  // carried out by writeBlock, before the block
  const Block block{bytes, sizeof bytes, [](void*) { CHECK(false); }, nullptr};
  CHECK_EQ(world.net().writeBlock(handle, block, &kept), -EBADF);
  CHECK(!kept);
  CHECK_EQ(fault.calls(), 1);
  world.settle();
  checkClosed(world, handle, ENOBUFS, CloseReason::ERROR);
  world.finish(&client);
}

CASE("HTTP responses: a block does not follow its chunk's size line that failed") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  client.write(get("/"));
  CHECK(world.until([&] { return world.requests.size() == 1; }));
  world.head(world.requests[0], 200);
  world.pass();
  client.read();
  const size_t headBytes = client.in.size();
  CHECK(headBytes > 0);
  static const uint8_t bytes[20'000] = {};
  bool kept = true;
  const Block block{bytes, sizeof bytes, [](void*) { CHECK(false); }, nullptr};
  {
    const Fault fault(&sendFaults, ENOBUFS);
    const int written = world.net().writeHttpBlock(handle, world.requests[0].seq, block, &kept);
    CHECK_EQ(written, -EPIPE);
    CHECK_EQ(fault.calls(), 1);
  }
  CHECK(!kept);
  CHECK(world.ended(client));
  CHECK_EQ(client.in.size(), headBytes);
  world.settle();
  REQUIRE(world.count(In::HTTP_ABORT) == 1);
  CHECK_EQ(world.last(In::HTTP_ABORT)->at(2), ENOBUFS);
  CHECK_EQ(world.last(In::HTTP_ABORT)->at(3), static_cast<int32_t>(CloseReason::ERROR));
  world.finish(&client);
}

CASE("connections: interrupted calls are repeated") {
  Loopback world;
  auto adopted = world.adopt({});
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  const Fault sends(&sendFaults, EINTR, 3);
  const Fault receives(&recvFaults, EINTR, 3);
  client.write("in");
  CHECK(world.until([&] { return world.received(handle) == "in"; }));
  world.write(handle, "out");
  CHECK(world.until([&] {
    client.read();
    return client.in == "out";
  }));
  CHECK(sends.spent());
  CHECK(receives.spent());
  world.finish(&client);
}

CASE("FD-08 accepting: an aborted client does not keep the next one waiting") {
  Loopback world;
  const uint32_t listener = world.listen({});
  Client client = world.connectTo(listener);
  const Fault fault(&acceptFaults, ECONNABORTED, 2);
  world.pass(1000);
  CHECK_EQ(world.count(In::ACCEPT), size_t{1});
  CHECK_EQ(world.count(In::LISTEN_ERROR), size_t{0});
  world.finish(&client, listener);
}

CASE("FD-08 accepting: a client that cannot be watched is reported as that, and as nothing else") {
  Loopback world;
  const uint32_t listener = world.listen({});
  Client client = world.connectTo(listener);
  {
    const Fault fault(&epollFaults, ENOSPC);
    world.pass(1000);
    CHECK(fault.spent());
  }
  CHECK_EQ(world.count(In::LISTEN_ERROR), size_t{1});
  CHECK_EQ(world.last(In::LISTEN_ERROR)->at(2), ENOSPC);
  CHECK_EQ(world.count(In::ACCEPT), size_t{0});
  CHECK_EQ(world.count(In::CLOSE), size_t{0});  // nobody knows it
  CHECK(world.until([&] {
    client.read();
    return client.gone();
  }));
  // The system has no room for watches: resting is all that helps, and it recovers.
  Client next = world.connectTo(listener);
  CHECK(world.until([&] { return world.count(In::ACCEPT) == 1; }));
  client.close();
  next.close();
  world.finish(listener);
}

CASE("LS-02 a listener that fails after it was bound leaves no file behind") {
  Loopback world;
  std::string path;
  const ListenSpec spec = pathSpec(&path);
  {
    const Fault fault(&listenFaults, EOPNOTSUPP);
    CHECK_EQ(world.net().listen(spec), -EOPNOTSUPP);
    CHECK(!exists(path));
  }
  {
    const Fault fault(&epollFaults, ENOSPC);
    CHECK_EQ(world.net().listen(spec), -ENOSPC);
    CHECK(!exists(path));
  }
  world.checkEmpty();
}

CASE("connections: one that cannot be adopted stays its owner's") {
  Loopback world;
  check::UnixPair pair;
  {
    const Fault fault(&epollFaults, ENOSPC);
    CHECK_EQ(world.net().adopt(pair.a, {}), -ENOSPC);
  }
  CHECK_EQ(world.net().connections(), size_t{0});
  const int64_t handle = world.net().adopt(pair.a, {});
  CHECK(handle > 0);
  CHECK_EQ(world.net().adopt(pair.a, {}), -EEXIST);
  CHECK_EQ(world.net().connections(), size_t{1});
  pair.a.release();
  pair.b.reset();
  world.settle();
  CHECK_EQ(world.net().connections(), size_t{0});
}

}  // namespace
}  // namespace heddle::test
