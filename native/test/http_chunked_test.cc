// The decoder of chunked bodies: what it yields, what it refuses, and that neither depends on how
// the bytes arrive.

#include "net/http_chunked.h"

#include <memory>
#include <string>
#include <string_view>

#include "test/check.h"

namespace {

using namespace heddle::net;  // NOLINT: a test program

struct Decoded {
  HttpVerdict verdict = HttpVerdict::kNeedMore;
  std::string data;
  size_t consumed = 0;
};

// Feeds pieces of at most `piece` bytes, each in a heap block of exactly its size.
Decoded decode(std::string_view text, size_t piece, uint32_t maxExtraBytes = 16384) {
  ChunkedDecoder decoder(maxExtraBytes);
  Decoded result;
  while (result.consumed < text.size() && result.verdict == HttpVerdict::kNeedMore) {
    const std::string_view part = text.substr(result.consumed, piece);
    auto block = std::make_unique<char[]>(part.size());
    std::memcpy(block.get(), part.data(), part.size());
    const auto step = decoder.next(block.get(), static_cast<uint32_t>(part.size()));
    CHECK(step.dataOff + step.dataLen <= step.consumed && step.consumed <= part.size());
    CHECK(step.consumed > 0);
    result.data.append(block.get() + step.dataOff, step.dataLen);
    result.consumed += step.consumed;
    result.verdict = step.verdict;
  }
  return result;
}

void checkDecoded(std::string_view text, std::string_view data, size_t rest = 0) {
  for (size_t piece = 1; piece <= text.size(); piece++) {
    const Decoded result = decode(text, piece);
    CHECK_EQ(result.verdict, HttpVerdict::kDone);
    CHECK_EQ(result.data, data);
    CHECK_EQ(result.consumed, text.size() - rest);
  }
}

void checkRefused(std::string_view text) {
  for (size_t piece = 1; piece <= text.size(); piece++) {
    const Decoded result = decode(text, piece);
    CHECK_EQ(result.verdict, HttpVerdict::kRefused);
    if (result.verdict == HttpVerdict::kRefused) continue;
    std::printf("    body: %.*s\n", static_cast<int>(text.size()), text.data());
    return;
  }
}

}  // namespace

CASE("RS-06 chunked: bodies with extensions, trailers and what follows") {
  checkDecoded("0\r\n\r\n", "");
  checkDecoded("5\r\nhello\r\n0\r\n\r\n", "hello");
  checkDecoded("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /", "hello world", 5);
  checkDecoded("a\r\n0123456789\r\n00\r\n\r\n", "0123456789");
  checkDecoded("A\r\n0123456789\r\n0\r\n\r\n", "0123456789");
  checkDecoded("1;a\r\nx\r\n1;a=b;c=\"d e\"\r\ny\r\n0 ; z\r\n\r\n", "xy");
  checkDecoded("2\r\n\r\n\r\n0\r\nX: y\r\nTrailer:\r\n\r\n", "\r\n");
}

CASE("RS-06 chunked: what could be read in two ways is refused") {
  for (const char* text : {"\r\n",
                           "g\r\n",
                           " 1\r\nx",
                           "1 \r\nx",
                           "1\nx",
                           "1\r\nxy",
                           "1\r\nx\n0\r\n\r\n",
                           "1\r\nx\rx",
                           "-1\r\n",
                           "+1\r\n",
                           "0x1\r\n",
                           "1;a\nx",
                           "1;a\rx",
                           "1;\x01",
                           "1\t\r\n",
                           "\"",
                           ";a\r\n",
                           "20000000000000\r\n",
                           "ffffffffffffffff\r\n",
                           "00000000000000001\r\n",
                           "0\r\n\n",
                           "0\r\n X: y\r\n\r\n",
                           "0\r\nX : y\r\n",
                           "0\r\n: y\r\n",
                           "0\r\nX\r\n",
                           "0\r\nX: y\n",
                           "0\r\nX: \x7f\r\n",
                           "0\r\nX: y\r\n z\r\n",
                           "0\r\n\rX",
                           "1;\xff\x7f"}) {
    checkRefused(text);
  }
}

CASE("RS-06 chunked: sizes up to what a double holds") {
  ChunkedDecoder decoder;
  const std::string_view text = "1fffffffffffff\r\nx";
  const auto step = decoder.next(text.data(), static_cast<uint32_t>(text.size()));
  CHECK_EQ(step.dataLen, 1u);
  CHECK_EQ(decoder.remaining(), 0x1ffffffffffffeu);
}

CASE("RS-06 chunked: extensions and trailers together are bounded over the whole body") {
  const std::string_view text = "1;ab\r\nx\r\n1;cd\r\ny\r\n0\r\nE: f\r\n\r\n";
  CHECK_EQ(decode(text, 64, 10).verdict, HttpVerdict::kDone);
  CHECK_EQ(decode(text, 64, 9).verdict, HttpVerdict::kRefused);
  CHECK_EQ(decode(text, 64, 5).verdict, HttpVerdict::kRefused);
}

CASE("RS-06 chunked: after its end it takes nothing, after reset a new body") {
  ChunkedDecoder decoder;
  CHECK_EQ(decoder.next("0\r\n\r\n", 5).verdict, HttpVerdict::kDone);
  const auto behind = decoder.next("1\r\n", 3);
  CHECK_EQ(behind.consumed, 0u);
  CHECK_EQ(behind.verdict, HttpVerdict::kDone);
  decoder.reset();
  CHECK_EQ(decoder.next("0\r\n\r\n", 5).verdict, HttpVerdict::kDone);
  decoder.reset();
  CHECK_EQ(decoder.next("x", 1).verdict, HttpVerdict::kRefused);
  CHECK_EQ(decoder.next("0\r\n\r\n", 5).verdict, HttpVerdict::kRefused);
}
