// Many threads: checksummed contents, blocks freed elsewhere, threads that come and go.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "mem/memtype.h"
#include "test/check.h"
#include "test/memtype_fixture.h"

namespace {

using namespace heddle::mem;
using heddle::test::fixedType;
using heddle::test::vsizeType;

struct Live {
  unsigned char* block;
  size_t bytes;
  Memtype type;
  unsigned char seed;
};

struct Types {
  Memtype small = fixedType("threads:small", 24);
  Memtype line = fixedType("threads:line", 64);
  Memtype medium = fixedType("threads:medium", 20000);
  Memtype vsize = vsizeType("threads:vsize");
};

void write(const Live& live) {
  for (size_t i = 0; i < live.bytes; i += 1 + i / 64) {
    live.block[i] = static_cast<unsigned char>(live.seed + i * 31);
  }
}

bool isIntact(const Live& live) {
  for (size_t i = 0; i < live.bytes; i += 1 + i / 64) {
    if (live.block[i] != static_cast<unsigned char>(live.seed + i * 31)) return false;
  }
  return true;
}

Live make(const Types& types, check::Random& random) {
  Live live{};
  live.seed = static_cast<unsigned char>(random.next());
  const uint32_t kind = random.below(100);
  if (kind < 60) {
    live.type = kind < 30 ? types.small : types.line;
    live.bytes = kind < 30 ? 24 : 64;
  } else if (kind < 63) {
    live.type = types.medium;
    live.bytes = 20000;
  } else {
    live.type = types.vsize;
    live.bytes = kind == 99 ? random.below(600000) : random.below(kind < 90 ? 1500 : 20000);
  }
  live.block = static_cast<unsigned char*>(
      live.type == types.vsize ? allocateBytes(live.type, live.bytes) : allocate(live.type));
  return live;
}

// Where threads leave blocks for others.
class Exchange {
 public:
  void put(const Live& live) {
    std::lock_guard<std::mutex> held(lock_);
    blocks_.push_back(live);
  }
  bool take(Live& live, check::Random& random) {
    std::lock_guard<std::mutex> held(lock_);
    if (blocks_.empty()) return false;
    const size_t at = random.below(static_cast<uint32_t>(blocks_.size()));
    live = blocks_[at];
    blocks_[at] = blocks_.back();
    blocks_.pop_back();
    return true;
  }

 private:
  std::mutex lock_;
  std::vector<Live> blocks_;
};

void work(const Types& types, Exchange& exchange, uint64_t seed, int steps,
          std::atomic<int>& broken) {
  check::Random random(seed);
  std::vector<Live> own;
  const auto finish = [&](const Live& live) {
    if (!isIntact(live)) broken++;
    release(live.type, live.block);
  };
  for (int step = 0; step < steps; step++) {
    const uint32_t what = random.below(100);
    Live live{};
    if (what < 45 && own.size() < 400) {
      live = make(types, random);
      if (live.block == nullptr) {
        broken++;
        continue;
      }
      write(live);
      own.push_back(live);
    } else if (what < 70 && !own.empty()) {
      const size_t at = random.below(static_cast<uint32_t>(own.size()));
      finish(own[at]);
      own[at] = own.back();
      own.pop_back();
    } else if (what < 85 && !own.empty()) {
      exchange.put(own.back());
      own.pop_back();
    } else if (what < 97) {
      if (exchange.take(live, random)) finish(live);
    } else if (!own.empty() && own.back().type == types.vsize) {
      Live& last = own.back();
      const size_t bytes = random.below(3000);
      const bool grows = bytes >= last.bytes;
      last.block = static_cast<unsigned char*>(resize(last.type, last.block, bytes));
      if (grows && !isIntact(last)) broken++;
      last.bytes = bytes;
      write(last);
    }
    if (step % 4096 == 4095 && !checkInvariants()) broken++;
    if (step % 1024 == 1023 && usageOf(types.line).live > 1'000'000) broken++;
  }
  for (size_t i = 0; i < own.size(); i++) {
    if (i % 2 == 0) {
      finish(own[i]);
    } else {
      exchange.put(own[i]);
    }
  }
}

uint64_t liveOf(const Types& types) {
  return usageOf(types.small).live + usageOf(types.line).live + usageOf(types.medium).live +
         usageOf(types.vsize).live;
}

void emptyOut(const Types& types, Exchange& exchange) {
  check::Random random(1);
  Live live{};
  while (exchange.take(live, random)) {
    CHECK(isIntact(live));
    release(live.type, live.block);
  }
  CHECK_EQ(liveOf(types), 0u);
  collectMemory();
  CHECK(checkAllInvariants());
  for (const Memtype type : {types.small, types.line, types.medium, types.vsize}) {
    CHECK_EQ(usageOf(type).slabs, 0u);
    CHECK_EQ(usageOf(type).bytes, 0u);
  }
}

}  // namespace

CASE("MT-17 threads that come and go exchange blocks, and nothing is lost or torn") {
  const Types types;
  Exchange exchange;
  std::atomic<int> broken{0};
  for (int round = 0; round < 6 * check::kStressScale; round++) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
      const uint64_t seed = check::seed() + static_cast<uint64_t>(round * 4 + i);
      threads.emplace_back([&, seed] { work(types, exchange, seed, 6000, broken); });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(checkAllInvariants());
  }
  CHECK_EQ(broken.load(), 0);
  emptyOut(types, exchange);
}

CASE("MT-17 a stream freed on another thread does not grow") {
  const Memtype type = fixedType("stream:fixed", 64);
  constexpr size_t kSlots = 1024;
  static std::atomic<void*> slots[kSlots];
  const int rounds = 100 * check::kStressScale;
  std::thread consumer([&] {
    for (int round = 0; round < rounds; round++) {
      for (std::atomic<void*>& slot : slots) {
        void* block = nullptr;
        while ((block = slot.exchange(nullptr, std::memory_order_acquire)) == nullptr) {
          std::this_thread::yield();
        }
        release(type, block);
      }
    }
  });
  for (int round = 0; round < rounds; round++) {
    for (std::atomic<void*>& slot : slots) {
      while (slot.load(std::memory_order_relaxed) != nullptr) std::this_thread::yield();
      void* block = allocate(type);
      std::memset(block, round, 64);
      slot.store(block, std::memory_order_release);
    }
  }
  consumer.join();
  const Usage usage = usageOf(type);
  CHECK_EQ(usage.live, 0u);
  CHECK_EQ(usage.total, static_cast<uint64_t>(rounds) * kSlots);
  CHECK_EQ(usage.remoteFrees, usage.total);
  CHECK(usage.peak <= kSlots + 1);
  CHECK(usage.slabs <= 8u);
  collectMemory();
  CHECK_EQ(usageOf(type).slabs, 0u);
}

CASE("MT-17 blocks outlive their thread, and nothing of it is left when they are collected") {
  const Memtype type = fixedType("outlive:fixed", 128);
  std::vector<void*> blocks(5000);
  std::thread([&] {
    for (void*& block : blocks) block = allocate(type);
  }).join();
  CHECK_EQ(usageOf(type).live, 5000u);
  // What the thread had kept went back when it ended.
  CHECK_EQ(usageOf(type).cached, 0u);
  for (void* block : blocks) release(type, block);
  CHECK_EQ(usageOf(type).live, 0u);
  CHECK(checkAllInvariants());
  collectMemory();
  CHECK_EQ(usageOf(type).cached, 0u);
  CHECK_EQ(usageOf(type).slabs, 0u);
  CHECK(checkAllInvariants());
}

CASE("MT-17 a thread that ends leaves nothing behind, not even slabs") {
  const Memtype type = fixedType("leave:fixed", 128);
  const Memtype vsize = vsizeType("leave:vsize");
  for (int i = 0; i < 50; i++) {
    std::thread([&] {
      release(type, allocate(type));
      release(vsize, allocateBytes(vsize, 3000));
      release(vsize, allocateBytes(vsize, 30000));
    }).join();
    CHECK_EQ(usageOf(type).slabs, 0u);
    CHECK_EQ(usageOf(vsize).slabs, 0u);
    CHECK_EQ(usageOf(vsize).cached, 0u);
  }
  CHECK_EQ(usageOf(vsize).total, 100u);
}

CASE("MT-17 blocks freed by another thread are counted as such, of both kinds") {
  const Memtype fixed = fixedType("remote:fixed", 72);
  const Memtype vsize = vsizeType("remote:vsize");
  std::vector<void*> blocks(1000);
  std::vector<void*> sized(1000);
  for (void*& block : blocks) block = allocate(fixed);
  for (void*& block : sized) block = allocateBytes(vsize, 700);
  std::thread([&] {
    for (int i = 0; i < 400; i++) release(fixed, blocks[static_cast<size_t>(i)]);
    for (int i = 0; i < 300; i++) release(vsize, sized[static_cast<size_t>(i)]);
    release(fixed, allocate(fixed));
  }).join();
  for (size_t i = 400; i < 1000; i++) release(fixed, blocks[i]);
  for (size_t i = 300; i < 1000; i++) release(vsize, sized[i]);
  CHECK_EQ(usageOf(fixed).remoteFrees, 400u);
  CHECK_EQ(usageOf(vsize).remoteFrees, 300u);
  CHECK_EQ(usageOf(fixed).live + usageOf(vsize).live, 0u);
}

namespace {

Memtype lastType = kNoMemtype;
Memtype lastVsize = kNoMemtype;

// Destroyed after the allocator's own hook, having been made before the thread's first allocation.
struct LastUser {
  void* fixed = nullptr;
  void* sized = nullptr;
  ~LastUser() {
    release(lastType, fixed);
    release(lastVsize, sized);
    void* block = allocate(lastType);
    void* grown = resize(lastVsize, allocateBytes(lastVsize, 10), 9000);
    std::memset(block, 1, 40);
    std::memset(grown, 1, 9000);
    FaultReport report;
    release(lastType, block);
    if (tryRelease(lastType, block, report) != Fault::kDoubleFree) std::abort();
    release(lastVsize, grown);
  }
};

}  // namespace

CASE("MT-07 MT-17 a thread past its end allocates and frees without a heap, counted and checked") {
  lastType = fixedType("last:fixed", 40);
  lastVsize = vsizeType("last:vsize");
  std::thread([] {
    thread_local LastUser user;
    user.fixed = nullptr;
    user.fixed = allocate(lastType);
    user.sized = allocateBytes(lastVsize, 100);
  }).join();
  CHECK_EQ(usageOf(lastType).live, 0u);
  CHECK_EQ(usageOf(lastType).total, 2u);
  CHECK_EQ(usageOf(lastVsize).live, 0u);
  CHECK_EQ(usageOf(lastVsize).bytes, 0u);
  CHECK_EQ(usageOf(lastVsize).total, 3u);
  CHECK_EQ(usageOf(lastType).slabs + usageOf(lastVsize).slabs, 0u);
  CHECK(checkAllInvariants());
}

CASE("MT-17 memory is collected while threads allocate, and their blocks stay whole") {
  const Types types;
  Exchange exchange;
  std::atomic<int> broken{0};
  std::atomic<bool> stop{false};
  std::thread collector([&] {
    while (!stop.load()) {
      collectMemory();
      if (!checkInvariants()) broken++;
      if (usageOf(types.vsize).cached > 10'000'000) broken++;
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; i++) {
    const uint64_t seed = check::seed() + 1000 + static_cast<uint64_t>(i);
    threads.emplace_back(
        [&, seed] { work(types, exchange, seed, 6000 * check::kStressScale, broken); });
  }
  for (std::thread& thread : threads) thread.join();
  stop = true;
  collector.join();
  CHECK_EQ(broken.load(), 0);
  emptyOut(types, exchange);
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
CASE("MT-17 a hundred threads that use three types take a few pages each") {
  const Memtype one = fixedType("pages:one", 64);
  const Memtype other = fixedType("pages:other", 200);
  const Memtype vsize = vsizeType("pages:vsize");
  constexpr int kThreads = 100;
  const auto run = [&](bool allocating) {
    std::atomic<int> ready{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; i++) {
      threads.emplace_back([&] {
        if (allocating) {
          for (int round = 0; round < 3; round++) {
            release(one, allocate(one));
            release(other, allocate(other));
            release(vsize, allocateBytes(vsize, 100));
          }
        }
        ready++;
        while (!stop.load()) std::this_thread::yield();
      });
    }
    while (ready.load() < kThreads) std::this_thread::yield();
    const uint64_t resident = memoryTotals().residentBytes;
    stop = true;
    for (std::thread& thread : threads) thread.join();
    return resident;
  };
  // The stacks of the threads stay resident from the first round on.
  (void)run(false);
  const uint64_t before = run(false);
  const uint64_t with = run(true);
  if (before == 0) return;  // unknown on this system
  CHECK(with < before + uint64_t{kThreads} * 12 * 4096);
}
#endif

CASE("MT-07 a second free is refused on whichever thread it comes") {
  const Memtype type = fixedType("crossed:fixed", 32);
  FaultReport report;
  void* held[4];
  for (void*& block : held) block = allocate(type);
  // Freed elsewhere, then here; here, then elsewhere; elsewhere twice.
  std::thread([&] { release(type, held[0]); }).join();
  CHECK_EQ(tryRelease(type, held[0], report), Fault::kDoubleFree);
  release(type, held[1]);
  std::thread([&] {
    FaultReport other;
    CHECK_EQ(tryRelease(type, held[1], other), Fault::kDoubleFree);
    release(type, held[2]);
    CHECK_EQ(tryRelease(type, held[2], other), Fault::kDoubleFree);
  }).join();
  std::thread([&] {
    FaultReport other;
    CHECK_EQ(tryRelease(type, held[2], other), Fault::kDoubleFree);
    CHECK_EQ(tryRelease(fixedType("crossed:other", 32), held[3], other), Fault::kWrongType);
  }).join();
  CHECK_EQ(usageOf(type).live, 1u);
  release(type, held[3]);
  CHECK_EQ(usageOf(type).live, 0u);
  CHECK(checkAllInvariants());
}

CASE("MT-10 the peak of several threads is never too high, and too low by no more than promised") {
  const Memtype type = fixedType("peaks:fixed", 48);
  constexpr int kThreads = 4;
  constexpr int kBlocks = 3000;
  std::vector<std::thread> threads;
  std::atomic<int> full{0};
  for (int i = 0; i < kThreads; i++) {
    threads.emplace_back([&] {
      std::vector<void*> blocks(kBlocks);
      for (void*& block : blocks) block = allocate(type);
      full++;
      while (full.load() < kThreads) std::this_thread::yield();
      for (void* block : blocks) release(type, block);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const uint64_t peak = usageOf(type).peak;
  CHECK(peak <= static_cast<uint64_t>(kThreads) * kBlocks);
  CHECK(peak + kThreads * (kSampleStride + 63) >= static_cast<uint64_t>(kThreads) * kBlocks);
}
