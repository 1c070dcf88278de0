#include "mem/fault.h"

#include <cstdio>
#include <cstdlib>

#include "mem/registry.h"

namespace heddle::mem {

namespace {

const char* nameOf(Memtype type) {
  const TypeInfo* info = findType(type);
  return info != nullptr ? info->description : "unknown";
}

}  // namespace

size_t describeFault(const FaultReport& report, char* text, size_t capacity) {
  const char* given = nameOf(report.given);
  const char* actual = nameOf(report.actual);
  int length = 0;
  switch (report.fault) {
    case Fault::kNone:
      length = std::snprintf(text, capacity, "%s: no fault", report.operation);
      break;
    case Fault::kUnknownType:
      length = std::snprintf(text, capacity, "%s: memtype %u is not registered", report.operation,
                             report.given);
      break;
    case Fault::kWrongKind:
      length = std::snprintf(text, capacity,
                             "%s: memtype '%s' is %s, which this operation does not take",
                             report.operation, given, isFixed(report.given) ? "fixed" : "vsize");
      break;
    case Fault::kWrongType:
      length = std::snprintf(text, capacity, "%s: block %p is of memtype '%s', not of '%s'",
                             report.operation, report.block, actual, given);
      break;
    case Fault::kDoubleFree:
      length = std::snprintf(text, capacity,
                             "%s: block %p of memtype '%s' is free already (memtype given: '%s')",
                             report.operation, report.block, actual, given);
      break;
    case Fault::kForeign:
      length = std::snprintf(text, capacity,
                             "%s: %p is not a block of any memtype (memtype given: '%s')",
                             report.operation, report.block, given);
      break;
    case Fault::kInterior:
      length = std::snprintf(
          text, capacity,
          "%s: %p lies inside a block of memtype '%s', not at its start (memtype given: '%s')",
          report.operation, report.block, actual, given);
      break;
  }
  if (length < 0) return 0;
  const auto wanted = static_cast<size_t>(length);
  return wanted < capacity ? wanted : capacity - 1;
}

void stopAtFault(const FaultReport& report) {
  char text[512];
  describeFault(report, text, sizeof text);
  std::fprintf(stderr, "heddle: %s\n", text);
  std::abort();
}

}  // namespace heddle::mem
