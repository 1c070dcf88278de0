#include "mem/builtin_types.h"
#include "test/check.h"

namespace heddle::mem {
// Weak: the programs that use no built-in memtype need not have them.
[[gnu::weak]] bool printLiveBuiltins(std::FILE* out);
}  // namespace heddle::mem

// The counters of the core's own memtypes are zero at the end of every run.
int main(int argc, char** argv) {
  const int result = check::runAll(argc, argv);
  const bool left =
      heddle::mem::printLiveBuiltins != nullptr && heddle::mem::printLiveBuiltins(stdout);
  return left ? 1 : result;
}
