// Decodes a chunked body as it arrives (RFC 9112 section 7.1), strictly: CR LF line ends only,
// bounded chunk extensions and trailers, trailers validated and dropped.
#pragma once

#include <cstdint>

#include "net/http_parser.h"

namespace heddle::net {

class ChunkedDecoder {
 public:
  // consumed: bytes of the input that are dealt with, the data among them. dataOff, dataLen: a run
  // of decoded bytes in the input, dataLen may be 0.
  // kDone: the body and its trailers are complete, what follows `consumed` is the next request.
  // kNeedMore: call again with what follows `consumed` (which may be nothing yet).
  // kRefused: answer 400 and close.
  struct Step {
    uint32_t consumed;
    uint32_t dataOff;
    uint32_t dataLen;
    HttpVerdict verdict;
  };

  // maxExtraBytes bounds what a body carries beside data, sizes and line ends: all its chunk
  // extensions and trailers together.
  explicit ChunkedDecoder(uint32_t maxExtraBytes = 16384) { reset(maxExtraBytes); }

  // Takes at most one run of data a call; with len > 0 it always consumes something, unless it
  // refuses. Never reads beyond data[len).
  Step next(const char* data, uint32_t len);

  void reset() { reset(maxExtraBytes_); }
  void reset(uint32_t maxExtraBytes);

  // Bytes of the current chunk still to come.
  uint64_t remaining() const { return remaining_; }

 private:
  enum class State : uint8_t {
    kSizeStart,     // before the first digit of a chunk size
    kSize,          // behind a digit
    kBlank,         // behind a digit and blanks: an extension must follow
    kExtension,     // behind the semicolon
    kSizeLf,        // behind the CR of a size line
    kData,          // in the data of a chunk
    kDataCr,        // behind the data
    kDataLf,        // behind the CR that ends the data
    kTrailerStart,  // at the start of a line behind the last chunk
    kTrailerName,   // in a trailer's name
    kTrailerValue,  // behind its colon
    kTrailerLf,     // behind its CR
    kEndLf,         // behind the CR of the empty line that ends the body
    kEnd,
    kBad,
  };

  State advance(char c);
  State inSize(char c);
  State behindSize(char c);
  State inTrailer(char c);
  bool addDigit(char c);
  State extra(State next);

  uint64_t remaining_;
  uint32_t maxExtraBytes_;
  uint32_t extraBytes_;
  State state_;
  uint8_t sizeDigits_;
};

}  // namespace heddle::net
