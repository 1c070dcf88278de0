#pragma once

// Runs a test with each of its allocations failing in turn. With the system engine, which including
// this chooses, each allocation is a request to the system, so that the failpoint of typed memory
// meets all of them.

#include <cstdint>
#include <cstdio>

#include "mem/builtin_types.h"
#include "mem/failpoint.h"
#include "mem/memtype.h"
#include "test/check.h"

namespace heddle::test {

// Before the first allocation of the program.
inline const int engineChosen = mem::setEngine("system");

class Failing {
 public:
  explicit Failing(int64_t at, int64_t inARow = 1) : at_(at), inARow_(inARow) {}
  ~Failing() { disarm(); }
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;

  // From here on allocations count.
  void arm() const {
    mem::failpoint().inARow.store(inARow_);
    mem::failpoint().countdown.store(at_);
  }
  // Whether the one that had to fail was reached.
  bool disarm() {
    mem::failpoint().inARow.store(1);
    return mem::failpoint().countdown.exchange(-1) < 0;
  }

 private:
  const int64_t at_;
  const int64_t inARow_;
};

// Calls run(failing) with each allocation failing in turn, with `inARow` - 1 behind it, and then
// once with none.
template <class Run>
void eachAllocationFails(int64_t atLeast, Run&& run, int64_t inARow = 1) {
  REQUIRE(engineChosen == 0);
  bool reached = true;
  int64_t at = 0;
  for (; reached; at++) {
    REQUIRE(at < 1000);
    Failing failing(at, inARow);
    run(failing);
    reached = failing.disarm();
    CHECK(!mem::printLiveBuiltins(stdout));
    if (check::state().failures > 0) {
      std::printf("    when allocation %lld failed\n", static_cast<long long>(at));
      return;
    }
  }
  CHECK(at > atLeast);  // or the run asks for less than this test is about
}

}  // namespace heddle::test
