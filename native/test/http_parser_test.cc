// The request parser against RFC 9112: what must be accepted, what must be refused and with which
// status, and that the verdict does not depend on how the bytes arrive.

#include "net/http_parser.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_names.h"
#include "test/check.h"

namespace {

using namespace heddle::net;  // NOLINT: a test program
using namespace std::string_literals;

struct Parsed {
  HttpVerdict verdict;
  HttpHead head;
  std::vector<HttpHeader> headers;
  uint32_t scanned;
};

// Parses from a heap block of exactly the given size, so that a sanitizer sees every overrun.
Parsed parse(std::string_view text, HttpLimits limits = {}, uint32_t scanned = 0) {
  const auto len = static_cast<uint32_t>(text.size());
  auto block = std::make_unique<char[]>(len);
  std::memcpy(block.get(), text.data(), len);
  Parsed parsed{};
  parsed.headers.resize(limits.maxHeaders);
  parsed.head.headers = parsed.headers.data();
  parsed.scanned = scanned;
  parsed.verdict = parseHead(block.get(), len, limits, &parsed.scanned, &parsed.head);
  if (parsed.verdict == HttpVerdict::kDone) parsed.headers.resize(parsed.head.headerCount);
  return parsed;
}

std::string_view nameOf(std::string_view head, const HttpHeader& header) {
  return head.substr(header.nameOff, header.nameLen);
}

std::string_view valueOf(std::string_view head, const HttpHeader& header) {
  return head.substr(header.valueOff, header.valueLen);
}

constexpr std::string_view kHost = "Host: a\r\n";

// GET / with a Host and these further field lines.
std::string get(std::string_view lines) {
  return "GET / HTTP/1.1\r\n" + std::string(kHost) + std::string(lines) + "\r\n";
}

std::string line(std::string_view requestLine) {
  return std::string(requestLine) + "\r\n" + std::string(kHost) + "\r\n";
}

struct Refusal {
  std::string text;
  uint16_t status;
};

void checkRefused(const std::string& text, uint16_t status) {
  const Parsed parsed = parse(text);
  CHECK_EQ(parsed.verdict, HttpVerdict::kRefused);
  CHECK_EQ(parsed.head.status, status);
  if (parsed.verdict != HttpVerdict::kRefused || parsed.head.status != status) {
    std::printf("    request: %s\n", text.c_str());
  }
}

void checkAccepted(const std::string& text) {
  const Parsed parsed = parse(text);
  CHECK_EQ(parsed.verdict, HttpVerdict::kDone);
  CHECK_EQ(parsed.head.skipped + parsed.head.headBytes, text.size());
  if (parsed.verdict != HttpVerdict::kDone) std::printf("    request: %s\n", text.c_str());
}

std::string repeat(char c, size_t times) { return std::string(times, c); }

// Requests that every reader must take alike, for the cases on arrival.
std::vector<std::string> samples() {
  return {
      line("GET / HTTP/1.1"),
      line("GET /a?b=c HTTP/1.0"),
      "\r\n\r\n" + line("POST /x HTTP/1.1"),
      get("Content-Length: 5\r\nExpect: 100-continue\r\n"),
      get("Transfer-Encoding: chunked\r\nConnection: close, TE\r\n"),
      get("User-Agent: " + repeat('x', 200) + "\r\nX-" + repeat('y', 100) + ": \t z \r\n"),
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "GET  / HTTP/1.1\r\n\r\n",
      get("Content-Length: 5\r\nContent-Length: 5\r\n"),
      get(" folded\r\n"),
      get("X" + repeat('n', 300) + ": v\r\n"),
      repeat('M', 300) + " / HTTP/1.1\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      "\r\n\r\n\r\n" + line("GET / HTTP/1.1"),
      "\rGET / HTTP/1.1\r\n\r\n",
  };
}

}  // namespace

CASE("http parser: a whole request with every slice in its place") {
  const std::string text =
      "POST /path?q=1 HTTP/1.1\r\nHost: example.com:8080\r\nContent-Length: 12\r\n"
      "X-Custom:\t a value \t\r\nEmpty:\r\n\r\nhello";
  const Parsed parsed = parse(text);
  REQUIRE(parsed.verdict == HttpVerdict::kDone);
  const HttpHead& head = parsed.head;
  CHECK_EQ(head.headBytes, text.size() - 5);
  CHECK_EQ(head.method, static_cast<uint8_t>(HttpMethod::kPost));
  CHECK_EQ(head.methodLen, 4u);
  const std::string_view view = text;
  CHECK_EQ(view.substr(head.targetOff, head.targetLen), std::string_view("/path?q=1"));
  CHECK_EQ(head.contentLength, 12);
  CHECK(head.keepAlive && head.hasHost && !head.http10 && !head.chunked && !head.upgrade);
  REQUIRE(head.headerCount == 4);
  CHECK_EQ(nameOf(view, parsed.headers[0]), std::string_view("Host"));
  CHECK_EQ(valueOf(view, parsed.headers[0]), std::string_view("example.com:8080"));
  CHECK_EQ(parsed.headers[0].knownId, static_cast<uint8_t>(HttpField::kHost));
  CHECK_EQ(nameOf(view, parsed.headers[2]), std::string_view("X-Custom"));
  CHECK_EQ(valueOf(view, parsed.headers[2]), std::string_view("a value"));
  CHECK_EQ(parsed.headers[2].knownId, 0u);
  CHECK_EQ(parsed.headers[3].valueLen, 0u);
}

CASE("http parser: header entries are the two words of the port") {
  const HttpHeader header{0x1122, 0x33, 0x44, 0x5566, 0x7788};
  uint32_t words[2];
  std::memcpy(words, &header, sizeof words);
  CHECK_EQ(words[0], 0x44331122u);
  CHECK_EQ(words[1], 0x77885566u);
}

CASE("http parser: known names in any case, unknown ones as 0") {
  for (uint8_t id = 1; id < kFieldCount; id++) {
    std::string name(fieldName(static_cast<HttpField>(id)));
    CHECK_EQ(fieldOf(name), static_cast<HttpField>(id));
    for (size_t i = 0; i < name.size(); i++) {
      const char kept = name[i];
      for (int c = 0; c < 256; c++) {
        name[i] = static_cast<char>(c);
        const bool same = c == kept || (kept >= 'a' && kept <= 'z' && c == kept - 0x20);
        CHECK_EQ(fieldOf(name) == static_cast<HttpField>(id), same);
        const std::string padded = name + std::string(16, ':');
        const HttpField found = fieldBefore(padded.data(), static_cast<uint32_t>(name.size()),
                                            padded.data() + padded.size());
        CHECK_EQ(found == static_cast<HttpField>(id), same);
      }
      name[i] = kept;
    }
  }
  CHECK_EQ(fieldOf(""), HttpField::kOther);
  CHECK_EQ(fieldOf("x-unknown"), HttpField::kOther);
  CHECK_EQ(fieldOf(std::string(300, 'a')), HttpField::kOther);
}

CASE("http parser: methods") {
  for (uint8_t id = 1; id < kMethodCount; id++) {
    const std::string name(methodName(static_cast<HttpMethod>(id)));
    const std::string target = name == "CONNECT" ? "a:80" : name == "OPTIONS" ? "*" : "/";
    const Parsed parsed = parse(line(name + " " + target + " HTTP/1.1"));
    REQUIRE(parsed.verdict == HttpVerdict::kDone);
    CHECK_EQ(parsed.head.method, id);
    CHECK_EQ(parsed.head.methodLen, name.size());
  }
  CHECK_EQ(parse(line("get / HTTP/1.1")).head.method, 0u);
  CHECK_EQ(parse(line("PROPFIND / HTTP/1.1")).head.method, 0u);
  CHECK_EQ(parse(line(repeat('M', 255) + " / HTTP/1.1")).head.methodLen, 255u);
  checkRefused(line(repeat('M', 256) + " / HTTP/1.1"), 501);
}

CASE("http parser: request lines that must be refused") {
  const std::vector<Refusal> cases = {
      {line("GET  / HTTP/1.1"), 400},
      {line("GET /  HTTP/1.1"), 400},
      {line("GET / HTTP/1.1 "), 400},
      {line(" GET / HTTP/1.1"), 400},
      {line("GET /"), 400},
      {line("GET"), 400},
      {line("GET / HTTP/1."), 400},
      {line("GET / HTTP/1.10"), 400},
      {line("GET / HTTP/11.1"), 400},
      {line("GET / HTTP/x.1"), 400},
      {line("GET / http/1.1"), 400},
      {line("GET / HTTP 1.1"), 400},
      {line("GET\t/ HTTP/1.1"), 400},
      {line("GET /\tHTTP/1.1"), 400},
      {line("GET /a b HTTP/1.1"), 400},
      {line("G(T / HTTP/1.1"), 400},
      {line("GET /\x7f HTTP/1.1"), 400},
      {line("GET /\xc3\xa4 HTTP/1.1"), 400},
      {line("GET /\x01 HTTP/1.1"), 400},
      {line("G\xc3T / HTTP/1.1"), 400},
      {line("GET * HTTP/1.1"), 400},
      {line("GET a HTTP/1.1"), 400},
      {line("GET a:80 HTTP/1.1"), 400},
      {line("GET ftp://a/ HTTP/1.1"), 400},
      {line("GET http:/a HTTP/1.1"), 400},
      {line("GET http:///a HTTP/1.1"), 400},
      {line("GET http://u@a/ HTTP/1.1"), 400},
      {line("CONNECT / HTTP/1.1"), 400},
      {line("CONNECT a HTTP/1.1"), 400},
      {line("CONNECT a: HTTP/1.1"), 400},
      {line("OPTIONS ** HTTP/1.1"), 400},
      {line("GET / HTTP/2.0"), 505},
      {line("GET / HTTP/0.9"), 505},
      {line("GET / HTTP/3.1"), 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"GET / HTTP/1.1\rHost: a\r\r", 400},
      {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
      {"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
  };
  for (const Refusal& each : cases) checkRefused(each.text, each.status);
}

CASE("http parser: targets in each form") {
  for (const char* target : {"/", "//", "/%", "/a?b#c", "http://a", "HTTP://a:80/b", "https://a?q",
                             "http://[::1]:80/", "/[]{}|\\^\"<>`"}) {
    checkAccepted(line(std::string("GET ") + target + " HTTP/1.1"));
  }
  checkAccepted(line("OPTIONS * HTTP/1.1"));
  checkAccepted(line("CONNECT a.b:443 HTTP/1.1"));
  checkAccepted(line("CONNECT [::1]:443 HTTP/1.1"));
}

CASE("http parser: any minor version of major version 1") {
  CHECK(parse(line("GET / HTTP/1.0")).head.http10);
  CHECK(!parse(line("GET / HTTP/1.1")).head.http10);
  const Parsed parsed = parse(line("GET / HTTP/1.9"));
  CHECK_EQ(parsed.verdict, HttpVerdict::kDone);
  CHECK(!parsed.head.http10 && parsed.head.keepAlive);
}

CASE("http parser: field lines that must be refused") {
  const std::vector<Refusal> cases = {
      {get("A : b\r\n"), 400},
      {get(" A: b\r\n"), 400},
      {get("\tA: b\r\n"), 400},
      {get("A: b\r\n c\r\n"), 400},
      {get("A: b\r\n\tc\r\n"), 400},
      {get(": b\r\n"), 400},
      {get("A\r\n"), 400},
      {get("A b: c\r\n"), 400},
      {get("A: b\n"), 400},
      {get("A: b\r"), 400},
      {get("A: \x7f\r\n"), 400},
      {get("A: \x01\r\n"), 400},
      {get("A\xc3: b\r\n"), 400},
      {get("A\x0b: b\r\n"), 400},
      {get("A: b\rc\r\n"), 400},
      {get("A(: b\r\n"), 400},
      {get("content\rlength: 1\r\n"), 400},
      {get("A: \0\r\n"s), 400},
      {get("A\0: b\r\n"s), 400},
      {get("X" + repeat('n', 255) + ": v\r\n"), 431},
  };
  for (const Refusal& each : cases) checkRefused(each.text, each.status);
}

CASE("http parser: every byte in a name and in a value") {
  for (int c = 0; c < 256; c++) {
    const char byte = static_cast<char>(c);
    const bool token = byte != '\0' &&
                       (std::isalnum(c) != 0 || std::strchr("!#$%&'*+-.^_`|~", byte) != nullptr) &&
                       c < 128;
    const bool value = (c >= 0x20 && c != 0x7f) || c == '\t';
    for (uint32_t pad : {0u, 13u, 14u, 15u, 16u, 17u, 40u}) {
      const std::string name = repeat('n', pad) + byte + "x: v\r\n";
      CHECK_EQ(parse(get(name)).verdict == HttpVerdict::kDone, token || (c == ':' && pad > 0));
      const std::string field = "n: " + repeat('v', pad) + byte + "v\r\n";
      CHECK_EQ(parse(get(field)).verdict == HttpVerdict::kDone, value);
    }
  }
}

CASE("http parser: a head of every length, in a block of its own size") {
  for (uint32_t pad = 0; pad < 300; pad++) {
    const std::string text = get("A: " + repeat('v', pad) + "\r\n");
    const Parsed parsed = parse(text);
    REQUIRE(parsed.verdict == HttpVerdict::kDone);
    CHECK_EQ(parsed.headers[1].valueLen, pad);
    checkAccepted(line("GET /" + repeat('t', pad) + " HTTP/1.1"));
  }
}

CASE("http parser: Host") {
  for (const char* host : {"", "a", "a.b:80", "127.0.0.1:8080", "[::1]", "[::1]:80", "a:", "a_b",
                           "xn--a", "%41", "a,b"}) {
    checkAccepted("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
  }
  for (const char* host : {"a b", "a/b", "a@b", "a:b", "a:80:80", "[::1", "::1", "[]", "[g]", "a?",
                           "a#b", "\xc3\xa4", "%4", "%zz", ":80", "[::1]a", "a\\b", "<a>"}) {
    checkRefused("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n", 400);
  }
  checkRefused("GET / HTTP/1.1\r\n\r\n", 400);
  checkRefused(get("Host: a\r\n"), 400);
  checkRefused(get("hOST: b\r\n"), 400);
  const Parsed parsed = parse("GET / HTTP/1.0\r\n\r\n");
  CHECK_EQ(parsed.verdict, HttpVerdict::kDone);
  CHECK(!parsed.head.hasHost && !parsed.head.keepAlive);
}

CASE("http parser: Content-Length") {
  CHECK_EQ(parse(get("")).head.contentLength, -1);
  CHECK_EQ(parse(get("Content-Length: 0\r\n")).head.contentLength, 0);
  CHECK_EQ(parse(get("Content-Length: 00012\r\n")).head.contentLength, 12);
  CHECK_EQ(parse(get("Content-Length: 9007199254740991\r\n")).head.contentLength, 9007199254740991);
  for (const char* bad : {"", "+1", "-1", "1 2", "1,1", "1, 1", "0x1", "1a", "9007199254740992",
                          "99999999999999999999999999", "18446744073709551617", "1.0", "\xb2"}) {
    checkRefused(get("Content-Length: " + std::string(bad) + "\r\n"), 400);
  }
  checkRefused(get("Content-Length: 5\r\nContent-Length: 5\r\n"), 400);
  checkRefused(get("Content-Length: 5\r\ncontent-length: 6\r\n"), 400);
}

CASE("http parser: Transfer-Encoding") {
  for (const char* good : {"chunked", "Chunked", "CHUNKED", " chunked\t"}) {
    CHECK(parse(get("Transfer-Encoding: " + std::string(good) + "\r\n")).head.chunked);
  }
  for (const char* bad : {"", "identity", "gzip", "chunked, gzip", "chunked, chunked", ",chunked",
                          "chunked,", "chunked;a=b", "xchunked", "\"chunked\"", "chun ked"}) {
    checkRefused(get("Transfer-Encoding: " + std::string(bad) + "\r\n"), 400);
  }
  checkRefused(get("Transfer-Encoding: gzip, chunked\r\n"), 501);
  checkRefused(get("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), 501);
  checkRefused(get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
  checkRefused(get("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400);
  checkRefused(get("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400);
  checkRefused(get("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400);
  checkRefused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
}

CASE("http parser: Connection") {
  struct {
    const char* version;
    const char* value;
    bool keepAlive;
  } const cases[] = {
      {"1.1", "", true},
      {"1.1", "keep-alive", true},
      {"1.1", "close", false},
      {"1.1", "CLOSE", false},
      {"1.1", "foo, close", false},
      {"1.1", "close,keep-alive", false},
      {"1.1", "closed", true},
      {"1.1", ",,Close\t,", false},
      {"1.1", "keep-alive-close", true},
      {"1.0", "", false},
      {"1.0", "Keep-Alive", true},
      {"1.0", "keep-alive, close", false},
      {"1.0", "x , keep-alive", true},
      {"1.0", "keepalive", false},
  };
  for (const auto& each : cases) {
    const Parsed parsed = parse(std::string("GET / HTTP/") + each.version + "\r\nHost: a\r\n" +
                                "Connection: " + each.value + "\r\n\r\n");
    CHECK_EQ(parsed.verdict, HttpVerdict::kDone);
    CHECK_EQ(parsed.head.keepAlive, each.keepAlive);
  }
  const Parsed two = parse(get("Connection: foo\r\nConnection: close\r\n"));
  CHECK(!two.head.keepAlive);
}

CASE("http parser: Upgrade needs its option in Connection and HTTP/1.1") {
  CHECK(parse(get("Upgrade: websocket\r\nConnection: Upgrade\r\n")).head.upgrade);
  CHECK(parse(get("Connection: keep-alive, upgrade\r\nUpgrade: h2c\r\n")).head.upgrade);
  CHECK(!parse(get("Upgrade: websocket\r\n")).head.upgrade);
  CHECK(!parse(get("Connection: upgrade\r\n")).head.upgrade);
  CHECK(!parse("GET / HTTP/1.0\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n").head.upgrade);
}

CASE("http parser: Expect") {
  const Parsed waits = parse(get("Content-Length: 5\r\nExpect: 100-Continue\r\n"));
  CHECK(waits.head.expectContinue);
  CHECK(parse(get("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n")).head.expectContinue);
  CHECK(!parse(get("Content-Length: 0\r\nExpect: 100-continue\r\n")).head.expectContinue);
  CHECK(!parse("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
             .head.expectContinue);
  checkRefused(get("Expect: 200-ok\r\n"), 417);
  checkRefused(get("Expect: 100-continue\r\nExpect: other\r\n"), 417);
}

CASE("http parser: empty lines before a request, at most two") {
  CHECK_EQ(parse("\r\n" + line("GET / HTTP/1.1")).head.skipped, 2u);
  const Parsed parsed = parse("\r\n\r\n" + line("GET / HTTP/1.1"));
  CHECK_EQ(parsed.verdict, HttpVerdict::kDone);
  CHECK_EQ(parsed.head.skipped, 4u);
  CHECK_EQ(parsed.head.targetOff, 4u);
  checkRefused("\r\n\r\n\r\n" + line("GET / HTTP/1.1"), 400);
  checkRefused("\n" + line("GET / HTTP/1.1"), 400);
  checkRefused("\r\rGET", 400);
  CHECK_EQ(parse("\r").verdict, HttpVerdict::kNeedMore);
  CHECK_EQ(parse("").verdict, HttpVerdict::kNeedMore);
}

CASE("http parser: limits of bytes and of headers, exactly") {
  const std::string text = get("A: b\r\nC: d\r\n");
  const auto size = static_cast<uint32_t>(text.size());
  CHECK_EQ(parse(text, {size, 3}).verdict, HttpVerdict::kDone);
  CHECK_EQ(parse(text, {size - 1, 3}).head.status, 431u);
  CHECK_EQ(parse(text, {size, 2}).head.status, 431u);
  CHECK_EQ(parse("\r\n" + text, {size, 3}).verdict, HttpVerdict::kDone);
  CHECK_EQ(parse(text, {10, 3}).head.status, 414u);
  CHECK_EQ(parse("GET /" + repeat('a', 100), {64, 3}).head.status, 414u);
  CHECK_EQ(parse(text.substr(0, 30), {30, 3}).head.status, 431u);
}

CASE("http parser: the longest head keeps its offsets") {
  const std::string text = get("A: " + repeat('v', kMaxHeadBytes - 41) + "\r\nB: tail\r\n");
  REQUIRE(text.size() == kMaxHeadBytes);
  const Parsed parsed = parse(text, {kMaxHeadBytes, kMaxHeaders});
  REQUIRE(parsed.verdict == HttpVerdict::kDone);
  CHECK_EQ(valueOf(text, parsed.headers[2]), std::string_view("tail"));
}

CASE("http parser: refuses as soon as it is certain") {
  for (const char* text :
       {"\x16\x03\x01", "GET / HTTP/2.0\r\n", "GET / FTP", "GET /\n", "(", "GET  ",
        "GET / HTTP/1.1\r\n ", "GET / HTTP/1.1\r\nA b", "GET / HTTP/1.1\r\nContent-Length: x\r\n",
        "GET / HTTP/1.1\r\nA: \x01"}) {
    CHECK_EQ(parse(text).verdict, HttpVerdict::kRefused);
  }
}

CASE("http parser: a retry refuses what follows a CR at once, a bad name soon") {
  uint32_t scanned = parse("GET /abc HTTP/1.1\r").scanned;
  CHECK_EQ(parse("GET /abc HTTP/1.1\rX", {}, scanned).verdict, HttpVerdict::kRefused);
  // No control byte tells of this one; the parser looks again when the bytes have doubled.
  const std::string text = "GET / HTTP/1.1\r\nBad name" + repeat('x', 100);
  scanned = parse(text.substr(0, 19)).scanned;
  uint32_t len = 20;
  while (len < text.size() &&
         parse(text.substr(0, len), {}, scanned).verdict != HttpVerdict::kRefused) {
    scanned = len++;
  }
  CHECK(len <= 40);
}

CASE("http parser: the verdict does not depend on how the bytes arrive") {
  for (const std::string& text : samples()) {
    const Parsed whole = parse(text);
    uint32_t scanned = 0;
    bool refused = false;
    for (uint32_t len = 0; len <= text.size() && !refused; len++) {
      const Parsed part = parse(std::string_view(text).substr(0, len), {}, scanned);
      scanned = part.scanned;
      if (part.verdict == HttpVerdict::kNeedMore) continue;
      CHECK_EQ(part.verdict, whole.verdict);
      CHECK_EQ(part.head.status, whole.head.status);
      CHECK_EQ(part.head.headBytes, whole.head.headBytes);
      refused = part.verdict == HttpVerdict::kRefused;
      if (part.verdict == HttpVerdict::kDone) scanned = 0;
    }
  }
}
