#include "sys/deflate_library.h"

#include <cstdio>

#include "sys/library.h"

namespace heddle::sys {
namespace {

template <class Function>
bool find(SymbolFinder finder, const char* prefix, const char* name, Function** out) {
  char full[32];
  std::snprintf(full, sizeof full, "%s%s", prefix, name);
  *out = reinterpret_cast<Function*>(finder(full));
  return *out != nullptr;
}

bool findPrefixed(SymbolFinder finder, const char* prefix, DeflateLibrary* out) {
  return find(finder, prefix, "zlibVersion", &out->version) && out->version()[0] == '1' &&
         out->version()[1] == '.' && find(finder, prefix, "deflateInit2_", &out->deflateInit) &&
         find(finder, prefix, "deflate", &out->deflate) &&
         find(finder, prefix, "deflateEnd", &out->deflateEnd) &&
         find(finder, prefix, "inflateInit2_", &out->inflateInit) &&
         find(finder, prefix, "inflate", &out->inflate) &&
         find(finder, prefix, "inflateReset", &out->inflateReset) &&
         find(finder, prefix, "inflateEnd", &out->inflateEnd);
}

}  // namespace

bool findDeflateLibrary(SymbolFinder finder, DeflateLibrary* out) {
  return findPrefixed(finder, "Cr_z_", out) || findPrefixed(finder, "", out);
}

const DeflateLibrary* deflateLibrary() {
  struct Found {
    DeflateLibrary library{};
    bool complete = findDeflateLibrary(symbolOfProgram, &library);
  };
  static const Found found;
  return found.complete ? &found.library : nullptr;
}

}  // namespace heddle::sys
