// Any bytes as the request of a built-in function: the first byte chooses which, the rest is the
// request. Of those that change files or ask the network none.
//
// Held: a number, bytes or a negative errno come out, never more bytes than the request allows; and
// what deflates inflates to the same.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "test/builtin_fixture.h"
#include "test/libraries.h"

namespace {

using heddle::test::Answer;
using heddle::test::Asked;
using heddle::test::callBuiltin;

void require(bool condition) {
  if (!condition) std::abort();
}

constexpr const char* kNames[] = {"heddle:file.stat", "heddle:crc32c",  "heddle:digest",
                                  "heddle:deflate",   "heddle:inflate", "heddle:file.read"};

void inflateAtMost(const std::string& bytes, uint32_t format, double maxBytes) {
  const Asked asked = Asked().number(format).large(maxBytes).rest(bytes);
  const Answer answer = callBuiltin("heddle:inflate", asked);
  require(answer.bytes.size() <= static_cast<size_t>(maxBytes));
  require(answer.error == 0 || answer.bytes.empty());
}

void thereAndBack(const std::string& bytes, uint32_t format, uint32_t level) {
  const Answer small =
      callBuiltin("heddle:deflate", Asked().number(format).number(level).rest(bytes));
  require(small.error == 0);
  const double size = static_cast<double>(bytes.size());
  const Answer large =
      callBuiltin("heddle:inflate", Asked().number(format).large(size).rest(small.bytes));
  require(large.error == 0 && large.bytes == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string request(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Answer answer = callBuiltin(kNames[data[0] % std::size(kNames)], request);
  require(answer.error <= 0);
  if (!heddle::test::deflateLoaded) return 0;
  const uint32_t format = data[0] % 3;
  inflateAtMost(request, format, 1000);
  thereAndBack(request, format, data[0] % 10);
  return 0;
}
