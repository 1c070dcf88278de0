#pragma once

// Loopback that speaks HTTP: gathers requests and their bodies from records, answers them, and
// reads what clients got back strictly enough to notice a byte out of place.

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/loopback.h"

namespace heddle::test {

using loop::RequestFlag;
using loop::RespondFlag;

struct Request {
  uint32_t connection = 0;
  uint8_t seq = 0;
  uint32_t flags = 0;
  uint32_t method = 0;
  std::string head;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool bodyEnded = false;

  bool has(uint32_t flag) const { return (flags & flag) != 0; }
};

struct Response {
  int status = 0;
  std::string head;
  std::string body;
  bool close = false;
  bool chunked = false;
  bool hasLength = false;
};

// What is left of an HTTP message stream, taken apart.
class ResponseReader {
 public:
  enum class Verdict { kDone, kNeedMore, kMalformed };

  ResponseReader(std::string_view bytes, bool ended) : left_(bytes), ended_(ended) {}

  std::string_view left() const { return left_; }

  Verdict next(bool toHead, Response* out) {
    *out = Response{};
    const size_t end = left_.find("\r\n\r\n");
    if (end == std::string_view::npos) return more(left_.substr(0, 9) == "HTTP/1.1 ");
    const std::string_view head = left_.substr(0, end + 2);
    if (!readHead(head, out)) return Verdict::kMalformed;
    const std::string_view rest = left_.substr(end + 4);
    size_t taken = 0;
    const bool bodyless = toHead || net::isBodyless(static_cast<uint32_t>(out->status));
    const Verdict verdict = bodyless ? Verdict::kDone : readBody(rest, out, &taken);
    if (verdict == Verdict::kDone) left_.remove_prefix(end + 4 + taken);
    return verdict;
  }

 private:
  // Bytes are missing, which is wrong when none can come.
  Verdict more(bool plausible = true) const {
    return ended_ || (!plausible && left_.size() >= 9) ? Verdict::kMalformed : Verdict::kNeedMore;
  }

  bool readHead(std::string_view head, Response* out) {
    out->head = std::string(head);
    if (head.substr(0, 9) != "HTTP/1.1 " || head.size() < 15) return false;
    for (size_t i = 9; i < 12; i++) {
      if (head[i] < '0' || head[i] > '9') return false;
      out->status = out->status * 10 + (head[i] - '0');
    }
    if (head[12] != ' ') return false;
    for (size_t at = head.find("\r\n") + 2; at < head.size();) {
      const size_t end = head.find("\r\n", at);
      const std::string_view line = head.substr(at, end - at);
      const size_t colon = line.find(": ");
      if (colon == std::string_view::npos || line.find_first_of("\r\n") != std::string_view::npos) {
        return false;
      }
      if (!header(line.substr(0, colon), line.substr(colon + 2), out)) return false;
      at = end + 2;
    }
    return !(out->chunked && out->hasLength);
  }

  bool header(std::string_view name, std::string_view value, Response* out) {
    if (name == "Connection") out->close = value == "close";
    if (name == "Transfer-Encoding") {
      if (value != "chunked" || out->chunked) return false;
      out->chunked = true;
    }
    if (name == "Content-Length") {
      if (out->hasLength || value.empty() || value.size() > 12) return false;
      out->hasLength = true;
      length_ = 0;
      for (const char c : value) {
        if (c < '0' || c > '9') return false;
        length_ = length_ * 10 + static_cast<size_t>(c - '0');
      }
    }
    return true;
  }

  Verdict readBody(std::string_view rest, Response* out, size_t* taken) const {
    if (out->chunked) return readChunks(rest, out, taken);
    if (!out->hasLength && !ended_) return Verdict::kNeedMore;
    const size_t size = out->hasLength ? length_ : rest.size();
    if (rest.size() < size) return more();
    out->body = std::string(rest.substr(0, size));
    *taken = size;
    return Verdict::kDone;
  }

  Verdict readChunks(std::string_view rest, Response* out, size_t* taken) const {
    for (size_t at = 0;;) {
      const size_t end = rest.find("\r\n", at);
      if (end == std::string_view::npos)
        return rest.size() - at > 16 ? Verdict::kMalformed : more();
      size_t size = 0;
      if (end == at || end - at > 8) return Verdict::kMalformed;
      for (const char c : rest.substr(at, end - at)) {
        const size_t digit = std::string_view("0123456789abcdef").find(c);
        if (digit == std::string_view::npos) return Verdict::kMalformed;
        size = size * 16 + digit;
      }
      at = end + 2;
      if (rest.size() < at + size + 2) return more();
      if (rest.substr(at + size, 2) != "\r\n") return Verdict::kMalformed;
      out->body += rest.substr(at, size);
      at += size + 2;
      *taken = at;
      if (size == 0) return Verdict::kDone;
    }
  }

  std::string_view left_;
  bool ended_;
  size_t length_ = 0;
};

// All responses in what a client got; a CHECK fails when there is anything else in it. `toHead`:
// which of the final ones answer HEAD. Interim ones (100) count as responses.
inline std::vector<Response> responsesIn(const Client& client,
                                         const std::vector<size_t>& toHead = {}) {
  std::vector<Response> all;
  ResponseReader reader(client.in, client.gone());
  size_t finals = 0;
  while (!reader.left().empty()) {
    bool head = false;
    for (const size_t index : toHead) head = head || index == finals;
    Response response;
    const ResponseReader::Verdict verdict = reader.next(head, &response);
    CHECK(verdict == ResponseReader::Verdict::kDone);
    if (verdict != ResponseReader::Verdict::kDone) {
      std::printf("    left: %.200s\n", std::string(reader.left()).c_str());
      break;
    }
    if (response.status >= 200) finals++;
    all.push_back(response);
  }
  return all;
}

// "200:hello 404:" and so on.
inline std::string summary(const std::vector<Response>& responses) {
  std::string text;
  for (const Response& each : responses) {
    text += (text.empty() ? "" : " ") + std::to_string(each.status) + ":" + each.body;
  }
  return text;
}
inline std::string summary(const Client& client) { return summary(responsesIn(client)); }

class HttpLoopback : public Loopback {
 public:
  using Loopback::Loopback;

  std::deque<Request> requests;  // in the order of their records; elements stay where they are
  std::function<void(Request&)> onRequest;
  std::function<void(Request&)> onBody;  // after each HTTP_BODY

  static net::Settings settings() {
    net::Settings made;
    made.http = true;
    return made;
  }
  net::ListenSpec spec(const net::Settings& with = settings()) const {
    net::ListenSpec made;
    made.settings = with;
    return made;
  }

  void respond(const Request& to, int status, std::string_view body = "", uint32_t flags = 0,
               std::string_view lines = "") {
    const uint32_t offset = put(std::string(lines) + std::string(body));
    out(Out::HTTP_RESPOND, to.connection, to.seq | status << 8, flags, offset, lines.size(),
        body.size());
  }
  // length -1: chunked.
  void head(const Request& to, int status, double length = -1, uint32_t flags = 0,
            std::string_view lines = "") {
    const uint32_t offset = put(lines);
    outDouble(Out::HTTP_HEAD, length, to.connection, to.seq | status << 8, flags, offset,
              lines.size());
  }
  void chunk(const Request& to, std::string_view bytes) {
    const uint32_t offset = put(bytes);
    out(Out::HTTP_CHUNK, to.connection, to.seq, offset, bytes.size());
  }
  void end(const Request& to) { out(Out::HTTP_END, to.connection, to.seq); }
  void want(const Request& to) { out(Out::HTTP_BODY_RESUME, to.connection, to.seq); }
  void pause(const Request& to) { out(Out::HTTP_BODY_PAUSE, to.connection, to.seq); }

  // The request whose target begins with this; there must be one.
  Request& named(std::string_view target) {
    for (size_t i = requests.size(); i > 0; i--) {
      if (requests[i - 1].target.substr(0, target.size()) == target) return requests[i - 1];
    }
    std::printf("no request for %s\n", std::string(target).c_str());
    std::abort();
  }
  // The client has this many complete responses (interim ones count).
  bool answered(Client& client, size_t responses, const std::vector<size_t>& toHead = {}) {
    return until([&] {
      client.read();
      ResponseReader reader(client.in, client.gone());
      size_t finals = 0;
      for (size_t i = 0; i < responses; i++) {
        bool head = false;
        for (const size_t index : toHead) head = head || index == finals;
        Response response;
        if (reader.next(head, &response) != ResponseReader::Verdict::kDone) return false;
        if (response.status >= 200) finals++;
      }
      return true;
    });
  }
  bool ended(Client& client) {
    return until([&] {
      client.read();
      return client.gone();
    });
  }
  // Sends all of it, however little the system takes at once.
  bool feed(Client& client, std::string_view bytes) {
    return until([&] {
      bytes.remove_prefix(client.write(bytes));
      client.read();
      return bytes.empty() || client.gone();
    });
  }

 protected:
  void dispatched(const Record& record) override {
    if (record.kind == In::HTTP_REQUEST) newRequest(record);
    if (record.kind == In::HTTP_BODY) newBody(record);
    Loopback::dispatched(record);
  }

 private:
  static std::string part(const std::string& head, int32_t word) {
    const auto bits = static_cast<uint32_t>(word);
    return head.substr(bits & 0xffff, bits >> 16);
  }

  void newRequest(const Record& record) {
    Request request;
    const auto word = static_cast<uint32_t>(record.at(3));
    request.connection = static_cast<uint32_t>(record.at(2));
    request.seq = static_cast<uint8_t>(word);
    request.flags = word >> 8 & 0xffff;
    request.method = word >> 24;
    request.head = record.bytes;
    request.target = slab(record.at(6), record.at(7));
    for (int32_t i = 0; i < record.at(8); i++) {
      const auto at = static_cast<size_t>(19 + 2 * i);
      request.headers.emplace_back(part(record.bytes, record.at(at) & 0xffffff),
                                   part(record.bytes, record.at(at + 1)));
    }
    request.body = slab(record.at(9), record.at(10));
    request.bodyEnded =
        !request.has(RequestFlag::HAS_BODY) || request.has(RequestFlag::BODY_COMPLETE);
    requests.push_back(request);
    if (onRequest) onRequest(requests.back());
  }

  void newBody(const Record& record) {
    for (size_t i = requests.size(); i > 0; i--) {
      Request& request = requests[i - 1];
      if (request.connection != record.handle() || request.seq != record.at(2)) continue;
      CHECK(!request.bodyEnded);
      request.body += record.bytes;
      request.bodyEnded = record.at(5) != 0;
      if (onBody) onBody(request);
      return;
    }
    CHECK(false);  // a body that belongs to nobody
  }
};

inline std::string get(std::string_view target, std::string_view lines = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}
inline std::string post(std::string_view target, std::string_view body,
                        std::string_view lines = "") {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(lines) + "\r\n" + std::string(body);
}
inline std::string chunkedPost(std::string_view target, std::string_view chunks,
                               std::string_view lines = "") {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" +
         std::string(lines) + "\r\n" + std::string(chunks);
}

}  // namespace heddle::test
