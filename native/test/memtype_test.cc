// What a user of one thread sees: registration, kinds, accounts, misuse.
#include "mem/memtype.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "mem/pressure.h"
#include "test/check.h"
#include "test/memtype_fixture.h"

namespace {

using namespace heddle::mem;
using heddle::test::fixedType;
using heddle::test::vsizeType;

std::string textOf(const FaultReport& report) {
  char text[512];
  describeFault(report, text, sizeof text);
  return text;
}

bool mentions(const FaultReport& report, const char* name) {
  return textOf(report).find(name) != std::string::npos;
}

}  // namespace

CASE("MT-02 MT-03 the same definition has the same id, another with its name is refused") {
  const Definition definition{.description = "test:same", .bytes = 24};
  const int64_t id = registerMemtype(definition);
  CHECK(id > 0);
  CHECK_EQ(registerMemtype(definition), id);
  CHECK_EQ(registerMemtype({.description = "test:same", .bytes = 32}), -EINVAL);
  CHECK_EQ(registerMemtype({.description = "test:same", .kind = Kind::kVsize}), -EINVAL);
  CHECK_EQ(memtypeByName("test:same"), id);
  CHECK_EQ(memtypeByName("test:none"), kNoMemtype);
  CHECK(isOfModule(static_cast<Memtype>(id), "test"));
  CHECK(!isOfModule(static_cast<Memtype>(id), "tes"));
}

CASE("MT-02 definitions that contradict themselves are refused") {
  CHECK_EQ(registerMemtype({.description = "test:a", .bytes = 0}), -EINVAL);
  CHECK_EQ(registerMemtype({.description = "test:b", .kind = Kind::kVsize, .bytes = 8}), -EINVAL);
  CHECK_EQ(registerMemtype({.description = "test:c", .bytes = 8, .align = 3}), -EINVAL);
  CHECK_EQ(registerMemtype({.description = "test:d", .bytes = 8, .align = 0}), -EINVAL);
  CHECK_EQ(registerMemtype({.description = "test:e", .bytes = 8, .align = 8192}), -EINVAL);
  CHECK_EQ(registerMemtype({.description = "test:f", .bytes = 8, .fill = 256}), -EINVAL);
  CHECK_EQ(registerMemtype({.description = "", .bytes = 8}), -EINVAL);
  CHECK_EQ(registerMemtype({.description = nullptr, .bytes = 8}), -EINVAL);
  CHECK_EQ(registerMemtype({.description = std::string(64, 'x').c_str(), .bytes = 8}), -EINVAL);
  CHECK_EQ(memtypeByName("test:a"), kNoMemtype);
}

CASE("MT-04 MT-05 MT-06 MT-08 the wrong kind is a fault that changes no count") {
  const Memtype fixed = fixedType("kind:fixed", 24);
  const Memtype vsize = vsizeType("kind:vsize");
  FaultReport report;
  CHECK(tryAllocate(vsize, report) == nullptr);
  CHECK_EQ(report.fault, Fault::kWrongKind);
  CHECK(mentions(report, "kind:vsize"));
  CHECK(tryAllocateBytes(fixed, 10, report) == nullptr);
  CHECK_EQ(report.fault, Fault::kWrongKind);
  void* block = allocate(fixed);
  CHECK(tryResize(fixed, block, 10, report) == nullptr);
  CHECK_EQ(report.fault, Fault::kWrongKind);
  release(fixed, block);
  CHECK_EQ(usageOf(vsize).total, 0u);
  CHECK_EQ(usageOf(fixed).total, 1u);
}

CASE("MT-01 a type that was never registered is a fault everywhere") {
  FaultReport report;
  int local = 0;
  for (const Memtype type : {0u, 513u, 100000u, 0xffffffffu, memtypeCount() + 1}) {
    CHECK(tryAllocate(type, report) == nullptr);
    CHECK_EQ(report.fault, Fault::kUnknownType);
    CHECK(tryAllocateBytes(type, 8, report) == nullptr);
    CHECK_EQ(report.fault, Fault::kUnknownType);
    CHECK(tryResize(type, nullptr, 8, report) == nullptr);
    CHECK_EQ(report.fault, Fault::kUnknownType);
    CHECK_EQ(tryRelease(type, &local, report), Fault::kUnknownType);
    CHECK_EQ(usageOf(type).total, 0u);
  }
}

CASE("MT-07 another type's block is refused by name and stays allocated") {
  FaultReport report;
  for (const size_t bytes : {24u, 4000u, 20000u, 400000u}) {
    const Memtype one = fixedType(("wrong:one" + std::to_string(bytes)).c_str(), bytes);
    const Memtype other = fixedType(("wrong:other" + std::to_string(bytes)).c_str(), bytes);
    const Memtype vsize = vsizeType("wrong:vsize");
    void* block = allocate(one);
    std::memset(block, 7, bytes);
    CHECK_EQ(tryRelease(other, block, report), Fault::kWrongType);
    CHECK(mentions(report, "wrong:one") && mentions(report, "wrong:other"));
    CHECK_EQ(tryRelease(vsize, block, report), Fault::kWrongType);
    CHECK(tryResize(vsize, block, 5, report) == nullptr);
    CHECK_EQ(report.fault, Fault::kWrongType);
    CHECK_EQ(usageOf(one).live, 1u);
    CHECK_EQ(usageOf(other).live, 0u);
    CHECK_EQ(static_cast<char*>(block)[bytes - 1], 7);
    release(one, block);
    CHECK_EQ(usageOf(one).live, 0u);
  }
}

CASE("MT-07 a second free is refused, wherever the block waits") {
  FaultReport report;
  for (const size_t bytes : {16u, 24u, 64u, 1000u, 8192u, 9000u, 262144u, 400000u}) {
    const Memtype type = fixedType(("twice:" + std::to_string(bytes)).c_str(), bytes);
    std::vector<void*> blocks;
    for (int i = 0; i < 300 && (bytes < 9000 || i < 10); i++) blocks.push_back(allocate(type));
    for (void* block : blocks) {
      CHECK_EQ(tryRelease(type, block, report), Fault::kNone);
      CHECK_EQ(tryRelease(type, block, report), Fault::kDoubleFree);
      CHECK(mentions(report, "twice:"));
    }
    CHECK_EQ(usageOf(type).live, 0u);
    // Reserved for the next allocation counts as free as well.
    void* first = allocate(type);
    void* second = allocate(type);
    release(type, second);
    const Fault again = tryRelease(type, second, report);
    CHECK_EQ(again, Fault::kDoubleFree);
    CHECK(mentions(report, "free already"));
    release(type, first);
    CHECK_EQ(usageOf(type).live, 0u);
    CHECK(checkAllInvariants());
  }
  release(fixedType("twice:16", 16), nullptr);
}

CASE("MT-07 foreign and interior pointers are refused without being followed") {
  FaultReport report;
  const Memtype type = fixedType("where:fixed", 48);
  const Memtype vsize = vsizeType("where:vsize");
  auto* block = static_cast<char*>(allocate(type));
  auto* medium = static_cast<char*>(allocateBytes(vsize, 100000));
  auto* large = static_cast<char*>(allocateBytes(vsize, 1000000));
  for (const int offset : {1, 8, 16, 47}) {
    CHECK_EQ(tryRelease(type, block + offset, report), Fault::kInterior);
    CHECK(mentions(report, "where:fixed"));
    CHECK_EQ(tryRelease(vsize, medium + offset, report), Fault::kInterior);
    CHECK_EQ(tryRelease(vsize, large + offset, report), Fault::kInterior);
  }
  CHECK_EQ(tryRelease(vsize, large + 999999, report), Fault::kInterior);
  int local = 0;
  void* foreign = std::malloc(48);
  for (void* pointer : {static_cast<void*>(&local), foreign, reinterpret_cast<void*>(8),
                        reinterpret_cast<void*>(UINTPTR_MAX - 7)}) {
    CHECK_EQ(tryRelease(type, pointer, report), Fault::kForeign);
    CHECK_EQ(tryRelease(vsize, pointer, report), Fault::kForeign);
  }
  // Nor is what is left behind the last block of a slab.
  char* start = reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(block) & ~uintptr_t{0xffff});
  CHECK_EQ(tryRelease(type, start + 65536 / 48 * 48, report), Fault::kForeign);
  CHECK_EQ(tryRelease(type, start + 0xffff, report), Fault::kForeign);
  std::free(foreign);
  release(type, block);
  release(vsize, medium);
  release(vsize, large);
  CHECK(checkAllInvariants());
}

CASE("MT-06 resizing keeps what fits in both sizes") {
  const Memtype type = vsizeType("resize:vsize");
  const size_t sizes[] = {10, 100, 5, 0, 3000, 9000, 300000, 290000, 5000000, 270000, 100, 100000};
  auto* block = static_cast<unsigned char*>(resize(type, nullptr, 1));
  size_t old = 1;
  block[0] = 0;
  for (const size_t bytes : sizes) {
    block = static_cast<unsigned char*>(resize(type, block, bytes));
    REQUIRE(block != nullptr);
    for (size_t i = 0; i < (bytes < old ? bytes : old); i++) {
      if (block[i] != static_cast<unsigned char>(i * 7)) CHECK(false);
    }
    for (size_t i = 0; i < bytes; i++) block[i] = static_cast<unsigned char>(i * 7);
    old = bytes;
    CHECK_EQ(usageOf(type).live, 1u);
    FaultReport report;
    CHECK(usableBytes(type, block, report) >= bytes);
  }
  release(type, block);
  CHECK_EQ(usageOf(type).live, 0u);
  CHECK_EQ(usageOf(type).bytes, 0u);
  CHECK_EQ(usageOf(type).mappedBytes, 0u);
}

CASE("MT-05 sizes that no memory can hold are refused") {
  const Memtype type = vsizeType("huge:vsize");
  CHECK(allocateBytes(type, SIZE_MAX) == nullptr);
  CHECK(allocateBytes(type, PTRDIFF_MAX) == nullptr);
  CHECK(allocateBytes(type, size_t{1} << 62) == nullptr);
  void* empty = allocateBytes(type, 0);
  CHECK(empty != nullptr);
  CHECK(resize(type, empty, SIZE_MAX) == nullptr);
  release(type, empty);
  CHECK_EQ(usageOf(type).live, 0u);
}

CASE("MT-08 duplicates end with a NUL") {
  const Memtype type = vsizeType("duplicate:vsize");
  char* text = duplicateString(type, "ab\0cd");
  CHECK(std::memcmp(text, "ab", 3) == 0);
  char* bytes = duplicateBytes(type, "ab\0cd", 5);
  CHECK(std::memcmp(bytes, "ab\0cd", 6) == 0);
  char* nothing = duplicateBytes(type, nullptr, 0);
  CHECK_EQ(*nothing, '\0');
  release(type, text);
  release(type, bytes);
  release(type, nothing);
}

CASE("MT-09 the fill shows in new blocks, also after re-use") {
  const Definition definition{.description = "fill:fixed", .bytes = 100, .fill = 0xa5};
  const auto type = static_cast<Memtype>(registerMemtype(definition));
  for (int round = 0; round < 200; round++) {
    auto* block = static_cast<unsigned char*>(allocate(type));
    for (int i = 0; i < 100; i++) {
      if (block[i] != 0xa5) CHECK(false);
    }
    std::memset(block, 1, 100);
    release(type, block);
  }
  const Definition vsize{.description = "fill:vsize", .kind = Kind::kVsize, .fill = 0};
  const auto other = static_cast<Memtype>(registerMemtype(vsize));
  for (const size_t bytes : {1u, 5000u, 50000u, 500000u}) {
    for (int round = 0; round < 3; round++) {
      auto* block = static_cast<unsigned char*>(allocateBytes(other, bytes));
      for (size_t i = 0; i < bytes; i++) {
        if (block[i] != 0) CHECK(false);
      }
      std::memset(block, 1, bytes);
      release(other, block);
    }
  }
}

CASE("MT-02 blocks lie at multiples of their type's alignment") {
  for (uint32_t align = 1; align <= kMaxAlign; align *= 2) {
    const std::string name = "align:" + std::to_string(align);
    const auto fixed = static_cast<Memtype>(
        registerMemtype({.description = name.c_str(), .bytes = 72, .align = align}));
    const std::string other = "valign:" + std::to_string(align);
    const auto vsize = static_cast<Memtype>(
        registerMemtype({.description = other.c_str(), .kind = Kind::kVsize, .align = align}));
    std::vector<void*> blocks;
    for (int i = 0; i < 100; i++) blocks.push_back(allocate(fixed));
    for (void* block : blocks) CHECK_EQ(reinterpret_cast<uintptr_t>(block) % align, 0u);
    for (void* block : blocks) release(fixed, block);
    blocks.clear();
    for (size_t i = 0; i < 100; i++) blocks.push_back(allocateBytes(vsize, i * i * 7));
    for (void* block : blocks) CHECK_EQ(reinterpret_cast<uintptr_t>(block) % align, 0u);
    for (void* block : blocks) release(vsize, block);
  }
  CHECK(checkAllInvariants());
}

CASE("MT-10 live, peak, total and bytes of a type") {
  const Memtype type = fixedType("account:fixed", 24);
  void* blocks[5];
  for (void*& block : blocks) block = allocate(type);
  release(type, blocks[0]);
  release(type, blocks[1]);
  const Usage usage = usageOf(type);
  CHECK_EQ(usage.live, 3u);
  CHECK_EQ(usage.peak, 5u);
  CHECK_EQ(usage.total, 5u);
  CHECK_EQ(usage.bytes, 3u * findType(type)->blockBytes);
  CHECK_EQ(usage.peakBytes, 5u * findType(type)->blockBytes);
  for (int i = 2; i < 5; i++) release(type, blocks[i]);
  CHECK_EQ(usageOf(type).live, 0u);
}

CASE("MT-10 the peak of one thread is exact to 64 and within a sixty-fourth above") {
  const Memtype type = fixedType("peak:fixed", 40);
  check::Random random(check::seed());
  std::vector<void*> blocks;
  uint64_t peak = 0;
  for (int i = 0; i < 200000; i++) {
    const bool grow = blocks.empty() || (random.below(1000) < 500 && blocks.size() < 20000);
    if (grow) {
      blocks.push_back(allocate(type));
      if (blocks.size() > peak) peak = blocks.size();
    } else {
      release(type, blocks.back());
      blocks.pop_back();
    }
    if (i % 97 != 0) continue;
    const uint64_t seen = usageOf(type).peak;
    CHECK(seen <= peak && seen + peak / 64 >= peak && (peak > 64 || seen == peak));
  }
  for (void* block : blocks) release(type, block);
}

CASE("MT-13 large blocks are mapped, counted apart, and the threshold can be moved") {
  const Memtype type = vsizeType("map:vsize");
  void* block = allocateBytes(type, 1 << 20);
  CHECK(usageOf(type).mappedBytes >= 1u << 20);
  release(type, block);
  CHECK_EQ(usageOf(type).mappedBytes, 0u);
  setMapThreshold(50000);
  block = allocateBytes(type, 50000);
  CHECK(usageOf(type).mappedBytes >= 50000u);
  setMapThreshold(0);
  void* other = allocateBytes(type, 60000);
  CHECK(usageOf(type).mappedBytes < 60000u);
  release(type, block);
  release(type, other);
  CHECK_EQ(usageOf(type).mappedBytes, 0u);
}

CASE("MT-14 the pressure callback hears each crossing once") {
  struct Heard {
    int entered = 0;
    int left = 0;
  } heard;
  const auto listen = [](void* ctx, bool low, uint64_t) {
    auto* counts = static_cast<Heard*>(ctx);
    (low ? counts->entered : counts->left)++;
  };
  const Memtype type = vsizeType("pressure:vsize");
  collectMemory();
  CHECK_EQ(setPressureMarks({.highPercent = 90, .goalPercent = 95}, nullptr, nullptr), -EINVAL);
  CHECK_EQ(setPressureMarks({.limitBytes = heldBytes() + (10u << 20)}, listen, &heard), 0);
  CHECK(!isMemoryLow());
  void* first = allocateBytes(type, 9 << 20);
  void* second = allocateBytes(type, 9 << 20);
  CHECK(isMemoryLow());
  release(type, second);
  release(type, first);
  CHECK(!isMemoryLow());
  CHECK_EQ(heard.entered, 1);
  CHECK_EQ(heard.left, 1);
  CHECK_EQ(setPressureMarks({}, nullptr, nullptr), 0);
}

CASE("MT-17 blocks that are not needed go back, but for a bounded number") {
  const Memtype type = fixedType("slabs:fixed", 64);
  std::vector<void*> blocks;
  for (int i = 0; i < 50000; i++) blocks.push_back(allocate(type));
  CHECK(usageOf(type).slabs >= 48u);
  CHECK(usageOf(type).cached <= 128u);
  CHECK(checkAllInvariants());
  for (void* block : blocks) release(type, block);
  // 256 by the thread, and a mebibyte for all threads.
  CHECK(usageOf(type).cached > 0u && usageOf(type).cached <= 256u + (1u << 20) / 64);
  CHECK(usageOf(type).slabs <= 18u);
  CHECK(checkAllInvariants());
  collectMemory();
  CHECK_EQ(usageOf(type).cached, 0u);
  CHECK_EQ(usageOf(type).slabs, 0u);
  CHECK(checkAllInvariants());
}

CASE("MT-17 blocks freed in any order do not keep the slabs of many") {
  const Memtype type = fixedType("order:fixed", 64);
  check::Random random(check::seed());
  std::vector<void*> blocks;
  for (int i = 0; i < 200000; i++) blocks.push_back(allocate(type));
  for (size_t i = blocks.size(); i > 1; i--) {
    std::swap(blocks[i - 1], blocks[random.below(static_cast<uint32_t>(i))]);
  }
  const uint32_t before = usageOf(type).slabs;
  for (void* block : blocks) release(type, block);
  // Only those that this thread keeps hold slabs: the depot is emptied when few blocks are in use.
  CHECK(usageOf(type).cached <= 1024u);
  CHECK(before >= 195u);
  collectMemory();
  CHECK_EQ(usageOf(type).slabs, 0u);
}

#ifdef HEDDLE_ASAN
CASE("MT-07 AddressSanitizer sees a use after free, wherever the block waits") {
  for (const size_t bytes : {48u, 1000u, 20000u}) {
    const Memtype type = fixedType(("poison:" + std::to_string(bytes)).c_str(), bytes);
    std::vector<char*> blocks(600);
    for (char*& block : blocks) block = static_cast<char*>(allocate(type));
    for (char* block : blocks) CHECK(!__asan_region_is_poisoned(block, bytes));
    // Kept by the thread, in the depot, and the first ones in their slabs again.
    for (char* block : blocks) release(type, block);
    for (char* block : blocks) CHECK(__asan_address_is_poisoned(block));
    for (char* block : blocks) CHECK(__asan_address_is_poisoned(block + bytes - 1));
    collectMemory();
  }
}
#endif

CASE("MT-17 a type with few blocks keeps few") {
  const Memtype type = fixedType("few:fixed", 64);
  void* block = allocate(type);
  CHECK(usageOf(type).cached <= 8u);
  release(type, block);
  CHECK(usageOf(type).cached <= 9u);
  CHECK_EQ(usageOf(type).slabs, 1u);
}

CASE("MT-15 text is formatted into a block of its length") {
  const Memtype type = vsizeType("format:vsize");
  const uint64_t before = usageOf(type).bytes;
  char* text = formatText(type, "%s-%d-%5.2f", "abc", -7, 1.5);
  REQUIRE(text != nullptr);
  CHECK(std::strcmp(text, "abc--7- 1.50") == 0);
  char* nothing = formatText(type, "%s", "");
  CHECK_EQ(nothing[0], '\0');
  const std::string large(100000, 'x');
  char* longer = formatText(type, "<%s>", large.c_str());
  CHECK_EQ(std::strlen(longer), large.size() + 2);
  FaultReport report;
  CHECK(usableBytes(type, longer, report) >= large.size() + 3);
  CHECK_EQ(usageOf(type).live, 3u);
  for (char* each : {text, nothing, longer}) release(type, each);
  CHECK_EQ(usageOf(type).bytes, before);
}

CASE("MT-10 what is still allocated is reported by name") {
  const Memtype type = fixedType("leaks:fixed", 48);
  char text[8192] = {};
  std::FILE* file = fmemopen(text, sizeof text - 1, "w");
  void* blocks[3];
  for (void*& block : blocks) block = allocate(type);
  CHECK(reportLeaks(file));
  std::fclose(file);
  CHECK(std::strstr(text, "'leaks:fixed': 3 live blocks, 144 bytes") != nullptr);
  for (void* block : blocks) release(type, block);
  std::memset(text, 0, sizeof text);
  file = fmemopen(text, sizeof text - 1, "w");
  (void)reportLeaks(file);
  std::fclose(file);
  CHECK(std::strstr(text, "leaks:fixed") == nullptr);
  CHECK_EQ(liveOf(type), 0u);
  CHECK_EQ(liveOf(kNoMemtype), 0u);
}

CASE("MT-06 MT-13 a mapped block that is resized moves its pages and its account") {
  const Memtype type = vsizeType("remap:vsize");
  constexpr size_t kStep = size_t{1} << 20;
  auto* block = static_cast<unsigned char*>(allocateBytes(type, kStep));
  for (size_t i = 0; i < kStep; i++) block[i] = static_cast<unsigned char>(i * 13);
  // Something behind it, so that it cannot always grow where it lies.
  void* behind = allocateBytes(type, kStep);
  FaultReport report;
  for (size_t bytes = 2 * kStep; bytes <= 32 * kStep; bytes *= 2) {
    auto* grown = static_cast<unsigned char*>(resize(type, block, bytes));
    REQUIRE(grown != nullptr);
    if (grown != block) CHECK(tryRelease(type, block, report) != Fault::kNone);
    block = grown;
    block[bytes - 1] = 1;
    CHECK_EQ(usageOf(type).live, 2u);
    CHECK_EQ(usageOf(type).mappedBytes, bytes + kStep);
    CHECK_EQ(usageOf(type).bytes, bytes + kStep);
  }
  for (size_t i = 0; i < kStep; i++) {
    if (block[i] != static_cast<unsigned char>(i * 13)) CHECK(false);
  }
  block = static_cast<unsigned char*>(resize(type, block, kStep));
  CHECK_EQ(usageOf(type).mappedBytes, 2 * kStep);
  CHECK_EQ(block[kStep - 1], static_cast<unsigned char>((kStep - 1) * 13));
  release(type, behind);
  release(type, block);
  CHECK_EQ(usageOf(type).mappedBytes, 0u);
  CHECK_EQ(usageOf(type).bytes, 0u);
  CHECK(checkAllInvariants());
}

CASE("MT-03 there is a limit to the number of types") {
  CHECK_EQ(setMemtypeLimit(kMaxTypes + 1), -EINVAL);
  CHECK_EQ(setMemtypeLimit(memtypeCount() - 1), -EINVAL);
  while (memtypeCount() < kMaxTypes) {
    const std::string name = "limit:" + std::to_string(memtypeCount());
    REQUIRE(registerMemtype({.description = name.c_str(), .bytes = 8}) > 0);
  }
  CHECK_EQ(registerMemtype({.description = "limit:beyond", .bytes = 8}), -ENOSPC);
  void* block = allocate(kMaxTypes);
  CHECK(block != nullptr);
  release(kMaxTypes, block);
}
