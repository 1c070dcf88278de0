#pragma once

// Shared by the tests of typed memory.

#include "mem/memtype.h"

namespace heddle::test {

inline mem::Memtype fixedType(const char* description, size_t bytes) {
  return static_cast<mem::Memtype>(
      mem::registerMemtype({.description = description, .bytes = bytes}));
}

inline mem::Memtype vsizeType(const char* description) {
  return static_cast<mem::Memtype>(
      mem::registerMemtype({.description = description, .kind = mem::Kind::kVsize}));
}

}  // namespace heddle::test
