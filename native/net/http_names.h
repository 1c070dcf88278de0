// The request methods and field names that cross the port as numbers.
//
// Order is the protocol: it must equal METHODS and KNOWN_HEADERS of lib/backend/protocol.ts.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "net/http_scan.h"

namespace heddle::net {

enum class HttpMethod : uint8_t {
  kOther,
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kPatch,
  kOptions,
  kTrace,
  kConnect,
};
inline constexpr uint8_t kMethodCount = 10;

// Ids of known field names; 0 is any other name.
enum class HttpField : uint8_t {
  kOther,
  kHost,
  kConnection,
  kContentLength,
  kTransferEncoding,
  kContentType,
  kUserAgent,
  kAccept,
  kAcceptEncoding,
  kAcceptLanguage,
  kCookie,
  kReferer,
  kOrigin,
  kAuthorization,
  kCacheControl,
  kIfNoneMatch,
  kIfModifiedSince,
  kRange,
  kExpect,
  kUpgrade,
  kXForwardedFor,
  kXForwardedProto,
  kXRequestId,
  kContentEncoding,
  kTe,
  kDate,
  kVia,
  kPragma,
  kKeepAlive,
};
inline constexpr uint8_t kFieldCount = 29;  // with kOther

// Methods are case-sensitive (RFC 9110 section 9.1), field names are not.
HttpMethod methodOf(std::string_view name);
HttpField fieldOf(std::string_view name);

// A known field name, ready for one 16-byte comparison. `fold` has 0x20 where the name has a
// letter, so that other bytes (CR and '-' differ by just that bit) are compared as they are.
struct FieldPattern {
  alignas(16) char name[16];
  alignas(16) char fold[16];
  uint32_t need;  // the bytes of the comparison that must be equal
  uint8_t len;
  char last;
  HttpField field;
};

inline constexpr uint32_t kFieldSlots = 64;
extern const std::array<FieldPattern, kFieldSlots> kFieldPatterns;

// Collision-free over the known names; they all begin and end with a letter.
constexpr uint32_t fieldSlot(char first, char last, uint32_t len) {
  const auto f = static_cast<uint32_t>(static_cast<uint8_t>(first) | 0x20);
  const auto l = static_cast<uint32_t>(static_cast<uint8_t>(last) | 0x20);
  return (f + l * 26 + len) % kFieldSlots;
}

// fieldOf for a name of 1 to 255 bytes behind which all bytes up to `end` may be read.
inline HttpField fieldBefore(const char* name, uint32_t len, const char* end) {
  const char last = name[len - 1];
  const FieldPattern& pattern = kFieldPatterns[fieldSlot(name[0], last, len)];
  if (pattern.len != len) return HttpField::kOther;
  if (end - name < kScanBytes) return fieldOf({name, len});
  if ((last | 0x20) != pattern.last) return HttpField::kOther;
  const uint32_t equal = foldedEqualMask16(name, pattern.name, pattern.fold);
  return (equal & pattern.need) == pattern.need ? pattern.field : HttpField::kOther;
}

// Upper-case method ("OTHER" for kOther) and lower-case field name ("" for kOther).
std::string_view methodName(HttpMethod method);
std::string_view fieldName(HttpField field);

}  // namespace heddle::net
