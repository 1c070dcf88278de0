// Bytes to operations on typed memory, misuse and frees by another thread included, compared with a
// list of what is allocated: contents, places, counts.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <thread>
#include <vector>

#include "test/memtype_fixture.h"

namespace {

using namespace heddle::mem;

struct Live {
  unsigned char* block;
  size_t bytes;
  Memtype type;
};

class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool done() const { return at_ >= size_; }
  uint8_t next() { return done() ? uint8_t{0} : data_[at_++]; }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

void demand(bool condition) {
  if (!condition) std::abort();
}

// The first ones are fixed.
constexpr size_t kFixed[] = {16, 72, 9000, 300000};
constexpr size_t kFixedTypes = std::size(kFixed);
constexpr size_t kTypes = kFixedTypes + 2;

Memtype alignedVsize() {
  const Definition definition{.description = "fuzz:aligned", .kind = Kind::kVsize, .align = 128};
  return static_cast<Memtype>(registerMemtype(definition));
}

const Memtype* types() {
  using heddle::test::fixedType;
  static const Memtype all[kTypes] = {fixedType("fuzz:16", 16),
                                      fixedType("fuzz:72", 72),
                                      fixedType("fuzz:9000", 9000),
                                      fixedType("fuzz:300000", 300000),
                                      heddle::test::vsizeType("fuzz:vsize"),
                                      alignedVsize()};
  return all;
}

size_t sizeFrom(Bytes& bytes) {
  const size_t value = bytes.next() | static_cast<size_t>(bytes.next()) << 8;
  const uint8_t scale = bytes.next();
  return scale > 250 ? value * 17 : scale > 200 ? value : value % 2000;
}

void mark(const Live& live) {
  if (live.bytes == 0) return;
  live.block[0] = static_cast<unsigned char>(live.bytes);
  live.block[live.bytes - 1] = live.block[0];
}

bool isIntact(const Live& live) {
  if (live.bytes == 0) return true;
  const auto value = static_cast<unsigned char>(live.bytes);
  return live.block[0] == value && live.block[live.bytes - 1] == value;
}

void allocateOne(Bytes& bytes, std::vector<Live>& live) {
  const size_t which = bytes.next() % kTypes;
  Live made{};
  made.type = types()[which];
  made.bytes = which < kFixedTypes ? kFixed[which] : sizeFrom(bytes);
  made.block = static_cast<unsigned char*>(
      which < kFixedTypes ? allocate(made.type) : allocateBytes(made.type, made.bytes));
  demand(made.block != nullptr);
  demand(which != kTypes - 1 || reinterpret_cast<uintptr_t>(made.block) % 128 == 0);
  for (const Live& other : live) {
    demand(made.block >= other.block + other.bytes || made.block + made.bytes <= other.block);
  }
  mark(made);
  live.push_back(made);
}

Live removeOne(Bytes& bytes, std::vector<Live>& live) {
  const size_t at = bytes.next() % live.size();
  const Live gone = live[at];
  live[at] = live.back();
  live.pop_back();
  demand(isIntact(gone));
  return gone;
}

void releaseOne(Bytes& bytes, std::vector<Live>& live) {
  const Live gone = removeOne(bytes, live);
  release(gone.type, gone.block);
  FaultReport report;
  demand(tryRelease(gone.type, gone.block, report) != Fault::kNone);
}

// Up to eight, by a thread of their own; its heap is left and adopted again.
void releaseElsewhere(Bytes& bytes, std::vector<Live>& live) {
  std::vector<Live> gone;
  for (size_t left = 1 + bytes.next() % 8; left > 0 && !live.empty(); left--) {
    gone.push_back(removeOne(bytes, live));
  }
  std::thread([&] {
    FaultReport report;
    for (const Live& each : gone) release(each.type, each.block);
    for (const Live& each : gone) {
      demand(tryRelease(each.type, each.block, report) != Fault::kNone);
    }
  }).join();
}

void resizeOne(Bytes& bytes, Live& live) {
  FaultReport report;
  const size_t size = sizeFrom(bytes);
  void* moved = tryResize(live.type, live.block, size, report);
  if (live.type != types()[kTypes - 2] && live.type != types()[kTypes - 1]) {
    demand(moved == nullptr && report.fault == Fault::kWrongKind);
    return;
  }
  demand(moved != nullptr);
  live.block = static_cast<unsigned char*>(moved);
  if (live.bytes > 0 && size > 0) demand(live.block[0] == static_cast<uint8_t>(live.bytes));
  live.bytes = size;
  mark(live);
}

void misuse(Bytes& bytes, const Live& live) {
  FaultReport report;
  const Memtype other = types()[bytes.next() % kTypes];
  if (other != live.type) demand(tryRelease(other, live.block, report) == Fault::kWrongType);
  const size_t inside = 1 + bytes.next();
  if (inside < live.bytes) {
    demand(tryRelease(live.type, live.block + inside, report) == Fault::kInterior);
  }
}

void compareCounts(const std::vector<Live>& live) {
  for (size_t i = 0; i < kTypes; i++) {
    uint64_t count = 0;
    uint64_t least = 0;
    for (const Live& each : live) {
      if (each.type != types()[i]) continue;
      count++;
      least += each.bytes;
    }
    const Usage usage = usageOf(types()[i]);
    demand(usage.live == count && usage.bytes >= least && usage.peak >= count);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes bytes(data, size);
  std::vector<Live> live;
  while (!bytes.done()) {
    const uint8_t what = bytes.next() % 8;
    if (what < 3 || live.empty()) {
      if (live.size() < 500) allocateOne(bytes, live);
    } else if (what < 5) {
      releaseOne(bytes, live);
    } else if (what == 5) {
      resizeOne(bytes, live[bytes.next() % live.size()]);
    } else if (what == 6) {
      misuse(bytes, live[bytes.next() % live.size()]);
    } else {
      const uint8_t how = bytes.next();
      if (how < 20) collectMemory();
      if (how > 245) releaseElsewhere(bytes, live);
    }
  }
  compareCounts(live);
  demand(checkAllInvariants());
  for (const Live& each : live) {
    demand(isIntact(each));
    release(each.type, each.block);
  }
  compareCounts({});
  demand(checkAllInvariants());
  return 0;
}
