// What is still allocated, for the end of a program or test.
#include <cinttypes>

#include "mem/memtype.h"

namespace heddle::mem {

bool reportLeaks(std::FILE* to) {
  bool any = false;
  for (Memtype type = 1; type <= memtypeCount(); type++) {
    const Usage usage = usageOf(type);
    if (usage.live == 0) continue;
    any = true;
    std::fprintf(to, "heddle: memtype '%s': %" PRIu64 " live blocks, %" PRIu64 " bytes\n",
                 findType(type)->description, usage.live, usage.bytes);
  }
  return any;
}

}  // namespace heddle::mem
