// What allocating and freeing cost, with accounts and checks on, beside glibc, mimalloc and
// jemalloc: nanoseconds for one allocation and one free, and where it says something the resident
// bytes of each live block. Peers are loaded when their libraries are installed (Debian:
// libmimalloc2.0, libjemalloc2) and called through pointers, as a program calls them through its
// procedure linkage table.
#include <dlfcn.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include "contestants.h"
#include "mem/memtype.h"
#include "sys/memory.h"

namespace {

using bench::cpuNs;
using heddle::mem::Memtype;

Memtype fixed64;
Memtype vsize;
void* (*peerMalloc)(size_t) = nullptr;
void (*peerFree)(void*) = nullptr;

struct Fixed {
  static void* get(size_t) { return heddle::mem::allocate(fixed64); }
  static void put(void* block) { heddle::mem::release(fixed64, block); }
};
struct Variable {
  static void* get(size_t bytes) { return heddle::mem::allocateBytes(vsize, bytes); }
  static void put(void* block) { heddle::mem::release(vsize, block); }
};
struct Peer {
  static void* get(size_t bytes) { return peerMalloc(bytes); }
  static void put(void* block) { peerFree(block); }
};

struct Random {
  uint64_t state = 88172645463325252u;
  uint64_t next() {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
  }
};

struct Result {
  double ns;
  double bytes;  // resident for each live block; 0 where not asked
};

template <class A>
Result pair() {
  constexpr int kCount = 20'000'000;
  for (int i = 0; i < 1000; i++) A::put(A::get(64));
  const double start = cpuNs();
  for (int i = 0; i < kCount; i++) {
    void* block = A::get(64);
    *static_cast<volatile char*>(block) = 1;
    A::put(block);
  }
  return {(cpuNs() - start) / kCount, 0};
}

// Frees a random one of `live` blocks and allocates another in its place, writing its first word.
template <class A>
Result churn(size_t live, size_t least, size_t most) {
  const size_t count = live >= 100'000 ? 4'000'000 : 10'000'000;
  // Touched before the count, so that it is no part of the resident bytes.
  std::vector<void*> blocks(live, &blocks);
  const auto before = static_cast<double>(heddle::sys::residentMemoryBytes());
  Random random;
  const size_t span = most - least + 1;
  const auto make = [&](uint64_t draw) {
    void* block = A::get(least + (draw >> 40) % span);
    *static_cast<uint64_t*>(block) = draw;
    return block;
  };
  for (void*& slot : blocks) slot = make(random.next());
  const auto turn = [&] {
    const uint64_t draw = random.next();
    void*& slot = blocks[(draw & 0xffffffff) * live >> 32];
    A::put(slot);
    slot = make(draw);
  };
  for (size_t i = 0; i < live; i++) turn();
  const double start = cpuNs();
  for (size_t i = 0; i < count; i++) turn();
  const double ns = (cpuNs() - start) / static_cast<double>(count);
  const auto after = static_cast<double>(heddle::sys::residentMemoryBytes());
  for (void* block : blocks) A::put(block);
  return {ns, (after - before) / static_cast<double>(live)};
}

// Allocates a batch, hands it to a thread that frees it, waits, and so on: no two run at once, and
// the figure is the sum of both threads' work.
template <class A>
Result handed() {
  constexpr size_t kBatch = 10'000;
  constexpr int kBatches = 500;
  static void* blocks[kBatch];
  std::atomic<int> turn{0};
  double freeing = 0;
  std::thread other([&] {
    for (int i = 0; i < kBatches; i++) {
      while (turn.load(std::memory_order_acquire) != 2 * i + 1) std::this_thread::yield();
      const double start = cpuNs();
      for (void* block : blocks) A::put(block);
      if (i > 0) freeing += cpuNs() - start;
      turn.store(2 * i + 2, std::memory_order_release);
    }
  });
  double allocating = 0;
  for (int i = 0; i < kBatches; i++) {
    const double start = cpuNs();
    for (void*& block : blocks) {
      block = A::get(64);
      *static_cast<uint64_t*>(block) = 1;
    }
    if (i > 0) allocating += cpuNs() - start;
    turn.store(2 * i + 1, std::memory_order_release);
    while (turn.load(std::memory_order_acquire) != 2 * i + 2) std::this_thread::yield();
  }
  other.join();
  return {(allocating + freeing) / (static_cast<double>(kBatch) * (kBatches - 1)), 0};
}

// One thread allocates and the other frees at the same time: batches pass through a ring, so that
// the passing costs little and is the same for all. Time on the wall for each block.
template <class A>
Result streamed() {
  constexpr size_t kBatch = 256;
  constexpr size_t kRing = 64;
  constexpr size_t kBatches = 40'000;
  static void* ring[kRing][kBatch];
  std::atomic<size_t> filled{0};
  std::atomic<size_t> emptied{0};
  const double start = bench::wallNs();
  std::thread consumer([&] {
    for (size_t batch = 0; batch < kBatches; batch++) {
      while (filled.load(std::memory_order_acquire) <= batch) std::this_thread::yield();
      for (void* block : ring[batch % kRing]) A::put(block);
      emptied.store(batch + 1, std::memory_order_release);
    }
  });
  for (size_t batch = 0; batch < kBatches; batch++) {
    while (batch - emptied.load(std::memory_order_acquire) >= kRing) std::this_thread::yield();
    for (void*& block : ring[batch % kRing]) {
      block = A::get(64);
      *static_cast<uint64_t*>(block) = batch;
    }
    filled.store(batch + 1, std::memory_order_release);
  }
  consumer.join();
  return {(bench::wallNs() - start) / (kBatches * kBatch), 0};
}

const char* const kCases[] = {"pair",     "churn-10k", "churn-1m", "handed",
                              "streamed", "mixed-10k", "mixed-1m"};

template <class F, class V>
Result measure(int task) {
  switch (task) {
    case 0:
      return pair<F>();
    case 1:
      return churn<F>(10'000, 64, 64);
    case 2:
      return churn<F>(1'000'000, 64, 64);
    case 3:
      return handed<F>();
    case 4:
      return streamed<F>();
    case 5:
      return churn<V>(10'000, 16, 1024);
    default:
      return churn<V>(1'000'000, 16, 1024);
  }
}

bool loadPeer(const char* name) {
  const bool mimalloc = std::strcmp(name, "mimalloc") == 0;
  const bool glibc = std::strcmp(name, "glibc") == 0;
  const char* const library = mimalloc ? "libmimalloc.so.2" : "libjemalloc.so.2";
  void* const handle = glibc ? RTLD_DEFAULT : dlopen(library, RTLD_NOW);
  if (!glibc && handle == nullptr) return false;
  const auto find = [&](const char* symbol) { return dlsym(handle, symbol); };
  peerMalloc = reinterpret_cast<void* (*)(size_t)>(find(mimalloc ? "mi_malloc" : "malloc"));
  peerFree = reinterpret_cast<void (*)(void*)>(find(mimalloc ? "mi_free" : "free"));
  return peerMalloc != nullptr && peerFree != nullptr;
}

void registerTypes() {
  using heddle::mem::registerMemtype;
  fixed64 = static_cast<Memtype>(registerMemtype({.description = "bench:fixed", .bytes = 64}));
  vsize = static_cast<Memtype>(
      registerMemtype({.description = "bench:vsize", .kind = heddle::mem::Kind::kVsize}));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    const bench::Contestant contestants[] = {{"heddle", true},
                                             {"glibc", true},
                                             {"mimalloc", loadPeer("mimalloc")},
                                             {"jemalloc", loadPeer("jemalloc")}};
    bench::printNames(kCases, contestants);
    return 0;
  }
  const int task = bench::indexOf(kCases, argv[1]);
  const bool ours = std::strcmp(argv[2], "heddle") == 0;
  if (task < 0 || (!ours && !loadPeer(argv[2]))) return 2;
  if (ours) registerTypes();
  const Result result = ours ? measure<Fixed, Variable>(task) : measure<Peer, Peer>(task);
  bench::printFigures({{"ns", result.ns}, {"bytes", result.bytes}});
  return 0;
}
