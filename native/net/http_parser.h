// Parses the head of one HTTP/1.1 request, strict to RFC 9112: what two parsers could read
// differently is refused. It allocates nothing, copies nothing and never reads beyond data[len).
#pragma once

#include <cstddef>
#include <cstdint>

namespace heddle::net {

inline constexpr uint32_t kMaxHeadBytes = 65535;
inline constexpr uint32_t kMaxHeaders = 256;

// One field line. Offsets count from the start of the head (HttpHead::skipped bytes into the
// data); the value is trimmed of blanks. The eight bytes are the two words of the port's record:
// nameOff | nameLen << 16 | knownId << 24, valueOff | valueLen << 16.
struct HttpHeader {
  uint16_t nameOff;
  uint8_t nameLen;
  uint8_t knownId;  // an HttpField
  uint16_t valueOff;
  uint16_t valueLen;
};
static_assert(sizeof(HttpHeader) == 8 && alignof(HttpHeader) == 2);
static_assert(offsetof(HttpHeader, nameOff) == 0 && offsetof(HttpHeader, nameLen) == 2);
static_assert(offsetof(HttpHeader, knownId) == 3 && offsetof(HttpHeader, valueOff) == 4);
static_assert(offsetof(HttpHeader, valueLen) == 6);

struct HttpLimits {
  uint32_t maxHeadBytes = 16384;  // at most kMaxHeadBytes
  uint32_t maxHeaders = 128;      // at most kMaxHeaders
};

enum class HttpVerdict : uint8_t { kDone, kNeedMore, kRefused };

struct HttpHead {
  HttpHeader* headers;    // the caller's array of at least limits.maxHeaders entries
  int64_t contentLength;  // -1: no Content-Length
  uint32_t skipped;       // bytes of empty lines before the head (RFC 9112 section 2.2)
  uint32_t headBytes;     // from the request line up to and with the empty line that ends the head
  uint32_t targetOff;     // the method stands at offset 0
  uint32_t targetLen;
  uint32_t headerCount;
  uint16_t status;  // when refused: 400, 414, 417, 431, 501 or 505; otherwise 0
  uint8_t method;   // an HttpMethod
  uint8_t methodLen;
  bool http10;
  bool keepAlive;       // the connection may serve another request after this one
  bool chunked;         // a chunked body follows
  bool expectContinue;  // the client waits for 100 Continue before it sends its body
  bool hasHost;
  bool upgrade;  // Upgrade with Connection: upgrade
};

// The request takes skipped + headBytes bytes of the data; its body follows.
//
// kDone: *out is complete. kNeedMore: call again from the same start with more bytes; nothing of
// *out is valid. kRefused: answer out->status and close; nothing else of *out is valid.
//
// *scanned is 0 for a new request and belongs to the parser until the request is done or refused:
// it counts the bytes seen without an end of head, so that a client that sends byte by byte
// costs linear work. Thread: any; the function has no state.
HttpVerdict parseHead(const char* data, uint32_t len, const HttpLimits& limits, uint32_t* scanned,
                      HttpHead* out);

}  // namespace heddle::net
