// A shared map against a std::unordered_map: random operations of all kinds, with and without time
// to live and budget, on one thread.
#include "test/shared_map_model.h"

using namespace heddle::test;

namespace {

void runModel(const MapSpec& spec, uint64_t salt) {
  const Attached attached;
  {
    check::Random random(check::seed() + salt);
    MapModel<check::Random> model(random, spec);
    for (int i = 0; i < 100'000 * check::kStressScale; i++) {
      if (!model.step()) {
        CHECK(false);
        std::printf("    at operation %d\n", i);
        return;
      }
    }
    CHECK(model.verify());
  }
  checkNothingLeft();
}

}  // namespace

CASE("SM-09 as a map of the library: plain") { runModel({.clock = ManualClock::read}, 1); }

CASE("SM-09 as a map of the library: every entry with an end") {
  runModel({.ttlNs = 500, .clock = ManualClock::read}, 2);
}

CASE("SM-09 as a map of the library: small budgets") {
  for (const uint64_t maxBytes : {uint64_t{64}, uint64_t{500}, uint64_t{10'000}}) {
    runModel({.maxBytes = maxBytes, .clock = ManualClock::read}, maxBytes);
  }
}

CASE("SM-09 as a map of the library: budget and ends together") {
  runModel({.maxBytes = 60'000, .ttlNs = 3000, .clock = ManualClock::read}, 4);
}
