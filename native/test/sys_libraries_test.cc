// What is looked up in the running program: OpenSSL's digests and zlib, both or none of their
// functions, and only in the versions that our declarations are valid for.
#include <cstddef>
#include <cstring>
#include <string>

#include "sys/deflate_library.h"
#include "sys/digest_library.h"
#include "sys/library.h"
#include "test/check.h"
#include "test/libraries.h"

#if __has_include(<zlib.h>)
#include <zlib.h>
#endif

using namespace heddle::sys;  // NOLINT(google-build-using-namespace)

namespace {

#if __has_include(<zlib.h>)
using Ours = DeflateLibrary::Stream;
static_assert(sizeof(Ours) == sizeof(z_stream));
static_assert(offsetof(Ours, availableIn) == offsetof(z_stream, avail_in));
static_assert(offsetof(Ours, totalIn) == offsetof(z_stream, total_in));
static_assert(offsetof(Ours, nextOut) == offsetof(z_stream, next_out));
static_assert(offsetof(Ours, availableOut) == offsetof(z_stream, avail_out));
static_assert(offsetof(Ours, totalOut) == offsetof(z_stream, total_out));
static_assert(offsetof(Ours, message) == offsetof(z_stream, msg));
static_assert(offsetof(Ours, state) == offsetof(z_stream, state));
static_assert(offsetof(Ours, allocate) == offsetof(z_stream, zalloc));
static_assert(offsetof(Ours, free) == offsetof(z_stream, zfree));
static_assert(offsetof(Ours, context) == offsetof(z_stream, opaque));
static_assert(offsetof(Ours, dataType) == offsetof(z_stream, data_type));
static_assert(offsetof(Ours, adler) == offsetof(z_stream, adler));
static_assert(Z_OK == DeflateLibrary::kOk && Z_STREAM_END == DeflateLibrary::kStreamEnd);
static_assert(Z_NEED_DICT == DeflateLibrary::kDictionary && Z_BUF_ERROR == DeflateLibrary::kBuffer);
static_assert(Z_MEM_ERROR == DeflateLibrary::kMemory && Z_FINISH == DeflateLibrary::kFinish);
static_assert(Z_DEFLATED == DeflateLibrary::kDeflated && MAX_WBITS == DeflateLibrary::kWindowBits);
#endif

// A program as a finder sees it: which name is missing, and what its libraries say they are.
std::string missing;
unsigned long openSslVersion = 0x30000000;
const char* zlibVersionText = "1.3.1";
std::string prefix;

unsigned long sayOpenSsl() { return openSslVersion; }
const char* sayZlib() { return zlibVersionText; }
void something() {}

void* findPretended(const char* name) {
  if (missing == name) return nullptr;
  if (std::strcmp(name, "OpenSSL_version_num") == 0) return reinterpret_cast<void*>(sayOpenSsl);
  if (std::strncmp(name, "EVP_", 4) == 0 || std::strncmp(name, "ERR_", 4) == 0)
    return reinterpret_cast<void*>(something);
  if (std::strncmp(name, prefix.c_str(), prefix.size()) != 0) return nullptr;
  const char* const plain = name + prefix.size();
  if (std::strncmp(plain, "Cr_z_", 5) == 0) return nullptr;
  if (std::strcmp(plain, "zlibVersion") == 0) return reinterpret_cast<void*>(sayZlib);
  return reinterpret_cast<void*>(something);
}

}  // namespace

CASE("libraries: the program's own are found, where it has them") {
  CHECK(symbolOfProgram("malloc") != nullptr);
  CHECK(symbolOfProgram("heddle_no_such_name") == nullptr);
  CHECK_EQ(digestLibrary() != nullptr, heddle::test::digestsLoaded);
  CHECK_EQ(deflateLibrary() != nullptr, heddle::test::deflateLoaded);
  CHECK(digestLibrary() == digestLibrary());
}

CASE("libraries: OpenSSL counts from 1.1.1 to 3.x") {
  DigestLibrary library;
  for (const unsigned long version :
       {0x10101000ul, 0x1010107ful, 0x30000130ul, 0x3fffffff0ul >> 4}) {
    openSslVersion = version;
    CHECK(findDigestLibrary(findPretended, &library));
  }
  for (const unsigned long version : {0ul, 0x100020b0ul, 0x10100010ul, 0x40000000ul}) {
    openSslVersion = version;
    CHECK(!findDigestLibrary(findPretended, &library));
  }
  openSslVersion = 0x30000000;
}

CASE("libraries: one missing function, and the whole is missing") {
  DigestLibrary digests;
  for (const char* name :
       {"OpenSSL_version_num", "EVP_get_digestbyname", "EVP_MD_CTX_new", "EVP_MD_CTX_free",
        "EVP_DigestInit_ex", "EVP_DigestUpdate", "EVP_DigestFinal_ex", "ERR_clear_error"}) {
    missing = name;
    CHECK(!findDigestLibrary(findPretended, &digests));
  }
  DeflateLibrary deflates;
  for (const char* name : {"zlibVersion", "deflateInit2_", "deflate", "deflateEnd", "inflateInit2_",
                           "inflate", "inflateReset", "inflateEnd"}) {
    missing = name;
    CHECK(!findDeflateLibrary(findPretended, &deflates));
  }
  missing = "";
  CHECK(findDigestLibrary(findPretended, &digests));
  CHECK(findDeflateLibrary(findPretended, &deflates));
}

CASE("libraries: zlib counts under either name, in its first version") {
  DeflateLibrary library;
  prefix = "Cr_z_";
  CHECK(findDeflateLibrary(findPretended, &library));
  for (const char* version : {"2.0", "", "11.0"}) {
    zlibVersionText = version;
    CHECK(!findDeflateLibrary(findPretended, &library));
  }
  zlibVersionText = "1.3.1";
  prefix = "";
}
