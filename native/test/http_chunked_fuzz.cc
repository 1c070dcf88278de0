// Any bytes as a chunked body, once whole and once in pieces whose sizes come from the input.
//
// Held: both ways give the same data, the same verdict and the same end; runs of data lie in the
// input; every call makes progress; what was decoded, encoded anew, decodes to the same.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "net/http_chunked.h"

namespace {

using namespace heddle::net;  // NOLINT: a test program

void require(bool condition) {
  if (!condition) std::abort();
}

struct Decoded {
  HttpVerdict verdict = HttpVerdict::kNeedMore;
  std::string data;
  uint32_t consumed = 0;
};

// Pieces of 1 … maxPiece bytes, each in a block of exactly its size.
Decoded decode(const char* data, uint32_t len, uint32_t maxPiece, uint32_t maxExtraBytes) {
  ChunkedDecoder decoder(maxExtraBytes);
  Decoded result;
  uint32_t noise = maxPiece;
  while (result.consumed < len && result.verdict == HttpVerdict::kNeedMore) {
    noise = noise * 1664525 + 1013904223;
    const uint32_t left = len - result.consumed;
    const uint32_t wanted = maxPiece == 0 ? left : 1 + (noise >> 16) % maxPiece;
    const uint32_t piece = wanted < left ? wanted : left;
    std::unique_ptr<char[]> block(new char[piece]);
    std::memcpy(block.get(), data + result.consumed, piece);
    const ChunkedDecoder::Step step = decoder.next(block.get(), piece);
    require(step.consumed > 0 && step.consumed <= piece);
    require(step.dataOff + step.dataLen <= step.consumed);
    result.data.append(block.get() + step.dataOff, step.dataLen);
    result.consumed += step.consumed;
    result.verdict = step.verdict;
  }
  return result;
}

std::string encode(const std::string& data) {
  std::string text;
  for (size_t at = 0; at < data.size(); at += 7) {
    const std::string chunk = data.substr(at, 7);
    text += std::to_string(chunk.size()) + "\r\n" + chunk + "\r\n";
  }
  return text + "0\r\n\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  if (size < 2 || size > 1 << 16) return 0;
  const uint32_t maxExtraBytes = (input[0] & 1) != 0 ? input[0] >> 1 : 16384;
  const char* data = reinterpret_cast<const char*>(input) + 2;
  const auto len = static_cast<uint32_t>(size - 2);
  const Decoded whole = decode(data, len, 0, maxExtraBytes);
  const Decoded parts = decode(data, len, 1 + input[1] % 64u, maxExtraBytes);
  require(whole.verdict == parts.verdict && whole.data == parts.data);
  require(whole.consumed == parts.consumed);
  if (whole.verdict != HttpVerdict::kDone) return 0;

  const std::string text = encode(whole.data);
  const Decoded again = decode(text.data(), static_cast<uint32_t>(text.size()), 5, 0);
  require(again.verdict == HttpVerdict::kDone && again.data == whole.data);
  require(again.consumed == text.size());
  return 0;
}
