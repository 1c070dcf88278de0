// Heads of responses, byte for byte.
#include "net/response_head.h"

#include <ctime>
#include <memory>
#include <string>

#include "sys/clock.h"
#include "test/check.h"

namespace heddle::test {
namespace {

using net::ResponseHead;
using net::ResponseParts;

std::string write(ResponseHead& head, const ResponseParts& parts, int64_t nowNs = 0) {
  // Exactly the promised room: a byte more is found by the sanitizer.
  const uint32_t room = ResponseHead::kMaxOwnBytes + parts.linesSize;
  const std::unique_ptr<uint8_t[]> out(new uint8_t[room]);
  const uint32_t size = head.write(out.get(), parts, nowNs);
  CHECK(size <= room);
  return std::string(reinterpret_cast<const char*>(out.get()), size);
}

// With the date cut out, which must be there.
std::string undated(const std::string& head) {
  const size_t begin = head.find("Date: ");
  const size_t end = head.find("\r\n", begin);
  if (begin == std::string::npos || end == std::string::npos) return "no date in " + head;
  return head.substr(0, begin) + head.substr(end + 2);
}

ResponseParts parts(uint32_t status, ResponseParts::Framing framing, int64_t length = 0) {
  ResponseParts made;
  made.status = status;
  made.framing = framing;
  made.length = length;
  return made;
}

CASE("response head: framings") {
  ResponseHead head;
  using Framing = ResponseParts::Framing;
  CHECK(undated(write(head, parts(200, Framing::kLength, 13))) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n");
  CHECK(undated(write(head, parts(200, Framing::kLength, 0))) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(undated(write(head, parts(404, Framing::kLength, INT64_MAX))) ==
        "HTTP/1.1 404 Not Found\r\nContent-Length: 9223372036854775807\r\n\r\n");
  CHECK(undated(write(head, parts(200, Framing::kChunked))) ==
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(undated(write(head, parts(304, Framing::kNone))) == "HTTP/1.1 304 Not Modified\r\n\r\n");
  CHECK(undated(write(head, parts(200, Framing::kUntilClose))) == "HTTP/1.1 200 OK\r\n\r\n");
  CHECK(undated(write(head, parts(799, Framing::kNone))) == "HTTP/1.1 799 Unknown\r\n\r\n");
}

CASE("response head: connection, own lines and own date") {
  ResponseHead head;
  ResponseParts made = parts(200, ResponseParts::Framing::kLength, 2);
  made.close = true;
  CHECK(undated(write(head, made)) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
  made.close = false;
  made.keepAliveLine = true;
  CHECK(undated(write(head, made)) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n");
  made.keepAliveLine = false;
  const std::string lines = "Date: mine\r\nX-A: 1\r\n";
  made.lines = reinterpret_cast<const uint8_t*>(lines.data());
  made.linesSize = static_cast<uint32_t>(lines.size());
  made.hasDate = true;
  CHECK(write(head, made) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: mine\r\nX-A: 1\r\n\r\n");
}

CASE("response head: the longest of everything stays within the promised room") {
  ResponseHead head;
  for (uint32_t status = 100; status < 600; status++) {
    ResponseParts made = parts(status, ResponseParts::Framing::kLength, INT64_MAX);
    made.keepAliveLine = true;
    CHECK(write(head, made).size() <= ResponseHead::kMaxOwnBytes);
  }
  // The widest number a record's word has room for.
  CHECK(write(head, parts(0xffffff, ResponseParts::Framing::kLength, INT64_MAX)).size() <=
        ResponseHead::kMaxOwnBytes);
}

CASE("response head: the date is the system's, in the fixed form, and follows the seconds") {
  ResponseHead head;
  const auto dateAt = [&](int64_t nowNs) {
    const std::string text = write(head, parts(204, ResponseParts::Framing::kNone), nowNs);
    const size_t begin = text.find("Date: ") + 6;
    return text.substr(begin, text.find("\r\n", begin) - begin);
  };
  const auto format = [](time_t seconds) {
    char text[64];
    tm utc;
    gmtime_r(&seconds, &utc);
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    return std::string(text);
  };
  const time_t before = sys::realtimeNs() / 1'000'000'000;
  const std::string date = dateAt(0);
  const time_t after = sys::realtimeNs() / 1'000'000'000;
  CHECK(date == format(before) || date == format(after));
  CHECK_EQ(date.size(), size_t{29});
  // Within the same second of the loop's clock the text is not made again.
  CHECK(dateAt(0) == date);
  const time_t later = sys::realtimeNs() / 1'000'000'000;
  const std::string fresh = dateAt(INT64_C(3'000'000'000));
  CHECK(fresh == format(later) || fresh == format(later + 1));
}

CASE("response head: which statuses have no body") {
  CHECK(net::isBodyless(100) && net::isBodyless(199) && net::isBodyless(204));
  CHECK(net::isBodyless(304));
  CHECK(!net::isBodyless(200) && !net::isBodyless(205) && !net::isBodyless(404));
}

}  // namespace
}  // namespace heddle::test
