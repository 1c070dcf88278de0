#include "net/http_parser.h"

#include <bit>
#include <cstring>

#include "net/http_chars.h"
#include "net/http_host.h"
#include "net/http_meaning.h"
#include "net/http_names.h"
#include "net/http_scan.h"

namespace heddle::net {
namespace {

using enum Refusal;

constexpr uint32_t kMaxSkipped = 4;    // two empty lines before a request
constexpr uint32_t kMaxNameLen = 255;  // HttpHeader::nameLen, HttpHead::methodLen
constexpr uint32_t kVersionLen = 8;    // "HTTP/1.1"

// A line is complete when its CR LF has been seen. Of an incomplete one only the errors that no
// further byte can mend are reported, and with the refusal that the complete line will get: the
// verdict on a request must not depend on how its bytes arrive.
enum class Line : uint8_t { kComplete, kPartial };

// Schemes are not case-sensitive.
bool isSchemePrefix(const char* text, const char* lower, uint32_t len) {
  for (uint32_t i = 0; i < len; i++) {
    const int fold = lower[i] >= 'a' && lower[i] <= 'z' ? 0x20 : 0;
    if ((text[i] | fold) != lower[i]) return false;
  }
  return true;
}

// One call of parseHead, from the request line on.
class HeadParser {
 public:
  // `readable` ends the bytes that may be loaded, `end` those that belong to the request; both
  // are at least kScanBytes behind `begin` or bytes beyond `end` are neither control nor colon.
  HeadParser(const char* begin, const char* end, const char* readable, uint32_t maxHeaders,
             HttpHead* head)
      : begin_(begin),
        end_(end),
        readable_(readable),
        maxHeaders_(maxHeaders),
        head_(head),
        scan_(begin, readable),
        meaning_(head) {}

  HttpVerdict run();
  bool inRequestLine() const { return line_ == begin_; }

 private:
  HttpVerdict refuse(Refusal refusal);
  HttpVerdict stopped(const char* control);
  Refusal partialLine(const char* lineEnd);

  Refusal requestLine(const char* lineEnd, Line line);
  Refusal method(const char* lineEnd, Line line, const char** space);
  Refusal version(const char* p, const char* lineEnd, Line line);
  Refusal target(const char* text, uint32_t len) const;
  const char* endOfVisible(const char* p, const char* lineEnd) const;

  Refusal fieldLine(const char* lineEnd);
  const char* findColon(const char* lineEnd) const;
  Refusal nameChars(const char* name, const char* nameEnd) const;
  const char* const begin_;
  const char* const end_;
  const char* const readable_;
  const uint32_t maxHeaders_;
  HttpHead* const head_;
  ControlScan scan_;
  HeadMeaning meaning_;
  const char* line_ = nullptr;  // the line being parsed
};

HttpVerdict HeadParser::refuse(Refusal refusal) {
  head_->status = static_cast<uint16_t>(refusal);
  return HttpVerdict::kRefused;
}

HttpVerdict HeadParser::run() {
  line_ = begin_;
  for (;;) {
    const char* control = scan_.next();
    if (control + 1 >= end_ || control[0] != '\r' || control[1] != '\n') return stopped(control);
    scan_.next();
    if (control == line_ && line_ != begin_) break;
    const Refusal refusal =
        line_ == begin_ ? requestLine(control, Line::kComplete) : fieldLine(control);
    if (refusal != kNone) return refuse(refusal);
    line_ = control + 2;
  }
  head_->headBytes = static_cast<uint32_t>(line_ + 2 - begin_);
  const Refusal refusal = meaning_.finish();
  return refusal == kNone ? HttpVerdict::kDone : refuse(refusal);
}

// The line ends neither here nor, if there are no more bytes, further on.
HttpVerdict HeadParser::stopped(const char* control) {
  const char* lineEnd = control < end_ ? control : end_;
  const Refusal refusal = partialLine(lineEnd);
  if (refusal != kNone) return refuse(refusal);
  if (lineEnd == end_ || (*lineEnd == '\r' && lineEnd + 1 == end_)) return HttpVerdict::kNeedMore;
  return refuse(kBadRequest);
}

Refusal HeadParser::partialLine(const char* lineEnd) {
  if (line_ == begin_) return requestLine(lineEnd, Line::kPartial);
  if (line_ == lineEnd) return kNone;
  if (head_->headerCount == maxHeaders_) return kHeadTooLarge;
  return nameChars(line_, findColon(lineEnd));
}

// method SP target SP version
Refusal HeadParser::requestLine(const char* lineEnd, Line line) {
  const char* space = nullptr;
  Refusal refusal = method(lineEnd, line, &space);
  if (refusal != kNone || space == lineEnd) return refusal;
  const char* text = space + 1;
  const char* textEnd = endOfVisible(text, lineEnd);
  if (textEnd == lineEnd) return line == Line::kPartial ? kNone : kBadRequest;
  if (*textEnd != ' ' || textEnd == text) return kBadRequest;
  refusal = version(textEnd + 1, lineEnd, line);
  if (refusal != kNone || line == Line::kPartial) return refusal;
  head_->targetOff = static_cast<uint32_t>(text - begin_);
  head_->targetLen = static_cast<uint32_t>(textEnd - text);
  return target(text, head_->targetLen);
}

Refusal HeadParser::method(const char* lineEnd, Line line, const char** space) {
  const char* p = begin_;
  while (p < lineEnd && isHttpChar(*p, kTokenChar)) {
    if (p - begin_ == kMaxNameLen) return kNotImplemented;
    p++;
  }
  *space = p;
  if (p == lineEnd) return line == Line::kPartial ? kNone : kBadRequest;
  if (*p != ' ' || p == begin_) return kBadRequest;
  head_->methodLen = static_cast<uint8_t>(p - begin_);
  head_->method = static_cast<uint8_t>(methodOf({begin_, head_->methodLen}));
  return kNone;
}

const char* HeadParser::endOfVisible(const char* p, const char* lineEnd) const {
  while (p < lineEnd) {
    const uint32_t blanks = maskBefore(p, readable_, blankMask16);
    if (blanks != 0) p += std::countr_zero(blanks);
    if (blanks != 0 || p >= lineEnd) break;
    p += kScanBytes;
  }
  return p < lineEnd ? p : lineEnd;
}

Refusal HeadParser::version(const char* p, const char* lineEnd, Line line) {
  if (lineEnd - p == kVersionLen && std::memcmp(p, "HTTP/1.1", kVersionLen) == 0) return kNone;
  static constexpr char kPattern[] = "HTTP/0.0";  // 0 stands for a digit
  const auto len = static_cast<size_t>(lineEnd - p);
  if (len > kVersionLen || (len < kVersionLen && line == Line::kComplete)) return kBadRequest;
  for (size_t i = 0; i < len; i++) {
    const bool fits = kPattern[i] == '0' ? isHttpChar(p[i], kDigitChar) : p[i] == kPattern[i];
    if (!fits) return kBadRequest;
  }
  if (line == Line::kPartial) return kNone;
  if (p[5] != '1') return kVersionNotSupported;
  head_->http10 = p[7] == '0';
  return kNone;
}

// The four forms of RFC 9112 section 3.2.
Refusal HeadParser::target(const char* text, uint32_t len) const {
  const auto method = static_cast<HttpMethod>(head_->method);
  if (method == HttpMethod::kConnect) {
    return isHostAndPort(text, len, HostPort::kRequired) ? kNone : kBadRequest;
  }
  if (*text == '/') return kNone;
  if (len == 1 && *text == '*') return method == HttpMethod::kOptions ? kNone : kBadRequest;
  uint32_t authority = 0;
  if (len > 7 && isSchemePrefix(text, "http://", 7)) authority = 7;
  if (len > 8 && isSchemePrefix(text, "https://", 8)) authority = 8;
  if (authority == 0) return kBadRequest;
  uint32_t end = authority;
  while (end < len && text[end] != '/' && text[end] != '?') end++;
  return isHostAndPort(text + authority, end - authority, HostPort::kOptional) ? kNone
                                                                               : kBadRequest;
}

Refusal HeadParser::fieldLine(const char* lineEnd) {
  if (head_->headerCount == maxHeaders_) return kHeadTooLarge;
  const char* colon = findColon(lineEnd);
  const auto nameLen = static_cast<uint32_t>(colon - line_);
  HttpField field = HttpField::kOther;
  if (nameLen - 1 < kMaxNameLen) field = fieldBefore(line_, nameLen, readable_);
  if (field == HttpField::kOther) {
    const Refusal refusal = nameChars(line_, colon);
    if (refusal != kNone) return refusal;
  }
  if (colon == lineEnd) return kBadRequest;

  const char* value = colon + 1;
  while (value < lineEnd && isHttpBlank(*value)) value++;
  const char* valueEnd = lineEnd;
  while (valueEnd > value && isHttpBlank(valueEnd[-1])) valueEnd--;
  const auto valueLen = static_cast<uint32_t>(valueEnd - value);
  HttpHeader& header = head_->headers[head_->headerCount++];
  header.nameOff = static_cast<uint16_t>(line_ - begin_);
  header.nameLen = static_cast<uint8_t>(nameLen);
  header.knownId = static_cast<uint8_t>(field);
  header.valueOff = static_cast<uint16_t>(value - begin_);
  header.valueLen = static_cast<uint16_t>(valueLen);
  return meaning_.add(field, value, valueLen);
}

// The first colon of the line, or lineEnd.
const char* HeadParser::findColon(const char* lineEnd) const {
  for (const char* p = line_; p < lineEnd; p += kScanBytes) {
    const uint32_t colons =
        maskBefore(p, readable_, [](const char* at) { return equalMask16(at, ':'); });
    if (colons == 0) continue;
    p += std::countr_zero(colons);
    return p < lineEnd ? p : lineEnd;
  }
  return lineEnd;
}

// Refuses a blank before the colon and a folded line, too: a blank is no token.
Refusal HeadParser::nameChars(const char* name, const char* nameEnd) const {
  for (const char* p = name; p < nameEnd; p++) {
    if (p - name == kMaxNameLen) return kHeadTooLarge;
    if (!isHttpChar(*p, kTokenChar)) return kBadRequest;
  }
  return name == nameEnd ? kBadRequest : kNone;
}

// Whether a retry is worth a full parse: a line may have ended or a forbidden byte arrived, or so
// many bytes that a wrong name should be noticed. A head has few control bytes (limited by
// maxHeaders) and few doublings, so all retries of a request together stay linear in its bytes.
bool worthParsing(const char* data, uint32_t scanned, uint32_t len) {
  if (std::bit_width(scanned) != std::bit_width(len) || data[scanned - 1] == '\r') return true;
  for (uint32_t i = scanned; i < len; i++) {
    if (!isHttpChar(data[i], kValueChar)) return true;
  }
  return false;
}

// The length of the empty lines before the request, or -1 when a bare CR stands there.
int32_t emptyLines(const char* data, uint32_t len) {
  uint32_t i = 0;
  while (i < kMaxSkipped && i < len && data[i] == (i % 2 == 0 ? '\r' : '\n')) i++;
  if (i % 2 == 1 && i < len) return -1;
  return static_cast<int32_t>(i);
}

void clear(HttpHead* head) {
  HttpHeader* headers = head->headers;
  *head = HttpHead{};
  head->headers = headers;
  head->contentLength = -1;
}

HttpVerdict parseFrom(const char* begin, uint32_t len, uint32_t maxHeaders, HttpHead* out,
                      bool* inRequestLine) {
  // Blanks: the scanner needs 16 bytes and finds nothing in these.
  char padded[kScanBytes];
  const char* readable = begin + len;
  if (len < kScanBytes) {
    std::memset(padded, ' ', sizeof padded);
    std::memcpy(padded, begin, len);
    begin = padded;
    readable = padded + kScanBytes;
  }
  HeadParser parser(begin, begin + len, readable, maxHeaders, out);
  const HttpVerdict verdict = parser.run();
  *inRequestLine = parser.inRequestLine();
  return verdict;
}

}  // namespace

HttpVerdict parseHead(const char* data, uint32_t len, const HttpLimits& limits, uint32_t* scanned,
                      HttpHead* out) {
  if (*scanned > 0 && *scanned <= len && !worthParsing(data, *scanned, len) &&
      len < limits.maxHeadBytes) {
    *scanned = len;
    return HttpVerdict::kNeedMore;
  }
  clear(out);
  const int32_t skipped = emptyLines(data, len);
  if (skipped < 0) {
    out->status = static_cast<uint16_t>(kBadRequest);
    return HttpVerdict::kRefused;
  }
  out->skipped = static_cast<uint32_t>(skipped);
  const uint32_t available = len - out->skipped;
  const uint32_t window = available < limits.maxHeadBytes ? available : limits.maxHeadBytes;
  bool inRequestLine = true;
  const HttpVerdict verdict =
      parseFrom(data + out->skipped, window, limits.maxHeaders, out, &inRequestLine);
  if (verdict != HttpVerdict::kNeedMore) {
    *scanned = 0;
    return verdict;
  }
  *scanned = len;
  if (window < limits.maxHeadBytes) return HttpVerdict::kNeedMore;
  out->status = static_cast<uint16_t>(inRequestLine ? kUriTooLong : kHeadTooLarge);
  *scanned = 0;
  return HttpVerdict::kRefused;
}

}  // namespace heddle::net
