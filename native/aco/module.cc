#include "aco/module.h"

#include <cerrno>
#include <mutex>

#include "aco/c_abi.h"
#include "base/immortal.h"
#include "mem/typed_array.h"
#include "sys/library.h"

namespace heddle::aco {
namespace {

using Register = int (*)(const heddle_api* api);

// The libraries that have registered. The lock is held while one does, so that whoever loads it at
// the same time returns when its names are there.
struct Modules {
  std::mutex lock;
  mem::TypedArray<void*, mem::Builtin::kAcoModules> registered;

  [[nodiscard]] bool has(void* library) {
    for (void* const known : registered) {
      if (known == library) return true;
    }
    return false;
  }
};

Modules& modules() {
  static base::Immortal<Modules> instance;
  return *instance;
}

ModuleStep registerIn(void* library, int* error) {
  Modules& all = modules();
  const std::lock_guard<std::mutex> held(all.lock);
  if (all.has(library)) return ModuleStep::kDone;
  const auto enter = reinterpret_cast<Register>(sys::symbolIn(library, "heddle_register"));
  if (enter == nullptr) return ModuleStep::kSymbol;
  // Before it registers: afterwards it could not be undone.
  if (!all.registered.reserve(all.registered.size() + 1)) {
    *error = -ENOMEM;
    return ModuleStep::kRegister;
  }
  *error = enter(nativeApi());
  if (*error == HEDDLE_VERSION_MISMATCH) return ModuleStep::kVersion;
  if (*error != 0) return ModuleStep::kRegister;
  static_cast<void>(all.registered.push(library));  // there is room
  return ModuleStep::kDone;
}

}  // namespace

ModuleLoad loadModule(const char* path) {
  ModuleLoad load;
  void* library = nullptr;
  load.error = sys::loadLibrary(path, &library, load.text, sizeof(load.text));
  load.step = load.error < 0 ? ModuleStep::kOpen : registerIn(library, &load.error);
  return load;
}

}  // namespace heddle::aco
