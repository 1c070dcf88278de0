// Writes the head of a response: status line, Date, framing and Connection, then the caller's own
// lines.
#pragma once

#include <cstdint>

namespace heddle::net {

struct ResponseParts {
  enum class Framing : uint8_t { kLength, kChunked, kUntilClose, kNone };

  uint32_t status = 200;
  Framing framing = Framing::kLength;
  int64_t length = 0;
  bool close = false;
  bool keepAliveLine = false;  // an HTTP/1.0 client has to be told
  bool hasDate = false;        // the caller's lines contain one
  const uint8_t* lines = nullptr;
  uint32_t linesSize = 0;
};

// Whether a response with this status has no body and no Content-Length (RFC 9110 section 6.4.1).
constexpr bool isBodyless(uint32_t status) {
  return status < 200 || status == 204 || status == 304;
}

class ResponseHead {
 public:
  // The most that `write` puts out beside the caller's lines.
  static constexpr uint32_t kMaxOwnBytes = 256;

  // Writes to `out`, which has room for kMaxOwnBytes + parts.linesSize, and returns the bytes
  // written.
  uint32_t write(uint8_t* out, const ResponseParts& parts, int64_t nowNs);

 private:
  void refreshDate(int64_t nowNs);

  // "HTTP/1.1 200 OK\r\nDate: …\r\n" of the second in progress: by far the most frequent beginning.
  uint8_t ok_[64];
  uint32_t okSize_ = 0;
  uint8_t date_[40];
  uint32_t dateSize_ = 0;
  int64_t dateUntilNs_ = 0;
};

}  // namespace heddle::net
