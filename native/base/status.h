#pragma once

// How the core reports failure: a plain number. A function that can fail returns `int` or
// `int64_t`, is
// `[[nodiscard]]`, and its value is >= 0 for success (a descriptor, a count, or 0) and a negative
// errno otherwise. Nothing throws. The translation into JavaScript errors happens in the binding
// and nowhere else.

#include <cstdint>

namespace heddle::base {

[[nodiscard]] constexpr bool failed(int64_t result) { return result < 0; }

// The errno of a failed result, 0 for a successful one.
[[nodiscard]] constexpr int errnoOf(int64_t result) {
  return result < 0 ? static_cast<int>(-result) : 0;
}

}  // namespace heddle::base
