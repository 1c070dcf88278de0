#pragma once

// The message digests of the OpenSSL that the running executable carries: Node's own, or the
// library that a test has loaded. Looked up by name, so that one binary serves every Node; the
// declarations here are ours.
//
// Valid for OpenSSL 1.1.1 and 3.x (and BoringSSL, which names itself 1.1.1), where these functions
// have the same form; any other version counts as none. Any thread.

#include <cstddef>

namespace heddle::sys {

struct DigestLibrary {
  struct Method;   // EVP_MD
  struct Context;  // EVP_MD_CTX
  struct Engine;   // none is ever used

  static constexpr size_t kMaxDigestBytes = 64;  // EVP_MAX_MD_SIZE

  // nullptr: there is no digest of the name.
  const Method* (*byName)(const char* name);
  // nullptr: no memory.
  Context* (*makeContext)();
  void (*freeContext)(Context* context);
  // These return 1 for success. `begin` fails for what this OpenSSL has switched off.
  int (*begin)(Context* context, const Method* method, Engine* engine);
  int (*update)(Context* context, const void* bytes, size_t size);
  int (*finish)(Context* context, unsigned char* digest, unsigned int* size);
  // Of this thread: what a failed call leaves there would be taken for a later one's.
  void (*clearErrors)();
};

// nullptr: the program has none that we know. Looks once.
[[nodiscard]] const DigestLibrary* digestLibrary();

// The same with another way to find a function; false, and nothing is to be used.
using SymbolFinder = void* (*)(const char* name);
[[nodiscard]] bool findDigestLibrary(SymbolFinder find, DigestLibrary* out);

}  // namespace heddle::sys
