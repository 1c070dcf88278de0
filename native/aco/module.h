// Native modules: shared libraries that export heddle_register() (include/heddle/heddle.h), which
// is called once for each of them, however often and from how many threads it is loaded.
//
// A module stays loaded until the process ends, because coroutines, names and threads outlive
// whoever has loaded it. Any thread; two that load at the same time wait for each other.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heddle::aco {

// How far loading has come when it failed.
enum class ModuleStep : uint8_t {
  kDone,
  kOpen,      // `error`: -ENOENT and the like; -ENOEXEC: no library that can be loaded, see `text`
  kSymbol,    // it exports no heddle_register
  kVersion,   // it was built for another version of the interface
  kRegister,  // heddle_register failed with `error`
};

struct ModuleLoad {
  static constexpr size_t kTextBytes = 1024;

  ModuleStep step = ModuleStep::kDone;
  int error = 0;
  char text[kTextBytes] = "";
};

// `path` has a slash in it. One whose heddle_register has failed may be loaded again, and is then
// asked again.
[[nodiscard]] ModuleLoad loadModule(const char* path);

}  // namespace heddle::aco
