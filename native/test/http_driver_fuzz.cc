// Bytes to a script for up to three HTTP clients and their handler: who sends what, who reads,
// which request is answered how, in which order. Whatever the script, every request gets at most
// one response, responses leave in the order of their requests and are well-formed, requests say
// what was sent, and all comes back to zero.
#include <unistd.h>

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "mem/builtin_types.h"
#include "net/http_chunked.h"
#include "test/http_loopback.h"

namespace heddle::test {
namespace {

void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::fflush(stdout);
  std::abort();
}

// Zeros once the input is used up; the script ends there.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool done() const { return at_ >= size_; }
  uint32_t byte() { return done() ? 0u : data_[at_++]; }
  uint32_t below(uint32_t bound) { return byte() % bound; }
  std::string take(size_t size) {
    const size_t left = size_ - at_;
    const size_t fits = size < left ? size : left;
    const std::string taken(reinterpret_cast<const char*>(data_) + at_, fits);
    at_ += fits;
    return taken;
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

const std::string kFragments[] = {
    get("/"),
    get("/close", "Connection: close\r\n"),
    "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /o HTTP/1.0\r\n\r\n",
    "GET /k HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    post("/p", "0123456789"),
    "POST /part HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n0123456789",
    "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    "0123456789",
    chunkedPost("/c", ""),
    chunkedPost("/ce", "", "Expect: 100-continue\r\n"),
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\nTrailer: t\r\n\r\n",
    "zz\r\n",
    "GET / HTTP/2.0\r\n\r\n",
    "POST /huge HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n",
    "\r\n",
    "GET /cut HTTP/1.1\r\nHo",
    "st: a\r\n\r\n",
    get("/1") + get("/2") + get("/3") + get("/4") + get("/5") + get("/6"),
};
constexpr uint32_t kFragmentCount = sizeof kFragments / sizeof kFragments[0];

struct Owner {
  std::string bytes;
  int released = 0;
  static void letGo(void* context) { static_cast<Owner*>(context)->released++; }
};

// What the handler has said to a request.
struct Answer {
  bool begun = false;
  bool ended = false;
  bool wanted = false;
  int status = 0;
  size_t length = 0;
  bool chunked = false;
  std::string body;
};

struct Peer {
  uint32_t handle;
  Client client;
  std::string sent;
  bool finished = false;   // it sends no more
  bool left = false;       // it closed without waiting
  bool destroyed = false;  // by the handler
};

class Script {
 public:
  Script(const uint8_t* data, size_t size) : bytes_(data, size), world_(sizes()) {
    net::Settings settings = HttpLoopback::settings();
    settings.highWaterBytes = 1000 + bytes_.byte() * 64;
    settings.lowWaterBytes = settings.highWaterBytes / 4;
    small_ = bytes_.below(4) == 0;
    if (small_) settings.maxWriteBufferBytes = settings.highWaterBytes + bytes_.byte() * 64;
    settings.httpSettings.maxPipelined = 1 + bytes_.below(32);
    settings.httpSettings.maxBodyBytes = 16 + bytes_.byte() * 64;
    settings.httpSettings.limits.maxHeadBytes = 200 + bytes_.byte() * 8;
    settings.httpSettings.limits.maxHeaders = 1 + bytes_.below(16);
    settings.httpSettings.maxRequestsPerConnection = bytes_.below(8) == 0 ? 1 + bytes_.below(6) : 0;
    const uint32_t peers = 1 + bytes_.below(3);
    for (uint32_t i = 0; i < peers; i++) {
      auto adopted = world_.adopt(settings, 4096);
      const uint32_t handle = adopted.handle;
      Client& client = adopted.client;
      peers_.push_back(Peer{handle, std::move(client), "", false, false, false});
    }
    auto_ = bytes_.below(4);
    world_.onRequest = [this](Request&) {
      answers_.emplace_back();
      if (auto_ == 1) whole(answers_.size() - 1);
      if (auto_ == 2) want(answers_.size() - 1);
    };
  }

  void run() {
    while (!bytes_.done()) step();
    finish();
    for (size_t i = 0; i < peers_.size(); i++) check(peers_[i]);
    for (const Owner& owner : owners_) demand(owner.released == 1, "a kept block is let go once");
    demand(check::state().failures == 0, "what the harness checks");
  }

 private:
  PortSizes sizes() {
    PortSizes made;
    made.inboxWords = loop::Port::kLongestRecord + 16 + bytes_.byte() * 4;
    made.outboxWords = 256;
    made.recvBytes = 8192 + bytes_.byte() * 128;
    made.sendBytes = 16'384;
    return made;
  }

  Peer& peer() { return peers_[bytes_.below(static_cast<uint32_t>(peers_.size()))]; }
  // The newest ones are the interesting ones.
  bool pick(size_t* index) {
    const uint32_t back = bytes_.below(40);
    if (back >= answers_.size()) return false;
    *index = answers_.size() - 1 - back;
    return true;
  }

  void send(Peer& to, std::string_view bytes) {
    if (to.finished || to.left) return;
    to.sent += bytes.substr(0, to.client.write(bytes));
  }

  void step() {
    size_t index = 0;
    switch (bytes_.below(20)) {
      case 0:
      case 1:
        return send(peer(), kFragments[bytes_.below(kFragmentCount)]);
      case 2: {
        Peer& to = peer();
        const std::string literal = bytes_.take(bytes_.byte());
        return send(to, literal);
      }
      case 3: {  // a fragment in two pieces
        Peer& to = peer();
        const std::string& fragment = kFragments[bytes_.below(kFragmentCount)];
        const size_t cut = bytes_.byte() % (fragment.size() + 1);
        send(to, fragment.substr(0, cut));
        world_.pass();
        return send(to, fragment.substr(cut));
      }
      case 4:
      case 5:
        return world_.pass();
      case 6: {
        Peer& from = peer();
        if (!from.left) from.client.read();
        return;
      }
      case 7: {
        Peer& from = peer();
        if (bytes_.below(4) != 0 || from.left) return;
        from.client.finish();
        from.finished = true;
        return;
      }
      case 8: {
        Peer& from = peer();
        if (bytes_.below(8) != 0) return;
        from.client.close();
        from.left = true;
        return;
      }
      case 9: {
        Peer& from = peer();
        if (bytes_.below(16) != 0) return;
        world_.out(Out::HTTP_DESTROY, from.handle);
        from.destroyed = true;
        return;
      }
      case 10:
      case 11:
        if (pick(&index)) whole(index);
        return;
      case 12:
        if (pick(&index)) begin(index);
        return;
      case 13:
        if (pick(&index)) piece(index, bytes_.byte() * 16);
        return;
      case 14:
        if (pick(&index)) end(index);
        return;
      case 15:
        if (pick(&index)) want(index);
        return;
      case 16:
        if (pick(&index)) world_.pause(world_.requests[index]);
        return;
      case 17:
        if (pick(&index)) block(index);
        return;
      case 18:
        if (!pick(&index)) return;
        return world_.out(Out::HTTP_WANT_DRAIN, world_.requests[index].connection,
                          world_.requests[index].seq);
      default:
        if (bytes_.below(2) == 0) world_.flush();
        if (bytes_.below(8) == 0) drain(peer());
        auto_ = bytes_.below(4);
        return;
    }
  }

  // What a listener says to its connections.
  void drain(const Peer& which) {
    const net::Connection* const connection = world_.net().connection(which.handle);
    if (connection != nullptr) connection->settings->draining = true;
  }

  std::string line(size_t index) const { return "X-Id: " + std::to_string(index) + "\r\n"; }
  std::string filling(size_t index, size_t size) const {
    return std::string(size, static_cast<char>('a' + index % 26));
  }
  int status() {
    const int statuses[] = {200, 200, 404, 204, 304};
    return statuses[bytes_.below(5)];
  }

  void whole(size_t index) {
    Answer& answer = answers_[index];
    const int code = status();
    const std::string body = filling(index, bytes_.byte() * 16);
    const uint32_t flags = bytes_.below(16) == 0 ? uint32_t{RespondFlag::CLOSE} : 0;
    // Also when it is answered already: the second answer must vanish.
    world_.respond(world_.requests[index], code, body, flags, line(index));
    if (answer.begun) return;
    answer.begun = answer.ended = true;
    answer.status = code;
    answer.body = body;
  }

  void begin(size_t index) {
    Answer& answer = answers_[index];
    const int code = status();
    const bool chunked = bytes_.below(2) == 0;
    const size_t length = bytes_.byte() * 32;
    world_.head(world_.requests[index], code, chunked ? -1 : static_cast<double>(length), 0,
                line(index));
    if (answer.begun) return;
    answer.begun = true;
    answer.status = code;
    answer.chunked = chunked;
    answer.length = length;
  }

  void piece(size_t index, size_t size) {
    Answer& answer = answers_[index];
    if (answer.begun && !answer.ended && !answer.chunked) {
      size = std::min(size, answer.length - answer.body.size());
    }
    const std::string bytes = filling(index, size);
    world_.chunk(world_.requests[index], bytes);
    if (answer.begun && !answer.ended) answer.body += bytes;
  }

  void block(size_t index) {
    Answer& answer = answers_[index];
    size_t size = 1 + bytes_.byte() * 64;
    if (answer.begun && !answer.ended && !answer.chunked) {
      size = std::min(size, answer.length - answer.body.size());
    }
    owners_.push_back(Owner{filling(index, size), 0});
    Owner& owner = owners_.back();
    const net::Block made{reinterpret_cast<const uint8_t*>(owner.bytes.data()), size, Owner::letGo,
                          &owner};
    bool kept = true;
    const Request& request = world_.requests[index];
    const int result = world_.net().writeHttpBlock(request.connection, request.seq, made, &kept);
    if (result == 0 && answer.begun && !answer.ended) answer.body += owner.bytes;
    demand(result == 0 || !kept, "a refused block is not kept");
    if (!kept) {
      demand(owner.released == 0, "a block that is not kept is not let go");
      owners_.pop_back();
    }
  }

  void end(size_t index) {
    Answer& answer = answers_[index];
    if (answer.begun && !answer.ended && !answer.chunked) {
      while (answer.body.size() < answer.length) piece(index, 4000);
    }
    world_.end(world_.requests[index]);
    if (answer.begun) answer.ended = true;
  }

  void want(size_t index) {
    answers_[index].wanted = true;
    world_.want(world_.requests[index]);
  }

  // Everybody does what is still to do, and leaves.
  void finish() {
    for (Peer& each : peers_) {
      if (each.left) continue;
      each.client.finish();
      each.finished = true;
    }
    for (int i = 0; i < 4000 && world_.net().connections() > 0; i++) {
      for (size_t k = 0; k < answers_.size(); k++) {
        if (answers_[k].ended) continue;
        if (answers_[k].begun) {
          end(k);
        } else {
          whole(k);
        }
      }
      world_.pass();
      for (Peer& each : peers_) {
        if (each.left) continue;
        each.client.read();
        if (each.client.gone()) each.client.fd.reset();
      }
    }
    for (int i = 0; i < 50; i++) world_.pass();
    for (Peer& each : peers_) {
      if (!each.left) each.client.read();
    }
    demand(world_.net().connections() == 0, "all connections end");
    demand(world_.net().bufferedBytes() == 0, "no byte is left");
    demand(world_.control(Control::CONNECTIONS) == 0, "the count of connections");
    demand(!world_.loop().hasWork(), "no work is left");
  }

  bool aborted(const Peer& of) const {
    for (const Record& record : world_.log) {
      if (record.kind == In::HTTP_ABORT && record.handle() == of.handle) return true;
    }
    return false;
  }

  void check(const Peer& of) {
    std::vector<size_t> mine;
    for (size_t i = 0; i < world_.requests.size(); i++) {
      if (world_.requests[i].connection == of.handle) mine.push_back(i);
    }
    checkRequests(of, mine);
    const bool whole = !of.left && !of.destroyed && !small_ && !aborted(of);
    checkResponses(of, mine, whole);
  }

  // What was handed over is what was sent, in order, with nothing in between.
  void checkRequests(const Peer& of, const std::vector<size_t>& mine) const {
    size_t at = 0;
    uint8_t seq = 0;
    for (const size_t index : mine) {
      const Request& request = world_.requests[index];
      demand(request.seq == seq++, "sequence numbers count");
      while (of.sent.compare(at, 2, "\r\n") == 0) at += 2;
      demand(of.sent.compare(at, request.head.size(), request.head) == 0,
             "a head is what was sent");
      at += request.head.size();
      demand(request.head.find(request.target) != std::string::npos, "the target is in the head");
      const std::string body = bodyAt(of.sent, &at, request);
      demand(body.compare(0, request.body.size(), request.body) == 0, "a body is what was sent");
      if (request.bodyEnded)
        demand(body.size() == request.body.size(), "a body that ended is whole");
      if (answers_[index].wanted || request.has(RequestFlag::BODY_COMPLETE)) continue;
      demand(request.body.empty(), "nobody gets a body that was not wanted");
    }
  }

  static std::string bodyAt(const std::string& sent, size_t* at, const Request& request) {
    if (!request.has(RequestFlag::HAS_BODY)) return "";
    std::string body;
    if (!request.has(RequestFlag::CHUNKED)) {
      size_t length = 0;
      for (const auto& [name, value] : request.headers) {
        if (name.size() == 14 && (name[0] | 0x20) == 'c' && (name[8] | 0x20) == 'l') {
          length = std::strtoull(value.c_str(), nullptr, 10);
        }
      }
      body = sent.substr(std::min(*at, sent.size()), length);
      *at += length;
      return body;
    }
    net::ChunkedDecoder decoder;
    while (*at < sent.size()) {
      const std::string_view left = std::string_view(sent).substr(*at);
      const auto step = decoder.next(left.data(), static_cast<uint32_t>(left.size()));
      body += left.substr(step.dataOff, step.dataLen);
      *at += step.consumed;
      if (step.verdict != net::HttpVerdict::kNeedMore) break;
    }
    return body;
  }

  void checkResponses(const Peer& of, const std::vector<size_t>& mine, bool whole) const {
    ResponseReader reader(of.client.in, whole);
    size_t next = 0;
    bool over = false;
    while (!reader.left().empty()) {
      const bool known = next < mine.size();
      // A response that ends with its connection is not followed by anything that could show where.
      const bool untilClose = known && world_.requests[mine[next]].has(RequestFlag::HTTP_1_0);
      const bool toHead = known && world_.requests[mine[next]].method == 2;
      Response response;
      ResponseReader::Verdict verdict = reader.next(toHead, &response);
      if (verdict == ResponseReader::Verdict::kNeedMore && (!whole || untilClose)) return;
      demand(verdict == ResponseReader::Verdict::kDone, "a response is well-formed");
      demand(!over, "nothing follows a response that closes");
      if (response.status == 100) {
        demand(known && world_.requests[mine[next]].has(RequestFlag::EXPECT_CONTINUE),
               "100 was asked for");
        demand(answers_[mine[next]].wanted, "100 only when the body is wanted");
        continue;
      }
      over = response.close;
      if (response.head.find("X-Id: ") == std::string::npos) {
        demand(response.close && response.status >= 400, "the driver's own answers are refusals");
        continue;
      }
      demand(known, "no more responses than requests");
      demand(response.head.find(line(mine[next])) != std::string::npos, "responses are in order");
      const Answer& answer = answers_[mine[next]];
      demand(response.status == answer.status, "the first answer counts");
      const bool bodyless = toHead || net::isBodyless(static_cast<uint32_t>(answer.status));
      if (whole)
        demand(response.body == (bodyless ? "" : answer.body), "the body is the handler's");
      next++;
    }
    const bool complete = next == mine.size() || over || !whole;
    if (!complete) report(of);
    demand(complete, "every request is answered");
  }

  void report(const Peer& of) const {
    std::fprintf(stderr, "sent:\n%s\ngot:\n%s\n", of.sent.c_str(), of.client.in.c_str());
    for (const Record& record : world_.log) {
      std::fprintf(stderr, "record %d of %x:", record.kind, record.handle());
      for (size_t i = 2; i < record.words.size() && i < 6; i++)
        std::fprintf(stderr, " %x", record.at(i));
      std::fprintf(stderr, "\n");
    }
  }

  Bytes bytes_;
  HttpLoopback world_;
  std::deque<Peer> peers_;
  std::deque<Answer> answers_;  // by index of the request
  std::deque<Owner> owners_;
  uint32_t auto_ = 0;
  bool small_ = false;
};

// The number that the next descriptor would get.
int lowestFree() {
  const int fd = dup(0);
  if (fd >= 0) close(fd);
  return fd;
}

}  // namespace
}  // namespace heddle::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace heddle::test;
  const int before = lowestFree();
  {
    Script script(data, size);
    script.run();
  }
  demand(lowestFree() == before, "descriptors are back");
  demand(!heddle::mem::printLiveBuiltins(stderr), "blocks are back");
  return 0;
}
