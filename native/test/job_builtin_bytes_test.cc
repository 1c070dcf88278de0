// The native jobs for bytes and names: checksums, digests, compression, hosts; and what any of them
// does with a request that makes no sense.
#include <cerrno>
#include <string>

#include "test/builtin_fixture.h"
#include "test/failing.h"
#include "test/libraries.h"

using heddle::test::Answer;
using heddle::test::Asked;
using heddle::test::callBuiltin;
using heddle::test::deflateLoaded;
using heddle::test::digestsLoaded;

namespace {

enum Format : uint32_t { kGzip, kZlib, kRaw };
constexpr double kPlenty = 64 << 20;

Answer deflate(const std::string& bytes, uint32_t format = kGzip, uint32_t level = 6) {
  return callBuiltin("heddle:deflate", Asked().number(format).number(level).rest(bytes));
}

Answer inflate(const std::string& bytes, uint32_t format = kGzip, double maxBytes = kPlenty) {
  return callBuiltin("heddle:inflate", Asked().number(format).large(maxBytes).rest(bytes));
}

Answer digest(const std::string& name, const std::string& bytes) {
  return callBuiltin("heddle:digest", Asked().text(name).rest(bytes));
}

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned>(static_cast<uint8_t>(byte)));
    text += two;
  }
  return text;
}

std::string randomBytes(size_t size) {
  check::Random random(check::seed());
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.next());
  return bytes;
}

}  // namespace

CASE("crc32c: of a request, and going on from an earlier one") {
  CHECK_EQ(callBuiltin("heddle:crc32c", Asked().number(0).rest("123456789")).number,
           static_cast<double>(0xe3069283));
  const Answer first = callBuiltin("heddle:crc32c", Asked().number(0).rest("1234"));
  const auto crc = static_cast<uint32_t>(first.number);
  CHECK_EQ(callBuiltin("heddle:crc32c", Asked().number(crc).rest("56789")).number,
           static_cast<double>(0xe3069283));
}

CASE("digests: the answers of the standards' examples") {
  if (!digestsLoaded) {
    CHECK_EQ(digest("sha256", "abc").error, -ENOTSUP);
    return;
  }
  CHECK(hex(digest("sha1", "abc").bytes) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex(digest("sha256", "abc").bytes) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(digest("sha256", "").bytes) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(digest("SHA512", "abc").bytes) ==
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  CHECK(hex(digest("md5", "message digest").bytes) == "f96b697d7cb7938d525a2f31aaf161d0");
  CHECK(hex(digest("sha256", std::string(1'000'000, 'a')).bytes) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  // In three pieces.
  static_assert(2'500'000 > 2 * heddle::job::kPieceBytes);
  CHECK(hex(digest("sha256", std::string(2'500'000, 'a')).bytes) ==
        "38a637965059125eeb67f54c30e7f48a"
        "61859a467a800ba09740ba48a924f2b9");
  CHECK_EQ(digest("no such digest", "abc").error, -EINVAL);
  CHECK_EQ(digest("", "abc").error, -EINVAL);
}

CASE("deflate, inflate: each format comes back, of any size and kind") {
  if (!deflateLoaded) {
    CHECK_EQ(deflate("abc").error, -ENOTSUP);
    CHECK_EQ(inflate("abc").error, -ENOTSUP);
    return;
  }
  const std::string noise = randomBytes(2'500'000);
  for (const uint32_t format : {kGzip, kZlib, kRaw}) {
    for (const std::string& bytes :
         {std::string(), std::string("a"), std::string(3'000'000, 'x'), noise}) {
      for (const uint32_t level : {0u, 1u, 9u, ~0u}) {
        const Answer small = deflate(bytes, format, level);
        CHECK_EQ(small.error, 0);
        const Answer large = inflate(small.bytes, format);
        CHECK_EQ(large.error, 0);
        CHECK(large.bytes == bytes);
        if (bytes.size() > 2'600'000 && level != 0) CHECK(small.bytes.size() < 20'000);
      }
    }
  }
}

CASE("inflate: what is larger than allowed is EFBIG, as large is not") {
  if (!deflateLoaded) return;
  const std::string bomb = deflate(std::string(10'000'000, '\0')).bytes;
  CHECK(bomb.size() < 20'000);
  CHECK_EQ(inflate(bomb, kGzip, 9'999'999).error, -EFBIG);
  CHECK_EQ(inflate(bomb, kGzip, 10'000'000).number, 10'000'000.0);
  CHECK_EQ(inflate(bomb, kGzip, 0).error, -EFBIG);
  CHECK_EQ(inflate(deflate("").bytes, kGzip, 0).error, 0);
}

CASE("inflate: input that ends early, is broken or is something else") {
  if (!deflateLoaded) return;
  const std::string whole = deflate(randomBytes(5000)).bytes;
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{9}, size_t{10}, size_t{700}, whole.size() - 1}) {
    const Answer cut = inflate(whole.substr(0, size));
    CHECK_EQ(cut.error, -EBADMSG);
    CHECK(cut.text == "unexpected end of file");
  }
  CHECK(inflate("this is no such stream").text == "incorrect header check");
  std::string broken = whole;
  broken[broken.size() - 6] = static_cast<char>(broken[broken.size() - 6] ^ 1);
  CHECK(inflate(broken).text == "incorrect data check");
  CHECK_EQ(inflate(deflate("abc", kZlib).bytes, kGzip).error, -EBADMSG);
}

CASE("inflate: of gzip all members, and padding after them") {
  if (!deflateLoaded) return;
  const std::string two = deflate("abc").bytes + deflate("").bytes + deflate("def").bytes;
  CHECK(inflate(two).bytes == "abcdef");
  CHECK(inflate(two + std::string(10, '\0')).bytes == "abcdef");
  CHECK(inflate(two + std::string(1, '\0') + "rubbish").bytes == "abcdef");
  CHECK_EQ(inflate(two + "rubbish").error, -EBADMSG);
  CHECK(inflate(deflate("abc", kZlib).bytes + "rubbish", kZlib).bytes == "abc");
}

CASE("hosts: entries of family, length and text") {
  const Answer four = callBuiltin("heddle:dns.lookup", Asked().text("127.0.0.1").number(0));
  CHECK(four.bytes == std::string("\x04\x09") + "127.0.0.1");
  const Answer six = callBuiltin("heddle:dns.lookup", Asked().text("::1").number(6));
  CHECK(six.bytes == std::string("\x06\x03") + "::1");
  CHECK_EQ(callBuiltin("heddle:dns.lookup", Asked().text("::1").number(5)).error, -EINVAL);
  CHECK(callBuiltin("heddle:dns.lookup", Asked().text("127.0.0.1").number(6)).error <= -3000);
  CHECK_EQ(callBuiltin("heddle:dns.lookup", Asked().text("").number(0)).error, -3008);
}

CASE("jobs that are asked to stop say so before their first piece") {
  const std::string bytes = "abc";
  CHECK_EQ(callBuiltin("heddle:crc32c", Asked().number(0).rest(bytes), true).error, -ECANCELED);
  if (digestsLoaded) {
    const Asked asked = Asked().text("sha256").rest(bytes);
    CHECK_EQ(callBuiltin("heddle:digest", asked, true).error, -ECANCELED);
  }
  if (!deflateLoaded) return;
  const Asked deflating = Asked().number(kGzip).number(6).rest(bytes);
  CHECK_EQ(callBuiltin("heddle:deflate", deflating, true).error, -ECANCELED);
  const Asked inflating = Asked().number(kGzip).large(10).rest(bytes);
  CHECK_EQ(callBuiltin("heddle:inflate", inflating, true).error, -ECANCELED);
}

CASE("requests that make no sense are EINVAL, wherever they are cut off") {
  const struct {
    const char* name;
    Asked whole;
  } kinds[] = {
      {"heddle:file.read", Asked().text("/dev/null").large(0).large(1).large(1)},
      {"heddle:file.write", Asked().text("/dev/null").number(0).number(0).number(0)},
      {"heddle:file.stat", Asked().text("/dev/null").number(0)},
      {"heddle:dns.lookup", Asked().text("127.0.0.1").number(0)},
      {"heddle:crc32c", Asked().number(0)},
      {"heddle:digest", Asked().text("sha256")},
      {"heddle:deflate", Asked().number(0).number(6)},
      {"heddle:inflate", Asked().number(0).large(1)},
  };
  for (const auto& kind : kinds) {
    const std::string& bytes = kind.whole.bytes();
    for (size_t size = 0; size < bytes.size(); size++)
      CHECK_EQ(callBuiltin(kind.name, bytes.substr(0, size)).error, -EINVAL);
  }
  CHECK_EQ(callBuiltin("heddle:inflate", Asked().number(3).large(1)).error, -EINVAL);
  CHECK_EQ(callBuiltin("heddle:inflate", Asked().number(0).large(-1)).error, -EINVAL);
  CHECK_EQ(callBuiltin("heddle:inflate", Asked().number(0).large(1.5)).error, -EINVAL);
  CHECK_EQ(callBuiltin("heddle:inflate", Asked().number(0).large(0.0 / 0.0)).error, -EINVAL);
  CHECK_EQ(callBuiltin("heddle:inflate", Asked().number(0).large(1e300)).error, -EINVAL);
  CHECK_EQ(callBuiltin("heddle:deflate", Asked().number(0).number(10)).error, -EINVAL);
  CHECK_EQ(callBuiltin("heddle:deflate", Asked().number(3).number(1)).error, -EINVAL);
  CHECK_EQ(callBuiltin("heddle:file.stat", Asked().number(3).rest("a\0b").number(1)).error,
           -EINVAL);
  CHECK_EQ(callBuiltin("heddle:file.stat", Asked().number(0).number(1)).error, -EINVAL);
}

CASE("bytes: each allocation may fail, and then the job does") {
  if (!deflateLoaded) return;
  const std::string bytes = randomBytes(200'000);
  const std::string small = deflate(bytes).bytes;
  for (const bool inflating : {false, true}) {
    heddle::test::eachAllocationFails(2, [&](heddle::test::Failing& failing) {
      failing.arm();
      const Answer answer = inflating ? inflate(small) : deflate(bytes);
      const bool failed = heddle::mem::failpoint().countdown.load() < 0;
      CHECK_EQ(answer.error, failed ? -ENOMEM : 0);
    });
  }
}
