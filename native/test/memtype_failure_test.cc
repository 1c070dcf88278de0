// Out of memory at every request to the system in turn, the abort of the C++ door, and the engine
// that is chosen at start.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "mem/failpoint.h"
#include "mem/memtype.h"
#include "test/check.h"
#include "test/child.h"
#include "test/memtype_fixture.h"

namespace {

using namespace heddle::mem;
using heddle::test::childSays;
using heddle::test::fixedType;
using heddle::test::vsizeType;

// Everything that asks the system for memory, by a thread without a heap. Failures must leave
// whatever succeeded usable.
void exercise(Memtype fixed, Memtype vsize) {
  std::vector<void*> blocks;
  std::vector<void*> sized;
  for (int i = 0; i < 3000; i++) blocks.push_back(allocate(fixed));
  for (const size_t bytes : {10u, 5000u, 50000u, 500000u, 600000u}) {
    void* block = allocateBytes(vsize, bytes);
    if (block != nullptr) std::memset(block, 1, bytes);
    void* grown = block != nullptr ? resize(vsize, block, bytes * 3) : nullptr;
    if (block != nullptr && grown == nullptr) CHECK_EQ(static_cast<char*>(block)[bytes - 1], 1);
    sized.push_back(grown != nullptr ? grown : block);
  }
  for (void* block : blocks) release(fixed, block);
  for (void* block : sized) release(vsize, block);
}

}  // namespace

CASE("MT-16 the system engine keeps the same accounts and finds the same misuse") {
  int status = -1;
  childSays(status, [] {
    FaultReport report;
    bool good = setEngine("none") == -EINVAL && setEngine("system") == 0;
    good = good && std::strcmp(engineName(), "system") == 0;
    const Memtype fixed = fixedType("system:fixed", 40);
    const Memtype vsize = vsizeType("system:vsize");
    std::vector<void*> blocks;
    for (int i = 0; i < 1000; i++) blocks.push_back(allocate(fixed));
    good = good && usageOf(fixed).live == 1000 && setEngine("slab") == -EBUSY;
    good = good && tryRelease(vsize, blocks[0], report) == Fault::kWrongType;
    good = good && tryRelease(fixed, static_cast<char*>(blocks[0]) + 8, report) == Fault::kInterior;
    good = good && tryRelease(fixed, &report, report) == Fault::kForeign;
    for (void* block : blocks) release(fixed, block);
    good = good && tryRelease(fixed, blocks[999], report) == Fault::kDoubleFree;
    void* sized = resize(vsize, allocateBytes(vsize, 10), 5000);
    good = good && usageOf(vsize).live == 1 && checkAllInvariants();
    release(vsize, sized);
    good = good && usageOf(vsize).live == 0 && usageOf(vsize).bytes == 0;
    good = good && usageOf(fixed).live == 0 && usageOf(fixed).peak == 1000 && checkAllInvariants();
    _exit(good ? 0 : 1);
  });
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

CASE("MT-16 early blocks leave the choice of an engine open, and are blocks like others") {
  int status = -1;
  childSays(status, [] {
    FaultReport report;
    const Definition definition{.description = "early:type", .kind = Kind::kVsize, .early = true};
    const auto early = static_cast<Memtype>(registerMemtype(definition));
    const Memtype other = vsizeType("early:other");
    void* const before = allocateBytes(early, 100);
    bool good = before != nullptr && setEngine("system") == 0 && setEngine("slab") == 0;
    void* const settling = allocateBytes(other, 100);
    good = good && setEngine("system") == -EBUSY && std::strcmp(engineName(), "slab") == 0;
    good = good && usageOf(early).live == 1 && checkAllInvariants();
    good = good && tryRelease(other, before, report) == Fault::kWrongType;
    release(early, before);
    release(other, settling);
    good = good && tryRelease(early, before, report) != Fault::kNone;
    good = good && usageOf(early).live == 0 && usageOf(early).bytes == 0;
    good = good && registerMemtype({.description = "early:fixed", .bytes = 8, .early = true}) < 0;
    _exit(good ? 0 : 1);
  });
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

CASE("MT-07 the C++ door aborts with a text that names both types") {
  const Memtype one = fixedType("abort:one", 40);
  const Memtype other = fixedType("abort:other", 40);
  int status = 0;
  std::string said = childSays(status, [&] { release(other, allocate(one)); });
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  CHECK(said.find("abort:one") != std::string::npos);
  CHECK(said.find("abort:other") != std::string::npos);
  said = childSays(status, [&] {
    void* block = allocate(one);
    release(one, block);
    release(one, block);
  });
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  CHECK(said.find("free already") != std::string::npos);
}

CASE("MT-05 MT-06 memory that fails at any request leaves everything sound") {
  const Memtype fixed = fixedType("failing:fixed", 200);
  const Memtype vsize = vsizeType("failing:vsize");
  bool failed = true;
  for (int64_t at = 0; failed && at < 400; at++) {
    // In a child, so that each run meets the first request of every site.
    int status = -1;
    childSays(status, [&] {
      failpoint().countdown.store(at);
      std::thread([&] { exercise(fixed, vsize); }).join();
      const bool reached = failpoint().countdown.load() < 0;
      const bool sound = usageOf(fixed).live == 0 && usageOf(vsize).live == 0 &&
                         usageOf(vsize).bytes == 0 && usageOf(vsize).mappedBytes == 0 &&
                         checkAllInvariants() && check::state().failures == 0;
      _exit(!sound ? 2 : reached ? 1 : 0);
    });
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    failed = WEXITSTATUS(status) == 1;
    CHECK(at > 5 || failed);
  }
  CHECK(!failed);
}
