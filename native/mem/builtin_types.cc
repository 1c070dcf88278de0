#include "mem/builtin_types.h"

#include <cstdlib>

#include "mem/account.h"
#include "mem/memtype.h"
#include "sys/supply.h"

namespace heddle::mem {

constinit Memtype builtinTypes[static_cast<size_t>(Builtin::kCount)] = {};

namespace {

struct Entry {
  const char* description;
  int traits;
};

constexpr Entry kEntries[] = {
#define HEDDLE_ENTRY(name, description, kind, align, traits) {description, traits},
    HEDDLE_BUILTIN_TYPES(HEDDLE_ENTRY)
#undef HEDDLE_ENTRY
};

constexpr Entry entryOf(Builtin which) { return kEntries[static_cast<size_t>(which)]; }

void* resizeSupply(void* memory, size_t bytes) {
  return resize(builtinType(Builtin::kSystem), memory, bytes);
}

void releaseSupply(void* memory) { release(builtinType(Builtin::kSystem), memory); }

// Runs at load, before any thread and any allocation.
[[maybe_unused]] const bool registered = [] {
  for (size_t i = 0; i < static_cast<size_t>(Builtin::kCount); i++) {
    const auto which = static_cast<Builtin>(i);
    if (kindOf(which) == Kind::kVsize) defineBuiltin(which, 0);
  }
  sys::supply = {resizeSupply, releaseSupply};
  return true;
}();

}  // namespace

Memtype defineBuiltin(Builtin which, size_t bytes) {
  const int64_t id = registerMemtype({.description = entryOf(which).description,
                                      .kind = kindOf(which),
                                      .bytes = bytes,
                                      .align = alignOf(which),
                                      .early = (entryOf(which).traits & kEarly) != 0});
  if (id < 0) {
    std::fprintf(stderr, "heddle: memtype '%s' cannot be registered (%d)\n",
                 entryOf(which).description, static_cast<int>(id));
    std::abort();
  }
  const auto type = static_cast<Memtype>(id);
  builtinTypes[static_cast<size_t>(which)] = type;
  return type;
}

bool printLiveBuiltins(std::FILE* out) {
  bool any = false;
  for (size_t i = 0; i < static_cast<size_t>(Builtin::kCount); i++) {
    const Memtype type = builtinTypes[i];
    if (type == kNoMemtype || (kEntries[i].traits & kStays) != 0) continue;
    const Usage usage = usageOf(type);
    if (usage.live == 0) continue;
    any = true;
    std::fprintf(out, "memtype '%s': %llu blocks left of %llu\n", kEntries[i].description,
                 static_cast<unsigned long long>(usage.live),
                 static_cast<unsigned long long>(usage.total));
  }
  return any;
}

void stopWithoutMemory(Builtin which, size_t bytes) {
  std::fprintf(stderr, "heddle: no memory for %zu bytes of memtype '%s'\n", bytes,
               entryOf(which).description);
  std::abort();
}

}  // namespace heddle::mem
