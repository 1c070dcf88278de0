#pragma once

// The registered memtypes of the process. They are never taken back, so a TypeInfo stays valid.
// Any thread.

#include <cstddef>
#include <cstdint>

#include "mem/fault.h"

namespace heddle::mem {

enum class Kind : uint8_t { kFixed, kVsize };

constexpr uint32_t kNoFill = 0xffffffffu;
constexpr uint32_t kDefaultAlign = 16;
constexpr uint32_t kMaxAlign = 4096;
constexpr size_t kMaxDescriptionBytes = 63;

struct Definition {
  const char* description;  // "module:type", at most kMaxDescriptionBytes, copied
  Kind kind = Kind::kFixed;
  size_t bytes = 0;                // of a block; 0 for vsize
  uint32_t align = kDefaultAlign;  // a power of two up to kMaxAlign
  uint32_t fill = kNoFill;         // 0 … 255: new memory is filled with this byte
  bool scratch = false;            // blocks do not outlive the operation they were made for
  // vsize: each block comes from the system by itself, whatever the engine, and does not settle the
  // choice of one. For the few that are there before a program can choose.
  bool early = false;
};

struct TypeInfo {
  char description[kMaxDescriptionBytes + 1];
  Kind kind;
  bool scratch;
  bool early;
  uint32_t align;
  uint32_t fill;
  size_t bytes;       // as registered
  size_t blockBytes;  // what a fixed block takes: `bytes` rounded up to the alignment, 16 at least
};

// The id. The same definition again returns the same id. EINVAL: a missing or overlong description,
// one taken by a different definition, a fixed type without bytes, a vsize type with bytes, an
// alignment that is no power of two or too large, a fill above 255, an early fixed type. ENOSPC:
// the limit is reached.
[[nodiscard]] int64_t registerMemtype(const Definition& definition);

// nullptr when there is no such type.
[[nodiscard]] const TypeInfo* findType(Memtype type);
[[nodiscard]] bool isFixed(Memtype type);

// kNoMemtype when no type has the description.
[[nodiscard]] Memtype memtypeByName(const char* description);

// The ids are 1 … memtypeCount().
[[nodiscard]] uint32_t memtypeCount();

// How many types may exist, at most kMaxTypes; EINVAL above that or below memtypeCount().
[[nodiscard]] int setMemtypeLimit(uint32_t limit);

// Whether `type` belongs to `module`, the part of the description before the colon.
[[nodiscard]] bool isOfModule(Memtype type, const char* module);

}  // namespace heddle::mem
