#pragma once

// What a native bench is to the runner (bench/harness/native.mjs): a program that knows cases and
// contestants.
//
//   allocators_bench                       names both, as JSON
//   allocators_bench CASE CONTESTANT       measures once and prints one JSON object with numbers
//
// One measurement a process: nobody inherits another's heap, caches or threads.

#include <time.h>

#include <cstdio>
#include <cstring>

namespace bench {

// One number by name; the runner knows the units.
struct Figure {
  const char* name;
  double value;
};

struct Contestant {
  const char* name;
  bool present;
};

// Processor time of the calling thread: what others do on the machine takes caches, but no time.
inline double cpuNs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

inline double wallNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <size_t kCases, size_t kContestants>
void printNames(const char* const (&cases)[kCases], const Contestant (&contestants)[kContestants]) {
  std::printf("{\"cases\":[");
  for (size_t i = 0; i < kCases; i++) std::printf("%s\"%s\"", i == 0 ? "" : ",", cases[i]);
  std::printf("],\"contestants\":[");
  const char* comma = "";
  for (const Contestant& contestant : contestants) {
    if (!contestant.present) continue;
    std::printf("%s\"%s\"", comma, contestant.name);
    comma = ",";
  }
  std::printf("]}\n");
}

template <size_t kFigures>
void printFigures(const Figure (&figures)[kFigures]) {
  std::printf("{");
  for (size_t i = 0; i < kFigures; i++) {
    std::printf("%s\"%s\":%.4f", i == 0 ? "" : ",", figures[i].name, figures[i].value);
  }
  std::printf("}\n");
}

// The place of a name in a list, or -1.
template <size_t kCount>
int indexOf(const char* const (&names)[kCount], const char* name) {
  for (size_t i = 0; i < kCount; i++) {
    if (std::strcmp(names[i], name) == 0) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace bench
