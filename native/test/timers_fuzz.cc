// Bytes to operations on the timers, compared with the reference at every step.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "mem/builtin_types.h"
#include "test/timers_model.h"

namespace {

// Zeros once the input is used up; the run ends there.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool done() const { return at_ >= size_; }
  uint8_t byte() { return done() ? uint8_t{0} : data_[at_++]; }
  // A length byte and that many bytes, so that small numbers are as likely as large ones.
  uint64_t word() {
    uint64_t value = 0;
    for (unsigned left = byte() % 9; left > 0; left--) value = value << 8 | byte();
    return value;
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

void play(const uint8_t* data, size_t size) {
  Bytes bytes(data, size);
  heddle::test::TimersProfile profile;
  profile.ids = 1 + bytes.byte() % 128u;
  profile.scaleBits = 1 + bytes.byte() % 62u;
  profile.clockMayStepBack = (bytes.byte() & 1) != 0;
  heddle::test::TimersModel<Bytes> model(bytes, profile, static_cast<int64_t>(bytes.word()));
  while (!bytes.done()) {
    model.step();
    model.checkInvariants();
  }
  model.drain();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  play(data, size);
  if (heddle::mem::printLiveBuiltins(stderr)) std::abort();
  return 0;
}
