#include "aco/report.h"

#include <cstdio>
#include <cstring>

namespace heddle::aco {
namespace {

const char* textOf(Trouble trouble) {
  switch (trouble) {
    case Trouble::kOverflow:
      return "needed more stack than it may have and has ended (ERR_ACO_STACK)";
    case Trouble::kSectionLeak:
      return "ended inside an epoch section (ERR_SMR_SECTION_LEAK)";
    case Trouble::kFreedOpen:
      return "freed an event whose descriptor is open; nobody will close it";
    case Trouble::kNotClosed:
      return "returned without closing its connection; it was closed";
    case Trouble::kAcceptFailed:
      return "could not accept or serve a client";
  }
  return "";
}

}  // namespace

void printReport(void*, const Report& report) {
  std::fprintf(stderr, "heddle: coroutine %llu %s: %s",
               static_cast<unsigned long long>(report.coroutine), report.name,
               textOf(report.trouble));
  if (report.fd >= 0) std::fprintf(stderr, ", descriptor %d", report.fd);
  if (report.error < 0) std::fprintf(stderr, ", errno %d", -report.error);
  std::fputc('\n', stderr);
}

}  // namespace heddle::aco
