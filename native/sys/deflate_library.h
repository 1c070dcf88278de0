#pragma once

// The zlib that the running executable carries: Node's own, or the library that a test has loaded.
// Looked up by name; Node's names begin with "Cr_z_", where it was not linked with the system's. A
// set is taken whole, because a program may export single functions of another zlib.
//
// The declarations are ours. zlib 1.x has kept them since 1.2.0, and checks at each start of a
// stream whether version and size of `Stream` are its own, which is how anything else is refused.
// Any thread.

#include <cstddef>

#include "sys/digest_library.h"

namespace heddle::sys {

struct DeflateLibrary {
  // z_stream. `state` and what is not named here are the library's.
  struct Stream {
    const unsigned char* nextIn;
    unsigned int availableIn;
    unsigned long totalIn;
    unsigned char* nextOut;
    unsigned int availableOut;
    unsigned long totalOut;
    const char* message;  // of the last error, or nullptr; static
    void* state;
    void* (*allocate)(void* context, unsigned int items, unsigned int size);
    void (*free)(void* context, void* memory);
    void* context;
    int dataType;
    unsigned long adler;
    unsigned long reserved;
  };

  enum Result { kOk = 0, kStreamEnd = 1, kDictionary = 2, kMemory = -4, kBuffer = -5 };
  enum Flush { kNoFlush = 0, kFinish = 4 };
  static constexpr int kDeflated = 8;
  static constexpr int kWindowBits = 15;  // + 16: gzip; negative: neither head nor tail
  static constexpr int kMemoryLevel = 8;
  static constexpr int kDefaultStrategy = 0;

  const char* (*version)();
  int (*deflateInit)(Stream* stream, int level, int method, int windowBits, int memoryLevel,
                     int strategy, const char* version, int streamBytes);
  int (*deflate)(Stream* stream, int flush);
  int (*deflateEnd)(Stream* stream);
  int (*inflateInit)(Stream* stream, int windowBits, const char* version, int streamBytes);
  int (*inflate)(Stream* stream, int flush);
  int (*inflateReset)(Stream* stream);
  int (*inflateEnd)(Stream* stream);
};

// nullptr: the program has none that we know. Looks once.
[[nodiscard]] const DeflateLibrary* deflateLibrary();

// The same with another way to find a function; false, and nothing is to be used.
[[nodiscard]] bool findDeflateLibrary(SymbolFinder find, DeflateLibrary* out);

}  // namespace heddle::sys
