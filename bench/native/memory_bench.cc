// What do allocating and freeing cost, with accounts and checks on, beside glibc and mimalloc?
// Nanoseconds per allocation and free, medians of interleaved rounds; each contestant's rounds run
// in a process of their own. The ratio is the median of the rounds' ratios to the first peer given.
//
//   g++ -std=c++20 -O2 -iquote native -fno-exceptions -fno-rtti -pthread
//       bench/native/memory_bench.cc native/mem/*.cc native/sys/memory.cc -ldl -o /tmp/memory_bench
//   /tmp/memory_bench [rounds] [case]
//
// Peers other than glibc are loaded when their libraries are installed (libmimalloc-dev,
// libjemalloc-dev).
#include <dlfcn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "mem/memtype.h"
#include "sys/memory.h"

namespace {

using heddle::mem::Memtype;

Memtype fixed64;
Memtype vsize;

// The peers' functions through pointers, as through a procedure linkage table.
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

double wallNs() {
  return static_cast<double>(std::chrono::steady_clock::now().time_since_epoch().count());
}

// Processor time of the thread: other programs on the machine take away caches, but no time.
double nowNs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct Random {
  uint64_t state = 88172645463325252u;
  uint64_t next() {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
  }
};

struct Result {
  double ns = 0;
  double bytes = 0;  // resident for each live block; 0 when not asked
};

template <class A>
Result pair() {
  constexpr int kCount = 20'000'000;
  for (int i = 0; i < 1000; i++) A::put(A::get(64));
  const double start = nowNs();
  for (int i = 0; i < kCount; i++) {
    void* block = A::get(64);
    *static_cast<volatile char*>(block) = 1;
    A::put(block);
  }
  return {(nowNs() - start) / kCount, 0};
}

// Frees a random one of `live` blocks and allocates another in its place, writing its first word.
template <class A>
Result churn(size_t live, size_t least, size_t most) {
  const size_t count = live >= 100'000 ? 4'000'000 : 10'000'000;
  std::vector<void*> blocks(live);
  std::memset(blocks.data(), 0, live * sizeof(void*));
  const double before = static_cast<double>(heddle::sys::residentMemoryBytes());
  Random random;
  const size_t span = most - least + 1;
  const auto make = [&](uint64_t draw) {
    void* block = A::get(least + (draw >> 40) % span);
    *static_cast<uint64_t*>(block) = draw;
    return block;
  };
  for (size_t i = 0; i < live; i++) blocks[i] = make(random.next());
  const auto turn = [&] {
    const uint64_t draw = random.next();
    void*& slot = blocks[(draw & 0xffffffff) * live >> 32];
    A::put(slot);
    slot = make(draw);
  };
  for (size_t i = 0; i < live; i++) turn();
  const double start = nowNs();
  for (size_t i = 0; i < count; i++) turn();
  const double ns = (nowNs() - start) / static_cast<double>(count);
  const double after = static_cast<double>(heddle::sys::residentMemoryBytes());
  for (void* block : blocks) A::put(block);
  return {ns, (after - before) / static_cast<double>(live)};
}

// One thread allocates, the other frees: batches pass through a ring, so that the passing costs
// little and is the same for all.
template <class A>
Result across() {
  constexpr size_t kBatch = 256;
  constexpr size_t kRing = 64;
  constexpr size_t kBatches = 20'000;
  static void* ring[kRing][kBatch];
  static std::atomic<size_t> filled;
  static std::atomic<size_t> emptied;
  filled = emptied = 0;
  double done = 0;
  const double start = wallNs();
  std::thread consumer([&] {
    for (size_t batch = 0; batch < kBatches; batch++) {
      while (filled.load(std::memory_order_acquire) <= batch) std::this_thread::yield();
      for (void* block : ring[batch % kRing]) A::put(block);
      emptied.store(batch + 1, std::memory_order_release);
    }
    done = wallNs();
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
  return {(done - start) / (kBatches * kBatch), 0};
}

// Allocates a batch, hands it to a thread that frees it, waits, and so on: no two run at once, and
// the sum of both threads' work is the figure.
template <class A>
Result handed() {
  constexpr size_t kBatch = 10'000;
  constexpr int kBatches = 300;
  static void* blocks[kBatch];
  static std::atomic<int> turn;
  turn = 0;
  double freeing = 0;
  std::thread other([&] {
    for (int i = 0; i < kBatches; i++) {
      while (turn.load(std::memory_order_acquire) != 2 * i + 1) std::this_thread::yield();
      const double start = nowNs();
      for (void* block : blocks) A::put(block);
      if (i > 0) freeing += nowNs() - start;
      turn.store(2 * i + 2, std::memory_order_release);
    }
  });
  double allocating = 0;
  for (int i = 0; i < kBatches; i++) {
    const double start = nowNs();
    for (void*& block : blocks) {
      block = A::get(64);
      *static_cast<uint64_t*>(block) = 1;
    }
    if (i > 0) allocating += nowNs() - start;
    turn.store(2 * i + 1, std::memory_order_release);
    while (turn.load(std::memory_order_acquire) != 2 * i + 2) std::this_thread::yield();
  }
  other.join();
  return {(allocating + freeing) / (static_cast<double>(kBatch) * (kBatches - 1)), 0};
}

template <class F, class V>
Result runCase(const std::string& name) {
  if (name == "pair 64") return pair<F>();
  if (name == "churn 64, 10 k live") return churn<F>(10'000, 64, 64);
  if (name == "churn 64, 1 M live") return churn<F>(1'000'000, 64, 64);
  if (name == "freed on another thread, at once") return across<F>();
  if (name == "freed on another thread, in turn") return handed<F>();
  if (name == "mixed 16-1024, 10 k live") return churn<V>(10'000, 16, 1024);
  return churn<V>(1'000'000, 16, 1024);
}

const char* const kCases[] = {"pair 64",
                              "churn 64, 10 k live",
                              "churn 64, 1 M live",
                              "freed on another thread, at once",
                              "freed on another thread, in turn",
                              "mixed 16-1024, 10 k live",
                              "mixed 16-1024, 1 M live"};

struct Contestant {
  const char* name;
  const char* library;  // nullptr: the system's
  const char* allocate;
  const char* free;
};

const Contestant kContestants[] = {
    {"heddle", nullptr, nullptr, nullptr},
    {"glibc", nullptr, "malloc", "free"},
    {"mimalloc", "libmimalloc.so.2", "mi_malloc", "mi_free"},
    {"jemalloc", "libjemalloc.so.2", "malloc", "free"},
};

bool setUp(const Contestant& contestant) {
  if (contestant.allocate == nullptr) {
    fixed64 = static_cast<Memtype>(
        heddle::mem::registerMemtype({.description = "bench:fixed", .bytes = 64}));
    vsize = static_cast<Memtype>(heddle::mem::registerMemtype(
        {.description = "bench:vsize", .kind = heddle::mem::Kind::kVsize}));
    return true;
  }
  void* library =
      contestant.library == nullptr ? RTLD_DEFAULT : dlopen(contestant.library, RTLD_NOW);
  if (contestant.library != nullptr && library == nullptr) return false;
  peerMalloc = reinterpret_cast<void* (*)(size_t)>(dlsym(library, contestant.allocate));
  peerFree = reinterpret_cast<void (*)(void*)>(dlsym(library, contestant.free));
  return peerMalloc != nullptr && peerFree != nullptr;
}

// ns is 0 when the contestant is not installed.
Result runChild(const Contestant& contestant, const char* name) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    Result result;
    if (setUp(contestant)) {
      result = contestant.allocate == nullptr ? runCase<Fixed, Variable>(name)
                                              : runCase<Peer, Peer>(name);
    }
    if (write(ends[1], &result, sizeof result) != sizeof result) std::abort();
    _exit(0);
  }
  Result result;
  if (read(ends[0], &result, sizeof result) != sizeof result) result = {};
  close(ends[0]);
  close(ends[1]);
  waitpid(child, nullptr, 0);
  return result;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void report(const char* name, size_t peers, const std::vector<std::vector<Result>>& rounds) {
  std::printf("%s\n", name);
  for (size_t i = 0; i < peers; i++) {
    std::vector<double> ns;
    std::vector<double> bytes;
    std::vector<double> ratios;
    for (const auto& round : rounds) {
      ns.push_back(round[i].ns);
      bytes.push_back(round[i].bytes);
      ratios.push_back(round[0].ns / round[i].ns);
    }
    if (median(ns) == 0) continue;
    std::printf("  %-10s %7.2f ns", kContestants[i].name, median(ns));
    if (median(bytes) != 0) std::printf("  %6.1f B/live", median(bytes));
    if (i > 0) {
      std::printf("   heddle/it %.2f (%.2f to %.2f)", median(ratios),
                  *std::min_element(ratios.begin(), ratios.end()),
                  *std::max_element(ratios.begin(), ratios.end()));
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  const char* filter = argc > 2 ? argv[2] : "";
  for (const char* name : kCases) {
    if (std::strstr(name, filter) == nullptr) continue;
    std::vector<std::vector<Result>> results;
    for (int round = 0; round < rounds; round++) {
      std::vector<Result> row(std::size(kContestants));
      // There and back, so that drift falls on all alike.
      for (size_t i = 0; i < row.size(); i++) {
        const size_t at = round % 2 == 0 ? i : row.size() - 1 - i;
        row[at] = runChild(kContestants[at], name);
      }
      results.push_back(row);
    }
    report(name, std::size(kContestants), results);
    std::fflush(stdout);
  }
}
