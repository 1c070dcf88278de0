#include "module/library.h"

#include <strings.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "base/immortal.h"
#include "mem/typed_array.h"
#include "module/table.h"
#include "sys/library.h"

namespace heddle::modules {
namespace {

using Register = int (*)(const heddle_api* api);

// The libraries that have registered. The lock is held while one does, so that whoever loads it at
// the same time returns when its names are there.
struct Libraries {
  std::mutex lock;
  mem::TypedArray<void*, mem::Builtin::kModuleLibraries> registered;

  [[nodiscard]] bool has(void* library) {
    for (void* const known : registered) {
      if (known == library) return true;
    }
    return false;
  }
};

Libraries& libraries() {
  static base::Immortal<Libraries> instance;
  return *instance;
}

LoadStep registerIn(void* library, int* error) {
  Libraries& all = libraries();
  const std::lock_guard<std::mutex> held(all.lock);
  if (all.has(library)) return LoadStep::kDone;
  const auto enter = reinterpret_cast<Register>(sys::symbolIn(library, "heddle_register"));
  if (enter == nullptr) return LoadStep::kSymbol;
  // Before it registers: afterwards it could not be undone.
  if (!all.registered.reserve(all.registered.size() + 1)) {
    *error = -ENOMEM;
    return LoadStep::kRegister;
  }
  *error = enter(nativeApi());
  if (*error == HEDDLE_VERSION_MISMATCH) return LoadStep::kVersion;
  if (*error != 0) return LoadStep::kRegister;
  static_cast<void>(all.registered.push(library));  // there is room
  return LoadStep::kDone;
}

// The members of the first version.
constexpr uint32_t kLeastBytes = offsetof(heddle_module, control) + sizeof(void*);

const heddle_module* moduleIn(void* library, const char* name) {
  char symbol[256];
  const int length = std::snprintf(symbol, sizeof symbol, "heddle_module_%s", name);
  const bool fits = length > 0 && static_cast<size_t>(length) < sizeof symbol;
  const void* const named = fits && name[0] != '\0' ? sys::symbolIn(library, symbol) : nullptr;
  const void* const found = named == nullptr ? sys::symbolIn(library, "heddle_module") : named;
  return static_cast<const heddle_module*>(found);
}

bool isNamed(const heddle_module& module, const char* name) {
  return name[0] == '\0' || strcasecmp(module.name, name) == 0;
}

LoadStep refuse(Load* load, const char* why) {
  std::snprintf(load->text, sizeof load->text, "%s", why);
  return LoadStep::kModule;
}

// Of another version nothing but the version is looked at.
LoadStep check(const heddle_module* found, const char* name, Load* load) {
  load->version = found->version;
  if (found->version != HEDDLE_API_VERSION) return LoadStep::kVersion;
  if (found->size < kLeastBytes) return refuse(load, "its struct heddle_module is cut short");
  load->revision = found->revision;
  if (found->revision > HEDDLE_API_REVISION) return LoadStep::kVersion;
  heddle_module& module = load->module;
  std::memcpy(&module, found, std::min<size_t>(found->size, sizeof module));
  if (module.name == nullptr || module.name[0] == '\0') return refuse(load, "it has no name");
  if (!isNamed(module, name)) {
    std::snprintf(load->text, sizeof load->text, "%s", module.name);
    return LoadStep::kSymbol;
  }
  if (module.conf_setup == nullptr) return refuse(load, "it has no conf_setup");
  if (module.ext_init == nullptr) return refuse(load, "it has no ext_init");
  if ((module.flags & ~HEDDLE_MODULE_SINGLETON) != 0) return refuse(load, "it has unknown flags");
  return LoadStep::kDone;
}

}  // namespace

Load loadProcedures(const char* path) {
  Load load;
  void* library = nullptr;
  load.error = sys::loadLibrary(path, &library, load.text, sizeof(load.text));
  load.step = load.error < 0 ? LoadStep::kOpen : registerIn(library, &load.error);
  return load;
}

Load findModule(const char* path, const char* name) {
  Load load;
  void* library = nullptr;
  load.error = sys::loadLibrary(path, &library, load.text, sizeof(load.text));
  if (load.error < 0) {
    load.step = LoadStep::kOpen;
    return load;
  }
  const heddle_module* const found = moduleIn(library, name);
  load.step = found == nullptr ? LoadStep::kSymbol : check(found, name, &load);
  if (load.step != LoadStep::kDone) return load;
  const LoadStep registered = registerIn(library, &load.error);
  if (registered != LoadStep::kSymbol) load.step = registered;
  return load;
}

}  // namespace heddle::modules
