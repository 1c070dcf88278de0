// How HTTP connections end: refusals, time-outs, limits, draining, clients that leave.
#include <deque>
#include <string>
#include <vector>

#include "test/check.h"
#include "test/http_loopback.h"

namespace heddle::test {
namespace {

struct Refusal {
  std::string head;
  int status;
};

std::vector<Refusal> refusals() {
  return {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"\x16\x03\x01\x02\x00\x01", 400},
      {"GET /" + std::string(2000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(2000, 'x') + "\r\n\r\n", 431},
      {"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n", 431},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
  };
}

net::Settings strict() {
  net::Settings settings = HttpLoopback::settings();
  settings.httpSettings.limits.maxHeadBytes = 1000;
  settings.httpSettings.limits.maxHeaders = 4;
  return settings;
}

CASE("HTTP refusals: the status is sent, the connection closed, the log told") {
  for (const Refusal& refusal : refusals()) {
    HttpLoopback world;
    auto adopted = world.adopt(strict());
    Client& client = adopted.client;
    client.write(refusal.head);
    REQUIRE(world.ended(client));
    CHECK(summary(client) == std::to_string(refusal.status) + ":");
    CHECK(responsesIn(client)[0].close);
    CHECK(world.requests.empty());
    CHECK_EQ(world.count(In::HTTP_REFUSED), size_t{1});
    CHECK_EQ(world.last(In::HTTP_REFUSED)->at(3), refusal.status);
    CHECK_EQ(world.count(In::HTTP_ABORT), size_t{0});
    world.finish(&client);
  }
}

CASE("HTTP refusals: earlier requests get their answers first") {
  for (const Refusal& refusal : refusals()) {
    HttpLoopback world;
    auto adopted = world.adopt(strict());
    Client& client = adopted.client;
    client.write(get("/1") + get("/2") + refusal.head + get("/never"));
    world.settle();
    REQUIRE(world.requests.size() == 2);
    client.read();
    CHECK(client.in.empty());
    world.respond(world.requests[1], 200, "two");
    world.pass();
    world.head(world.requests[0], 200);
    world.chunk(world.requests[0], "one");
    world.end(world.requests[0]);
    REQUIRE(world.ended(client));
    CHECK(summary(client) == "200:one 200:two " + std::to_string(refusal.status) + ":");
    world.finish(&client);
  }
}

CASE("HTTP lingering: a client that goes on sending still gets its answer") {
  HttpLoopback world;
  const uint32_t listener = world.listen(world.spec(strict()));
  Client client = world.connectTo(listener);
  const std::string flood(100'000, 'x');
  client.write("GET / HTTP/9.9\r\n\r\n");
  for (int i = 0; i < 5; i++) {
    client.write(flood);
    world.pass();
  }
  const bool got = world.until([&] {
    client.write("more");
    client.read();
    return client.gone();
  });
  CHECK(got);
  CHECK_EQ(client.error, 0);
  CHECK(summary(client) == "505:");
  world.finish(&client, listener);
}

CASE("HTTP lingering: bytes that were never read do not reset the answer away") {
  HttpLoopback world;
  const uint32_t listener = world.listen(world.spec());
  Client client = world.connectTo(listener);
  client.write(get("/1", "Connection: close\r\n"));
  CHECK(world.until([&] { return world.requests.size() == 1; }));
  client.write(get("/ignored"));  // read by nobody, as the connection is to end
  const uint64_t waits = world.loop().waits();
  world.rest(50);
  CHECK(world.loop().waits() - waits < 50);  // and it does not keep the loop busy
  world.respond(world.requests[0], 200, "answer");
  REQUIRE(world.ended(client));
  CHECK_EQ(client.error, 0);
  CHECK(summary(client) == "200:answer");
  world.finish(&client, listener);
}

CASE("HTTP lingering: requests that will not be answered are aborted at its beginning, once") {
  HttpLoopback world;
  const uint32_t listener = world.listen(world.spec());
  Client client = world.connectTo(listener);
  client.write(get("/1") + get("/2") + get("/3"));
  CHECK(world.until([&] { return world.requests.size() == 3; }));
  client.write("unread");
  world.respond(world.requests[0], 200, "answer", RespondFlag::CLOSE);
  world.pass();
  world.pass();
  CHECK_EQ(world.net().connections(), size_t{1});
  CHECK_EQ(world.count(In::HTTP_ABORT), size_t{1});
  world.respond(world.requests[1], 200, "too late");
  REQUIRE(world.ended(client));
  CHECK_EQ(client.error, 0);
  CHECK(summary(client) == "200:answer");
  world.finish(&client, listener);
  CHECK_EQ(world.count(In::HTTP_ABORT), size_t{1});
}

CASE("HTTP lingering: ends by itself when the client neither reads nor leaves") {
  HttpLoopback world;
  auto adopted = world.adopt(strict());
  Client& client = adopted.client;
  client.write("bad\r\n\r\n");
  world.settle();
  CHECK_EQ(world.net().connections(), size_t{1});
  CHECK(world.until([&] { return world.net().connections() == 0; }));
  world.finish(&client);
}

CASE("HTTP lingering: a slab filled by others is no end of input") {
  PortSizes sizes;
  sizes.recvBytes = 65'536;
  HttpLoopback world(sizes);
  auto filler = world.adopt({});
  auto adopted = world.adopt(strict());
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  client.write("bad\r\n\r\n");
  world.settle();
  CHECK_EQ(world.net().connections(), size_t{2});
  // Both are ready at once, and the first takes all of the slab.
  for (int i = 0; i < 5; i++) {
    check::fill(filler.client.fd);
    client.write("more");
    world.pass();
  }
  CHECK(world.net().connection(handle) != nullptr);
  client.read();
  CHECK(client.in.substr(0, 12) == "HTTP/1.1 400");
  filler.client.close();
  world.finish(&client);
}

// Where a client has to be quicker than a time-out: a machine may stand still for a while.
constexpr uint32_t kStandstillMs = 1000;

net::Settings timed(uint32_t net::HttpSettings::*which, uint32_t ms) {
  net::Settings settings = HttpLoopback::settings();
  settings.httpSettings.headTimeoutMs = 0;
  settings.httpSettings.requestTimeoutMs = 0;
  settings.httpSettings.keepAliveTimeoutMs = 0;
  settings.httpSettings.writeTimeoutMs = 0;
  settings.httpSettings.*which = ms;
  return settings;
}

CASE("HTTP time-outs: silence before the first request closes, a partial head gets 408") {
  HttpLoopback world;
  auto silent = world.adopt(timed(&net::HttpSettings::headTimeoutMs, kStandstillMs));
  auto partial = world.adopt(timed(&net::HttpSettings::headTimeoutMs, kStandstillMs));
  partial.client.write("GET / HTTP/1.1\r\nHo");
  REQUIRE(world.ended(silent.client));
  CHECK(silent.client.in.empty());
  REQUIRE(world.ended(partial.client));
  CHECK(summary(partial.client) == "408:");
  CHECK_EQ(world.count(In::HTTP_REFUSED), size_t{1});
  silent.client.close();
  partial.client.close();
  world.checkEmpty();
}

CASE("HTTP time-outs: a head that trickles in is cut off all the same") {
  HttpLoopback world;
  auto adopted = world.adopt(timed(&net::HttpSettings::headTimeoutMs, kStandstillMs));
  Client& client = adopted.client;
  client.write("GET / HTTP/1.1\r\nX: ");
  const bool cut = world.until([&] {
    client.write("x");
    world.rest(10);  // so slowly that the head stays within its size
    client.read();
    return client.gone();
  });
  CHECK(cut);
  CHECK(summary(client) == "408:");
  world.finish(&client);
}

CASE("HTTP time-outs: silence between requests closes, without a word") {
  HttpLoopback world;
  auto adopted = world.adopt(timed(&net::HttpSettings::keepAliveTimeoutMs, 40));
  Client& client = adopted.client;
  world.onRequest = [&](Request& request) { world.respond(request, 200, "ok"); };
  world.rest(80);  // not before the first request
  CHECK_EQ(world.net().connections(), size_t{1});
  client.write(get("/"));
  REQUIRE(world.ended(client));
  CHECK(summary(client) == "200:ok");
  CHECK_EQ(world.count(In::HTTP_ABORT), size_t{0});
  world.finish(&client);
}

CASE("HTTP time-outs: a handler may take as long as it likes") {
  HttpLoopback world;
  net::Settings settings = timed(&net::HttpSettings::keepAliveTimeoutMs, 20);
  settings.httpSettings.headTimeoutMs = kStandstillMs;
  settings.httpSettings.requestTimeoutMs = kStandstillMs;
  settings.httpSettings.writeTimeoutMs = 20;
  auto adopted = world.adopt(settings);
  Client& client = adopted.client;
  client.write(get("/") + post("/unread", "12345").substr(0, 60));
  world.rest(kStandstillMs + 100);
  REQUIRE(world.requests.size() >= 1);
  world.respond(world.requests[0], 200, "slow");
  REQUIRE(world.answered(client, 1));
  world.finish(&client);
}

CASE("HTTP time-outs: a body that does not come is 408, unless its answer has begun") {
  for (const bool begun : {false, true}) {
    HttpLoopback world;
    auto adopted = world.adopt(timed(&net::HttpSettings::requestTimeoutMs, 50));
    Client& client = adopted.client;
    world.onRequest = [&](Request& request) {
      world.want(request);
      if (begun) world.head(request, 200);
    };
    client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123");
    REQUIRE(world.ended(client));
    CHECK_EQ(world.count(In::HTTP_ABORT), size_t{1});
    CHECK_EQ(world.last(In::HTTP_ABORT)->at(2), ETIMEDOUT);
    if (!begun) CHECK(summary(client) == "408:");
    world.finish(&client);
  }
}

CASE("HTTP time-outs: a body that was given up, and that nobody wants, is waited for no more") {
  HttpLoopback world;
  auto adopted = world.adopt(timed(&net::HttpSettings::requestTimeoutMs, kStandstillMs));
  Client& client = adopted.client;
  client.write(get("/slow") + "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123");
  CHECK(world.until([&] { return world.requests.size() == 2; }));
  world.respond(world.requests[1], 200, "quick");
  world.pass();
  client.finish();
  world.rest(kStandstillMs + 100);
  CHECK_EQ(world.count(In::HTTP_ABORT), size_t{0});
  world.respond(world.requests[0], 200, "slow");
  REQUIRE(world.ended(client));
  CHECK(summary(client) == "200:slow 200:quick");
  world.finish(&client);
}

CASE("HTTP time-outs: time in which the handler did not want the body is not the client's") {
  HttpLoopback world;
  auto adopted = world.adopt(timed(&net::HttpSettings::requestTimeoutMs, kStandstillMs));
  Client& client = adopted.client;
  client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n123");
  world.rest(kStandstillMs + 100);
  REQUIRE(world.requests.size() == 1);
  CHECK_EQ(world.count(In::HTTP_ABORT), size_t{0});
  world.want(world.requests[0]);
  world.pass();
  client.write("456");
  CHECK(world.until([&] { return world.requests[0].bodyEnded; }));
  world.respond(world.requests[0], 200, world.requests[0].body);
  REQUIRE(world.answered(client, 1));
  world.finish(&client);
}

CASE("HTTP time-outs: a client that takes no output is dropped, also from a 408 it does not take") {
  HttpLoopback world;
  auto adopted = world.adopt(timed(&net::HttpSettings::writeTimeoutMs, 50), 4096);
  Client& client = adopted.client;
  client.write(get("/"));
  world.pass();
  REQUIRE(world.requests.size() == 1);
  world.head(world.requests[0], 200);
  for (int i = 0; i < 10; i++) world.chunk(world.requests[0], std::string(50'000, 'x'));
  CHECK(world.until([&] { return world.net().connections() == 0; }));
  world.settle();
  CHECK_EQ(world.count(In::HTTP_ABORT), size_t{1});
  CHECK_EQ(world.last(In::HTTP_ABORT)->at(2), ETIMEDOUT);
  client.close();

  net::Settings settings = timed(&net::HttpSettings::writeTimeoutMs, 50);
  settings.httpSettings.headTimeoutMs = 30;
  auto full = world.adopt(settings, 4096);
  check::fill(world.net().connection(full.handle)->fd);  // as if answers had filled it
  full.client.write("GET / HT");
  CHECK(world.until([&] { return world.net().connections() == 0; }));
  full.client.close();
  world.checkEmpty();
}

CASE("HTTP limits: maxRequestsPerConnection") {
  HttpLoopback world;
  net::Settings settings = HttpLoopback::settings();
  settings.httpSettings.maxRequestsPerConnection = 3;
  auto adopted = world.adopt(settings);
  Client& client = adopted.client;
  world.onRequest = [&](Request& request) { world.respond(request, 200, request.target); };
  client.write(get("/1") + get("/2") + get("/3") + get("/4"));
  REQUIRE(world.ended(client));
  CHECK(summary(client) == "200:/1 200:/2 200:/3");
  CHECK(!responsesIn(client)[1].close);
  CHECK(responsesIn(client)[2].close);
  world.finish(&client);
}

CASE("HTTP draining: idle connections close, busy ones finish with Connection: close") {
  HttpLoopback world;
  const uint32_t listener = world.listen(world.spec());
  std::deque<Client> clients;
  for (int i = 0; i < 5; i++) clients.push_back(world.connectTo(listener));
  Client& idle = clients[0];
  Client& fresh = clients[1];
  Client& busy = clients[2];
  Client& partial = clients[3];
  Client& streaming = clients[4];
  world.onRequest = [&](Request& request) {
    if (request.target == "/quick") world.respond(request, 200, "quick");
  };
  idle.write(get("/quick"));
  REQUIRE(world.answered(idle, 1));
  busy.write(get("/busy1") + get("/busy2"));
  partial.write("GET /partial HTTP/1.1\r\nHo");
  streaming.write(get("/stream"));
  CHECK(world.until([&] { return world.requests.size() == 4 && world.net().connections() == 5; }));
  world.head(world.named("/stream"), 200);
  world.chunk(world.named("/stream"), "first");
  world.settle();
  CHECK_EQ(world.net().drainListener(listener), 0);
  REQUIRE(world.ended(idle));
  REQUIRE(world.ended(fresh));
  CHECK_EQ(world.net().closeListener(listener), 0);
  world.settle();
  CHECK_EQ(world.net().connections(), size_t{3});
  busy.write(get("/busy3"));  // too late: not read any more
  world.settle();
  world.respond(world.named("/busy2"), 200, "two");
  world.respond(world.named("/busy1"), 200, "one");
  REQUIRE(world.ended(busy));
  CHECK(summary(busy).substr(0, 7) == "200:one");
  CHECK_EQ(busy.error, 0);
  partial.write("st: a\r\n\r\n");
  CHECK(world.until([&] { return world.requests.back().target == "/partial"; }));
  world.respond(world.requests.back(), 200, "finished");
  REQUIRE(world.ended(partial));
  CHECK(summary(partial) == "200:finished");
  CHECK(responsesIn(partial)[0].close);
  world.chunk(world.named("/stream"), " last");
  world.end(world.named("/stream"));
  REQUIRE(world.ended(streaming));
  CHECK(summary(streaming) == "200:first last");
  clients.clear();
  world.checkEmpty();
}

CASE("HTTP draining: every answer that was promised arrives, the last one says close") {
  HttpLoopback world;
  const uint32_t listener = world.listen(world.spec());
  Client client = world.connectTo(listener);
  client.write(get("/1") + get("/2") + get("/3"));
  CHECK(world.until([&] { return world.requests.size() == 3; }));
  world.net().drainListener(listener);
  for (const Request& request : world.requests) world.respond(request, 200, request.target);
  REQUIRE(world.ended(client));
  CHECK(summary(client) == "200:/1 200:/2 200:/3");
  CHECK(responsesIn(client)[2].close);
  world.finish(&client, listener);
}

CASE("HTTP: a listener closed, its connections go on with keep-alive") {
  HttpLoopback world;
  const uint32_t listener = world.listen(world.spec());
  Client client = world.connectTo(listener);
  world.onRequest = [&](Request& request) { world.respond(request, 200, request.target); };
  client.write(get("/1"));
  REQUIRE(world.answered(client, 1));
  world.net().closeListener(listener);
  client.write(get("/2"));
  REQUIRE(world.answered(client, 2));
  world.finish(&client);
}

CASE("HTTP: a half-closed client gets its answers, in every state") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  client.write(get("/1") + get("/2") + "GET /partial");
  client.finish();
  CHECK(world.until([&] { return world.requests.size() == 2; }));
  world.rest(30);
  CHECK_EQ(world.net().connections(), size_t{1});
  world.respond(world.requests[1], 200, "two");
  world.pass();
  world.respond(world.requests[0], 200, "one");
  REQUIRE(world.ended(client));
  CHECK(summary(client) == "200:one 200:two");
  world.finish(&client);

  // With more requests sent ahead than may be outstanding: all are answered before the end.
  net::Settings settings = HttpLoopback::settings();
  settings.httpSettings.maxPipelined = 2;
  auto many = world.adopt(settings);
  world.requests.clear();
  world.onRequest = [&](Request& request) { world.respond(request, 200, "x"); };
  std::string series;
  for (int i = 0; i < 50; i++) series += get("/");
  many.client.write(series);
  many.client.finish();
  REQUIRE(world.ended(many.client));
  CHECK_EQ(responsesIn(many.client).size(), size_t{50});
  many.client.close();

  auto nothing = world.adopt(HttpLoopback::settings());
  nothing.client.finish();
  REQUIRE(world.ended(nothing.client));
  nothing.client.close();
  auto half = world.adopt(HttpLoopback::settings());
  half.client.write("GET / HT");
  half.client.finish();
  REQUIRE(world.ended(half.client));
  half.client.close();
  world.checkEmpty();
  CHECK_EQ(world.count(In::HTTP_ABORT), size_t{0});
}

CASE("HTTP: a reset in any phase aborts what is outstanding, once") {
  for (int phase = 0; phase < 6; phase++) {
    HttpLoopback world;
    const uint32_t listener = world.listen(world.spec());
    Client client = world.connectTo(listener);
    if (phase == 1) client.write("GET / HT");
    if (phase >= 2) client.write(get("/1") + get("/2"));
    CHECK(world.until([&] { return world.net().connections() == 1; }));
    if (phase >= 2) CHECK(world.until([&] { return world.requests.size() == 2; }));
    world.settle();
    if (phase == 3) world.head(world.requests[0], 200);
    if (phase == 4) world.respond(world.requests[1], 200, "held");
    if (phase == 5) {
      world.head(world.requests[0], 200);
      for (int i = 0; i < 40; i++) world.chunk(world.requests[0], std::string(200'000, 'x'));
    }
    world.settle();
    client.reset();
    CHECK(world.until([&] { return world.net().connections() == 0; }));
    world.settle();
    CHECK_EQ(world.count(In::HTTP_ABORT), size_t{phase >= 2 ? 1u : 0u});
    for (const Request& request : world.requests) world.respond(request, 200, "late");
    world.settle();
    world.finish(listener);
  }
}

CASE("HTTP: HTTP_DESTROY resets, also with a response under way") {
  HttpLoopback world;
  const uint32_t listener = world.listen(world.spec());
  Client client = world.connectTo(listener);
  client.write(get("/1"));
  CHECK(world.until([&] { return world.requests.size() == 1; }));
  world.head(world.requests[0], 200, 100);
  world.chunk(world.requests[0], "some");
  world.out(Out::HTTP_DESTROY, world.requests[0].connection);
  REQUIRE(world.ended(client));
  CHECK_EQ(client.error, ECONNRESET);
  CHECK(world.until([&] { return world.count(In::HTTP_ABORT) == 1; }));
  world.finish(&client, listener);
}

CASE("HTTP: a client on a Unix socket that hangs up while held does not keep the loop busy") {
  HttpLoopback world;
  net::Settings settings = HttpLoopback::settings();
  settings.httpSettings.maxPipelined = 1;
  auto adopted = world.adopt(settings);
  Client& client = adopted.client;
  client.write(get("/1") + get("/2"));
  world.settle();
  client.close();
  CHECK(world.until([&] { return world.net().connections() == 0; }));
  world.settle();
  CHECK_EQ(world.count(In::HTTP_ABORT), size_t{1});
  world.checkEmpty();
}

CASE("HTTP: everything closes silently in the middle of everything") {
  HttpLoopback world;
  const uint32_t listener = world.listen(world.spec());
  std::deque<Client> clients;
  for (int i = 0; i < 6; i++) clients.push_back(world.connectTo(listener));
  clients[1].write("GET / HT");
  clients[2].write(get("/1") + get("/2") + get("/3"));
  clients[3].write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n123");
  clients[4].write("bad\r\n\r\n");
  CHECK(world.until([&] { return world.requests.size() == 4 && world.net().connections() == 6; }));
  world.settle();
  world.respond(world.named("/2"), 200, "held");
  world.head(world.named("/1"), 200);
  world.settle();
  CHECK(world.net().bufferedBytes() > 0);
  world.net().closeAll();
  CHECK_EQ(world.net().bufferedBytes(), size_t{0});
  clients.clear();
  world.settle();
  world.checkEmpty();
}

}  // namespace
}  // namespace heddle::test
