#pragma once

// Where an address leads: a block of the arena, or what else. Nothing at the address is read. Any
// thread; for the slow paths.

#include <cstdint>

#include "mem/arena.h"
#include "mem/fault.h"
#include "mem/store.h"

namespace heddle::mem {

struct Place {
  Store* store = nullptr;  // nullptr when foreign
  Fault fault = Fault::kForeign;
  Memtype actual = kNoMemtype;
};

// kNone when a block in use starts there; kInterior inside of any block, kDoubleFree for a free
// one.
[[nodiscard]] Place placeOf(uintptr_t address);

// The same for one who takes it to be of the type: kWrongType when it is not.
[[nodiscard]] Place checkPlace(Memtype type, const void* block);

}  // namespace heddle::mem
