// Bodies of requests: delivered when wanted, discarded when not, refused when wrong.
#include <string>
#include <vector>

#include "test/check.h"
#include "test/http_loopback.h"

namespace heddle::test {
namespace {

std::string pattern(size_t size) {
  std::string bytes(size, ' ');
  for (size_t i = 0; i < size; i++) bytes[i] = static_cast<char>('a' + (i + i / 97) % 26);
  return bytes;
}

std::string chunksOf(const std::string& body, size_t each) {
  std::string all;
  for (size_t at = 0; at < body.size(); at += each) {
    const size_t size = std::min(each, body.size() - at);
    char line[32];
    std::snprintf(line, sizeof line, "%zx\r\n", size);
    all += line + body.substr(at, size) + "\r\n";
  }
  return all + "0\r\n\r\n";
}

void echoWhenComplete(HttpLoopback& world) {
  world.onRequest = [&world](Request& request) {
    if (request.bodyEnded) return world.respond(request, 200, request.body);
    world.want(request);
  };
  world.onBody = [&world](Request& request) {
    if (request.bodyEnded) world.respond(request, 200, request.body);
  };
}

CASE("HTTP bodies: complete beside the head, or in pieces, by length and chunked") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  echoWhenComplete(world);
  const std::string large = pattern(200'000);
  const std::string all = post("/1", "small") + post("/2", large) +
                          chunkedPost("/3", chunksOf(large, 777)) +
                          chunkedPost("/4", chunksOf("x", 1)) + post("/5", "");
  REQUIRE(world.feed(client, all));
  REQUIRE(world.answered(client, 5));
  const std::vector<Response> responses = responsesIn(client);
  CHECK(responses[0].body == "small");
  CHECK(responses[1].body == large);
  CHECK(responses[2].body == large);
  CHECK(responses[3].body == "x");
  CHECK(responses[4].body.empty());
  CHECK(world.requests[0].has(RequestFlag::BODY_COMPLETE));
  CHECK(!world.requests[1].has(RequestFlag::BODY_COMPLETE));
  CHECK(world.requests[2].has(RequestFlag::CHUNKED));
  CHECK(!world.requests[4].has(RequestFlag::HAS_BODY));
  world.finish(&client);
}

CASE("HTTP bodies: not wanted yet, they push back on the client, and come when wanted") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  const std::string body = pattern(900'000);
  const std::string all = post("/late", body) + get("/next");
  size_t sent = 0;
  for (int i = 0; i < 50; i++) {
    sent += client.write(std::string_view(all).substr(sent));
    world.pass();
  }
  CHECK(sent < all.size());  // the socket is full, and the rest waits in the client
  CHECK(world.net().bufferedBytes() <= 65536);
  CHECK_EQ(world.count(In::HTTP_BODY), size_t{0});
  const uint64_t waits = world.loop().waits();
  world.rest(50);
  CHECK(world.loop().waits() - waits < 50);
  world.want(world.requests[0]);
  REQUIRE(world.feed(client, std::string_view(all).substr(sent)));
  CHECK(world.until([&] { return world.requests.size() == 2; }));
  CHECK(world.requests[0].body == body);
  CHECK(world.requests[0].bodyEnded);
  for (const Request& request : world.requests) world.respond(request, 200, request.target);
  REQUIRE(world.answered(client, 2));
  world.finish(&client);
}

CASE("HTTP bodies: paused and resumed, nothing is delivered in between, nothing is lost") {
  for (const bool chunked : {false, true}) {
    HttpLoopback world;
    auto adopted = world.adopt(HttpLoopback::settings());
    Client& client = adopted.client;
    const std::string body = pattern(300'000);
    world.onRequest = [&](Request& request) { world.want(request); };
    world.onBody = [&](Request& request) { world.pause(request); };
    const std::string all = chunked ? chunkedPost("/", chunksOf(body, 50'000)) : post("/", body);
    size_t sent = 0;
    size_t wanted = 0;
    while (world.requests.empty() || !world.requests[0].bodyEnded) {
      sent += client.write(std::string_view(all).substr(sent));
      world.settle();
      const size_t before = world.count(In::HTTP_BODY);
      world.settle();
      CHECK_EQ(world.count(In::HTTP_BODY), before);
      REQUIRE(++wanted < 10'000);
      if (!world.requests.empty()) world.want(world.requests[0]);
    }
    CHECK(world.requests[0].body == body);
    world.respond(world.requests[0], 200);
    REQUIRE(world.answered(client, 1));
    world.finish(&client);
  }
}

CASE("HTTP bodies: unwanted ones are discarded and the connection goes on") {
  for (const bool chunked : {false, true}) {
    HttpLoopback world;
    auto adopted = world.adopt(HttpLoopback::settings());
    Client& client = adopted.client;
    world.onRequest = [&](Request& request) { world.respond(request, 200, request.target); };
    const std::string body = pattern(150'000);
    const std::string first = chunked ? chunkedPost("/1", chunksOf(body, 9999)) : post("/1", body);
    REQUIRE(world.feed(client, first + get("/2")));
    REQUIRE(world.answered(client, 2));
    CHECK(summary(client) == "200:/1 200:/2");
    CHECK_EQ(world.count(In::HTTP_BODY), size_t{0});
    world.finish(&client);
  }
}

CASE("HTTP bodies: half read, then answered: the rest is discarded") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  echoWhenComplete(world);
  world.onBody = [&](Request& request) {
    if (request.target == "/1") world.respond(request, 200, "enough");
  };
  REQUIRE(world.feed(client, post("/1", pattern(200'000)) + get("/2")));
  REQUIRE(world.answered(client, 2));
  CHECK(summary(client) == "200:enough 200:");
  CHECK(!world.requests[0].bodyEnded);
  CHECK(world.requests[0].body.size() < 200'000);
  world.finish(&client);
}

CASE("HTTP bodies: too long to discard, the answer closes, and the client still gets it") {
  HttpLoopback world;
  const uint32_t listener = world.listen(world.spec());
  Client client = world.connectTo(listener);
  world.onRequest = [&](Request& request) { world.respond(request, 403, "no"); };
  REQUIRE(world.feed(client, post("/1", pattern(900'000))));  // all of it, though nobody wants it
  REQUIRE(world.ended(client));
  CHECK_EQ(client.error, 0);
  CHECK(summary(client) == "403:no");
  CHECK(responsesIn(client)[0].close);
  world.finish(&client, listener);
}

CASE(
    "HTTP bodies: a chunked one that nobody wants ends the connection at the limit, answer first") {
  HttpLoopback world;
  net::Settings settings = HttpLoopback::settings();
  settings.httpSettings.maxBodyBytes = 100'000;
  const uint32_t listener = world.listen(world.spec(settings));
  Client client = world.connectTo(listener);
  world.onRequest = [&](Request& request) { world.respond(request, 200, "early"); };
  REQUIRE(world.feed(client, chunkedPost("/1", chunksOf(pattern(400'000), 5000))));
  REQUIRE(world.ended(client));
  CHECK_EQ(client.error, 0);
  CHECK(summary(client) == "200:early");
  CHECK_EQ(world.count(In::HTTP_ABORT), size_t{0});  // nothing was outstanding
  world.finish(&client, listener);
}

CASE("HTTP bodies: larger than the limit, announced or not, are 413") {
  HttpLoopback world;
  net::Settings settings = HttpLoopback::settings();
  settings.httpSettings.maxBodyBytes = 1000;
  const uint32_t listener = world.listen(world.spec(settings));
  world.onRequest = [&](Request& request) { world.want(request); };
  Client announced = world.connectTo(listener);
  REQUIRE(world.feed(announced, get("/0") + post("/1", pattern(1001))));
  CHECK(world.until([&] { return world.requests.size() == 1; }));
  world.respond(world.requests[0], 200, "fine");
  REQUIRE(world.ended(announced));
  CHECK(summary(announced) == "200:fine 413:");
  CHECK_EQ(world.count(In::HTTP_REFUSED), size_t{1});
  CHECK_EQ(world.last(In::HTTP_REFUSED)->at(1), static_cast<int32_t>(listener));
  CHECK_EQ(world.last(In::HTTP_REFUSED)->at(3), 413);
  CHECK_EQ(world.count(In::HTTP_ABORT), size_t{0});

  Client chunked = world.connectTo(listener);
  REQUIRE(world.feed(chunked, chunkedPost("/2", chunksOf(pattern(5000), 100))));
  REQUIRE(world.ended(chunked));
  CHECK_EQ(chunked.error, 0);
  CHECK(summary(chunked) == "413:");
  CHECK_EQ(world.count(In::HTTP_ABORT), size_t{1});
  CHECK_EQ(world.last(In::HTTP_ABORT)->at(2), EMSGSIZE);
  CHECK(world.named("/2").body.size() <= 1000);

  Client exact = world.connectTo(listener);
  echoWhenComplete(world);
  REQUIRE(
      world.feed(exact, post("/3", pattern(1000)) + chunkedPost("/4", chunksOf(pattern(1000), 7))));
  REQUIRE(world.answered(exact, 2));
  announced.close();
  chunked.close();
  exact.close();
  world.finish(listener);
}

CASE("HTTP bodies: a long one that is echoed while it comes does not end the connection") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  world.onRequest = [&](Request& request) {
    if (request.bodyEnded) return world.respond(request, 200, request.target);
    world.want(request);
    world.head(request, 200);
  };
  world.onBody = [&](Request& request) {
    world.chunk(request, request.body);
    request.body.clear();
    if (request.bodyEnded) world.end(request);
  };
  const std::string body = pattern(800'000);
  REQUIRE(world.feed(client, post("/1", body) + get("/2")));
  REQUIRE(world.answered(client, 2));
  CHECK(responsesIn(client)[0].body == body);
  CHECK(!responsesIn(client)[0].close);
  world.finish(&client);
}

CASE("HTTP bodies: a long one, wanted and then given up, ends the connection after the answer") {
  HttpLoopback world;
  const uint32_t listener = world.listen(world.spec());
  Client client = world.connectTo(listener);
  world.onRequest = [&](Request& request) {
    world.want(request);
    world.head(request, 200);
  };
  world.onBody = [&](Request& request) {
    world.chunk(request, "enough");
    world.end(request);
  };
  REQUIRE(world.feed(client, post("/1", pattern(900'000)) + get("/2")));
  REQUIRE(world.ended(client));
  CHECK_EQ(client.error, 0);
  CHECK(summary(client) == "200:enough");
  CHECK_EQ(world.requests.size(), size_t{1});
  world.finish(&client, listener);
}

CASE("HTTP bodies: a malformed chunk is 400, or the end where an answer is under way") {
  const std::string bad = "5\r\nhello\r\nzz\r\n";
  for (int how = 0; how < 3; how++) {
    HttpLoopback world;
    auto adopted = world.adopt(HttpLoopback::settings());
    Client& client = adopted.client;
    world.onRequest = [&](Request& request) {
      world.want(request);
      if (how != 1 || request.target != "/bad") return;
      world.head(request, 200);
      world.chunk(request, "begun");
    };
    const std::string before = how == 2 ? get("/earlier") : "";
    client.write(before + chunkedPost("/bad", bad) + get("/next"));
    REQUIRE(world.ended(client));
    CHECK_EQ(world.count(In::HTTP_ABORT), size_t{1});
    CHECK_EQ(world.last(In::HTTP_ABORT)->at(2), EPROTO);
    CHECK_EQ(world.count(In::HTTP_REFUSED), size_t{1});
    CHECK(world.requests.back().target == "/bad");
    CHECK(!world.requests.back().bodyEnded);
    if (how == 0) CHECK(summary(client) == "400:");
    if (how == 2) CHECK(client.in.empty());
    // Answers that come too late are nobody's.
    for (const Request& request : world.requests) world.respond(request, 200, "late");
    world.settle();
    world.finish(&client);
  }
}

const char* const kExpect = "Expect: 100-continue\r\n";
const std::string kExpectant =
    "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";

CASE("HTTP Expect: the client is told to continue when its body is wanted, not before") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  client.write(kExpectant);
  world.settle();
  REQUIRE(world.requests.size() == 1);
  CHECK(world.requests[0].has(RequestFlag::EXPECT_CONTINUE));
  client.read();
  CHECK(client.in.empty());
  world.want(world.requests[0]);
  REQUIRE(world.answered(client, 1));
  world.want(world.requests[0]);  // once is enough
  world.settle();
  client.write("body" + get("/next"));
  CHECK(world.until([&] { return world.requests.size() == 2; }));
  CHECK(world.requests[0].body == "body");
  for (const Request& request : world.requests) world.respond(request, 200, request.target);
  REQUIRE(world.answered(client, 3));
  CHECK(summary(client) == "100: 200:/e 200:/next");
  world.finish(&client);
}

CASE("HTTP Expect: answered without wanting the body, the connection closes and no 100 is sent") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  world.onRequest = [&](Request& request) { world.respond(request, 401, "no"); };
  client.write(kExpectant);
  REQUIRE(world.ended(client));
  CHECK(summary(client) == "401:no");
  CHECK(responsesIn(client)[0].close);
  world.finish(&client);
}

CASE("HTTP Expect: 100 waits for the responses before it") {
  for (const bool whole : {true, false}) {
    HttpLoopback world;
    auto adopted = world.adopt(HttpLoopback::settings());
    Client& client = adopted.client;
    client.write(get("/1") + get("/2") + kExpectant);
    world.settle();
    REQUIRE(world.requests.size() == 3);
    world.want(world.requests[2]);
    if (!whole) world.head(world.requests[0], 200);
    world.respond(world.requests[1], 200, "two");
    world.settle();
    client.read();
    CHECK(client.in.find("100 Continue") == std::string::npos);
    if (whole) world.respond(world.requests[0], 200, "one");
    if (!whole) world.chunk(world.requests[0], "one");
    if (!whole) world.end(world.requests[0]);
    REQUIRE(world.answered(client, 3));
    CHECK(summary(client) == "200:one 200:two 100:");
    client.write("body");
    CHECK(world.until([&] { return world.requests[2].bodyEnded; }));
    world.respond(world.requests[2], 200, world.requests[2].body);
    REQUIRE(world.answered(client, 4));
    world.finish(&client);
  }
}

CASE("HTTP Expect: never a 100 inside a response that has begun") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  client.write(kExpectant);
  world.settle();
  REQUIRE(world.requests.size() == 1);
  world.head(world.requests[0], 200, 8);
  world.chunk(world.requests[0], "1234");
  world.want(world.requests[0]);
  world.chunk(world.requests[0], "5678");
  world.end(world.requests[0]);
  REQUIRE(world.ended(client));
  CHECK(summary(client) == "200:12345678");
  world.finish(&client);
}

CASE("HTTP Expect: a client that does not wait, or has no body, is served as any other") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  echoWhenComplete(world);
  client.write(post("/1", "complete", kExpect) + post("/2", "", kExpect) + get("/3", kExpect));
  REQUIRE(world.answered(client, 3));
  for (const Request& request : world.requests) CHECK(!request.has(RequestFlag::EXPECT_CONTINUE));
  CHECK(summary(client) == "200:complete 200: 200:");
  world.finish(&client);
}

CASE("HTTP bodies: the client ends inside one, in every phase of its request") {
  for (int phase = 0; phase < 4; phase++) {
    for (const bool reset : {false, true}) {
      HttpLoopback world;
      const uint32_t listener = world.listen(world.spec());
      Client client = world.connectTo(listener);
      if (phase == 1 || phase == 2)
        world.onRequest = [&](Request& request) { world.want(request); };
      client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nonly this");
      CHECK(world.until([&] { return world.requests.size() == 1; }));
      world.settle();
      if (phase == 2) world.head(world.requests[0], 200);
      if (phase == 3) world.respond(world.requests[0], 200, "answered");  // the rest is discarded
      world.settle();
      if (reset) client.reset();
      if (!reset) client.finish();
      world.settle();
      if (phase == 0 && !reset) {
        // Nobody wants the body, so nobody has noticed.
        CHECK_EQ(world.count(In::HTTP_ABORT), size_t{0});
        world.want(world.requests[0]);
      }
      CHECK(world.until([&] { return world.net().connections() == 0; }));
      world.settle();
      CHECK_EQ(world.count(In::HTTP_ABORT), size_t{phase == 3 ? 0u : 1u});
      CHECK(!world.requests[0].bodyEnded);
      if (phase == 3 && !reset) {
        client.read();
        CHECK(summary(client) == "200:answered");
      }
      world.finish(&client, listener);
    }
  }
}

CASE("HTTP bodies: a client that gives its body up still gets a long answer whole") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings(), 4096);
  Client& client = adopted.client;
  const std::string answer = pattern(200'000);
  world.onRequest = [&](Request& request) { world.respond(request, 200, answer); };
  client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nonly this");
  CHECK(world.until([&] { return world.requests.size() == 1; }));
  world.settle();
  client.finish();
  world.settle();
  REQUIRE(world.ended(client));
  CHECK(summary(client) == "200:" + answer);
  world.finish(&client);
}

CASE("HTTP bodies: a small slab and inbox split them, and lose nothing") {
  PortSizes sizes;
  sizes.recvBytes = 16'384;
  sizes.inboxWords = loop::Port::kLongestRecord + 20;
  HttpLoopback world(sizes);
  echoWhenComplete(world);
  std::deque<Client> clients;
  const std::string body = pattern(60'000);
  for (int i = 0; i < 8; i++) {
    clients.push_back(std::move(world.adopt(HttpLoopback::settings()).client));
    const bool chunked = i % 2 == 0;
    const std::string all = chunked ? chunkedPost("/", chunksOf(body, 40)) : post("/", body);
    CHECK_EQ(clients.back().write(all + get("/")), all.size() + get("/").size());
  }
  for (Client& client : clients) {
    REQUIRE(world.answered(client, 2));
    CHECK(responsesIn(client)[0].body == body);
  }
  clients.clear();
  world.checkEmpty();
}

}  // namespace
}  // namespace heddle::test
