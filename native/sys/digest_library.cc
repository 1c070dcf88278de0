#include "sys/digest_library.h"

#include "sys/library.h"

namespace heddle::sys {
namespace {

constexpr unsigned long kFirstVersion = 0x10101000;  // 1.1.1
constexpr unsigned long kAfterLast = 0x40000000;     // 4.0: not known yet

template <class Function>
bool find(SymbolFinder finder, const char* name, Function** out) {
  *out = reinterpret_cast<Function*>(finder(name));
  return *out != nullptr;
}

bool versionFits(SymbolFinder finder) {
  unsigned long (*version)() = nullptr;
  if (!find(finder, "OpenSSL_version_num", &version)) return false;
  const unsigned long number = version();
  return number >= kFirstVersion && number < kAfterLast;
}

}  // namespace

bool findDigestLibrary(SymbolFinder finder, DigestLibrary* out) {
  return versionFits(finder) && find(finder, "EVP_get_digestbyname", &out->byName) &&
         find(finder, "EVP_MD_CTX_new", &out->makeContext) &&
         find(finder, "EVP_MD_CTX_free", &out->freeContext) &&
         find(finder, "EVP_DigestInit_ex", &out->begin) &&
         find(finder, "EVP_DigestUpdate", &out->update) &&
         find(finder, "EVP_DigestFinal_ex", &out->finish) &&
         find(finder, "ERR_clear_error", &out->clearErrors);
}

const DigestLibrary* digestLibrary() {
  struct Found {
    DigestLibrary library{};
    bool complete = findDigestLibrary(symbolOfProgram, &library);
  };
  static const Found found;
  return found.complete ? &found.library : nullptr;
}

}  // namespace heddle::sys
