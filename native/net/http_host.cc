#include "net/http_host.h"

#include "net/http_chars.h"

namespace heddle::net {
namespace {

// Skips the run of bytes of a class.
const char* skip(const char* p, const char* end, HttpCharClass wanted) {
  while (p < end && isHttpChar(*p, wanted)) p++;
  return p;
}

bool isPercentEscape(const char* p, const char* end) {
  return end - p >= 3 && p[0] == '%' && isHttpChar(p[1], kHexChar) && isHttpChar(p[2], kHexChar);
}

const char* skipName(const char* p, const char* end) {
  for (;;) {
    p = skip(p, end, kHostChar);
    if (!isPercentEscape(p, end)) return p;
    p += 3;
  }
}

// "[" … "]": IPv6 in hexadecimal, colons and dots. Null when it is not one.
const char* skipAddress(const char* p, const char* end) {
  const char* begin = ++p;
  while (p < end && (isHttpChar(*p, kHexChar) || *p == ':' || *p == '.')) p++;
  if (p == end || *p != ']' || p - begin < 2) return nullptr;
  return p + 1;
}

}  // namespace

bool isHostAndPort(const char* text, uint32_t len, HostPort port) {
  const char* end = text + len;
  if (len == 0) return false;
  const char* p = *text == '[' ? skipAddress(text, end) : skipName(text, end);
  if (p == nullptr || p == text) return false;
  if (p == end) return port == HostPort::kOptional;
  if (*p != ':') return false;
  const char* digits = p + 1;
  if (skip(digits, end, kDigitChar) != end) return false;
  return port == HostPort::kOptional || digits != end;
}

}  // namespace heddle::net
