// Shared libraries of native code: those that export heddle_register() (include/heddle/heddle.h),
// which is called once for each of them, and those that export modules (include/heddle/module.h),
// however often and from how many threads they are loaded.
//
// A library stays loaded until the process ends, because coroutines, names and threads outlive
// whoever has loaded it. Any thread; two that load at the same time wait for each other.
#pragma once

#include <cstddef>
#include <cstdint>

#include "include/heddle/module.h"

namespace heddle::modules {

// How far loading has come when it failed.
enum class LoadStep : uint8_t {
  kDone,
  kOpen,      // `error`: -ENOENT and the like; -ENOEXEC: no library that can be loaded, see `text`
  kSymbol,    // it exports nothing of what was asked for
  kVersion,   // it was built for another version of the interface, or a later revision of this one;
              // of a module `version` and `revision` are which
  kRegister,  // heddle_register failed with `error`
  kModule,    // what it exports as a module cannot be one, `text` says why
};

struct Load {
  static constexpr size_t kTextBytes = 1024;

  LoadStep step = LoadStep::kDone;
  int error = 0;
  uint32_t version = 0;
  uint32_t revision = 0;
  heddle_module module = {};  // of findModule: of a shorter one, the rest is 0
  char text[kTextBytes] = "";
};

// `path` has a slash in it. One whose heddle_register has failed may be loaded again, and is then
// asked again.
[[nodiscard]] Load loadProcedures(const char* path);
// The module of that name: what is exported as heddle_module_<name>, else as heddle_module if that
// has the name, whatever the case. "": heddle_module, whatever its name. A heddle_register beside
// it is called first.
[[nodiscard]] Load findModule(const char* path, const char* name);

}  // namespace heddle::modules
