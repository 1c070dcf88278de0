// What one request head costs the parser: `http_parser_bench [rounds]` prints the median and the
// best of the rounds in nanoseconds per head, for heads as load generators and browsers send them.
//
// Build: c++ -std=c++20 -O3 -iquote native bench/native/http_parser_bench.cc
//   native/net/http_{parser,meaning,names,host,chunked}.cc

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "net/http_chunked.h"
#include "net/http_parser.h"

namespace {

using namespace heddle::net;  // NOLINT: a program, not a library

constexpr uint32_t kInner = 20000;

struct Sample {
  const char* name;
  std::string text;
};

std::vector<Sample> samples() {
  return {
      {"wrk, 1 header", "GET / HTTP/1.1\r\nHost: 127.0.0.1:8888\r\n\r\n"},
      {"autocannon, 2 headers",
       "GET / HTTP/1.1\r\nHost: 127.0.0.1:8888\r\nConnection: keep-alive\r\n\r\n"},
      {"curl, 3 headers",
       "GET /hello HTTP/1.1\r\nHost: localhost:8888\r\nUser-Agent: curl/8.5.0\r\n"
       "Accept: */*\r\n\r\n"},
      {"JSON POST, 5 headers",
       "POST /api/v1/items HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/json\r\n"
       "Content-Length: 1024\r\nAccept: application/json\r\nConnection: keep-alive\r\n\r\n"},
      {"browser, 10 headers",
       "GET /shop/items?page=3&sort=price HTTP/1.1\r\nHost: www.example.com\r\n"
       "Connection: keep-alive\r\nCache-Control: max-age=0\r\n"
       "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
       "Chrome/129.0.0.0 Safari/537.36\r\n"
       "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
       "*/*;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
       "Accept-Language: en-US,en;q=0.9\r\nReferer: https://www.example.com/shop\r\n"
       "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=1\r\n"
       "If-None-Match: \"5f3a-62b1c8d4e5f60\"\r\n\r\n"},
  };
}

double nsPerHead(const std::string& text) {
  HttpHeader headers[kMaxHeaders];
  HttpHead head{};
  head.headers = headers;
  uint64_t sum = 0;
  const auto start = std::chrono::steady_clock::now();
  for (uint32_t i = 0; i < kInner; i++) {
    uint32_t scanned = 0;
    const HttpVerdict verdict =
        parseHead(text.data(), static_cast<uint32_t>(text.size()), HttpLimits{}, &scanned, &head);
    if (verdict != HttpVerdict::kDone) std::abort();
    sum += head.headBytes + headers[head.headerCount - 1].valueLen;
  }
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  if (sum == 0) std::abort();
  return took.count() / kInner;
}

double chunkedNsPerKib() {
  std::string text;
  for (int i = 0; i < 16; i++) text += "400\r\n" + std::string(1024, 'x') + "\r\n";
  text += "0\r\n\r\n";
  const auto start = std::chrono::steady_clock::now();
  for (uint32_t round = 0; round < kInner / 10; round++) {
    ChunkedDecoder decoder;
    uint32_t at = 0;
    HttpVerdict verdict = HttpVerdict::kNeedMore;
    while (verdict == HttpVerdict::kNeedMore) {
      const auto step = decoder.next(text.data() + at, static_cast<uint32_t>(text.size()) - at);
      at += step.consumed;
      verdict = step.verdict;
    }
    if (verdict != HttpVerdict::kDone) std::abort();
  }
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  return took.count() / (kInner / 10) / 16;
}

template <typename Measure>
void report(const char* name, int rounds, Measure measure) {
  std::vector<double> figures;
  for (int i = 0; i < rounds; i++) figures.push_back(measure());
  std::sort(figures.begin(), figures.end());
  std::printf("%-24s median %7.1f ns   best %7.1f ns\n", name, figures[figures.size() / 2],
              figures.front());
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 31;
  for (const Sample& each : samples()) {
    report(each.name, rounds, [&] { return nsPerHead(each.text); });
  }
  report("chunked, per KiB chunk", rounds, chunkedNsPerKib);
  return 0;
}
