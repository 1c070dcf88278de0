#include "net/http_chunked.h"

#include "net/http_chars.h"

namespace heddle::net {
namespace {

constexpr uint8_t kMaxSizeDigits = 16;  // leading zeros included; shifts of 64 bits cannot overflow
constexpr uint64_t kMaxChunkBytes = (uint64_t{1} << 53) - 1;  // what a double holds exactly

}  // namespace

void ChunkedDecoder::reset(uint32_t maxExtraBytes) {
  remaining_ = 0;
  maxExtraBytes_ = maxExtraBytes;
  extraBytes_ = 0;
  state_ = State::kSizeStart;
  sizeDigits_ = 0;
}

ChunkedDecoder::Step ChunkedDecoder::next(const char* data, uint32_t len) {
  uint32_t i = 0;
  while (i < len && state_ < State::kEnd) {
    if (state_ == State::kData) {
      const uint32_t left = len - i;
      const uint32_t run = remaining_ < left ? static_cast<uint32_t>(remaining_) : left;
      remaining_ -= run;
      if (remaining_ == 0) state_ = State::kDataCr;
      return {i + run, i, run, HttpVerdict::kNeedMore};
    }
    state_ = advance(data[i++]);
  }
  if (state_ == State::kBad) return {i, i, 0, HttpVerdict::kRefused};
  return {i, i, 0, state_ == State::kEnd ? HttpVerdict::kDone : HttpVerdict::kNeedMore};
}

ChunkedDecoder::State ChunkedDecoder::advance(char c) {
  switch (state_) {
    case State::kSizeStart:
    case State::kSize:
      return inSize(c);
    case State::kBlank:
    case State::kExtension:
      return behindSize(c);
    case State::kSizeLf:
      if (c != '\n') return State::kBad;
      return remaining_ == 0 ? State::kTrailerStart : State::kData;
    case State::kDataCr:
      return c == '\r' ? State::kDataLf : State::kBad;
    case State::kDataLf:
      return c == '\n' ? State::kSizeStart : State::kBad;
    case State::kTrailerStart:
    case State::kTrailerName:
    case State::kTrailerValue:
      return inTrailer(c);
    case State::kTrailerLf:
      return c == '\n' ? State::kTrailerStart : State::kBad;
    case State::kEndLf:
      return c == '\n' ? State::kEnd : State::kBad;
    case State::kData:
    case State::kEnd:
    case State::kBad:
      break;
  }
  return State::kBad;
}

ChunkedDecoder::State ChunkedDecoder::inSize(char c) {
  if (isHttpChar(c, kHexChar)) return addDigit(c) ? State::kSize : State::kBad;
  if (state_ == State::kSizeStart) return State::kBad;
  sizeDigits_ = 0;
  return behindSize(c);
}

bool ChunkedDecoder::addDigit(char c) {
  if (++sizeDigits_ > kMaxSizeDigits) return false;
  const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
  remaining_ = remaining_ << 4 | static_cast<uint64_t>(digit);
  return remaining_ <= kMaxChunkBytes;
}

// Blanks may stand only before the semicolon. What an extension says does not matter, but it may
// not hold a line end that another parser would take for one.
ChunkedDecoder::State ChunkedDecoder::behindSize(char c) {
  if (state_ == State::kExtension) {
    if (c == '\r') return State::kSizeLf;
    return isHttpChar(c, kValueChar) ? extra(State::kExtension) : State::kBad;
  }
  if (c == ';') return extra(State::kExtension);
  if (isHttpBlank(c)) return extra(State::kBlank);
  return c == '\r' && state_ == State::kSize ? State::kSizeLf : State::kBad;
}

ChunkedDecoder::State ChunkedDecoder::inTrailer(char c) {
  if (state_ == State::kTrailerStart && c == '\r') return State::kEndLf;
  if (state_ == State::kTrailerValue) {
    if (c == '\r') return State::kTrailerLf;
    return isHttpChar(c, kValueChar) ? extra(State::kTrailerValue) : State::kBad;
  }
  if (isHttpChar(c, kTokenChar)) return extra(State::kTrailerName);
  if (c != ':' || state_ == State::kTrailerStart) return State::kBad;
  return extra(State::kTrailerValue);
}

// Counts a byte of an extension or a trailer.
ChunkedDecoder::State ChunkedDecoder::extra(State next) {
  return ++extraBytes_ > maxExtraBytes_ ? State::kBad : next;
}

}  // namespace heddle::net
