#pragma once

// Loads the system's zlib and OpenSSL in the way an executable has those that it was linked with,
// so that what looks symbols up in the program finds them. Without Node in the way there are none
// else; where the system has none either, what needs them must say ENOTSUP.

#include <dlfcn.h>

namespace heddle::test {

inline bool loadGlobal(const char* name) { return dlopen(name, RTLD_NOW | RTLD_GLOBAL) != nullptr; }

// Before the program's first look-up, which is remembered.
inline const bool deflateLoaded = loadGlobal("libz.so.1") || loadGlobal("libz.dylib");
inline const bool digestsLoaded = loadGlobal("libcrypto.so.3") || loadGlobal("libcrypto.so.1.1");

}  // namespace heddle::test
