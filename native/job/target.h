// What a job runs, as a number: an export of a module (for JavaScript to look up), or a registered
// native function. Process-wide, from 1, never taken back: so that jobs carry a word and not names.
//
// Any thread; names are copied and live as long as the process.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "aco/procedures.h"
#include "job/function.h"

namespace heddle::job {

struct Target {
  uint32_t number = 0;
  // Of a native one, one of the two.
  NativeFunction function = nullptr;
  void* context = nullptr;
  aco::NamedFunction bare = nullptr;
  // A guess of the next run's time: the longest of late, forgotten slowly. Whoever gives out
  // several jobs at once looks here. Relaxed: a guess.
  std::atomic<uint32_t> guessNs{kUnknownNs};
  std::string_view module;
  std::string_view name;
  Target* next = nullptr;

  static constexpr uint32_t kLongNs = 1'000'000;  // and above
  static constexpr uint32_t kUnknownNs = kLongNs + 1;

  bool isNative() const { return function != nullptr || bare != nullptr; }
  void noteRun(int64_t ns);
};

// The module of native functions.
constexpr std::string_view kNativeModule = "native:";

// The number; -ENOENT: of a native one, nothing is registered under the name; -ENOMEM, also
// where there are too many.
[[nodiscard]] int64_t targetNumber(std::string_view module, std::string_view name);
// nullptr: no such number.
[[nodiscard]] Target* findTarget(uint32_t number);

}  // namespace heddle::job
