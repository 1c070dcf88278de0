#include "net/http_meaning.h"

#include <cstddef>

#include "net/http_chars.h"
#include "net/http_host.h"

namespace heddle::net {
namespace {

using enum Refusal;

constexpr int64_t kMaxContentLength = (int64_t{1} << 53) - 1;  // what a double holds exactly

bool equalsLower(const char* text, size_t len, const char* lower, size_t lowerLen) {
  if (len != lowerLen) return false;
  for (size_t i = 0; i < len; i++) {
    const int fold = lower[i] >= 'a' && lower[i] <= 'z' ? 0x20 : 0;
    if ((text[i] | fold) != lower[i]) return false;
  }
  return true;
}

template <size_t kSize>
bool equalsLower(const char* text, size_t len, const char (&lower)[kSize]) {
  return equalsLower(text, len, lower, kSize - 1);
}

// Takes the next element of a comma-separated list, trimmed and perhaps empty; false at the end.
bool nextElement(const char** cursor, const char* end, const char** element, size_t* len) {
  if (*cursor > end) return false;
  const char* begin = *cursor;
  const char* comma = begin;
  while (comma < end && *comma != ',') comma++;
  *cursor = comma + 1;
  while (begin < comma && isHttpBlank(*begin)) begin++;
  const char* last = comma;
  while (last > begin && isHttpBlank(last[-1])) last--;
  *element = begin;
  *len = static_cast<size_t>(last - begin);
  return true;
}

}  // namespace

Refusal HeadMeaning::addMeaningful(HttpField field, const char* value, uint32_t len) {
  switch (field) {
    case HttpField::kHost:
      return host(value, len);
    case HttpField::kConnection:
      connection(value, len);
      return kNone;
    case HttpField::kContentLength:
      return contentLength(value, len);
    case HttpField::kTransferEncoding:
      return transferEncoding(value, len);
    case HttpField::kExpect:
      sawExpect_ = true;
      if (!equalsLower(value, len, "100-continue")) sawOtherExpectation_ = true;
      return kNone;
    case HttpField::kUpgrade:
      sawUpgrade_ = true;
      return kNone;
    default:
      return kNone;
  }
}

Refusal HeadMeaning::host(const char* value, uint32_t len) {
  if (head_->hasHost) return kBadRequest;
  head_->hasHost = true;
  if (len == 0) return kNone;
  return isHostAndPort(value, len, HostPort::kOptional) ? kNone : kBadRequest;
}

// Even equal repetitions, which a proxy may have merged, are refused: another parser may take the
// first or the last.
Refusal HeadMeaning::contentLength(const char* value, uint32_t len) {
  if (head_->contentLength >= 0 || len == 0) return kBadRequest;
  int64_t total = 0;
  for (uint32_t i = 0; i < len; i++) {
    if (!isHttpChar(value[i], kDigitChar)) return kBadRequest;
    total = total * 10 + (value[i] - '0');
    if (total > kMaxContentLength) return kBadRequest;
  }
  head_->contentLength = total;
  return kNone;
}

Refusal HeadMeaning::transferEncoding(const char* value, uint32_t len) {
  sawTransferEncoding_ = true;
  const char* cursor = value;
  const char* coding = nullptr;
  size_t codingLen = 0;
  while (nextElement(&cursor, value + len, &coding, &codingLen)) {
    if (codingLen == 0 || head_->chunked) return kBadRequest;  // chunked must be the last
    if (equalsLower(coding, codingLen, "chunked")) {
      head_->chunked = true;
    } else {
      sawOtherCoding_ = true;
    }
  }
  return kNone;
}

void HeadMeaning::connection(const char* value, uint32_t len) {
  const char* cursor = value;
  const char* option = nullptr;
  size_t optionLen = 0;
  while (nextElement(&cursor, value + len, &option, &optionLen)) {
    if (equalsLower(option, optionLen, "keep-alive")) wantsKeepAlive_ = true;
    if (equalsLower(option, optionLen, "close")) wantsClose_ = true;
    if (equalsLower(option, optionLen, "upgrade")) wantsUpgrade_ = true;
  }
}

Refusal HeadMeaning::finish() {
  if (!head_->hasHost && !head_->http10) return kBadRequest;
  const Refusal refusal = framing();
  if (refusal != kNone) return refusal;
  if (sawOtherExpectation_) return kExpectationFailed;
  const bool hasBody = head_->chunked || head_->contentLength > 0;
  head_->expectContinue = sawExpect_ && hasBody && !head_->http10;
  head_->keepAlive = !wantsClose_ && (wantsKeepAlive_ || !head_->http10);
  head_->upgrade = sawUpgrade_ && wantsUpgrade_ && !head_->http10;
  return kNone;
}

// RFC 9112 sections 6.1 and 6.3. A coding we do not know is 501 only where the end of the body is
// certain, that is, where chunked comes last.
Refusal HeadMeaning::framing() const {
  if (!sawTransferEncoding_) return kNone;
  if (head_->http10 || head_->contentLength >= 0 || !head_->chunked) return kBadRequest;
  return sawOtherCoding_ ? kNotImplemented : kNone;
}

}  // namespace heddle::net
