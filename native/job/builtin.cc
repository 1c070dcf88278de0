#include "job/builtin.h"

namespace heddle::job {
namespace {

// For measuring, and for jobs that only have a deadline or dependents.
void doNothing(NativeCall&) {}

struct Entry {
  std::string_view name;
  NativeFunction function;
};

constexpr Entry kTable[] = {
    {"heddle:nothing", doNothing},     {"heddle:file.read", readFile},
    {"heddle:file.write", writeFile},  {"heddle:file.stat", statFile},
    {"heddle:dns.lookup", lookUpHost}, {"heddle:crc32c", checksumBytes},
    {"heddle:digest", digestBytes},    {"heddle:deflate", deflateBytes},
    {"heddle:inflate", inflateBytes},
};

}  // namespace

NativeFunction builtinFunction(std::string_view name) {
  for (const Entry& entry : kTable) {
    if (entry.name == name) return entry.function;
  }
  return nullptr;
}

}  // namespace heddle::job
