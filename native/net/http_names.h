// The request methods and field names that cross the port as numbers.
//
// Order is the protocol: it must equal METHODS and KNOWN_HEADERS of lib/backend/protocol.ts.
#pragma once

#include <cstdint>
#include <string_view>

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

// Upper-case method ("OTHER" for kOther) and lower-case field name ("" for kOther).
std::string_view methodName(HttpMethod method);
std::string_view fieldName(HttpField field);

}  // namespace heddle::net
