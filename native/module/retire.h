// epochRetire for threads that may take no part in epochs: they do for the moment. Without memory
// for that the object stays for good.
#pragma once

#include <cstddef>

#include "mem/epoch.h"

namespace heddle::modules {

inline void retire(mem::Retired* object, size_t bytes, mem::Retired::Reclaim reclaim) {
  const bool takesPart = mem::epochAttached();
  if (!takesPart && mem::epochAttachThread() < 0) return;
  mem::epochRetire(object, bytes, reclaim);
  if (!takesPart) mem::epochDetachThread();
}

}  // namespace heddle::modules
