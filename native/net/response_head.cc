#include "net/response_head.h"

#include <cstdio>
#include <cstring>
#include <ctime>

#include "sys/clock.h"

namespace heddle::net {
namespace {

struct Reason {
  uint16_t status;
  const char* text;
};

constexpr Reason kReasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {511, "Network Authentication Required"},
};

const char* reasonOf(uint32_t status) {
  for (const Reason& reason : kReasons) {
    if (reason.status == status) return reason.text;
  }
  return "Unknown";
}

uint8_t* put(uint8_t* out, const void* bytes, size_t size) {
  std::memcpy(out, bytes, size);
  return out + size;
}

template <size_t N>
uint8_t* put(uint8_t* out, const char (&text)[N]) {
  return put(out, text, N - 1);
}

uint8_t* putNumber(uint8_t* out, uint64_t value) {
  uint8_t digits[20];
  int count = 0;
  do {
    digits[count++] = static_cast<uint8_t>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  while (count > 0) *out++ = digits[--count];
  return out;
}

}  // namespace

void ResponseHead::refreshDate(int64_t nowNs) {
  if (nowNs < dateUntilNs_) return;
  const int64_t real = sys::realtimeNs();
  const time_t seconds = static_cast<time_t>(real / 1'000'000'000);
  dateUntilNs_ = nowNs + 1'000'000'000 - real % 1'000'000'000;
  tm utc;
  gmtime_r(&seconds, &utc);
  // Fixed English names: strftime would follow the process's locale.
  static constexpr char kDays[] = "SunMonTueWedThuFriSat";
  static constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  char text[64];
  const int size =
      std::snprintf(text, sizeof(text), "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                    kDays + 3 * static_cast<size_t>(utc.tm_wday), utc.tm_mday,
                    kMonths + 3 * static_cast<size_t>(utc.tm_mon), utc.tm_year + 1900, utc.tm_hour,
                    utc.tm_min, utc.tm_sec);
  dateSize_ =
      size > 0 && static_cast<size_t>(size) <= sizeof(date_) ? static_cast<uint32_t>(size) : 0;
  std::memcpy(date_, text, dateSize_);
  uint8_t* end = put(ok_, "HTTP/1.1 200 OK\r\n");
  end = put(end, date_, dateSize_);
  okSize_ = static_cast<uint32_t>(end - ok_);
}

uint32_t ResponseHead::write(uint8_t* out, const ResponseParts& parts, int64_t nowNs) {
  refreshDate(nowNs);
  uint8_t* at = out;
  if (parts.status == 200 && !parts.hasDate) {
    at = put(at, ok_, okSize_);
  } else {
    at = put(at, "HTTP/1.1 ");
    at = putNumber(at, parts.status);
    *at++ = ' ';
    const char* reason = reasonOf(parts.status);
    at = put(at, reason, std::strlen(reason));
    at = put(at, "\r\n");
    if (!parts.hasDate) at = put(at, date_, dateSize_);
  }
  if (parts.framing == ResponseParts::Framing::kLength) {
    at = put(at, "Content-Length: ");
    at = putNumber(at, static_cast<uint64_t>(parts.length));
    at = put(at, "\r\n");
  } else if (parts.framing == ResponseParts::Framing::kChunked) {
    at = put(at, "Transfer-Encoding: chunked\r\n");
  }
  if (parts.close) {
    at = put(at, "Connection: close\r\n");
  } else if (parts.keepAliveLine) {
    at = put(at, "Connection: keep-alive\r\n");
  }
  if (parts.linesSize > 0) at = put(at, parts.lines, parts.linesSize);
  at = put(at, "\r\n");
  return static_cast<uint32_t>(at - out);
}

}  // namespace heddle::net
