// Any bytes as a request head. The first two bytes choose limits and where the input is split.
//
// Held: the verdict does not depend on how the bytes arrive; every slice lies in the head and in
// order; an accepted head, written anew from its slices, is accepted with the same meaning; the
// scanner's paths agree (the block is read at another alignment and with other bytes behind it).

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "net/http_names.h"
#include "net/http_parser.h"

namespace {

using namespace heddle::net;  // NOLINT: a test program

void require(bool condition) {
  if (!condition) std::abort();
}

struct Parsed {
  HttpVerdict verdict = HttpVerdict::kNeedMore;
  HttpHead head{};
  std::vector<HttpHeader> headers{kMaxHeaders};
};

// The block has exactly the size of the input, so that reading beyond it is found.
void parseBlock(const char* data, uint32_t len, const HttpLimits& limits, uint32_t* scanned,
                Parsed* parsed) {
  std::unique_ptr<char[]> block(new char[len]);
  if (len > 0) std::memcpy(block.get(), data, len);
  parsed->head.headers = parsed->headers.data();
  parsed->verdict = parseHead(block.get(), len, limits, scanned, &parsed->head);
}

bool sameSlices(const Parsed& a, const Parsed& b) {
  if (a.head.headerCount != b.head.headerCount) return false;
  const size_t bytes = a.head.headerCount * sizeof(HttpHeader);
  return std::memcmp(a.headers.data(), b.headers.data(), bytes) == 0;
}

bool sameMeaning(const HttpHead& a, const HttpHead& b) {
  return a.contentLength == b.contentLength && a.method == b.method && a.http10 == b.http10 &&
         a.keepAlive == b.keepAlive && a.chunked == b.chunked && a.hasHost == b.hasHost &&
         a.expectContinue == b.expectContinue && a.upgrade == b.upgrade &&
         a.headerCount == b.headerCount && a.methodLen == b.methodLen && a.targetLen == b.targetLen;
}

void requireSame(const Parsed& a, const Parsed& b) {
  require(a.verdict == b.verdict);
  if (a.verdict == HttpVerdict::kRefused) require(a.head.status == b.head.status);
  if (a.verdict != HttpVerdict::kDone) return;
  require(a.head.headBytes == b.head.headBytes && a.head.skipped == b.head.skipped);
  require(a.head.targetOff == b.head.targetOff);
  require(sameMeaning(a.head, b.head) && sameSlices(a, b));
}

void checkSlices(const char* head, const Parsed& parsed) {
  const uint32_t size = parsed.head.headBytes;
  require(std::memcmp(head + size - 4, "\r\n\r\n", 4) == 0);
  require(parsed.head.targetOff == parsed.head.methodLen + 1u && parsed.head.targetLen > 0);
  uint32_t at = parsed.head.targetOff + parsed.head.targetLen + 9;
  for (uint32_t i = 0; i < parsed.head.headerCount; i++) {
    const HttpHeader& each = parsed.headers[i];
    require(each.nameOff == at + 2 && each.nameLen > 0);
    require(each.valueOff > each.nameOff + each.nameLen);
    at = each.valueOff + each.valueLen;
    while (head[at] == ' ' || head[at] == '\t') at++;
    require(at + 2 <= size && head[at] == '\r' && head[at + 1] == '\n');
    const HttpField field = fieldOf({head + each.nameOff, each.nameLen});
    require(each.knownId == static_cast<uint8_t>(field));
  }
  require(at + 4 == size);
}

std::string writeAnew(const char* head, const Parsed& parsed) {
  std::string text(head, parsed.head.methodLen + 1u + parsed.head.targetLen);
  text += parsed.head.http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  for (uint32_t i = 0; i < parsed.head.headerCount; i++) {
    const HttpHeader& each = parsed.headers[i];
    text.append(head + each.nameOff, each.nameLen).append(":");
    text.append(head + each.valueOff, each.valueLen).append("\r\n");
  }
  return text + "\r\n";
}

void checkAccepted(const char* data, const Parsed& parsed, const HttpLimits& limits) {
  const char* head = data + parsed.head.skipped;
  require(parsed.head.headBytes <= limits.maxHeadBytes);
  require(parsed.head.headerCount <= limits.maxHeaders);
  require(!parsed.head.chunked || parsed.head.contentLength < 0);
  checkSlices(head, parsed);
  const std::string text = writeAnew(head, parsed);
  Parsed again;
  uint32_t scanned = 0;
  parseBlock(text.data(), static_cast<uint32_t>(text.size()), limits, &scanned, &again);
  require(again.verdict == HttpVerdict::kDone && sameMeaning(parsed.head, again.head));
  // What follows the head must not matter, however it looks.
  for (const char* tail : {"\r\n\r\n", ":::::::::::::::::::::::", "\x01\x02 HTTP/1.1\r\n"}) {
    const std::string longer(head, parsed.head.headBytes);
    Parsed behind;
    const std::string with = longer + tail;
    scanned = 0;
    parseBlock(with.data(), static_cast<uint32_t>(with.size()), limits, &scanned, &behind);
    require(behind.verdict == HttpVerdict::kDone && sameSlices(parsed, behind));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  if (size < 2 || size > kMaxHeadBytes) return 0;
  const bool small = (input[0] & 0x80) != 0;
  const HttpLimits limits{small ? 16u + (input[0] & 0x7fu) : kMaxHeadBytes,
                          small ? 1u + input[1] % 8u : kMaxHeaders};
  const uint32_t step = 1 + input[1] % 61u;
  const char* data = reinterpret_cast<const char*>(input) + 2;
  const auto len = static_cast<uint32_t>(size - 2);
  Parsed whole;
  uint32_t scanned = 0;
  parseBlock(data, len, limits, &scanned, &whole);
  if (whole.verdict == HttpVerdict::kDone) checkAccepted(data, whole, limits);

  Parsed parts;
  scanned = 0;
  for (uint32_t have = 0;; have = have + step < len ? have + step : len) {
    parseBlock(data, have, limits, &scanned, &parts);
    if (parts.verdict != HttpVerdict::kNeedMore || have == len) break;
  }
  // A retry may put off what is wrong in an unfinished line, never what a finished one says.
  if (parts.verdict == HttpVerdict::kNeedMore && whole.verdict == HttpVerdict::kRefused) {
    scanned = 0;
    parseBlock(data, len, limits, &scanned, &parts);
  }
  requireSame(whole, parts);
  return 0;
}
