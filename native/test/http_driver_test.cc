// Requests in, responses out: splits, pipelining, and the order of responses.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "net/http_names.h"
#include "test/check.h"
#include "test/http_loopback.h"

namespace heddle::test {
namespace {

void answerTarget(HttpLoopback& world) {
  world.onRequest = [&world](Request& request) {
    world.respond(request, 200, request.target + request.body);
  };
}

CASE("HTTP: a request arrives as one record, and its answer leaves") {
  HttpLoopback world;
  const uint32_t listener = world.listen(world.spec());
  Client client = world.connectTo(listener);
  answerTarget(world);
  client.write(get("/hello?x=1", "X-One: a b\r\nUser-Agent: t\r\n"));
  REQUIRE(world.answered(client, 1));
  const Request& request = world.requests[0];
  CHECK_EQ(world.last(In::HTTP_REQUEST)->at(1), static_cast<int32_t>(listener));
  CHECK(request.target == "/hello?x=1");
  CHECK_EQ(request.method, 1u);
  CHECK_EQ(request.flags, uint32_t{RequestFlag::KEEP_ALIVE});
  REQUIRE(request.headers.size() == 3);
  CHECK(request.headers[0] == std::make_pair(std::string("Host"), std::string("a")));
  CHECK(request.headers[1] == std::make_pair(std::string("X-One"), std::string("a b")));
  CHECK(request.headers[2] == std::make_pair(std::string("User-Agent"), std::string("t")));
  CHECK_EQ(world.count(In::ACCEPT), size_t{0});
  const Response response = responsesIn(client)[0];
  CHECK(response.body == "/hello?x=1");
  CHECK(!response.close && response.hasLength);
  client.write(get("/again"));
  REQUIRE(world.answered(client, 2));
  world.finish(&client, listener);
  CHECK_EQ(world.count(In::CLOSE), size_t{0});
  CHECK_EQ(world.count(In::HTTP_ABORT), size_t{0});
}

// The byte for `field` in the index of the last request.
uint32_t placeOf(HttpLoopback& world, net::HttpField field) {
  const auto id = static_cast<uint32_t>(field);
  const auto word = static_cast<uint32_t>(world.last(In::HTTP_REQUEST)->at(11 + id / 4));
  return word >> (8 * (id % 4)) & 0xff;
}

CASE("HTTP: the index of a request says where its known headers stand") {
  HttpLoopback world;
  const uint32_t listener = world.listen(world.spec());
  Client client = world.connectTo(listener);
  answerTarget(world);
  client.write(
      get("/", "Accept: a\r\nX-Own: b\r\naCCept: c\r\nUser-Agent: d\r\nKeep-Alive: e\r\n"));
  REQUIRE(world.answered(client, 1));
  CHECK_EQ(placeOf(world, net::HttpField::kHost), 1u);
  CHECK_EQ(placeOf(world, net::HttpField::kAccept), 0xffu);  // there are two
  CHECK_EQ(placeOf(world, net::HttpField::kOther), 3u);
  CHECK_EQ(placeOf(world, net::HttpField::kUserAgent), 5u);
  CHECK_EQ(placeOf(world, net::HttpField::kKeepAlive), 6u);
  CHECK_EQ(placeOf(world, net::HttpField::kCookie), 0u);
  client.write(get("/"));
  REQUIRE(world.answered(client, 2));
  CHECK_EQ(placeOf(world, net::HttpField::kHost), 1u);
  CHECK_EQ(placeOf(world, net::HttpField::kUserAgent), 0u);
  world.finish(&client, listener);
}

const std::string kSeries = get("/a") + post("/b", "12345") + "\r\n" +
                            chunkedPost("/c", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n") +
                            post("/d", "") + get("/e");
const char* const kSeriesAnswers = "200:/a 200:/b12345 200:/cabcde 200:/d 200:/e";

// Answers when the body is complete.
void answerWhole(HttpLoopback& world) {
  world.onRequest = [&world](Request& request) {
    if (request.bodyEnded) return world.respond(request, 200, request.target + request.body);
    world.want(request);
  };
  world.onBody = [&world](Request& request) {
    if (request.bodyEnded) world.respond(request, 200, request.target + request.body);
  };
}

CASE("HTTP: a pipelined series, one byte at a time") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  answerWhole(world);
  for (const char c : kSeries) {
    client.write(std::string(1, c));
    world.pass();
  }
  REQUIRE(world.answered(client, 5));
  CHECK(summary(client) == kSeriesAnswers);
  world.finish(&client);
}

CASE("HTTP: a pipelined series, cut at every place") {
  HttpLoopback world;
  for (size_t cut = 0; cut <= kSeries.size(); cut++) {
    auto adopted = world.adopt(HttpLoopback::settings());
    Client& client = adopted.client;
    answerWhole(world);
    client.write(kSeries.substr(0, cut));
    world.pass();
    client.write(kSeries.substr(cut));
    REQUIRE(world.answered(client, 5));
    CHECK(summary(client) == kSeriesAnswers);
    client.close();
    world.settle();
    CHECK_EQ(world.net().connections(), size_t{0});
    CHECK_EQ(world.net().bufferedBytes(), size_t{0});
    world.requests.clear();
    world.log.clear();
  }
  world.checkEmpty();
}

CASE("HTTP: an answered series leaves in one system call's worth of passes") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  answerTarget(world);
  std::string series;
  for (int i = 0; i < 16; i++) series += get("/x");
  client.write(series);
  world.pass();
  client.read();
  CHECK_EQ(responsesIn(client).size(), size_t{16});
  CHECK_EQ(world.requests.size(), size_t{16});
  world.finish(&client);
}

CASE(
    "HTTP: at most maxPipelined requests are outstanding; the rest is held, then released in "
    "order") {
  for (const uint32_t most : {1u, 2u, 5u, 32u}) {
    HttpLoopback world;
    net::Settings settings = HttpLoopback::settings();
    settings.httpSettings.maxPipelined = most;
    auto adopted = world.adopt(settings);
    Client& client = adopted.client;
    std::string series;
    for (int i = 0; i < 100; i++) series += get("/" + std::to_string(i));
    client.write(series);
    world.settle();
    CHECK_EQ(world.requests.size(), size_t{most});
    CHECK(world.net().bufferedBytes() > 0);
    const uint64_t waits = world.loop().waits();
    world.rest(40);
    CHECK(world.loop().waits() - waits < 40);
    for (size_t i = 0; i < 100; i++) {
      CHECK(world.until([&] { return world.requests.size() > i; }));
      CHECK(world.requests.size() <= i + most);
      world.respond(world.requests[i], 200, world.requests[i].target);
      world.pass();
    }
    REQUIRE(world.answered(client, 100));
    const std::vector<Response> all = responsesIn(client);
    for (size_t i = 0; i < 100; i++) CHECK(all[i].body == "/" + std::to_string(i));
    world.finish(&client);
  }
}

CASE("HTTP: sequence numbers wrap; a thousand requests on one connection") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  answerTarget(world);
  size_t wanted = 0;
  for (int round = 0; round < 100; round++) {
    std::string series;
    for (int i = 0; i < 10; i++) series += get("/r");
    wanted += 10;
    client.write(series);
    CHECK(world.until([&] { return world.requests.size() == wanted; }));
  }
  REQUIRE(world.answered(client, 1000));
  world.finish(&client);
}

// One handler's way to answer, in two steps so that others come between.
enum class Way { kWhole, kChunked, kLength };

void begin(HttpLoopback& world, const Request& request, Way way) {
  if (way == Way::kWhole) return;
  world.head(request, 200,
             way == Way::kChunked ? -1 : static_cast<double>(request.target.size() * 2));
  world.chunk(request, request.target);
}

void complete(HttpLoopback& world, const Request& request, Way way) {
  if (way == Way::kWhole) return world.respond(request, 200, request.target + request.target);
  world.chunk(request, request.target);
  world.end(request);
}

CASE("HTTP: responses leave in the order of requests, in whatever order they are made") {
  const std::array<Way, 3> ways = {Way::kWhole, Way::kChunked, Way::kLength};
  std::array<size_t, 4> order = {0, 1, 2, 3};
  HttpLoopback world;
  do {
    for (size_t mix = 0; mix < 81; mix++) {
      if ((mix + order[0] * 7 + order[1] * 3 + order[2]) % 5 != 0)
        continue;  // a fifth of the mixes each
      std::array<Way, 4> way;
      for (size_t i = 0, left = mix; i < 4; i++, left /= 3) way[i] = ways[left % 3];
      auto adopted = world.adopt(HttpLoopback::settings());
      Client& client = adopted.client;
      world.requests.clear();
      client.write(get("/a") + get("/bb") + get("/ccc") + get("/dddd"));
      world.pass();
      REQUIRE(world.requests.size() == 4);
      const bool apart = mix % 2 == 0;  // each step in a pass of its own, or all in one outbox
      for (const size_t i : order) {
        begin(world, world.requests[i], way[i]);
        if (apart) world.pass();
      }
      for (const size_t i : order) {
        complete(world, world.requests[i], way[i]);
        if (apart) world.pass();
      }
      REQUIRE(world.answered(client, 4));
      CHECK(summary(client) == "200:/a/a 200:/bb/bb 200:/ccc/ccc 200:/dddd/dddd");
      CHECK_EQ(world.net().bufferedBytes(), size_t{0});
      client.close();
      world.settle();
      world.log.clear();
    }
  } while (std::next_permutation(order.begin(), order.end()));
  world.checkEmpty();
}

CASE("HTTP: HEAD, 204 and 304 have no body, whole or streamed, also behind others") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  const std::string head = "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n";
  client.write(head + get("/1") + get("/2") + head + get("/3") + get("/4") + get("/last"));
  world.pass();
  REQUIRE(world.requests.size() == 7);
  CHECK_EQ(world.requests[0].method, 2u);
  const auto stream = [&](size_t i, int status, double length) {
    world.head(world.requests[i], status, length);
    world.chunk(world.requests[i], "never sent");
    world.end(world.requests[i]);
  };
  // The later ones first, so that they are held.
  world.respond(world.requests[6], 200, "end");
  stream(5, 204, -1);
  stream(4, 304, 5);
  stream(3, 200, -1);
  world.respond(world.requests[2], 304, "dropped");
  world.respond(world.requests[1], 204, "dropped");
  world.respond(world.requests[0], 200, "twelve bytes");
  REQUIRE(world.answered(client, 7, {0, 3}));
  const std::vector<Response> all = responsesIn(client, {0, 3});
  CHECK(summary(all) == "200: 204: 304: 200: 304: 204: 200:end");
  CHECK(all[0].head.find("Content-Length: 12\r\n") != std::string::npos);
  CHECK(!all[1].hasLength && !all[1].chunked);
  CHECK(!all[2].hasLength && !all[2].chunked);
  CHECK(all[3].chunked);
  CHECK(!all[5].hasLength && !all[5].chunked);
  world.finish(&client);
}

CASE("HTTP: lines of the handler, its own Date, its own Content-Length") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  client.write(get("/1") + "HEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  world.pass();
  REQUIRE(world.requests.size() == 2);
  world.respond(world.requests[0], 201, "body", RespondFlag::HAS_DATE, "X-A: 1\r\nDate: now\r\n");
  world.respond(world.requests[1], 200, "", RespondFlag::HAS_LENGTH, "Content-Length: 77\r\n");
  REQUIRE(world.answered(client, 2, {1}));
  const std::vector<Response> all = responsesIn(client, {1});
  CHECK(all[0].head == "HTTP/1.1 201 Created\r\nContent-Length: 4\r\nX-A: 1\r\nDate: now\r\n");
  CHECK(all[1].head.find("Content-Length: 77\r\n") != std::string::npos);
  world.finish(&client);
}

CASE("HTTP: 1.0 closes, or keeps alive when asked, and is told so") {
  HttpLoopback world;
  auto plain = world.adopt(HttpLoopback::settings());
  answerTarget(world);
  plain.client.write("GET /old HTTP/1.0\r\n\r\n" + get("/ignored"));
  REQUIRE(world.ended(plain.client));
  CHECK(summary(plain.client) == "200:/old");
  CHECK(responsesIn(plain.client)[0].close);
  CHECK(world.requests[0].has(RequestFlag::HTTP_1_0));
  CHECK(!world.requests[0].has(RequestFlag::KEEP_ALIVE));
  plain.client.close();

  auto kept = world.adopt(HttpLoopback::settings());
  const std::string ask = "GET /kept HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  kept.client.write(ask + ask);
  REQUIRE(world.answered(kept.client, 2));
  CHECK(responsesIn(kept.client)[1].head.find("Connection: keep-alive\r\n") != std::string::npos);

  // A stream of unknown length ends with the connection.
  world.onRequest = [&](Request& request) {
    world.head(request, 200);
    world.chunk(request, "until ");
    world.chunk(request, "the end");
    world.end(request);
  };
  kept.client.in.clear();
  kept.client.write(ask);
  REQUIRE(world.ended(kept.client));
  const std::vector<Response> last = responsesIn(kept.client);
  CHECK(summary(last) == "200:until the end");
  CHECK(last[0].close && !last[0].chunked);
  kept.client.close();
  world.checkEmpty();
}

CASE("HTTP: Connection: close, asked by the client or by the handler, ends after the answer") {
  HttpLoopback world;
  auto byClient = world.adopt(HttpLoopback::settings());
  answerTarget(world);
  byClient.client.write(get("/1") + get("/2", "Connection: close\r\n") + get("/3"));
  REQUIRE(world.ended(byClient.client));
  CHECK(summary(byClient.client) == "200:/1 200:/2");
  CHECK(!responsesIn(byClient.client)[0].close);
  CHECK(responsesIn(byClient.client)[1].close);
  CHECK_EQ(world.requests.size(), size_t{2});
  byClient.client.close();

  auto byHandler = world.adopt(HttpLoopback::settings());
  world.onRequest = [&](Request& request) {
    const uint32_t flags = request.target == "/2" ? uint32_t{RespondFlag::CLOSE} : 0;
    world.respond(request, 200, request.target, flags);
  };
  // All read at once: the answers to the ones behind must not follow the one that closes.
  byHandler.client.write(get("/1") + get("/2") + get("/3") + get("/4"));
  REQUIRE(world.ended(byHandler.client));
  CHECK(summary(byHandler.client) == "200:/1 200:/2");
  CHECK(responsesIn(byHandler.client)[1].close);
  byHandler.client.close();
  world.checkEmpty();
  CHECK_EQ(world.count(In::HTTP_ABORT), size_t{1});  // of the requests that get no answer
}

CASE("HTTP: a held response that closes drops what was answered behind it") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  client.write(get("/1") + get("/2") + get("/3"));
  world.pass();
  REQUIRE(world.requests.size() == 3);
  world.respond(world.requests[2], 200, "three");
  world.respond(world.requests[1], 200, "two", RespondFlag::CLOSE);
  world.respond(world.requests[0], 200, "one");
  REQUIRE(world.ended(client));
  CHECK(summary(client) == "200:one 200:two");
  world.finish(&client);
}

CASE("HTTP: second answers, answers to nobody and pieces without a beginning are ignored") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  Client& client = adopted.client;
  client.write(get("/1") + get("/2") + get("/3"));
  world.pass();
  REQUIRE(world.requests.size() == 3);
  Request stranger = world.requests[0];
  for (const int seq : {3, 4, 31, 32, 100, 255}) {
    stranger.seq = static_cast<uint8_t>(seq);
    world.respond(stranger, 200, "stranger");
    world.head(stranger, 200);
    world.chunk(stranger, "stranger");
    world.end(stranger);
    world.want(stranger);
    world.pause(stranger);
    world.out(Out::HTTP_WANT_DRAIN, stranger.connection, stranger.seq);
  }
  world.chunk(world.requests[1], "no head yet");
  world.end(world.requests[1]);
  world.respond(world.requests[1], 200, "two");
  world.respond(world.requests[1], 500, "two again");
  world.head(world.requests[1], 500);
  world.head(world.requests[0], 200);
  world.respond(world.requests[0], 500, "in the middle");
  world.head(world.requests[0], 500);
  world.chunk(world.requests[0], "one");
  world.end(world.requests[0]);
  world.end(world.requests[0]);
  world.chunk(world.requests[0], "more");
  world.respond(world.requests[0], 500, "after the end");
  world.respond(world.requests[2], 200, "three");
  world.respond(world.requests[2], 500, "three again");
  REQUIRE(world.answered(client, 3));
  world.settle();
  client.read();
  CHECK(summary(client) == "200:one 200:two 200:three");
  client.write(get("/4"));
  CHECK(world.until([&] { return world.requests.size() == 4; }));
  world.respond(world.requests[3], 200, "four");
  REQUIRE(world.answered(client, 4));
  world.finish(&client);
}

CASE("HTTP: slices outside the send slab are ignored") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings());
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  client.write(get("/1"));
  world.pass();
  const auto send = static_cast<int32_t>(world.memory().sendBytes);
  const int32_t word = world.requests[0].seq | 200 << 8;
  for (const int32_t offset : {send, send + 1, -1, INT32_MAX}) {
    world.out(Out::HTTP_RESPOND, handle, word, 0, offset, 10, 10);
    world.out(Out::HTTP_HEAD, handle, word, 0, offset, 10, 0, 0);
  }
  world.out(Out::HTTP_RESPOND, handle, word, 0, 0, 10, -1);
  world.out(Out::HTTP_RESPOND, handle, word, 0, 0, -1, 0);
  world.out(Out::HTTP_RESPOND, handle, word, 0, 0, 60'000, 0);  // more lines than a head may have
  world.head(world.requests[0], 200, 4);
  world.out(Out::HTTP_CHUNK, handle, world.requests[0].seq, send - 1, 2);
  world.out(Out::HTTP_CHUNK, handle, world.requests[0].seq, 0, -1);
  world.chunk(world.requests[0], "fine");
  world.end(world.requests[0]);
  REQUIRE(world.answered(client, 1));
  CHECK(summary(client) == "200:fine");
  world.finish(&client);
}

CASE("HTTP: answers of every size, whole and streamed, to a client that takes little") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings(), 4096);
  Client& client = adopted.client;
  const std::vector<size_t> sizes = {0, 1, 30'000, 32'768, 65'000, 65'280, 65'536, 66'000, 200'000};
  const std::string lines = "X-Long: " + std::string(20'000, 'l') + "\r\n";
  for (const size_t size : sizes) {
    for (int way = 0; way < 4; way++) {
      client.in.clear();
      world.requests.clear();
      client.write(get("/1") + get("/2"));
      CHECK(world.until([&] { return world.requests.size() == 2; }));
      const std::string body(size, static_cast<char>('a' + way));
      for (const size_t i : {size_t{1}, size_t{0}}) {  // held, and straight
        const Request& request = world.requests[i];
        const std::string& own = way == 1 ? lines : std::string();
        if (way < 2) {
          world.respond(request, 200, body, 0, own);
          continue;
        }
        world.head(request, 200, way == 2 ? -1 : static_cast<double>(size));
        world.chunk(request, std::string_view(body).substr(0, size / 3));
        world.chunk(request, std::string_view(body).substr(size / 3));
        world.end(request);
      }
      REQUIRE(world.answered(client, 2));
      const std::vector<Response> all = responsesIn(client);
      CHECK(all[0].body == body);
      CHECK(all[1].body == body);
    }
  }
  world.finish(&client);
}

CASE("HTTP: a streamed response reports BLOCKED and DRAIN once each, straight and held") {
  HttpLoopback world;
  net::Settings settings = HttpLoopback::settings();
  settings.highWaterBytes = 30'000;
  settings.lowWaterBytes = 10'000;
  auto adopted = world.adopt(settings, 4096);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  client.write(get("/1") + get("/2"));
  world.pass();
  REQUIRE(world.requests.size() == 2);
  const auto reports = [&](int32_t kind, size_t request) {
    size_t n = 0;
    for (const Record& record : world.log) {
      if (record.kind == kind && record.at(2) == world.requests[request].seq) n++;
    }
    return n;
  };
  for (const size_t i : {size_t{1}, size_t{0}}) {
    world.head(world.requests[i], 200);
    for (int k = 0; k < 10; k++) {
      world.chunk(world.requests[i], std::string(10'000, 'x'));
      world.pass();
    }
  }
  CHECK_EQ(reports(In::HTTP_BLOCKED, 0), size_t{1});
  CHECK_EQ(reports(In::HTTP_BLOCKED, 1), size_t{1});
  CHECK_EQ(reports(In::HTTP_DRAIN, 0), size_t{0});
  CHECK(world.until([&] {
    client.read();
    return reports(In::HTTP_DRAIN, 0) == 1;
  }));
  world.out(Out::HTTP_WANT_DRAIN, handle, world.requests[0].seq);
  CHECK(world.until([&] {
    client.read();
    return reports(In::HTTP_DRAIN, 0) == 2;
  }));
  CHECK_EQ(reports(In::HTTP_DRAIN, 1), size_t{0});
  world.end(world.requests[0]);
  CHECK(world.until([&] {
    client.read();
    return reports(In::HTTP_DRAIN, 1) == 1;
  }));
  world.end(world.requests[1]);
  REQUIRE(world.answered(client, 2));
  CHECK_EQ(reports(In::HTTP_BLOCKED, 0) + reports(In::HTTP_BLOCKED, 1), size_t{2});
  CHECK_EQ(responsesIn(client)[1].body.size(), size_t{100'000});
  world.finish(&client);
}

CASE("HTTP: a client that pipelines and does not read costs a bounded amount of memory") {
  HttpLoopback world;
  net::Settings settings = HttpLoopback::settings();
  settings.highWaterBytes = 50'000;
  settings.lowWaterBytes = 10'000;
  auto adopted = world.adopt(settings, 4096);
  Client& client = adopted.client;
  world.onRequest = [&](Request& request) { world.respond(request, 200, std::string(4000, 'x')); };
  std::string series;
  for (int i = 0; i < 1000; i++) series += get("/");
  client.write(series);
  size_t most = 0;
  for (int i = 0; i < 100; i++) {
    world.pass();
    most = std::max(most, world.net().bufferedBytes());
  }
  // What was read ahead, the mark, and one round of requests beyond it.
  CHECK(most < series.size() + 50'000 + 33 * 4200);
  REQUIRE(world.answered(client, 1000));
  world.finish(&client);
}

struct Owner {
  int released = 0;
  std::string bytes;
  net::Block block() {
    return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), letGo, this};
  }
  static void letGo(void* context) { static_cast<Owner*>(context)->released++; }
};

CASE("HTTP: blocks as body bytes: framed, in order, held, dropped for HEAD, let go once") {
  HttpLoopback world;
  auto adopted = world.adopt(HttpLoopback::settings(), 4096);
  const uint32_t handle = adopted.handle;
  Client& client = adopted.client;
  client.write(get("/1") + get("/2") + "HEAD /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  world.pass();
  REQUIRE(world.requests.size() == 3);
  std::array<Owner, 3> owners;
  for (size_t i : {size_t{2}, size_t{1}, size_t{0}}) {
    const Request& request = world.requests[i];
    owners[i].bytes = std::string(200'000, static_cast<char>('a' + i));
    bool kept = true;
    CHECK_EQ(world.net().writeHttpBlock(handle, request.seq, owners[i].block(), &kept), -EPIPE);
    CHECK(!kept);  // its head is not begun
    world.head(request, 200, i == 1 ? 200'010 : -1);
    world.chunk(request, "12345");
    CHECK_EQ(world.net().writeHttpBlock(handle, request.seq, owners[i].block(), &kept), 0);
    CHECK_EQ(kept, i == 0);
    world.chunk(request, "67890");
    world.end(request);
  }
  REQUIRE(world.answered(client, 3, {2}));
  const std::vector<Response> all = responsesIn(client, {2});
  CHECK(all[0].body == "12345" + owners[0].bytes + "67890");
  CHECK(all[1].body == "12345" + owners[1].bytes + "67890");
  CHECK_EQ(owners[0].released, 1);
  CHECK_EQ(owners[1].released + owners[2].released, 0);
  bool kept = true;
  CHECK_EQ(world.net().writeHttpBlock(handle, 0, owners[0].block(), &kept), -EPIPE);
  CHECK(!kept);
  world.finish(&client);
  CHECK_EQ(world.net().writeHttpBlock(handle, 0, owners[0].block(), &kept), -EBADF);
}

CASE("HTTP: a block whose connection ends in the middle is let go once") {
  for (int how = 0; how < 4; how++) {
    Owner owner{0, std::string(500'000, 'x')};
    {
      HttpLoopback world;
      auto adopted = world.adopt(HttpLoopback::settings(), 4096);
      const uint32_t handle = adopted.handle;
      Client& client = adopted.client;
      client.write(get("/1"));
      world.pass();
      world.head(world.requests[0], 200);
      bool kept = false;
      CHECK_EQ(world.net().writeHttpBlock(handle, world.requests[0].seq, owner.block(), &kept), 0);
      CHECK(kept);
      if (how == 0) world.out(Out::HTTP_DESTROY, handle);
      if (how == 1) client.close();
      if (how == 2) world.net().closeAll();
      if (how < 3) {
        world.settle();
        CHECK_EQ(owner.released, 1);
        if (how < 2) CHECK_EQ(world.count(In::HTTP_ABORT), size_t{1});
      }
    }
    CHECK_EQ(owner.released, 1);
  }
}

}  // namespace
}  // namespace heddle::test
