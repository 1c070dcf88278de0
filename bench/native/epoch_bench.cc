// What do sections and reclaiming cost, beside Concurrency Kit's epochs and liburcu? Nanoseconds of
// processor time an operation, medians of interleaved runs.
//
//   g++ -std=c++20 -O2 -iquote native -fno-exceptions -fno-rtti -fpermissive -w
//   bench/native/epoch_bench.cc
//       native/mem/epoch*.cc native/sys/membarrier.cc -lck -lurcu-memb -pthread -o /tmp/epoch_bench
//   /tmp/epoch_bench [runs]
//
// The peers are used where their headers are installed (libck-dev, liburcu-dev). The objects come
// from an array and are not freed: only the reclamation is measured. `pinned` threads share no
// core.
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "mem/epoch.h"

#if __has_include(<ck_epoch.h>)
#define HAVE_CK 1
extern "C" {
#include <ck_epoch.h>
}
#endif
#if __has_include(<urcu/urcu-memb.h>)
#define HAVE_URCU 1
#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-memb.h>
#endif

namespace {

namespace mem = heddle::mem;

// Processor time of the calling thread: what others do on the machine does not count, interrupts
// do.
double nowNs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

void pin(unsigned core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

std::atomic<uint64_t> ended{0};

// Ours, in one of the two forms.
template <mem::EpochForm kForm>
struct Ours {
  struct Object : mem::Retired {};
  // As many as the collector lets come together: the high-water mark in objects of 64 bytes.
  static mem::Epochs& domain() {
    static mem::Epochs* const instance = [] {
      mem::EpochOptions options;
      options.form = kForm;
      return new mem::Epochs(options);
    }();
    return *instance;
  }
  static inline thread_local mem::Epochs::Thread* self [[gnu::tls_model("initial-exec")]] = nullptr;
  static void attach() { self = domain().attach(); }
  static void detach() { domain().detach(self); }
  // As EpochScope does it.
  static mem::Epochs::Section* enter() {
    mem::Epochs::Section* section = self->current();
    return section->enterOutermost() ? section : nullptr;
  }
  static void leave(mem::Epochs::Section* section) {
    if (section != nullptr) section->leaveOutermost();
  }
  static void retire(Object* object) {
    object->mark = mem::Retired::kLive;
    domain().retire(self, object, 64, [](mem::Retired*) {
      ended.store(ended.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    });
  }
  static void flush() { domain().maintainBarrier(self); }
};

#ifdef HAVE_CK
struct Ck {
  struct Object {
    ck_epoch_entry_t entry;
  };
  static inline ck_epoch_t epoch;
  static inline thread_local ck_epoch_record_t* self [[gnu::tls_model("initial-exec")]] = nullptr;
  static void attach() {
    static const bool once = [] {
      ck_epoch_init(&epoch);
      return true;
    }();
    (void)once;
    self = ck_epoch_recycle(&epoch, nullptr);
    if (self != nullptr) return;
    self = static_cast<ck_epoch_record_t*>(aligned_alloc(64, sizeof(ck_epoch_record_t)));
    ck_epoch_register(&epoch, self, nullptr);
  }
  static void detach() { ck_epoch_unregister(self); }
  static int enter() {
    ck_epoch_begin(self, nullptr);
    return 0;
  }
  static void leave(int) { ck_epoch_end(self, nullptr); }
  static void retire(Object* object) {
    ck_epoch_call(self, &object->entry, [](ck_epoch_entry_t*) {
      ended.store(ended.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    });
  }
  static void flush() { ck_epoch_barrier(self); }
};
#endif

#ifdef HAVE_URCU
// Sections only: its deferred frees are far from the others (ten times).
struct Urcu {
  static void attach() { urcu_memb_register_thread(); }
  static void detach() { urcu_memb_unregister_thread(); }
  static int enter() {
    urcu_memb_read_lock();
    return 0;
  }
  static void leave(int) { urcu_memb_read_unlock(); }
};
#endif

constexpr int kSections = 4'000'000;
constexpr int kObjects = 1 << 20;

template <class T>
double loopSections() {
  T::attach();
  const double start = nowNs();
  for (int i = 0; i < kSections; i++) {
    const auto section = T::enter();
    asm volatile("" ::: "memory");
    T::leave(section);
  }
  const double each = (nowNs() - start) / kSections;
  T::detach();
  return each;
}

template <class T>
double oneThread() {
  pin(0);
  return loopSections<T>();
}

template <class T>
double twoThreads() {
  double other = 0;
  std::thread thread([&] {
    pin(1);
    other = loopSections<T>();
  });
  pin(0);
  const double own = loopSections<T>();
  thread.join();
  return (own + other) / 2;
}

// The reader's sections last `spins` steps of nothing.
template <class T>
double retireBatches(int batch, bool reader) {
  static std::vector<typename T::Object> objects(static_cast<size_t>(kObjects));
  std::atomic<bool> stop{false};
  std::atomic<bool> ready{!reader};
  std::thread thread;
  if (reader) {
    thread = std::thread([&] {
      pin(1);
      T::attach();
      ready = true;
      while (!stop.load(std::memory_order_relaxed)) {
        const auto section = T::enter();
        for (int i = 0; i < 20; i++) asm volatile("" ::: "memory");
        T::leave(section);
      }
      T::detach();
    });
  }
  pin(0);
  T::attach();
  while (!ready) sched_yield();
  const uint64_t before = ended.load();
  const double start = nowNs();
  for (int i = 0; i < kObjects; i++) {
    T::retire(&objects[static_cast<size_t>(i)]);
    if ((i + 1) % batch == 0) T::flush();
  }
  T::flush();
  const double each = (nowNs() - start) / kObjects;
  if (ended.load() - before != kObjects) std::abort();
  T::detach();
  stop = true;
  if (reader) thread.join();
  return each;
}

// A loop tick or a job: a section around `workNs` of work, while another thread retires without
// pause and a collector reclaims at the mark. What one section takes more than its work.
template <class T>
double sectionsUnderLoad(int spins, int batch) {
  static std::vector<typename T::Object> objects(static_cast<size_t>(kObjects));
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    pin(1);
    T::attach();
    for (size_t i = 0; !stop.load(std::memory_order_relaxed);) {
      T::retire(&objects[i % kObjects]);
      if (++i % static_cast<size_t>(batch) == 0) T::flush();
    }
    T::flush();
    T::detach();
  });
  pin(0);
  T::attach();
  const int count = std::max(1000, 40'000'000 / std::max(spins, 20));
  const double start = nowNs();
  for (int i = 0; i < count; i++) {
    const auto section = T::enter();
    for (int step = 0; step < spins; step++) asm volatile("" ::: "memory");
    T::leave(section);
  }
  const double each = (nowNs() - start) / count;
  T::detach();
  stop = true;
  writer.join();
  return each;
}

struct Contest {
  std::string name;
  std::vector<std::pair<std::string, std::function<double()>>> contestants;
};

void measure(const Contest& contest, int runs) {
  std::vector<std::vector<double>> figures(contest.contestants.size());
  for (int run = 0; run < runs; run++) {
    for (size_t i = 0; i < figures.size(); i++) {
      const size_t who = run % 2 == 0 ? i : figures.size() - 1 - i;
      figures[who].push_back(contest.contestants[who].second());
    }
  }
  std::printf("%-44s", contest.name.c_str());
  for (size_t i = 0; i < figures.size(); i++) {
    std::sort(figures[i].begin(), figures[i].end());
    std::printf("  %s %.2f", contest.contestants[i].first.c_str(),
                figures[i][figures[i].size() / 2]);
  }
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::atoi(argv[1]) : 7;
  using Asym = Ours<mem::EpochForm::kAsymmetric>;
  using Exch = Ours<mem::EpochForm::kExchange>;
  std::printf("asymmetric form works: %s\n", Asym::domain().asymmetric() ? "yes" : "no");
  Contest one{"enter + leave, one thread",
              {{"asymmetric", oneThread<Asym>}, {"exchange", oneThread<Exch>}}};
  Contest two{"enter + leave, two threads",
              {{"asymmetric", twoThreads<Asym>}, {"exchange", twoThreads<Exch>}}};
#ifdef HAVE_CK
  one.contestants.emplace_back("ck", oneThread<Ck>);
  two.contestants.emplace_back("ck", twoThreads<Ck>);
#endif
#ifdef HAVE_URCU
  one.contestants.emplace_back("urcu-memb", oneThread<Urcu>);
  two.contestants.emplace_back("urcu-memb", twoThreads<Urcu>);
#endif
  measure(one, runs);
  measure(two, runs);
  // 65536 objects of 64 bytes are the default high-water mark.
  for (const bool reader : {false, true}) {
    for (const int batch : {16, 64, 1024, 4096, 16384, 65536}) {
      Contest contest{std::string("retire + reclaim, ") + (reader ? "reader runs" : "alone") +
                          ", batches of " + std::to_string(batch),
                      {{"asymmetric", [=] { return retireBatches<Asym>(batch, reader); }},
                       {"exchange", [=] { return retireBatches<Exch>(batch, reader); }}}};
#ifdef HAVE_CK
      contest.contestants.emplace_back("ck", [=] { return retireBatches<Ck>(batch, reader); });
#endif
      measure(contest, runs);
    }
  }
  for (const int spins : {0, 100, 1000, 30000}) {
    for (const int batch : {64, 65536}) {
      Contest contest{"section of " + std::to_string(spins) + " steps, writer with batches of " +
                          std::to_string(batch),
                      {{"asymmetric", [=] { return sectionsUnderLoad<Asym>(spins, batch); }},
                       {"exchange", [=] { return sectionsUnderLoad<Exch>(spins, batch); }}}};
#ifdef HAVE_CK
      contest.contestants.emplace_back("ck", [=] { return sectionsUnderLoad<Ck>(spins, batch); });
#endif
      measure(contest, runs);
    }
  }
  return 0;
}
