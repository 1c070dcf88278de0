#pragma once

// Misuse of typed memory: what was wrong, with which block, of which types. The binding turns a
// FaultReport into an exception; the C++ entries hand it to `stopAtFault`, which prints the same
// text and aborts.

#include <cstddef>
#include <cstdint>

namespace heddle::mem {

// A registered type's id: 1 … kMaxTypes. 0 is no type, so a forgotten registration is noticed.
using Memtype = uint32_t;
constexpr Memtype kNoMemtype = 0;
constexpr uint32_t kMaxTypes = 512;

enum class Fault : uint8_t {
  kNone,
  kUnknownType,  // the id was never registered
  kWrongKind,    // a fixed operation with a vsize type or the reverse
  kWrongType,    // the block belongs to another type
  kDoubleFree,   // the block is free already
  kForeign,      // no block of ours starts anywhere near
  kInterior,     // inside a block, not at its start
};

struct FaultReport {
  Fault fault = Fault::kNone;
  Memtype given = kNoMemtype;   // what the caller named
  Memtype actual = kNoMemtype;  // what the block is, when known
  const void* block = nullptr;
  const char* operation = "";
};

// One line naming both types by description; always terminated. Returns its length.
size_t describeFault(const FaultReport& report, char* text, size_t capacity);

// The text to stderr, then SIGABRT.
[[noreturn]] void stopAtFault(const FaultReport& report);

}  // namespace heddle::mem
