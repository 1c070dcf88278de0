// Bytes to operations on a shared map, compared with a std::unordered_map.
#include <cstdint>
#include <cstdlib>

#include "test/shared_map_model.h"

namespace {

using namespace heddle::test;

// Draws from the input; zeroes behind its end.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  bool done() const { return at_ >= size_; }
  uint32_t below(uint32_t bound) {
    uint32_t drawn = next();
    if (bound > 256) drawn |= static_cast<uint32_t>(next()) << 8;
    return drawn % bound;
  }

 private:
  uint8_t next() { return done() ? uint8_t{0} : data_[at_++]; }

  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

void demand(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int attached = heddle::mem::epochAttachThread();
  demand(attached == 0);
  Input input(data, size);
  constexpr uint64_t kBudgets[] = {0, 64, 500, 10'000};
  constexpr int64_t kTtls[] = {0, 500};
  const MapSpec spec{.maxBytes = kBudgets[input.below(4)],
                     .ttlNs = kTtls[input.below(2)],
                     .clock = ManualClock::read};
  {
    MapModel<Input> model(input, spec);
    while (!input.done()) demand(model.step());
    demand(model.verify());
  }
  heddle::mem::epochMaintain(heddle::mem::MaintainMode::kBarrier);
  demand(!heddle::mem::printLiveBuiltins(stderr));
  return 0;
}
